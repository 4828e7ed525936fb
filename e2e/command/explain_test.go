package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/command"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// TestExplain explains requests to a real Traefik, by what its API says and its entry point serves,
// and sends them.
func TestExplain(t *testing.T) {
	acme, globex := lab.NewBackend(t, "acme"), lab.NewBackend(t, "globex")
	policy := lab.Map{
		"exposeReason": true,
		"tenants": []lab.Map{
			{"name": "acme", "routers": []string{"acme-*@file"}, "hosts": []string{"acme.test"}},
			{"name": "globex", "routers": []string{"globex-*@file"},
				"hosts": []string{"globex.test", "www.globex.test"}},
		},
	}
	own := lab.SelfSigned(t, "acme.test")
	traefik := lab.Start(t, lab.Options{
		Guard: policy,
		Dynamic: lab.NewConfig().
			Route("acme-web", "Host(`acme.test`)", acme).
			Route("globex-grab", "Host(`acme.test`) && PathPrefix(`/login`)", globex).
			Route("globex-web", "HostRegexp(`^(www[.])?globex[.]test$`)", globex).
			Route("stray", "Host(`stray.test`)", globex).
			Serve(own, lab.SelfSigned(t, "globex.test", "zzz.acme.test")),
	})
	file := filepath.Join(t.TempDir(), "policy.json")
	content, err := json.Marshal(lab.Map{"plugin": lab.Map{"tenantguard": policy}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, content, 0o600))

	for _, c := range []struct{ description, host, path, want, router string }{
		{"the tenant's own", "acme.test", "/", "pass", "acme-web@file"},
		{"a path that another one took", "acme.test", "/login/x", "host-foreign",
			"globex-grab@file"},
		{"a certificate with another's name", "globex.test", "/", "certificate-foreign",
			"globex-web@file"},
		{"the default certificate", "www.globex.test", "/", "certificate-name",
			"globex-web@file"},
		{"nobody's router", "stray.test", "/", "router-unbound", "stray@file"},
	} {
		t.Run(c.description, func(t *testing.T) {
			result := command.Run(t, "explain", "--policy", file, "--output", "json",
				"--request", "https://"+c.host+c.path, "--connect", traefik.Addr("websecure"),
				"--api", "http://"+traefik.Addr("traefik"))
			var explained struct{ Verdict, Router string }
			require.NoError(t, json.Unmarshal([]byte(result.Out), &explained), result.Errs)
			assert.Equal(t, c.want, explained.Verdict)
			assert.Equal(t, c.router, explained.Router)
			response := lab.Get(t, lab.HTTP1, traefik.Target(c.host), c.host, c.path)
			reason := response.Header.Get("Tenantguard-Reason")
			if c.want == "pass" {
				assert.Equal(t, 200, response.Status)
				assert.Equal(t, 0, result.Code)
			} else {
				assert.Equal(t, c.want, reason)
				assert.Equal(t, 1, result.Code)
			}
		})
	}
}
