package status

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/internal/status"
)

const patience = 20 * time.Second

// TestInForce is a Traefik where all is well, but for the API on an entry point of its own.
func TestInForce(t *testing.T) {
	w := start(t)
	require.Equal(t, "team-a", w.ask(t, hostA, hostA, "/").Tenant())
	state := w.state(t)
	assert.True(t, state.Traefik.Known, state.Traefik.Problem)
	assert.Zero(t, state.Traefik.Unguarded)
	assert.Empty(t, state.Routers)
	require.Len(t, state.Policies, 1)
	assert.True(t, state.Policies[0].InForce)
	assert.Equal(t, "guard@file", state.Policies[0].Middleware)
	require.Len(t, state.Hosts, 1)
	assert.Equal(t, hostA, state.Hosts[0].Host)
	assert.Equal(t, "pass", state.Hosts[0].Verdict)
	assert.Equal(t, w.certA.Pin(), state.Hosts[0].Pin)
	assert.Contains(t, w.API(t, "/api/certificates"), `"`+state.Hosts[0].Fingerprint+`"`)
	assert.Equal(t, "names, verified to roots", state.Hosts[0].Owned)
}

// TestUnguarded has a router whose parent is not there, which Traefik makes a root router without
// the entry point's middlewares.
func TestUnguarded(t *testing.T) {
	w := start(t)
	ghost := withStatus(w.routes).Merge(lab.Map{"http": lab.Map{"routers": lab.Map{
		"team-b-ghost": lab.Map{
			"rule": "Host(`" + hostA + "`) && PathPrefix(`/ghost`)", "priority": 1000,
			"parentRefs": []string{"ghost"}, "entryPoints": []string{"websecure"},
			"service": w.teamB.Service(), "tls": lab.Map{},
		},
	}}})
	w.Apply(t, ghost)
	require.Equal(t, "team-b", w.ask(t, hostA, hostA, "/ghost").Tenant(), "it passes unguarded")
	state := w.wait(t, func(s status.State) error {
		if s.Traefik.Unguarded == 0 {
			return errors.New("no router is unguarded")
		}
		return nil
	})
	require.Len(t, state.Routers, 1)
	assert.Equal(t, "team-b-ghost@file", state.Routers[0].Name)
	assert.Equal(t, status.Unguarded, state.Routers[0].Problem)
	assert.Equal(t, status.Bad, state.Summary.Level)
	assert.Contains(t, w.get(t, "metrics").Body, "\ntenantguard_unguarded_routers 1\n")
	w.Log.Wait(t, "team-b-ghost@file on websecure")
}

// TestPaths looks at what is there beside the three, and at what a browser is told.
func TestPaths(t *testing.T) {
	w := start(t)
	for _, below := range []string{"", "metrics", "status.json"} {
		response := w.get(t, below)
		assert.Equal(t, http.StatusOK, response.Status, below)
		assert.Contains(t, response.Header.Get("Content-Security-Policy"), "default-src 'none'")
		assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
		assert.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
	}
	conn := lab.Dial(t, lab.HTTP1, lab.Target{Addr: w.Addr("status"), Plain: true})
	folder := conn.Do(t, lab.Request{Host: "traefik.test", Path: "/tenantguard"})
	assert.Equal(t, http.StatusFound, folder.Status)
	assert.Equal(t, "./tenantguard/", folder.Header.Get("Location"))
	assert.Equal(t, http.StatusNotFound, w.get(t, "favicon.ico").Status)
	post := conn.Do(t, lab.Request{Method: http.MethodPost, Host: "traefik.test", Path: path})
	assert.Equal(t, http.StatusMethodNotAllowed, post.Status)
}
