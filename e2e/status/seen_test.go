package status

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/status"
)

// script is what a client sends in the hope that somebody runs it.
const script = `<script>alert(1)</script>`

// TestSeenAfterAnAttack is what a person sees after a hijack of Traefik's store, a route for
// another tenant's host, a host that is a script and a router without a guard.
func TestSeenAfterAnAttack(t *testing.T) {
	w := start(t)
	require.Equal(t, "team-b", w.ask(t, hostB, hostB, "/").Tenant())
	hijack := lab.SelfSigned(t, hostA, "zzz.evil.test")
	w.Apply(t, withStatus(w.routes).Serve(hijack).
		Route("team-b-claim", "Host(`"+hostA+"`) && PathPrefix(`/claim`)", w.teamB).
		Route("nobodys", "PathPrefix(`/nobodys`)", w.teamB).
		Merge(lab.Map{"http": lab.Map{"routers": lab.Map{"team-b-ghost": lab.Map{
			"rule": "Host(`" + hostA + "`) && PathPrefix(`/ghost`)", "priority": 1000,
			"parentRefs": []string{"ghost"}, "entryPoints": []string{"websecure"},
			"service": w.teamB.Service(), "tls": lab.Map{},
		}}}}))
	assert.Equal(t, "certificate-foreign", w.ask(t, hostA, hostA, "/").Reason())
	assert.Equal(t, "host-foreign", w.ask(t, hostA, hostA, "/claim").Reason())
	assert.Equal(t, "sni-foreign", w.ask(t, hostA, hostB, "/").Reason())
	assert.Equal(t, "router-unbound", w.ask(t, hostB, hostB, "/nobodys").Reason())
	w.wait(t, func(s status.State) error {
		if s.Traefik.Unguarded == 0 || len(s.Denials.Latest) < 4 {
			return errors.New("not everything is seen")
		}
		return nil
	})
	w.shoot(t, "attack")
	seen := w.document(t)
	assert.Contains(t, seen, "1 router without the guard of the entry point")
	assert.Contains(t, seen, "zzz.evil.test")
}

// TestSeenClientsText sends what could be taken for markup wherever a client may write.
func TestSeenClientsText(t *testing.T) {
	w := start(t)
	w.Apply(t, withStatus(w.routes).Route("team-a-all", "PathPrefix(`/`)", w.teamA))
	conn := lab.Dial(t, lab.HTTP1, w.Target(hostA))
	hosts := []string{script, `"onmouseover="alert(1)`, "x'><img src=x onerror=alert(1)>"}
	for _, host := range hosts {
		response := conn.Do(t, lab.Request{Host: host, Path: "/"})
		assert.Equal(t, http.StatusBadRequest, response.Status, host)
	}
	page := w.get(t, "").Body
	assert.NotContains(t, page, "<script>alert")
	assert.NotContains(t, page, "<img")
	assert.NotContains(t, w.document(t), "<img")
}

// TestSeenBrokenPolicy has the policy file broken while it is in force.
func TestSeenBrokenPolicy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.json")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o644)) }
	write(`{"tenants": [{"name": "team-a", "routers": ["team-a-*@file"], "hosts": ["` + hostA +
		`"]}, {"name": "team-b", "routers": ["team-b-*@file"], "hosts": ["` + hostB + `"]}]}`)
	w := newBackends(t)
	w.Traefik = lab.Start(t, lab.Options{
		Guard: lab.Map{"policyFile": file, "mode": "report"}, Dynamic: withStatus(w.routes),
		Static: ownEntryPoint,
	})
	require.Equal(t, "team-a", w.ask(t, hostA, hostA, "/").Tenant())
	require.Equal(t, "team-b", w.ask(t, hostA, hostB, "/").Tenant(), "in report mode")
	write(`{"tenants": [{"name": "team-a", "hosts": ["a.example.com"], "namespace": ["a"]},
		{"name": "team-a", "hosts": ["https://x"]}]}`)
	state := w.wait(t, func(s status.State) error {
		if len(s.Policies[0].Errors) == 0 {
			return errors.New("the policy has no errors")
		}
		return nil
	})
	assert.True(t, state.Policies[0].InForce)
	assert.Equal(t, status.Bad, state.Summary.Level)
	w.shoot(t, "broken-policy")
}

// TestSeenWithoutAnAPI has a Kubernetes API that answers nothing.
func TestSeenWithoutAnAPI(t *testing.T) {
	api := kubetest.Start(t, &kubetest.Cluster{
		Refused: map[string]int{kubetest.NamespacesPath: http.StatusForbidden},
	})
	w := start(t, lab.Map{"kubernetes": lab.Map{
		"enabled": true, "endpoint": api.Endpoint, "tokenFile": api.TokenFile, "caFile": api.CAFile,
	}})
	assert.Equal(t, "policy-invalid", w.ask(t, hostA, hostA, "/").Reason())
	state := w.wait(t, func(s status.State) error {
		if len(s.Kubernetes) == 0 || s.Kubernetes[0].UpToDate {
			return errors.New("the API is not seen to be down")
		}
		return nil
	})
	assert.False(t, state.Policies[0].InForce)
	w.shoot(t, "no-api")
}

// TestSeenAfterAnUpgrade has a Traefik that calls the router's name otherwise: the same Traefik,
// but a plugin that looks for another name.
func TestSeenAfterAnUpgrade(t *testing.T) {
	root, err := repo.Root()
	require.NoError(t, err)
	source := t.TempDir()
	lab.InstallPlugin(t, root, source)
	source = filepath.Join(source, "plugins-local/src/github.com/tenantguard/tenantguard")
	file := filepath.Join(source, "internal", "traefik", "router.go")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	renamed := strings.ReplaceAll(string(text), `"routerName"`, `"renamed"`)
	require.NotEqual(t, string(text), renamed)
	require.NoError(t, os.WriteFile(file, []byte(renamed), 0o644))
	w := newBackends(t)
	w.Traefik = lab.Start(t, lab.Options{
		Guard: w.guard(), Dynamic: withStatus(w.routes), Static: ownEntryPoint,
		PluginSource: source,
	})
	assert.Equal(t, "router-unknown", w.ask(t, hostA, hostA, "/").Reason())
	state := w.wait(t, func(s status.State) error {
		if s.Summary.Level != status.Bad {
			return errors.New("nothing is wrong")
		}
		return nil
	})
	assert.Contains(t, state.SelfCheck[0].Consequence, "denied as router-unknown")
	assert.Contains(t, w.get(t, "metrics").Body, `tenantguard_self_check{check="router-name"} 0`)
	w.shoot(t, "upgrade")
}
