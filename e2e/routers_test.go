package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// claim is a router of team-b whose rule catches what is team-a's.
func (n *tenants) claim(name, rule string, more ...lab.Map) *lab.Config {
	return n.routes.Clone().Route(name, rule, n.teamB, more...)
}

// TestForeignRules has team-b claim team-a's host in every way that a rule can.
func TestForeignRules(t *testing.T) {
	p := newPair(t, lab.Options{})
	priority := lab.Map{"priority": 10000}
	attacks := []struct {
		name, router, rule string
		more               lab.Map
		// all tells that the rule catches every host, so that team-a has none left.
		all bool
		// wildcard tells that the rule has a wildcard, which not every release takes for one.
		wildcard bool
	}{
		{name: "a higher priority", router: "team-b-claim", rule: "Host(`" + hostA + "`)", more: priority},
		{name: "the highest priority there is", router: "team-b-claim", rule: "Host(`" + hostA + "`)",
			more: lab.Map{"priority": 9223372036854774807}},
		{name: "a longer rule", router: "team-b-claim", rule: "Host(`" + hostA + "`) && PathPrefix(`/`) && !Path(`/no-such-path-here`)"},
		{name: "upper case", router: "team-b-claim", rule: "Host(`" + strings.ToUpper(hostA) + "`)", more: priority},
		{name: "a trailing dot", router: "team-b-claim", rule: "Host(`" + hostA + ".`)", more: priority},
		{name: "HostRegexp", router: "team-b-claim", rule: "HostRegexp(`^a\\.example\\.com$`)", more: priority},
		{name: "HostRegexp for every name below", router: "team-b-claim", rule: "HostRegexp(`^[a-z]+\\.example\\.com$`)", more: priority},
		{name: "a wildcard", router: "team-b-claim", rule: "Host(`*.example.com`)", more: priority, wildcard: true},
		{name: "Host and a star", router: "team-b-claim", rule: "Host(`*`)", more: priority, all: true, wildcard: true},
		{name: "a path and no host", router: "team-b-claim", rule: "PathPrefix(`/`)", more: priority, all: true},
		{name: "a method and no host", router: "team-b-claim", rule: "Method(`GET`)", more: priority, all: true},
		{name: "all hosts but the own", router: "team-b-claim", rule: "!Host(`" + hostB + "`)", more: priority, all: true},
		{name: "own and foreign host", router: "team-b-web", rule: "Host(`" + hostB + "`) || Host(`" + hostA + "`)", more: priority},
		{name: "foreign host, its own by another header", router: "team-b-claim",
			rule: "Host(`" + hostA + "`) && HeaderRegexp(`User-Agent`, `.*`)", more: priority},
	}
	for _, attack := range attacks {
		t.Run(attack.name, func(t *testing.T) {
			if attack.wildcard {
				traefik.Need(t, traefik.HostWildcards, "wildcards in Host rules")
			}
			p.apply(t, p.claim(attack.router, attack.rule, attack.more))
			reached := p.teamB.Requests()
			assertGet(t, p.off, hostA, "/", passes("team-b"), p.certA)
			assert.Equal(t, reached+len(protocols), p.teamB.Requests())

			assertGet(t, p.on, hostA, "/", denied("host-foreign"), p.certA)
			assert.Equal(t, reached+len(protocols), p.teamB.Requests(), "a denied request reached the attacker's backend")
			assertGet(t, p.on, hostB, "/", passes("team-b"), p.certB)
			if !attack.all {
				assertGet(t, p.on, hostA2, "/", passes("team-a"), p.certA)
			}
		})
	}

	assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign", Router: "team-b-claim@file", Tenant: "team-b", Host: hostA, SNI: hostA})
	assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign", Router: "team-b-web@file", Tenant: "team-b", Host: hostA, SNI: hostA})
	p.apply(t, p.routes)
	p.assertLegitimate(t)

	t.Run("a host that nobody owns", func(t *testing.T) {
		const nobody = "nobody.test"
		p.apply(t, p.claim("team-b-claim", "Host(`"+nobody+"`)").Serve(p.platform.Issue(t, nobody)))
		assertGet(t, p.off, nobody, "/", passes("team-b"), nil)
		assertGet(t, p.on, nobody, "/", denied("host-unowned"), nil)
		assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-unowned", Router: "team-b-claim@file", Tenant: "team-b", Host: nobody, SNI: nobody})
		p.assertLegitimate(t)
	})
}

// TestRouterNames has routers whose names prove nothing, or imitate those that would.
func TestRouterNames(t *testing.T) {
	// team-c has namespaces and no patterns; joint routers are two tenants'; legacyNames is as lenient as it can be.
	tenants := lab.Map{"legacyNames": "allow", "tenants": []lab.Map{
		{"name": "team-a", "routers": []string{"team-a-*@file"}, "hosts": []string{hostA, "*." + hostA}},
		{"name": "team-b", "routers": []string{"team-b-*@file", "*-joint@file"}, "hosts": []string{hostB}},
		{"name": "team-c", "namespaces": []string{"team-c", "team-c-*"}, "hosts": []string{hostC}},
		{"name": "team", "routers": []string{"team-f*@file"}, "hosts": []string{"team.example.com"}},
		{"name": "team-f", "routers": []string{"team-f-*@file"}, "hosts": []string{"f.example.com"}},
	}}
	p := newPair(t, lab.Options{}, tenants)
	certC := p.platform.Issue(t, hostC, "f.example.com", "team.example.com")
	const hash = "0123456789abcdef0123"
	cases := []struct{ name, host, reason string }{
		{"nobody-web", hostC, "router-unbound"},
		{"team-a-joint", hostA, "router-ambiguous"},
		// Legacy names: team + f-web and team-f + web are the same.
		{"team-f-web-" + hash, "f.example.com", "router-ambiguous"},
		{"team-f-web-" + hash, "team.example.com", "router-ambiguous"},
		{"team-c-web-" + hash, hostC, "router-unbound"},
		{"team-c-web-" + hash + "@kubernetescrd", hostC, "router-unbound"},
		{"team-c-web-" + hash + "@kubernetes", hostC, "router-unbound"},
		{"httproute-team-c-web-gw-websecure-ep-websecure-0-" + hash + "@kubernetesgateway", hostC, "router-unbound"},
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
	// One name has one rule.
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
			assertDenialLine(t, p.on.Log, lab.Denial{Reason: c.reason, Router: c.name + "@file", Host: c.host, SNI: c.host})
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
		requireRouters(t, p.on, "web-team-a-both@file", "websecure-team-a-both@file", "websecure-team-b-claim@file", "web-team-b-claim@file")
		for _, tr := range []*lab.Traefik{p.off, p.on} {
			assertGet(t, tr, hostA, "/both", passes("team-a"), p.certA)
			assertGet(t, tr, hostB, "/both", passes("team-b"), p.certB)
			assertOutcome(t, lab.Get(t, lab.HTTP1, tr.Plain(), hostA, "/both"), passes("team-a"), nil)
			assertOutcome(t, lab.Get(t, lab.HTTP2, tr.Plain(), hostB, "/both"), passes("team-b"), nil)
		}
		assertGet(t, p.off, hostA, "/claim", passes("team-b"), p.certA)
		assertOutcome(t, lab.Get(t, lab.HTTP1, p.off.Plain(), hostA, "/claim"), passes("team-b"), nil)
		assertGet(t, p.on, hostA, "/claim", denied("host-foreign"), p.certA)
		assertOutcome(t, lab.Get(t, lab.HTTP1, p.on.Plain(), hostA, "/claim"), denied("host-foreign"), nil)
		assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign", Router: "websecure-team-b-claim@file", Tenant: "team-b", Host: hostA, SNI: hostA})
		assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign", Router: "web-team-b-claim@file", Tenant: "team-b", Host: hostA})
		p.assertLegitimate(t)
	})

	// team-b claims team-a's hosts with other TLS options, and so has Traefik rename team-a's routers.
	t.Run("conflicting TLS options", func(t *testing.T) {
		options := func(name string) lab.Map { return lab.Map{"tls": lab.Map{"options": name}} }
		attack := p.routes.Clone().
			Route("team-a-web", "Host(`"+hostA+"`)", p.teamA, options("team-a-tls")).
			Route("team-a-shop", "Host(`"+hostA2+"`)", p.teamA, both, options("team-a-tls")).
			Route("team-b-claim", "(Host(`"+hostA+"`) || Host(`"+hostA2+"`)) && Path(`/claim`)", p.teamB, both, options("team-b-tls")).
			Merge(lab.Map{"tls": lab.Map{"options": lab.Map{
				"team-a-tls": lab.Map{"minVersion": "VersionTLS13"},
				"team-b-tls": lab.Map{"minVersion": "VersionTLS12"},
			}}})
		p.apply(t, attack)
		requireRouters(t, p.on, "websecure-conflicted-team-a-web@file", "websecure-conflicted-websecure-team-a-shop@file",
			"web-conflicted-web-team-a-shop@file", "websecure-conflicted-websecure-team-b-claim@file")
		web := func(tr *lab.Traefik, host, path string) *lab.Response {
			return lab.Get(t, lab.HTTP2, lab.Target{Addr: tr.Addr("web"), ServerName: host}, host, path)
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
		assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign", Router: "websecure-conflicted-websecure-team-b-claim@file", Tenant: "team-b", Host: hostA, SNI: hostA})
	})
}

// layered is a root router with a rule, and a child with the tenant's service.
func layered(config *lab.Config, parent, rule, child, childRule string, backend *lab.Backend, childMore ...lab.Map) *lab.Config {
	below := lab.Map{"rule": childRule, "parentRefs": []string{parent}, "service": backend.Service()}
	for _, keys := range childMore {
		below = lab.Merge(below, keys)
	}

	return config.Merge(lab.Map{"http": lab.Map{"routers": lab.Map{
		parent: lab.Map{"rule": rule, "entryPoints": []string{"websecure"}},
		child:  below,
	}}})
}

// TestLayeredRouters has child routers, in front of which Traefik does not put the entry point's guard: their parent has it.
func TestLayeredRouters(t *testing.T) {
	p := newPair(t, lab.Options{Plugin: true})
	layers := layered(p.routes.Clone(), "team-a-parent", "Host(`"+hostA+"`) && PathPrefix(`/layers`)",
		"team-a-child", "PathPrefix(`/layers`)", p.teamA)
	layered(layers, "team-b-parent", "Host(`"+hostB+"`) && PathPrefix(`/layers`)", "team-b-child", "PathPrefix(`/layers`)", p.teamB)

	t.Run("a parent claims another tenant's host", func(t *testing.T) {
		p.apply(t, layered(layers.Clone(), "team-b-claim", "PathPrefix(`/layers/deeper/claim`)",
			"team-b-below", "Host(`"+hostA+"`)", p.teamB, lab.Map{"priority": 1000}).
			Merge(lab.Map{"http": lab.Map{"routers": lab.Map{"team-b-claim": lab.Map{"priority": 1000}}}}))
		for _, tr := range []*lab.Traefik{p.off, p.on} {
			assertGet(t, tr, hostA, "/layers", passes("team-a"), p.certA)
			assertGet(t, tr, hostB, "/layers", passes("team-b"), p.certB)
		}
		assertGet(t, p.off, hostA, "/layers/deeper/claim", passes("team-b"), p.certA)
		assertGet(t, p.on, hostA, "/layers/deeper/claim", denied("host-foreign"), p.certA)
		assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign", Router: "team-b-claim@file", Tenant: "team-b", Host: hostA, SNI: hostA})
		p.assertLegitimate(t)
	})

	t.Run("a parent on several entry points", func(t *testing.T) {
		both := lab.Map{"http": lab.Map{"routers": lab.Map{}}}
		for _, parent := range []string{"team-a-parent", "team-b-parent"} {
			both["http"].(lab.Map)["routers"].(lab.Map)[parent] = lab.Map{"entryPoints": []string{"web", "websecure"}}
		}
		p.apply(t, layers.Clone().Merge(both))
		requireRouters(t, p.on, "web-team-a-parent@file", "websecure-team-a-parent@file", "team-a-child@file")
		for _, tr := range []*lab.Traefik{p.off, p.on} {
			assertGet(t, tr, hostA, "/layers", passes("team-a"), p.certA)
			assertOutcome(t, lab.Get(t, lab.HTTP1, tr.Plain(), hostB, "/layers"), passes("team-b"), nil)
		}
	})

	// The tenants' own guard, on the child alone: no guard has seen the request before.
	t.Run("the guard on a child", func(t *testing.T) {
		own := layers.Clone().Guard("own", p.guard())
		parent := lab.Map{"http": lab.Map{"routers": lab.Map{"team-b-parent": lab.Map{
			"rule": "(Host(`" + hostA + "`) || Host(`" + hostB + "`)) && PathPrefix(`/layers`)", "priority": 1000,
		}}}}
		child := lab.Map{"http": lab.Map{"routers": lab.Map{"team-b-child": lab.Map{"middlewares": []string{"own"}}}}}
		p.off.Apply(t, own.Clone().Merge(parent))
		assertGet(t, p.off, hostA, "/layers", passes("team-b"), p.certA)
		p.off.Apply(t, own.Clone().Merge(parent).Merge(child))
		assertGet(t, p.off, hostA, "/layers", denied("host-foreign"), p.certA)
		assertGet(t, p.off, hostB, "/layers", passes("team-b"), p.certB)
		assertDenialLine(t, p.off.Log, lab.Denial{Reason: "host-foreign", Router: "team-b-child@file", Tenant: "team-b", Host: hostA, SNI: hostA})
	})
}

// TestForeignChild has team-b put a child below team-a's router, which takes its requests: also of a router that was not made
// for children. No guard stands in front of a child.
func TestForeignChild(t *testing.T) {
	p := newPair(t, lab.Options{})
	child := func(parent string) lab.Map {
		return lab.Map{"http": lab.Map{"routers": lab.Map{"team-b-child": lab.Map{
			"rule": "PathPrefix(`/`)", "priority": 1000, "parentRefs": []string{parent}, "service": p.teamB.Service(),
		}}}}
	}
	for _, parent := range []string{"team-a-parent", "team-a-web"} {
		t.Run(parent, func(t *testing.T) {
			p.apply(t, layered(p.routes.Clone(), "team-a-parent", "Host(`"+hostA+"`) && PathPrefix(`/layers`)",
				"team-a-child", "PathPrefix(`/layers`)", p.teamA).Merge(child(parent)))
			path := "/"
			if parent == "team-a-parent" {
				path = "/layers"
			}
			assertGet(t, p.off, hostA, path, passes("team-b"), p.certA)
			assertGet(t, p.on, hostA, path, denied("router-ambiguous"), p.certA)
		})
	}
	p.apply(t, p.routes)
	p.assertLegitimate(t)
}

// TestRouterIdentified has the router's name found whatever Traefik logs, measures and traces.
func TestRouterIdentified(t *testing.T) {
	n := newTenants(t)
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	otlp := lab.Map{"http": lab.Map{"endpoint": collector.URL}}
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	type setting struct {
		name          string
		level, format string
		static        lab.Map
		// silent tells that Traefik drops what plugins say, and log is the file where it writes that otherwise.
		silent bool
		log    string
	}
	var settings []setting
	for _, level := range []string{"trace", "debug", "info", "warn", "error", "fatal", "panic"} {
		for _, format := range []string{"json", "common"} {
			settings = append(settings, setting{name: level + " " + format, level: level, format: format,
				silent: level == "fatal" || level == "panic"})
		}
	}
	settings = append(settings,
		setting{name: "log.filePath", log: file("traefik.log"), static: lab.Map{"log": lab.Map{"filePath": file("traefik.log")}}},
		setting{name: "log.filePath json", format: "json", log: file("traefik.json"), static: lab.Map{"log": lab.Map{"filePath": file("traefik.json")}}},
		setting{name: "access log", static: lab.Map{"accessLog": lab.Map{}}},
		setting{name: "access log as JSON in a file", static: lab.Map{"accessLog": lab.Map{"format": "json", "filePath": file("access.json")}}},
		setting{name: "tracing, metrics and all logs by OTLP", static: lab.Map{
			"accessLog":    lab.Map{"otlp": otlp},
			"log":          lab.Map{"otlp": otlp},
			"experimental": lab.Map{"otlpLogs": true},
			"tracing":      lab.Map{"otlp": otlp, "addInternals": true},
			"metrics": lab.Map{"otlp": otlp, "addInternals": true, "prometheus": lab.Map{
				"addEntryPointsLabels": true, "addRoutersLabels": true, "addServicesLabels": true}},
		}},
		setting{name: "detailed traces", static: lab.Map{
			"tracing":     lab.Map{"otlp": otlp, "sampleRate": 0.5},
			"entryPoints": lab.Map{"websecure": lab.Map{"observability": lab.Map{"traceVerbosity": "detailed"}}},
		}},
		setting{name: "no observability of the entry point", static: lab.Map{"entryPoints": lab.Map{"websecure": lab.Map{
			"observability": lab.Map{"accessLogs": false, "metrics": false, "tracing": false}}}}},
	)
	routes := n.claim("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)")
	for _, s := range settings {
		t.Run(s.name, func(t *testing.T) {
			tr := lab.Start(t, lab.Options{HTTP3: true, Guard: n.guard(), Dynamic: routes, LogLevel: s.level, LogFormat: s.format, Static: s.static})
			n.assertLegitimate(t, tr)
			assertGet(t, tr, hostA, "/claim", denied("host-foreign"), n.certA)
			want := lab.Denial{Reason: "host-foreign", Router: "team-b-claim@file", Tenant: "team-b", Host: hostA, SNI: hostA}
			switch {
			case s.silent:
				assert.Empty(t, tr.Log.Denials())
			case s.log != "":
				content, err := os.ReadFile(s.log)
				require.NoError(t, err)
				log := &lab.Log{}
				_, err = log.Write(content)
				require.NoError(t, err)
				assertDenialLine(t, log, want)
			default:
				assertDenialLine(t, tr.Log, want)
			}
		})
	}

	// An undocumented level: zerolog stores no disabled logger in a context, so that there is no name. Nothing passes.
	t.Run("disabled", func(t *testing.T) {
		tr := lab.Start(t, lab.Options{HTTP3: true, Guard: n.guard(), Dynamic: routes, LogLevel: "disabled"})
		assertGet(t, tr, hostA, "/", denied("router-unknown"), n.certA)
		assertGet(t, tr, hostA, "/claim", denied("router-unknown"), n.certA)
		assert.Empty(t, tr.Log.Lines())
	})
}
