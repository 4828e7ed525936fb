package loader

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	httpmuxer "github.com/traefik/traefik/v3/pkg/muxer/http"
	"github.com/traefik/traefik/v3/pkg/server/service/loadbalancer/wrr"
)

// The handlers below are copies of Traefik's, whose packages can't be imported here, and of such as
// a Traefik might rename. What is embedded makes handlers of them.
type (
	routerTracing struct {
		http.Handler
		router, routerRule string
		next               http.Handler
	}
	concatFieldHandler struct {
		http.Handler
		next        http.Handler
		name, value string
	}
	renamedRouter struct {
		http.Handler
		routerName, rule string
		next             http.Handler
	}
	renamedMuxer struct {
		http.Handler
		paths []*renamedRoute
	}
	renamedRoute struct{ to http.Handler }
	// Muxer has routes that nobody can look at.
	Muxer struct {
		http.Handler
		choose func(req *http.Request) http.Handler
	}
)

// traced is a router's own handler, which is in front of the one for its access log.
func traced(router string, next http.Handler) http.Handler {
	return &routerTracing{teapot, router, "PathPrefix(`/`)", next}
}

func logged(router string, next http.Handler) http.Handler {
	return &concatFieldHandler{teapot, next, "RouterName", router}
}

// muxer is Traefik's own muxer with child routers.
func muxer(t *testing.T, children ...http.Handler) http.Handler {
	t.Helper()
	parser, err := httpmuxer.NewSyntaxParser()
	require.NoError(t, err)
	m := httpmuxer.NewMuxer(parser, nil)
	for _, child := range children {
		require.NoError(t, m.AddRoute("PathPrefix(`/`)", "", 1, "file", child))
	}
	return m
}

// TestChildRouters has a router lead to child routers as Traefik keeps them, and as one might that
// has renamed something. What can't be read is denied, and said once.
func TestChildRouters(t *testing.T) {
	const ambiguous = "router-ambiguous"
	const own, foreign = "acme-child@docker", "globex-child@docker"
	strange := func(router string) http.Handler {
		return &renamedRouter{teapot, router, "PathPrefix(`/`)", teapot}
	}
	both := func(router string) http.Handler { return traced(router, logged(router, teapot)) }
	servers := wrr.New(nil, false)
	for range 2000 {
		servers.Add("server", both(foreign), nil, false) // which is none of a service's
	}
	rows := []struct {
		description string
		next        http.Handler
		reason      string
		unreadable  bool
	}{
		{"no child, a service", teapot, "", false},
		{"no child, a service of many servers", servers, "", false},
		{"its tenant's child", muxer(t, both(own)), "", false},
		{"another tenant's child", muxer(t, both(own), both(foreign)), ambiguous, false},
		{"another tenant's child, without an access log", muxer(t, traced(foreign, teapot)),
			ambiguous, false},
		{"another tenant's child, in a renamed handler",
			muxer(t, logged(foreign, strange(foreign))), ambiguous, false},
		{"another tenant's child, in a renamed muxer", &renamedMuxer{teapot, []*renamedRoute{
			{to: both(own)}, {to: both(foreign)}}}, ambiguous, false},
		{"its tenant's child, in a renamed muxer", &renamedMuxer{teapot, []*renamedRoute{
			{to: both(own)}}}, "", false},
		{"a child whose name can't be read", muxer(t, strange(own)), ambiguous, true},
		{"one of two whose name can't be read", muxer(t, both(own), strange(own)), ambiguous,
			true},
		{"one below a child", muxer(t, traced(own, muxer(t, strange(own)))), ambiguous, true},
		{"a muxer that can't be read", &Muxer{Handler: teapot, choose: nil}, ambiguous, true},
	}
	for _, row := range rows {
		t.Run(row.description, func(t *testing.T) {
			plugin := Load(t, "")
			for range 2 { // two routers
				assert.Equal(t, row.reason, reasonOf(t, plugin, row.next))
			}
			said := strings.Count(ownLines(plugin), failed("child-routers"))
			want := 0
			if row.unreadable {
				want = 1
			}
			assert.Equal(t, want, said)
		})
	}
}

// reasonOf returns why a router of acme's that leads to a handler denies a request for acme's host,
// "" where it does not.
func reasonOf(t *testing.T, plugin *Plugin, next http.Handler) string {
	t.Helper()
	config := lab.Map{"exposeReason": true, "tenants": []lab.Map{
		{"name": "acme", "routers": "acme-*@docker", "hosts": "acme.example.com"},
		{"name": "globex", "routers": "globex-*@docker", "hosts": "globex.example.com"},
	}}
	ctx := RouterContext(t.Context(), "websecure", "acme-web@docker")
	guard, err := plugin.New(ctx, next, config, "guard@file")
	require.NoError(t, err)
	recorder := httptest.NewRecorder()
	guard.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "http://acme.example.com/", nil))
	assert.NotEqual(t, 500, recorder.Code)
	return recorder.Header().Get("Tenantguard-Reason")
}
