package e2e

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// TestReloadPolicyFile changes a tenant's hosts by a new policy file alone.
func TestReloadPolicyFile(t *testing.T) {
	m := newChanging(t)
	renamed := filepath.Join(t.TempDir(), "policy.json")
	mounted := &mountedPolicy{dir: t.TempDir()}
	for _, way := range []struct {
		name, path string
		update     func(t *testing.T, content []byte)
	}{
		{"renamed", renamed, func(t *testing.T, content []byte) {
			replaceFile(t, renamed, content)
		}},
		{"ConfigMap", mounted.path(), mounted.update},
	} {
		t.Run(way.name, func(t *testing.T) {
			way.update(t, policyJSON(t, m.policy(hostTaken)))
			tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: m.routes, LogLevel: "DEBUG",
				Guard: lab.Map{"exposeReason": true, "policyFile": way.path}})
			reloads := func() int { return len(tr.Log.With("Configuration received")) }
			before := reloads()
			require.NotZero(t, before)

			// The verdicts on these connections were cached under the old policy.
			taken, given := map[lab.Protocol]*lab.Conn{}, map[lab.Protocol]*lab.Conn{}
			for _, protocol := range protocols {
				taken[protocol] = lab.Dial(t, protocol, tr.Target(hostTaken))
				given[protocol] = lab.Dial(t, protocol, tr.Target(hostGiven))
			}
			assertConns := func(hasTaken bool) {
				t.Helper()
				wantTaken, wantGiven := passes("team-a"), denied("host-unowned")
				if !hasTaken {
					wantTaken, wantGiven = wantGiven, wantTaken
				}
				for _, protocol := range protocols {
					assertOutcome(t, taken[protocol].Get(t, hostTaken, "/"), wantTaken, m.certTaken)
					assertOutcome(t, given[protocol].Get(t, hostGiven, "/"), wantGiven, m.certGiven)
				}
			}
			m.assertHas(t, tr, hostTaken, hostGiven)
			assertConns(true)

			way.update(t, policyJSON(t, m.policy(hostGiven)))
			becomes(t, tr, hostTaken, "/", denied("host-unowned"), soon)
			m.assertHas(t, tr, hostGiven, hostTaken)
			assertConns(false)

			way.update(t, policyJSON(t, m.policy(hostTaken)))
			becomes(t, tr, hostTaken, "/", passes("team-a"), soon)
			m.assertHas(t, tr, hostTaken, hostGiven)
			assertConns(true)
			assert.Equal(t, before, reloads(), "Traefik reloaded its configuration")
		})
	}
}

// TestReloadEnvironmentPolicy has tenants attach a guard without any key: the operator's policy
// file applies, and no other.
func TestReloadEnvironmentPolicy(t *testing.T) {
	m := newChanging(t)
	path := filepath.Join(t.TempDir(), "policy.json")
	replaceFile(t, path, policyJSON(t, m.policy(hostTaken)))
	attached := lab.Map{"middlewares": []string{"bare"}}
	exposing := lab.Map{"middlewares": []string{"exposing"}}
	routes := m.routes.Clone().
		Guard("bare", lab.Map{}).
		Guard("exposing", lab.Map{"exposeReason": true}).
		Route("team-a-web", "Host(`"+hostA+"`)", m.teamA, attached).
		Route("team-a-taken", "Host(`"+hostTaken+"`)", m.teamA, exposing).
		Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", m.teamB, attached).
		Route("team-b-open", "Host(`"+hostA+"`) && Path(`/open`)", m.teamB)
	tr := lab.Start(t, lab.Options{HTTP3: true, Plugin: true, Dynamic: routes,
		Env: []string{"TENANTGUARD_POLICY_FILE=" + path}})

	m.assertLegitimate(t, tr)
	assertGet(t, tr, hostTaken, "/", passes("team-a"), m.certTaken)
	// Without exposeReason the answer has no reason.
	assertGet(t, tr, hostA, "/claim", outcome{status: 403}, m.certA)
	assertDenialLine(t, tr.Log, lab.Denial{Reason: "host-foreign", Router: "team-b-claim@file",
		Tenant: "team-b", Host: hostA, SNI: hostA})
	assertGet(t, tr, hostA, "/open", passes("team-b"), m.certA)

	replaceFile(t, path, policyJSON(t, m.policy(hostGiven)))
	becomes(t, tr, hostTaken, "/", denied("host-unowned"), soon)
	m.assertLegitimate(t, tr)

	t.Run("without the variable", func(t *testing.T) {
		tr := lab.Start(t, lab.Options{HTTP3: true, Plugin: true, Dynamic: routes,
			Env: []string{"TENANTGUARD_POLICY_FILE="}})
		assertGet(t, tr, hostTaken, "/", denied("policy-invalid"), m.certTaken)
		assertGet(t, tr, hostA, "/", outcome{status: 503}, m.certA)
		tr.Log.Wait(t, "TENANTGUARD_POLICY_FILE")
	})
}

// TestReloadOwnMiddleware has a tenant attach a wider policy of its own to its router.
func TestReloadOwnMiddleware(t *testing.T) {
	p := newPair(t, lab.Options{Plugin: true})
	wider := lab.Map{"exposeReason": true, "tenants": []lab.Map{{
		"name": "team-b", "routers": []string{"*@file"},
		"hosts": []string{hostA, "*." + hostA, hostB},
	}}}
	for name, own := range map[string]lab.Map{
		"wider":        wider,
		"only reports": lab.Merge(p.guard(), lab.Map{"mode": "report"}),
	} {
		t.Run(name, func(t *testing.T) {
			p.apply(t, p.routes.Clone().
				Guard("team-b-own", own).
				Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", p.teamB,
					lab.Map{"middlewares": []string{"team-b-own"}}))
			p.assertClaimDenied(t, "/claim")
			p.assertLegitimate(t)
		})
	}
}
