package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// refusedPolicy is the guard's line about a policy with errors.
type refusedPolicy struct {
	Event, Middleware, File, Message string
	Errors                           []string
}

// refusedPolicies returns those in the log.
func refusedPolicies(log *lab.Log) []refusedPolicy {
	var found []refusedPolicy
	for _, line := range log.With(`{"event":"policy"`) {
		var refused refusedPolicy
		if lab.Decode(line, &refused) == nil {
			found = append(found, refused)
		}
	}

	return found
}

const (
	brokenError  = `tenants[0].hosts[1] of "team-a": "a..example.com": `
	lastGood     = "the policy is refused, the last good one stays in force"
	noEarlierOne = "the policy is refused and there is no earlier one: " +
		"every request is answered 503"
)

// assertRefusedPolicy compares the only line about the guard's policy.
func assertRefusedPolicy(t *testing.T, log *lab.Log, file, message, wrong string) {
	t.Helper()
	log.Wait(t, `{"event":"policy"`)
	lines := refusedPolicies(log)
	require.Len(t, lines, 1)
	assert.Equal(t, refusedPolicy{Event: "policy", Middleware: "guard@file", File: file,
		Message: message, Errors: lines[0].Errors}, lines[0])
	require.NotEmpty(t, lines[0].Errors)
	assert.True(t, strings.HasPrefix(lines[0].Errors[0], wrong),
		"error %q, want it to begin with %q", lines[0].Errors[0], wrong)
}

// TestReloadBrokenPolicy replaces a good policy with a broken one: the good one stays in force.
func TestReloadBrokenPolicy(t *testing.T) {
	m := newChanging(t)
	exposed := lab.Map{"exposeReason": true}
	more := m.routes.Clone().Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", m.teamB)

	t.Run("policy file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "policy.json")
		replaceFile(t, path, policyJSON(t, m.policy(hostTaken)))
		tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: m.routes,
			Guard: lab.Map{"exposeReason": true, "policyFile": path}})
		m.assertHas(t, tr, hostTaken, hostGiven)

		replaceFile(t, path, policyJSON(t, m.broken()))
		tr.Log.Wait(t, "a..example.com")
		m.assertHas(t, tr, hostTaken, hostGiven)
		// The routers of the next reload use the last good one too.
		tr.Apply(t, more)
		m.assertHas(t, tr, hostTaken, hostGiven)
		assertGet(t, tr, hostA, "/claim", denied("host-foreign"), m.certA)
		// With another key of the guard, the same error of the file is logged again.
		tr.ApplyGuard(t, lab.Map{"exposeReason": true, "policyFile": path, "legacyNames": "deny"})
		m.assertHas(t, tr, hostTaken, hostGiven)
		assertRefusedPolicy(t, tr.Log, path, lastGood, brokenError)

		// Each other error is logged, and none of these policies applies.
		for _, fault := range []struct{ content, wrong string }{
			{"{", "the file ends too early"},
			{"{} {}", "wanted one JSON value"},
			{string(policyJSON(t, m.list(lab.Map{"tennants": []lab.Map{}}))), "tennants: "},
		} {
			replaceFile(t, path, []byte(fault.content))
			tr.Log.Wait(t, fault.wrong)
			m.assertHas(t, tr, hostTaken, hostGiven)
		}
		require.NoError(t, os.Remove(path))
		tr.Log.Wait(t, "wanted a readable file")
		m.assertHas(t, tr, hostTaken, hostGiven)

		count := len(refusedPolicies(tr.Log))
		assert.Equal(t, 5, count)
		replaceFile(t, path, policyJSON(t, m.policy(hostGiven)))
		becomes(t, tr, hostGiven, "/", passes("team-a"), soon)
		m.assertHas(t, tr, hostGiven, hostTaken)
		assert.Len(t, refusedPolicies(tr.Log), count)

		// An error that was corrected is logged again when it comes back.
		replaceFile(t, path, policyJSON(t, m.broken()))
		require.Eventually(t, func() bool {
			return len(refusedPolicies(tr.Log)) == count+1
		}, soon, 10*time.Millisecond)
		m.assertHas(t, tr, hostGiven, hostTaken)
	})

	t.Run("inline, by Traefik's reload", func(t *testing.T) {
		for name, fault := range map[string]struct {
			guard lab.Map
			wrong string
		}{
			"host": {lab.Merge(exposed, m.broken()), brokenError},
			"unknown key": {lab.Merge(lab.Map{"exposeReason": true, "polcyFile": "/etc/p.json"},
				m.policy(hostGiven)), `polcyFile: "/etc/p.json": unknown key`},
			"no policy": {lab.Map{"exposeReason": true}, "tenants: wanted "},
		} {
			t.Run(name, func(t *testing.T) {
				tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: m.routes,
					Guard: lab.Merge(exposed, m.policy(hostTaken)),
					Env:   []string{"TENANTGUARD_POLICY_FILE="}})
				m.assertHas(t, tr, hostTaken, hostGiven)
				tr.ApplyGuard(t, fault.guard)
				m.assertHas(t, tr, hostTaken, hostGiven)
				tr.Apply(t, more)
				m.assertHas(t, tr, hostTaken, hostGiven)
				assertGet(t, tr, hostA, "/claim", denied("host-foreign"), m.certA)
				tr.ApplyGuard(t, lab.Merge(fault.guard, lab.Map{"legacyNames": "deny"}))
				m.assertHas(t, tr, hostTaken, hostGiven)
				assertRefusedPolicy(t, tr.Log, "", lastGood, fault.wrong)

				tr.ApplyGuard(t, lab.Merge(exposed, m.policy(hostGiven)))
				m.assertHas(t, tr, hostGiven, hostTaken)
				assert.Len(t, refusedPolicies(tr.Log), 1)
			})
		}
	})
}

// TestReloadBrokenFirst starts with a broken policy: no request passes until it is corrected.
func TestReloadBrokenFirst(t *testing.T) {
	m := newChanging(t)
	path := filepath.Join(t.TempDir(), "policy.json")
	routes := m.routes.Clone().
		Route("unbound-web", "Host(`"+hostUnowned+"`)", m.teamB).
		Route("team-a-plain", "PathPrefix(`/`)", m.teamA, lab.Map{"entryPoints": []string{"web"}})
	exposed := lab.Map{"exposeReason": true}
	good := lab.Merge(exposed, m.policy(hostTaken))
	for _, c := range []struct {
		name  string
		guard lab.Map
		// file is the one in the log line.
		file, wrong string
		mend        func(t *testing.T, tr *lab.Traefik)
	}{
		{name: "policy file", guard: lab.Map{"exposeReason": true, "policyFile": path}, file: path,
			wrong: brokenError,
			mend: func(t *testing.T, _ *lab.Traefik) {
				replaceFile(t, path, policyJSON(t, m.policy(hostTaken)))
			}},
		{name: "no policy file", guard: lab.Map{"exposeReason": true, "policyFile": path + ".none"},
			file:  path + ".none",
			wrong: `policyFile: "` + path + `.none": wanted a readable file`,
			mend: func(t *testing.T, _ *lab.Traefik) {
				replaceFile(t, path+".none", policyJSON(t, m.policy(hostTaken)))
			}},
		{name: "inline", guard: lab.Merge(exposed, m.broken()), wrong: brokenError},
		{name: "unknown key", guard: lab.Merge(lab.Map{"polcyFile": "/etc/p.json"}, good),
			wrong: `polcyFile: "/etc/p.json": unknown key`},
		{name: "mode report does not let pass",
			guard: lab.Merge(lab.Map{"mode": "report"}, lab.Merge(exposed, m.broken())),
			wrong: brokenError},
	} {
		t.Run(c.name, func(t *testing.T) {
			replaceFile(t, path, policyJSON(t, m.broken()))
			tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: routes, Guard: c.guard})
			reached := m.teamA.Requests() + m.teamB.Requests()
			for _, host := range []string{hostA, hostB, hostTaken, hostUnowned} {
				assertGet(t, tr, host, "/", denied("policy-invalid"), nil)
			}
			assertOutcome(t, lab.Get(t, lab.HTTP1, tr.Plain(), hostUnowned, "/"),
				denied("policy-invalid"), nil)
			assertDenialLine(t, tr.Log, lab.Denial{Reason: "policy-invalid",
				Router: "unbound-web@file", Host: hostUnowned, SNI: hostUnowned})
			assert.Equal(t, reached, m.teamA.Requests()+m.teamB.Requests(),
				"a request passed without a policy")
			assertRefusedPolicy(t, tr.Log, c.file, noEarlierOne, c.wrong)

			if c.mend == nil {
				tr.ApplyGuard(t, good)
			} else {
				c.mend(t, tr)
			}
			becomes(t, tr, hostTaken, "/", passes("team-a"), soon)
			m.assertHas(t, tr, hostTaken, hostGiven)
			assertGet(t, tr, hostUnowned, "/", denied("router-unbound"), nil)
			assertRefusedPolicy(t, tr.Log, c.file, noEarlierOne, c.wrong)
		})
	}
}
