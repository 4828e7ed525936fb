package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

const (
	// hostGone is a host of team-a that no router is for.
	hostGone = "gone.a.example.com"
	// hostPlatform is the platform's own.
	hostPlatform = "login.example.net"
)

// guestPair is a pair with a third tenant, the platform, that serves on the hosts of all.
type guestPair struct {
	*pair
	platform *lab.Backend
	// certPlatform is for hostPlatform; certA has all that team-a owns.
	certPlatform *lab.Cert
}

func newGuestPair(t *testing.T, options lab.Options) *guestPair {
	t.Helper()
	p := &guestPair{pair: newPair(t, options), platform: lab.NewBackend(t, "platform")}
	p.certA = p.pair.platform.Issue(t, hostA, "*."+hostA)
	p.certPlatform = p.pair.platform.Issue(t, hostPlatform)

	return p
}

// routesOf returns the tenants' routers, and none for hostGone.
func (p *guestPair) routesOf() *lab.Config {
	return lab.NewConfig().
		Route("team-a-web", "Host(`"+hostA+"`)", p.teamA).
		Route("team-b-web", "Host(`"+hostB+"`)", p.teamB).
		Serve(p.certA, p.certB, p.certPlatform)
}

// guestTenants returns the tenants with the platform, a guest by these keys; nil for no guest.
func guestTenants(guest lab.Map) lab.Map {
	platform := tenantOf("platform", hostPlatform)
	if guest != nil {
		platform["guest"] = guest
	}

	return lab.Map{"tenants": []lab.Map{
		tenantOf("team-a", hostA, "*."+hostA), tenantOf("team-b", hostB), platform,
	}}
}

var everywhere = lab.Map{"hosts": []string{"**"}}

// assertAnswers requests a path of a host over its own connection, without the guard, with it where
// the platform is no guest, and with it where it is one.
func (p *guestPair) assertAnswers(
	t *testing.T, get func(tr *lab.Traefik) *lab.Response, dynamic *lab.Config, guest lab.Map,
	want outcome, denied outcome,
) {
	t.Helper()
	p.apply(t, dynamic, guestTenants(nil))
	assert.Equal(t, want, outcomeOf(get(p.off)), "without the guard")
	assert.Equal(t, denied, outcomeOf(get(p.on)), "no guest")
	p.apply(t, dynamic, guestTenants(guest))
	assert.Equal(t, want, outcomeOf(get(p.on)), "a guest")
}

// TestGuests has the platform serve on hosts of tenants, and on unowned hosts, what platforms do
// serve there.
func TestGuests(t *testing.T) {
	p := newGuestPair(t, lab.Options{})
	lowest := lab.Map{"priority": 1}
	plain := lab.Map{"entryPoints": []string{"web"}}
	page := p.routesOf().Route("platform-404", "PathPrefix(`/`)", p.platform, lowest)
	toHTTPS := p.routesOf().
		Route("platform-redirect", "PathPrefix(`/`)", p.platform, lowest, plain,
			lab.Map{"middlewares": []string{"secure"}}).
		Merge(lab.Map{"http": lab.Map{"middlewares": lab.Map{
			"secure": lab.Map{"redirectScheme": lab.Map{"scheme": "https"}}}}})
	secure := func(serverName, host string) func(tr *lab.Traefik) *lab.Response {
		return func(tr *lab.Traefik) *lab.Response {
			return lab.Get(t, lab.HTTP2, tr.Target(serverName), host, "/")
		}
	}
	unsecured := func(host string) func(tr *lab.Traefik) *lab.Response {
		return func(tr *lab.Traefik) *lab.Response {
			return lab.Get(t, lab.HTTP1, tr.Plain(), host, "/x")
		}
	}
	redirect := outcome{status: http.StatusFound}
	for _, c := range []struct {
		name         string
		get          func(tr *lab.Traefik) *lab.Response
		dynamic      *lab.Config
		want, denied outcome
	}{
		{"404 page, a tenant's host",
			secure(hostGone, hostGone), page, passes("platform"), denied("host-foreign")},
		{"404 page, nobody's host",
			secure(hostUnowned, hostUnowned), page, passes("platform"), denied("host-unowned")},
		{"404 page, an address",
			secure("", "127.0.0.1"), page, passes("platform"), denied("host-unowned")},
		{"404 page, an IPv6",
			secure("", "[::1]"), page, passes("platform"), denied("host-unowned")},
		{"404 page, nobody's host in the guest's connection",
			secure(hostPlatform, hostUnowned), page, passes("platform"), denied("host-unowned")},
		{"redirect to HTTPS, a tenant's host",
			unsecured(hostA), toHTTPS, redirect, denied("host-foreign")},
		{"redirect to HTTPS, nobody's host",
			unsecured(hostUnowned), toHTTPS, redirect, denied("host-unowned")},
		{"redirect to HTTPS, an address",
			unsecured("127.0.0.1:8080"), toHTTPS, redirect, denied("host-unowned")},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.assertAnswers(t, c.get, c.dynamic, everywhere, c.want, c.denied)
		})
	}

	// What looks alike. Every one of these passes without the guard.
	p.apply(t, page.Clone().
		Route("team-b-404", "Host(`"+hostGone+"`) && Path(`/taken`)", p.teamB).
		Route("team-b-any", "Path(`/any`)", p.teamB), guestTenants(everywhere))
	for _, c := range []struct{ name, serverName, host, path, by, reason string }{
		{"a tenant that is no guest",
			hostGone, hostGone, "/taken", "team-b", "host-foreign"},
		{"a tenant that is no guest, nobody's host",
			hostUnowned, hostUnowned, "/any", "team-b", "host-unowned"},
		{"a tenant that is no guest, an address",
			"", "127.0.0.1", "/any", "team-b", "host-unowned"},
		{"in another tenant's connection",
			hostB, hostGone, "/", "platform", "sni-foreign"},
		{"in the guest's own connection",
			hostPlatform, hostGone, "/", "platform", "sni-foreign"},
		{"in nobody's connection",
			hostUnowned, hostGone, "/", "platform", "sni-foreign"},
		{"without a server name",
			"", hostGone, "/", "platform", "sni-missing"},
		{"nobody's host in a tenant's connection",
			hostA, hostUnowned, "/", "platform", "sni-foreign"},
		{"nobody's host without a server name",
			"", hostUnowned, "/", "platform", "sni-missing"},
		{"an address in a tenant's connection",
			hostA, "127.0.0.1", "/", "platform", "sni-foreign"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, protocol := range protocols {
				off := lab.Get(t, protocol, p.off.Target(c.serverName), c.host, c.path)
				assertOutcome(t, off, passes(c.by), nil)
				on := lab.Get(t, protocol, p.on.Target(c.serverName), c.host, c.path)
				assertOutcome(t, on, denied(c.reason), nil)
			}
		})
	}
	assertDenialLine(t, p.on.Log, lab.Denial{Reason: "sni-foreign", Router: "platform-404@file",
		Tenant: "platform", Host: hostGone, SNI: hostB, Guest: true})
	assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign", Router: "team-b-404@file",
		Tenant: "team-b", Host: hostGone, SNI: hostGone})

	// The certificate is judged as the owner's.
	hijack := lab.SelfSigned(t, hostGone, "zzz.evil.test")
	both := p.pair.platform.Issue(t, hostGone, hostPlatform)
	for served, reason := range map[*lab.Cert]string{
		hijack: "certificate-foreign", both: "certificate-foreign",
		lab.SelfSigned(t, hostGone): "certificate-untrusted",
	} {
		p.apply(t, lab.NewConfig().Route("platform-404", "PathPrefix(`/`)", p.platform, lowest).
			Serve(served), guestTenants(everywhere))
		assertGet(t, p.off, hostGone, "/", passes("platform"), served)
		assertGet(t, p.on, hostGone, "/", denied(reason), served)
	}
}

// TestGuestPaths has the platform serve a path on every host, and one tenant a path of another
// tenant's host.
func TestGuestPaths(t *testing.T) {
	for name, sanitized := range cleaning {
		t.Run(name, func(t *testing.T) {
			p := newGuestPair(t, lab.Options{Static: lab.Map{"entryPoints": lab.Map{
				"websecure": lab.Map{"http": lab.Map{"sanitizePath": sanitized}}}}})
			highest := lab.Map{"priority": 10000}
			p.apply(t, p.routesOf().
				Route("platform-sso", "PathPrefix(`/oauth2`)", p.platform, highest).
				// A guest that serves more than it may.
				Route("platform-any", "PathRegexp(`(?i)oauth2|%|/x`)", p.platform, highest).
				Route("team-b-sso", "Host(`"+hostA+"`) && Path(`/oauth2/taken`)", p.teamB,
					lab.Map{"priority": 20000}),
				guestTenants(lab.Map{"hosts": []string{"**"}, "paths": []string{"/oauth2"}}))
			for _, path := range []string{
				"/oauth2", "/oauth2/", "/oauth2/callback?rd=/../x", "/oauth2/a%2fb", "/oauth2/.x",
			} {
				for range 2 { // the second one finds what the first one left
					assertGet(t, p.off, hostA, path, passes("platform"), p.certA)
					assertGet(t, p.on, hostA, path, passes("platform"), p.certA)
					assertGet(t, p.on, hostB, path, passes("platform"), p.certB)
				}
			}
			for _, target := range []string{
				"/oauth2x", "/OAuth2", "/oauth2.x", "/x/oauth2", "/oauth2/%2e%2e%2fadmin",
				"/oauth2/..%2fadmin", "/oauth2/..%5cadmin", `/oauth2/..\x`, "/oauth2/a%2f%2fb",
				"/oauth2%2fx", "/oauth2%00", "/oauth2/a%2f..%2f..%2fx",
				"/oauth2/../x", "/oauth2/%2e%2e/x", "/oauth2//x", "//oauth2", "/x/../oauth2",
				"/oauth2/./x", "/oauth2/x/..", "/oauth2/.",
			} {
				p.assertGuestSpelling(t, target)
			}
			assertGet(t, p.off, hostA, "/oauth2/taken", passes("team-b"), p.certA)
			assertGet(t, p.on, hostA, "/oauth2/taken", denied("host-foreign"), p.certA)
			for serverName, reason := range map[string]string{
				hostB: "sni-foreign", hostPlatform: "sni-foreign", "": "sni-missing",
			} {
				assertOutcome(t, lab.Get(t, lab.HTTP2, p.off.Target(serverName), hostA, "/oauth2"),
					passes("platform"), nil)
				assertOutcome(t, lab.Get(t, lab.HTTP2, p.on.Target(serverName), hostA, "/oauth2"),
					denied(reason), nil)
			}
			assertGet(t, p.on, hostA, "/", passes("team-a"), p.certA)
			assertGet(t, p.on, hostB, "/", passes("team-b"), p.certB)
		})
	}
}

// assertGuestSpelling sends a target that is none of the guest's, unless Traefik makes it one.
func (p *guestPair) assertGuestSpelling(t *testing.T, target string) {
	t.Helper()
	p.sendTargets(t, target, func(protocol lab.Protocol, off, on *lab.Response) {
		assert.Equal(t, "platform", off.Tenant(), "%s %s: %d", protocol, target, off.Status)
		switch off.Header.Get("Seen-Target") {
		case "/oauth2", "/oauth2/x", "/oauth2/": // cleaned to one
			assert.Equal(t, "platform", on.Tenant(), "%s %s", protocol, target)
		default:
			assert.Equal(t, denied("host-foreign"), outcomeOf(on), "%s %s", protocol, target)
		}
	})
}

// TestTwoTeamsOneHost has team-a own a host, on which team-b serves /api.
func TestTwoTeamsOneHost(t *testing.T) {
	guest := tenantOf("team-b", hostB)
	guest["guest"] = lab.Map{"hosts": hostA, "paths": "/api"}
	tenants := lab.Map{"tenants": []lab.Map{tenantOf("team-a", hostA, "*."+hostA), guest}}
	p := newPair(t, lab.Options{}, tenants)
	p.apply(t, p.routes.Clone().
		Route("team-b-api", "Host(`"+hostA+"`) && PathPrefix(`/api`)", p.teamB).
		Route("team-b-more", "Host(`"+hostA+"`) && PathPrefix(`/admin`)", p.teamB).
		Route("team-b-shop", "Host(`"+hostA2+"`) && PathPrefix(`/api`)", p.teamB), tenants)
	for _, path := range []string{"/api", "/api/", "/api/v1?x=1"} {
		assertGet(t, p.off, hostA, path, passes("team-b"), p.certA)
		assertGet(t, p.on, hostA, path, passes("team-b"), p.certA)
	}
	for _, c := range [][2]string{
		{hostA, "/apis"}, {hostA, "/admin"}, {hostA2, "/api"}, {hostA, "/api/%2e%2e%2fadmin"},
	} {
		assertGet(t, p.off, c[0], c[1], passes("team-b"), p.certA)
		assertGet(t, p.on, c[0], c[1], denied("host-foreign"), p.certA)
	}
	for _, protocol := range protocols {
		assertOutcome(t, lab.Get(t, protocol, p.off.Target(hostB), hostA, "/api"),
			passes("team-b"), p.certB)
		assertOutcome(t, lab.Get(t, protocol, p.on.Target(hostB), hostA, "/api"),
			denied("sni-foreign"), p.certB)
	}
	p.assertLegitimate(t)
}

// TestHealthByAddress has a load balancer ask for the platform's health by the address, over
// plaintext and over TLS without a server name.
func TestHealthByAddress(t *testing.T) {
	p := newGuestPair(t, lab.Options{})
	both := lab.Map{"entryPoints": []string{"web", "websecure"}}
	entry := func(name string) lab.Map { return lab.Map{"entryPoints": []string{name}} }
	dynamic := p.routesOf().
		Route("platform-health", "Path(`/healthz`)", p.platform, entry("websecure")).
		Route("platform-health-plain", "Path(`/healthz`)", p.platform, entry("web")).
		Route("team-b-health", "Path(`/taken`)", p.teamB, entry("websecure")).
		Route("team-b-health-plain", "Path(`/taken`)", p.teamB, entry("web")).
		Merge(lab.Map{"http": lab.Map{"routers": lab.Map{"platform-ping": lab.Merge(both,
			lab.Map{"rule": "Path(`/ping`)", "service": "ping@internal"})}}})
	guest := guestTenants(lab.Map{"hosts": "127.0.0.1", "paths": []string{"/healthz", "/ping"}})
	targets := func(tr *lab.Traefik) []lab.Target { return []lab.Target{tr.Target(""), tr.Plain()} }
	check := func(tr *lab.Traefik, path string, want outcome) {
		t.Helper()
		for _, target := range targets(tr) {
			assertOutcome(t, lab.Get(t, lab.HTTP1, target, target.Addr, path), want, nil)
		}
	}
	pong := outcome{status: http.StatusOK}
	p.apply(t, dynamic, guestTenants(nil))
	check(p.off, "/healthz", passes("platform"))
	check(p.off, "/ping", pong)
	check(p.off, "/taken", passes("team-b"))
	check(p.on, "/healthz", denied("host-unowned"))
	check(p.on, "/ping", denied("host-unowned"))
	p.apply(t, dynamic, guest)
	check(p.on, "/healthz", passes("platform"))
	check(p.on, "/ping", pong)
	check(p.on, "/taken", denied("host-unowned"))
	for _, target := range targets(p.on) { // another address than the guest's
		assertOutcome(t, lab.Get(t, lab.HTTP1, target, "192.0.2.1", "/healthz"),
			denied("host-unowned"), nil)
	}
}

// TestErrorPages has a Middleware of a tenant's fetch the platform's page: that is a service, and
// no router of the platform's.
func TestErrorPages(t *testing.T) {
	p := newGuestPair(t, lab.Options{})
	dynamic := p.routesOf().
		Route("team-a-broken", "Host(`"+hostA+"`) && Path(`/broken`)", p.teamA,
			lab.Map{"service": "broken", "middlewares": []string{"page"}}).
		Route("platform-web", "Host(`"+hostPlatform+"`)", p.platform).
		Merge(lab.Map{"http": lab.Map{
			"middlewares": lab.Map{"page": lab.Map{"errors": lab.Map{
				"status": []string{"500-599"}, "service": p.platform.Service(),
				"query": "/{status}",
			}}},
			"services": lab.Map{"broken": lab.Map{"loadBalancer": lab.Map{
				"servers": []lab.Map{{"url": "http://" + lab.FreeAddress(t)}},
			}}},
		}})
	p.apply(t, dynamic, guestTenants(nil))
	for _, tr := range []*lab.Traefik{p.off, p.on} {
		response := lab.Get(t, lab.HTTP1, tr.Target(hostA), hostA, "/broken")
		assert.Equal(t, outcome{tenant: "platform", status: http.StatusBadGateway},
			outcomeOf(response))
		assert.Equal(t, "/502", response.Header.Get("Seen-Target"))
	}
}
