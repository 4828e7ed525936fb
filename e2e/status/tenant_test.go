package status

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/poll"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/internal/status"
)

// anothers is a provider for which tenants write: Traefik reads it from a server of the test, and
// calls what is in it NAME@http.
func anothers(t *testing.T, dynamic *lab.Config) lab.Map {
	t.Helper()
	content := dynamic.YAML(t)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write(content)
	}))
	t.Cleanup(server.Close)
	return lab.Map{"providers": lab.Map{"http": lab.Map{
		"endpoint": server.URL, "pollInterval": "100ms",
	}}}
}

// TestTenantsShowNothing has a tenant put the operator's status page in front of a router of
// theirs, ask for one of their own, and call tenants as they like in a policy of their own. They
// see nothing, and what they write is not taken for the operator's.
func TestTenantsShowNothing(t *testing.T) {
	w := newBackends(t)
	theirs := lab.NewConfig().
		Guard("page", lab.Map{"status": true}).
		Guard("false", lab.Map{
			"tenants": []lab.Map{{"name": "team-a", "hosts": []string{"x.example.com"},
				"routers": []string{"team-b-*@http"}}},
			"certificates": lab.Map{"check": "off"},
		})
	for name, middleware := range map[string]string{
		"team-b-page": "status@file", "team-b-own": "page", "team-b-false": "false",
	} {
		theirs.Route(name, "Host(`"+hostB+"`) && PathPrefix(`/"+name+"`)", w.teamB,
			lab.Map{"middlewares": []string{middleware}, "tls": lab.Map{}})
	}
	guard := w.guard()
	guard["tenants"] = []lab.Map{tenantOf("team-a", hostA), {"name": "team-b",
		"routers": []string{"team-b-*@file", "team-b-*@http"}, "hosts": []string{hostB}}}
	w.Traefik = lab.Start(t, lab.Options{Guard: guard, Dynamic: withStatus(w.routes),
		Static: lab.Merge(ownEntryPoint, anothers(t, theirs))})
	require.NoError(t, poll.Until(t.Context(), patience, func() error {
		if !strings.Contains(w.API(t, "/api/http/routers"), "team-b-page@http") {
			return errors.New("the tenant's routers are not there")
		}
		return nil
	}))
	for _, row := range []struct {
		path   string
		status int
	}{
		{"/team-b-page/", http.StatusForbidden},
		{"/team-b-page/status.json", http.StatusForbidden},
		{"/team-b-own/", http.StatusServiceUnavailable},
		{"/team-b-false/", http.StatusForbidden},
	} {
		response := w.ask(t, hostB, hostB, row.path)
		assert.Equal(t, row.status, response.Status, row.path)
		assert.Empty(t, response.Tenant(), "their backend is not asked as Traefik's API")
		assert.NotContains(t, response.Body, "team-a")
	}
	w.Log.Wait(t, `router \"team-b-page@http\" is not the operator's`)
	state := w.wait(t, func(s status.State) error {
		if len(s.Denials.Latest) < 2 {
			return errors.New("not all denials are seen")
		}
		return nil
	})
	assert.True(t, state.Traefik.Known, state.Traefik.Problem)
	assert.True(t, strings.HasPrefix(state.Summary.Sentence, "In force"), state.Summary.Sentence)
	assert.Len(t, state.Tenants, 2)
	for _, count := range state.Denials.Counts {
		assert.NotEqual(t, "team-a", count.Tenant)
	}
	metrics := w.get(t, "metrics").Body
	assert.Contains(t, metrics, `tenant="(own policy)"`)
	assert.NotContains(t, metrics, "@http")
}

// TestAPIBelowAPath has Traefik's API where api.basePath says, before which an addPrefix puts it.
func TestAPIBelowAPath(t *testing.T) {
	w := newBackends(t)
	below := lab.Map{"api": lab.Map{"basePath": "/internal", "insecure": false}}
	w.Traefik = lab.Start(t, lab.Options{Guard: w.guard(), Dynamic: withStatus(w.routes),
		Static: lab.Merge(ownEntryPoint, below)})
	state := w.state(t)
	assert.False(t, state.Traefik.Known)
	assert.Contains(t, state.Traefik.Problem, "an addPrefix of it")
	w.Apply(t, withStatus(w.routes).Merge(lab.Map{"http": lab.Map{
		"routers":     lab.Map{"status": lab.Map{"middlewares": []string{"status", "below"}}},
		"middlewares": lab.Map{"below": lab.Map{"addPrefix": lab.Map{"prefix": "/internal"}}},
	}}))
	state = w.wait(t, func(s status.State) error {
		if !s.Traefik.Known {
			return errors.New(s.Traefik.Problem)
		}
		return nil
	})
	assert.Equal(t, 2, state.Traefik.Guarded)
}
