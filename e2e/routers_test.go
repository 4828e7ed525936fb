package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// claim returns a configuration in which a router of team-b takes what is team-a's.
func (n *tenants) claim(name, rule string, more ...lab.Map) *lab.Config {
	return n.routes.Clone().Route(name, rule, n.teamB, more...)
}

// TestForeignRules has team-b claim team-a's host in every way that a rule allows.
func TestForeignRules(t *testing.T) {
	p := newPair(t, lab.Options{})
	priority := lab.Map{"priority": 10000}
	attacks := []struct {
		name, router, rule string
		more               lab.Map
		// all reports whether the rule matches every host, so that team-a keeps none.
		all bool
		// wildcard reports whether the rule has a wildcard, which not every release supports.
		wildcard bool
	}{
		{name: "a higher priority", router: "team-b-claim", rule: "Host(`" + hostA + "`)",
			more: priority},
		{name: "the highest priority there is", router: "team-b-claim",
			rule: "Host(`" + hostA + "`)",
			more: lab.Map{"priority": 9223372036854774807}},
		{name: "a longer rule", router: "team-b-claim",
			rule: "Host(`" + hostA + "`) && PathPrefix(`/`) && !Path(`/no-such-path-here`)"},
		{name: "upper case", router: "team-b-claim", rule: "Host(`" + strings.ToUpper(hostA) + "`)",
			more: priority},
		{name: "a trailing dot", router: "team-b-claim", rule: "Host(`" + hostA + ".`)",
			more: priority},
		{name: "HostRegexp", router: "team-b-claim", rule: "HostRegexp(`^a\\.example\\.com$`)",
			more: priority},
		{name: "HostRegexp for every name below", router: "team-b-claim",
			rule: "HostRegexp(`^[a-z]+\\.example\\.com$`)", more: priority},
		{name: "a wildcard", router: "team-b-claim", rule: "Host(`*.example.com`)", more: priority,
			wildcard: true},
		{name: "Host and a star", router: "team-b-claim", rule: "Host(`*`)", more: priority,
			all: true, wildcard: true},
		{name: "a path and no host", router: "team-b-claim", rule: "PathPrefix(`/`)",
			more: priority, all: true},
		{name: "a method and no host", router: "team-b-claim", rule: "Method(`GET`)",
			more: priority, all: true},
		{name: "all hosts but the own", router: "team-b-claim", rule: "!Host(`" + hostB + "`)",
			more: priority, all: true},
		{name: "own and foreign host", router: "team-b-web",
			rule: "Host(`" + hostB + "`) || Host(`" + hostA + "`)", more: priority},
		{name: "foreign host, its own by another header", router: "team-b-claim",
			rule: "Host(`" + hostA + "`) && HeaderRegexp(`User-Agent`, `.*`)", more: priority},
	}
	for _, attack := range attacks {
		t.Run(attack.name, func(t *testing.T) {
			if attack.wildcard {
				traefik.Need(t, traefik.HostWildcards, "wildcards in Host rules")
			}
			p.apply(t, p.claim(attack.router, attack.rule, attack.more))
			p.assertClaimDenied(t, "/")
			assertGet(t, p.on, hostB, "/", passes("team-b"), p.certB)
			if !attack.all {
				assertGet(t, p.on, hostA2, "/", passes("team-a"), p.certA)
			}
		})
	}

	assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign", Router: "team-b-claim@file",
		Tenant: "team-b", Host: hostA, SNI: hostA})
	assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign", Router: "team-b-web@file",
		Tenant: "team-b", Host: hostA, SNI: hostA})
	p.apply(t, p.routes)
	p.assertLegitimate(t)

	t.Run("a host without an owner", func(t *testing.T) {
		p.apply(t, p.claim("team-b-claim", "Host(`"+hostUnowned+"`)").
			Serve(p.platform.Issue(t, hostUnowned)))
		assertGet(t, p.off, hostUnowned, "/", passes("team-b"), nil)
		assertGet(t, p.on, hostUnowned, "/", denied("host-unowned"), nil)
		assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-unowned",
			Router: "team-b-claim@file", Tenant: "team-b", Host: hostUnowned, SNI: hostUnowned})
		p.assertLegitimate(t)
	})
}

// TestRouterNames has routers with names that prove nothing, or that imitate others.
func TestRouterNames(t *testing.T) {
	// team-c has namespaces and no router patterns, two tenants match "joint" routers, and
	// legacyNames is at its most lenient.
	tenants := lab.Map{"legacyNames": "allow", "tenants": []lab.Map{
		tenantOf("team-a", hostA, "*."+hostA),
		{"name": "team-b", "routers": []string{"team-b-*@file", "*-joint@file"},
			"hosts": []string{hostB}},
		{"name": "team-c", "namespaces": []string{"team-c", "team-c-*"}, "hosts": []string{hostC}},
		{"name": "team", "routers": []string{"team-f*@file"},
			"hosts": []string{"team.example.com"}},
		tenantOf("team-f", "f.example.com"),
	}}
	p := newPair(t, lab.Options{}, tenants)
	certC := p.platform.Issue(t, hostC, "f.example.com", "team.example.com")
	const hash = "0123456789abcdef0123"
	cases := []struct{ name, host, reason string }{
		{"unbound-web", hostC, "router-unbound"},
		{"team-a-joint", hostA, "router-ambiguous"},
		// Legacy names: team + f-web and team-f + web are the same name.
		{"team-f-web-" + hash, "f.example.com", "router-ambiguous"},
		{"team-f-web-" + hash, "team.example.com", "router-ambiguous"},
		{"team-c-web-" + hash, hostC, "router-unbound"},
		{"team-c-web-" + hash + "@kubernetescrd", hostC, "router-unbound"},
		{"team-c-web-" + hash + "@kubernetes", hostC, "router-unbound"},
		{"httproute-team-c-web-gw-websecure-ep-websecure-0-" + hash + "@kubernetesgateway", hostC,
			"router-unbound"},
		{"team-c_web_0", hostC, "router-unbound"},
		{"team-c_web_0@kubernetescrd", hostC, "router-unbound"},
		{"websecure-team-c_web_0@kubernetescrd", hostC, "router-unbound"},
		{"websecure-conflicted-team-c_web_0@kubernetescrd", hostC, "router-unbound"},
		{"team-a_web_0@kubernetescrd", hostA, "router-unbound"},
		{"ping@internal", hostA, "router-unbound"},
		{"web-to-websecure@internal", hostC, "router-unbound"},
		{`x","routerName":"team-a-web@file`, hostA, "router-unbound"},
	}
	routes := p.routes.Clone().Serve(certC)
	path := func(i int) string { return fmt.Sprint("/", i) }
	for i, c := range cases {
		routes.Route(c.name, "Host(`"+c.host+"`) && Path(`"+path(i)+"`)", p.teamB,
			lab.Map{"service": p.teamB.Service() + "@file"})
	}
	// Both cases of this name share one router, so it has both paths.
	routes.Route("team-f-web-"+hash, "Path(`"+path(2)+"`) || Path(`"+path(3)+"`)", p.teamB)
	p.apply(t, routes, tenants)
	for i, c := range cases {
		t.Run(c.name+" for "+c.host, func(t *testing.T) {
			requireRouters(t, p.on, strings.ReplaceAll(c.name, `"`, `\"`)+"@file")
			served := certC
			if c.host == hostA {
				served = p.certA
			}
			assertGet(t, p.off, c.host, path(i), passes("team-b"), served)
			assertGet(t, p.on, c.host, path(i), denied(c.reason), served)
			assertDenialLine(t, p.on.Log, lab.Denial{Reason: c.reason, Router: c.name + "@file",
				Host: c.host, SNI: c.host})
		})
	}
	p.assertLegitimate(t)
}

// TestRenamedRouters has routers whose names Traefik changes.
func TestRenamedRouters(t *testing.T) {
	p := newPair(t, lab.Options{})
	both := lab.Map{"entryPoints": []string{"web", "websecure"}}

	t.Run("several entry points", func(t *testing.T) {
		p.apply(t, p.routes.Clone().
			Route("team-a-both", "Host(`"+hostA+"`) && Path(`/both`)", p.teamA, both).
			Route("team-b-both", "Host(`"+hostB+"`) && Path(`/both`)", p.teamB, both).
			Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", p.teamB, both))
		requireRouters(t, p.on, "web-team-a-both@file", "websecure-team-a-both@file",
			"websecure-team-b-claim@file", "web-team-b-claim@file")
		for _, tr := range []*lab.Traefik{p.off, p.on} {
			assertGet(t, tr, hostA, "/both", passes("team-a"), p.certA)
			assertGet(t, tr, hostB, "/both", passes("team-b"), p.certB)
			assertOutcome(t, lab.Get(t, lab.HTTP1, tr.Plain(), hostA, "/both"), passes("team-a"),
				nil)
			assertOutcome(t, lab.Get(t, lab.HTTP2, tr.Plain(), hostB, "/both"), passes("team-b"),
				nil)
		}
		assertGet(t, p.off, hostA, "/claim", passes("team-b"), p.certA)
		assertOutcome(t, lab.Get(t, lab.HTTP1, p.off.Plain(), hostA, "/claim"), passes("team-b"),
			nil)
		assertGet(t, p.on, hostA, "/claim", denied("host-foreign"), p.certA)
		assertOutcome(t, lab.Get(t, lab.HTTP1, p.on.Plain(), hostA, "/claim"),
			denied("host-foreign"), nil)
		assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign",
			Router: "websecure-team-b-claim@file", Tenant: "team-b", Host: hostA, SNI: hostA})
		assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign",
			Router: "web-team-b-claim@file", Tenant: "team-b", Host: hostA})
		p.assertLegitimate(t)
	})

	// team-b claims team-a's hosts with other TLS options, so that Traefik renames team-a's
	// routers.
	t.Run("conflicting TLS options", func(t *testing.T) {
		options := func(name string) lab.Map { return lab.Map{"tls": lab.Map{"options": name}} }
		attack := p.routes.Clone().
			Route("team-a-web", "Host(`"+hostA+"`)", p.teamA, options("team-a-tls")).
			Route("team-a-shop", "Host(`"+hostA2+"`)", p.teamA, both, options("team-a-tls")).
			Route("team-b-claim", "(Host(`"+hostA+"`) || Host(`"+hostA2+"`)) && Path(`/claim`)",
				p.teamB, both, options("team-b-tls")).
			Merge(lab.Map{"tls": lab.Map{"options": lab.Map{
				"team-a-tls": lab.Map{"minVersion": "VersionTLS13"},
				"team-b-tls": lab.Map{"minVersion": "VersionTLS12"},
			}}})
		p.apply(t, attack)
		requireRouters(t, p.on, "websecure-conflicted-team-a-web@file",
			"websecure-conflicted-websecure-team-a-shop@file",
			"web-conflicted-web-team-a-shop@file",
			"websecure-conflicted-websecure-team-b-claim@file")
		web := func(tr *lab.Traefik, host, path string) *lab.Response {
			return lab.Get(t, lab.HTTP2, lab.Target{Addr: tr.Addr("web"), ServerName: host}, host,
				path)
		}
		for _, tr := range []*lab.Traefik{p.off, p.on} {
			p.tenants.assertLegitimate(t, tr)
			assertOutcome(t, web(tr, hostA2, "/"), passes("team-a"), p.certA)
		}
		assertGet(t, p.off, hostA, "/claim", passes("team-b"), p.certA)
		assertOutcome(t, web(p.off, hostA, "/claim"), passes("team-b"), p.certA)
		assertGet(t, p.on, hostA, "/claim", denied("host-foreign"), p.certA)
		assertGet(t, p.on, hostA2, "/claim", denied("host-foreign"), p.certA)
		assertOutcome(t, web(p.on, hostA, "/claim"), denied("host-foreign"), p.certA)
		assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign",
			Router: "websecure-conflicted-websecure-team-b-claim@file", Tenant: "team-b",
			Host: hostA, SNI: hostA})
	})
}
