package e2e

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// internalRouters returns a static configuration with which Traefik creates all of its own routers
// behind guarded entry points. Redirections have an entry point of their own, since on web they
// could take precedence over tenants' routers.
func internalRouters(t *testing.T) lab.Map {
	t.Helper()
	return lab.Map{
		"entryPoints": lab.Map{
			"redirect": lab.Map{"address": "127.0.0.1:0", "http": lab.Map{"redirections": lab.Map{
				"entryPoint": lab.Map{"to": "websecure", "scheme": "https"}}}},
			"traefik": lab.Map{"http": lab.Map{"middlewares": []string{lab.GuardName + "@file"}}},
		},
		"ping": lab.Map{"entryPoint": "web"},
		"certificatesResolvers": lab.Map{"dummy": lab.Map{"acme": lab.Map{
			"email":         "nobody@example.com",
			"storage":       filepath.Join(t.TempDir(), "acme.json"),
			"caServer":      "https://127.0.0.1:1/directory",
			"httpChallenge": lab.Map{"entryPoint": "web"},
		}}},
	}
}

// TestInternalRouters checks that Traefik's own routers, which belong to no tenant, answer for any
// host.
func TestInternalRouters(t *testing.T) {
	n := newTenants(t)
	plain := lab.Map{"entryPoints": []string{"web"}}
	routes := n.routes.Clone().
		// A tenant's router for every host on web gets what Traefik's own routers do not take.
		Route("team-a-plain", "PathPrefix(`/`)", n.teamA, plain).
		Route("team-a-redirect", "PathPrefix(`/own`)", n.teamA,
			lab.Map{"entryPoints": []string{"redirect"}}).
		Route("x", "Host(`"+hostUnowned+"`) && PathPrefix(`/api`)", n.teamA,
			lab.Map{"service": "api@internal"}).
		Route("team-a-api", "Host(`"+hostA+"`) && PathPrefix(`/api`)", n.teamA,
			lab.Map{"service": "api@internal"}).
		Route("team-b-api", "Host(`"+hostA+"`) && PathPrefix(`/api/overview`)", n.teamB,
			lab.Map{"service": "api@internal"})
	requests := []struct {
		name, entryPoint, host, path string
		status                       int
		location, body               string
	}{
		{name: "http to https", entryPoint: "redirect", host: hostUnowned, path: "/x", status: 301,
			location: "https://" + hostUnowned},
		{name: "http to https for a tenant's host", entryPoint: "redirect", host: hostA,
			path: "/own", status: 301, location: "https://" + hostA},
		{name: "ACME challenge", entryPoint: "web", host: hostUnowned,
			path: "/.well-known/acme-challenge/x", status: 404},
		{name: "ping", entryPoint: "web", host: hostUnowned, path: "/ping", status: 200,
			body: "OK"},
		{name: "API", entryPoint: "traefik", host: hostUnowned, path: "/api/version", status: 200,
			body: `"Version":`},
		// The dashboard's own pages are not in Traefik's module.
		{name: "dashboard", entryPoint: "traefik", host: hostUnowned, path: "/", status: 301,
			location: "http://" + hostUnowned + "/dashboard/"},
	}

	tr := lab.Start(t, lab.Options{
		HTTP3: true, Guard: n.guard(), Dynamic: routes, Static: internalRouters(t),
	})
	get := func(tr *lab.Traefik, entryPoint, host, path string) *lab.Response {
		t.Helper()
		return lab.Get(t, lab.HTTP1, lab.Target{Addr: tr.Addr(entryPoint), Plain: true}, host, path)
	}
	requireRouters(t, tr, "acme-http@internal", "ping@internal", "redirect-to-websecure@internal",
		"api@internal", "dashboard@internal")
	_, port, err := net.SplitHostPort(tr.Addr("websecure"))
	assert.NoError(t, err)
	for _, r := range requests {
		t.Run(r.name, func(t *testing.T) {
			response := get(tr, r.entryPoint, r.host, r.path)
			assert.Equal(t, outcome{status: r.status}, outcomeOf(response))
			assert.Contains(t, response.Body, r.body)
			want := r.location
			if r.entryPoint == "redirect" {
				want += ":" + port + r.path
			}
			assert.Equal(t, want, response.Header.Get("Location"))
		})
	}
	// A request without a router is answered "404 page not found".
	assert.Empty(t, get(tr, "web", hostUnowned, "/.well-known/acme-challenge/x").Body)
	tr.Log.Wait(t, `Cannot retrieve the ACME challenge for `+hostUnowned+` (token "x")`)
	assert.Empty(t, tr.Log.Denials())

	t.Run("the rest of these entry points is guarded", func(t *testing.T) {
		for _, path := range []string{
			"/", "/.well-known/acme-challeng/x", "/.well-known/acme/x", "/pin",
		} {
			assertOutcome(t, get(tr, "web", hostUnowned, path), denied("host-unowned"), nil)
			assertOutcome(t, get(tr, "web", hostB, path), denied("host-foreign"), nil)
			assertOutcome(t, get(tr, "web", hostA, path), passes("team-a"), nil)
		}
	})

	// The service is Traefik's, the router is not.
	t.Run("a user's router to api@internal", func(t *testing.T) {
		assertGet(t, tr, hostUnowned, "/api/version", denied("router-unbound"), nil)
		assertDenialLine(t, tr.Log, lab.Denial{Reason: "router-unbound", Router: "x@file",
			Host: hostUnowned, SNI: hostUnowned})
		assertGet(t, tr, hostA, "/api/version", outcome{status: 200}, n.certA)
		assertGet(t, tr, hostA, "/api/overview", denied("host-foreign"), n.certA)
		n.assertLegitimate(t, tr)
	})

	// The guard is in front of them all the same: without a policy nothing passes.
	t.Run("without a policy", func(t *testing.T) {
		tr := lab.Start(t, lab.Options{
			HTTP3: true, Guard: n.guard(lab.Map{"polcyFile": "/etc/p.json"}),
			Dynamic: routes, Static: internalRouters(t),
		})
		for _, r := range requests {
			assertOutcome(t, get(tr, r.entryPoint, r.host, r.path), denied("policy-invalid"), nil)
		}
	})
}
