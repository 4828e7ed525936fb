package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// TestReloadMode checks that denials are reported or enforced by the mode of the router's tenant
// and of the host's owner, or else by the guard's.
func TestReloadMode(t *testing.T) {
	t.Parallel()
	n := newTenants(t)
	routes := n.routes.Clone().
		Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", n.teamB).
		Route("team-a-claim", "Host(`"+hostB+"`) && Path(`/claim`)", n.teamA).
		Route("unbound-web", "Host(`"+hostUnowned+"`)", n.teamB).
		Route("unbound-claim", "Host(`"+hostA+"`) && Path(`/unbound`)", n.teamB)
	withModes := func(general, teamA, teamB string) lab.Map {
		guard := n.guard(lab.Map{"tenants": []lab.Map{
			tenantOf("team-a", hostA, "*."+hostA),
			tenantOf("team-b", hostB),
		}})
		list := guard["tenants"].([]lab.Map)
		for key, at := range map[*string]lab.Map{
			&general: guard, &teamA: list[0], &teamB: list[1],
		} {
			if *key != "" {
				at["mode"] = *key
			}
		}
		return guard
	}
	for _, c := range []struct {
		name                  string
		general, teamA, teamB string
		// a, b and unbound are the resulting modes of team-a's claim on team-b's host, of team-b's
		// on team-a's, and of a router without a tenant for a host without one. The same router's
		// claim on team-a's host is the owner's affair, too.
		a, b, unbound, claimed string
	}{
		{"report", "report", "", "", "report", "report", "report", "report"},
		{"enforce, one tenant reports", "enforce", "", "report", "enforce", "enforce", "enforce",
			"enforce"},
		{"the default, one tenant reports", "", "report", "", "enforce", "enforce", "enforce",
			"enforce"},
		{"the default, both report", "", "report", "report", "report", "report", "enforce",
			"enforce"},
		{"report, one tenant enforces", "report", "enforce", "", "enforce", "enforce",
			"report", "enforce"},
		{"each its own", "report", "enforce", "report", "enforce", "enforce", "report",
			"enforce"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: routes,
				Guard: withModes(c.general, c.teamA, c.teamB)})
			n.assertLegitimate(t, tr)
			for _, claim := range []struct {
				host, path, mode, backend string
				denial                    lab.Denial
			}{
				{hostB, "/claim", c.a, "team-a", lab.Denial{
					Reason: "host-foreign", Router: "team-a-claim@file", Tenant: "team-a"}},
				{hostA, "/claim", c.b, "team-b", lab.Denial{
					Reason: "host-foreign", Router: "team-b-claim@file", Tenant: "team-b"}},
				{hostUnowned, "/", c.unbound, "team-b", lab.Denial{
					Reason: "router-unbound", Router: "unbound-web@file"}},
				{hostA, "/unbound", c.claimed, "team-b", lab.Denial{
					Reason: "router-unbound", Router: "unbound-claim@file"}},
			} {
				want := denied(claim.denial.Reason)
				if claim.mode == "report" {
					want = passes(claim.backend)
				}
				assertGet(t, tr, claim.host, claim.path, want, nil)
				claim.denial.Host, claim.denial.SNI = claim.host, claim.host
				claim.denial.Mode = claim.mode
				assertDenialLine(t, tr.Log, claim.denial)
			}
			assert.Len(t, tr.Log.Denials(), 4)
		})
	}

	t.Run("by reload", func(t *testing.T) {
		tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: routes,
			Guard: withModes("report", "", "")})
		assertGet(t, tr, hostA, "/claim", passes("team-b"), n.certA)
		tr.ApplyGuard(t, withModes("enforce", "", ""))
		assertGet(t, tr, hostA, "/claim", denied("host-foreign"), n.certA)
		tr.ApplyGuard(t, withModes("enforce", "report", "report"))
		assertGet(t, tr, hostA, "/claim", passes("team-b"), n.certA)
		tr.ApplyGuard(t, withModes("enforce", "", "report"))
		assertGet(t, tr, hostA, "/claim", denied("host-foreign"), n.certA)
	})
}

// TestReloadSuppression checks that identical denials are one line, and after ten seconds another
// one that counts the rest.
func TestReloadSuppression(t *testing.T) {
	t.Parallel()
	n := newTenants(t)
	tr := lab.Start(t, lab.Options{HTTP3: true, Guard: n.guard(),
		Dynamic: n.routes.Clone().Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)",
			n.teamB)})
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	conn := lab.Dial(t, lab.HTTP2, tr.Target(hostA))
	for range 20 {
		response, err := conn.Try(ctx, lab.Request{Host: hostA, Path: "/claim"})
		require.NoError(t, err)
		require.Equal(t, denied("host-foreign"), outcomeOf(response))
	}
	first := lab.Denial{Reason: "host-foreign", Router: "team-b-claim@file", Tenant: "team-b",
		Host: hostA, SNI: hostA}
	assertDenialLine(t, tr.Log, first)
	require.Len(t, tr.Log.Denials(), 1)

	// A different denial is logged at once.
	other := lab.Get(t, lab.HTTP1, tr.Target(hostB), hostA, "/claim")
	assert.Equal(t, 403, other.Status)
	tr.Log.WaitDenial(t, func(denial lab.Denial) bool { return denial.SNI == hostB })

	second := tr.Log.WaitDenial(t, func(denial lab.Denial) bool { return denial.Suppressed > 0 })
	took := time.Since(began)
	assert.GreaterOrEqual(t, took, 10*time.Second)
	assert.Less(t, took, 15*time.Second)
	first.Event, first.Mode, first.Status = "deny", "enforce", 403
	first.Client, first.Suppressed = "127.0.0.1", 18
	assert.Equal(t, first, second)
	assert.Len(t, tr.Log.Denials(), 3)
}
