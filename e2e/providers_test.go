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
	"github.com/tenantguard/tenantguard/internal/policy"
)

// TestFileSentAway has whoever writes for a provider define a middleware of ours with an API of
// their own and a file of Traefik's as its token. Where the provider is the operator's the file is
// sent there, within a second and without a request. Otherwise nothing is.
func TestFileSentAway(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("the-operators-token"), 0o600))
	team := lab.NewBackend(t, "team-b")
	start := func(env ...string) (*collector, *lab.Traefik) {
		evil := newCollector(t)
		return evil, lab.Start(t, lab.Options{Plugin: true, Env: env, Static: fromHTTP(t,
			lab.NewConfig().
				Route("team-b-web", "Host(`"+hostB+"`)", team, lab.Map{
					"middlewares": []string{"leak"}, "tls": lab.Map{}}).
				Guard("leak", lab.Map{"exposeReason": true, "kubernetes": lab.Map{
					"enabled": true, "endpoint": evil.endpoint, "tokenFile": secret,
					"caFile": evil.caFile,
				}}))})
	}
	listed, _ := start(policy.OperatorProvidersVariable + "=consul, http")
	safe, tr := start()

	line := tr.Log.Wait(t, `"middleware":"leak@http"`)
	for _, want := range []string{"kubernetes: only the operator", `list \"http\"`,
		policy.OperatorProvidersVariable} {
		assert.Contains(t, line, want)
	}
	requireRouters(t, tr, "team-b-web@http")
	response := lab.Get(t, lab.HTTP1, tr.Target(hostB), hostB, "/")
	assertOutcome(t, response, denied("policy-invalid"), nil)

	// Each has had its time, in which the other one sends it.
	wasSent := func() bool { return len(listed.sent()) > 0 }
	require.Eventually(t, wasSent, 4*soon, 50*time.Millisecond)
	assert.Equal(t, "Bearer the-operators-token", listed.sent()[0])
	assert.Empty(t, safe.sent())
}

// TestGuardOfAnotherProvider has another provider define a middleware of the guard's name. An entry
// point that names the guard without its provider is then not guarded for that provider's routers.
func TestGuardOfAnotherProvider(t *testing.T) {
	t.Parallel()
	n := newTenants(t)
	claim := lab.NewConfig().
		Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", n.teamB).
		Merge(lab.Map{"http": lab.Map{"middlewares": lab.Map{lab.GuardName: lab.Map{
			"headers": lab.Map{"customResponseHeaders": lab.Map{"X-Guard": "none"}},
		}}}})
	for _, c := range []struct {
		description, middleware string
		want                    outcome
	}{
		{"without the provider", lab.GuardName, passes("team-b")},
		{"with it", lab.GuardName + "@file", denied("router-unbound")},
	} {
		t.Run(c.description, func(t *testing.T) {
			entryPoint := lab.Map{"http": lab.Map{"middlewares": []string{c.middleware}}}
			tr := lab.Start(t, lab.Options{HTTP3: true, Guard: n.guard(), Dynamic: n.routes,
				Static: lab.Merge(fromHTTP(t, claim), lab.Map{"entryPoints": lab.Map{
					"websecure": entryPoint,
				}})})
			require.Eventually(t, func() bool {
				return strings.Contains(tr.API(t, "/api/http/routers"), "team-b-claim@http")
			}, soon, 50*time.Millisecond)
			assertGet(t, tr, hostA, "/claim", c.want, n.certA)
			n.assertLegitimate(t, tr)
		})
	}
}
