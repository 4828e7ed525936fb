// Package status looks at the status page of a real Traefik as an operator does: with Prometheus'
// own parser, with a browser, and with their questions.
package status

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/poll"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/internal/status"
)

const (
	hostA = "a.example.com"
	hostB = "b.example.com"
	// path is where the status page is, on an entry point of its own.
	path = "/tenantguard/"
)

// world is a Traefik with two tenants and a status page.
type world struct {
	*lab.Traefik
	platform, certA, certB *lab.Cert
	teamA, teamB           *lab.Backend
	routes                 *lab.Config
}

func newBackends(t *testing.T) *world {
	t.Helper()
	platform := lab.NewCA(t, "platform CA")
	w := &world{
		platform: platform,
		certA:    platform.Issue(t, hostA),
		certB:    platform.Issue(t, hostB),
		teamA:    lab.NewBackend(t, "team-a"),
		teamB:    lab.NewBackend(t, "team-b"),
	}
	w.routes = lab.NewConfig().
		Route("team-a-web", "Host(`"+hostA+"`)", w.teamA).
		Route("team-b-web", "Host(`"+hostB+"`)", w.teamB).
		Serve(w.certA, w.certB)
	return w
}

// withStatus adds the status page.
func withStatus(routes *lab.Config) *lab.Config {
	return routes.Clone().Guard("status", lab.Map{"status": true}).
		Merge(lab.Map{"http": lab.Map{"routers": lab.Map{"status": lab.Map{
			"entryPoints": []string{"status"}, "rule": "PathPrefix(`/tenantguard`)",
			"middlewares": []string{"status"}, "service": "api@internal",
		}}}})
}

func tenantOf(name string, hosts ...string) lab.Map {
	return lab.Map{"name": name, "routers": []string{name + "-*@file"}, "hosts": hosts}
}

func (w *world) guard(more ...lab.Map) lab.Map {
	guard := lab.Map{
		"exposeReason": true,
		"tenants":      []lab.Map{tenantOf("team-a", hostA), tenantOf("team-b", hostB)},
		"certificates": lab.Map{"roots": w.platform.CertFile},
	}
	for _, keys := range more {
		guard = lab.Merge(guard, keys)
	}
	return guard
}

// start starts a Traefik with the tenants, their guard and the status page.
func start(t *testing.T, more ...lab.Map) *world {
	t.Helper()
	w := newBackends(t)
	w.Traefik = lab.Start(t, lab.Options{
		Guard: w.guard(more...), Dynamic: withStatus(w.routes), Static: ownEntryPoint,
	})
	return w
}

// ownEntryPoint is the status page's, which has no guard. On Traefik's own the dashboard takes
// every path where api.insecure is set.
var ownEntryPoint = lab.Map{"entryPoints": lab.Map{"status": lab.Map{
	"address": "127.0.0.1:0", "http": lab.Map{"middlewares": []string{}},
}}}

// get gets one of the status page's paths.
func (w *world) get(t *testing.T, below string) *lab.Response {
	t.Helper()
	target := lab.Target{Addr: w.Addr("status"), Plain: true}
	return lab.Get(t, lab.HTTP1, target, "traefik.test", path+below)
}

// state gets /status.json.
func (w *world) state(t *testing.T) status.State {
	t.Helper()
	response := w.get(t, "status.json")
	require.Equal(t, http.StatusOK, response.Status, response.Body)
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
	var state status.State
	require.NoError(t, json.Unmarshal([]byte(response.Body), &state))
	return state
}

// wait waits for a state.
func (w *world) wait(t *testing.T, condition func(status.State) error) status.State {
	t.Helper()
	var state status.State
	require.NoError(t, poll.Until(t.Context(), patience, func() error {
		state = w.state(t)
		return condition(state)
	}))
	return state
}

// ask makes one request for a host over TLS.
func (w *world) ask(t *testing.T, serverName, host, path string) *lab.Response {
	t.Helper()
	return lab.Get(t, lab.HTTP1, w.Target(serverName), host, path)
}
