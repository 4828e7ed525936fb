package kubernetes_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
)

// testForgedNames has a tenant name a route so that its router's name can be read as another
// tenant's.
func testForgedNames(t *testing.T, w *world) {
	attacker, victim := w.team(t, "team"), w.team(t, "team-b")
	own := []string{
		victim.route("web", hostRule("team-b"), "entryPoints: [websecure], tls: {secretName: tls}"),
		victim.gatewayRoute("HTTPRoute", "web", "websecure", "http.team-b.test", ""),
		victim.ingress("web", "traefik", "ingress.team-b.test", "/", "", ""),
	}
	victim.Apply(t, own...)
	for _, tr := range w.all(namings...) {
		for _, host := range []string{"team-b.test", "http.team-b.test", "ingress.team-b.test"} {
			tr.WaitRouter(t, cluster.ForHost(host))
		}
		tr.WaitCertificate(t, "team-b.test", victim.certificate)
	}
	const candidates = "team,team-b"
	victims, denied := map[string]string{"acme.test": "acme"}, map[string]string{}
	if hasIngressNamespace {
		victims["ingress.team-b.test"] = "team-b"
	} else {
		denied["ingress.team-b.test"] = "router-ambiguous"
	}
	also := func(host string) map[string]string {
		more := maps.Clone(denied)
		more[host] = "router-ambiguous"
		return more
	}
	w.run(t, attack{
		name:     "namespace team, route b-web, against team-b",
		provider: "kubernetesCRD",
		by:       attacker,
		owner:    victim,
		own:      own,
		manifests: []string{attacker.route("b-web", "Host(`team-b.test`) && PathPrefix(`/login`)",
			"entryPoints: [websecure]")},
		router:      ruled("/login"),
		host:        "team-b.test",
		path:        "/login",
		succeeds:    "team",
		certificate: victim.certificate.Certificate,
		code:        map[naming]string{safe: "host-foreign", legacy: "router-ambiguous"},
		namespaces:  map[naming]string{safe: "team", legacy: candidates},
		victims:     victims,
		denied:      map[naming]map[string]string{safe: denied, legacy: also("team-b.test")},
	})
	w.run(t, attack{
		name:     "namespace team, HTTPRoute b-web, against team-b",
		provider: "kubernetesGateway",
		by:       attacker,
		owner:    victim,
		own:      own,
		manifests: []string{attacker.gatewayRoute("HTTPRoute", "b-web", "websecure",
			"http.team-b.test", "matches: [{path: {type: PathPrefix, value: /login}}]")},
		router:      ruled("/login"),
		host:        "http.team-b.test",
		path:        "/login",
		succeeds:    "team",
		certificate: victim.certificate.Certificate,
		code:        both("router-ambiguous"),
		namespaces:  both(candidates),
		victims:     victims,
		denied:      both(also("http.team-b.test")),
	})
	for _, by := range []struct{ provider, class, annotations string }{
		{"kubernetesIngress", "traefik", ""},
		{"ingress-nginx", "nginx", cluster.NoRedirect},
	} {
		const host = "ingress.team-b.test"
		w.run(t, attack{
			name:     "Ingress b-web in team, router named as team-b's",
			provider: by.provider,
			by:       attacker,
			owner:    victim,
			own:      own,
			manifests: []string{
				attacker.ingress("b-web", by.class, host, "/login", "", by.annotations),
			},
			router:      ruled("/login"),
			host:        host,
			path:        "/login",
			succeeds:    "team",
			certificate: victim.certificate.Certificate,
			code:        ofIngress("host-foreign", "router-ambiguous"),
			namespaces:  ofIngress("team", candidates),
			victims:     victims,
			denied:      both(denied),
		})
	}
	testExactImitation(t, w, attacker, victim, own)
	victim.Delete(t, own...)
	testEntryPointName(t, w)
}

// testExactImitation gives an Ingress the name, host and path with which its router gets the same
// key as the victim's. Traefik keeps one of the two, at random after each change: the attacker
// makes changes until Traefik keeps the attacker's.
func testExactImitation(t *testing.T, w *world, attacker, victim *team, own []string) {
	const at = "ingress.team-b.test"
	manifest := func(try int) string {
		return attacker.ingress("b-web", "traefik", at, "/", "", fmt.Sprintf("try: '%d'", try))
	}
	defer attacker.Delete(t, manifest(0))
	pages := w.pagesOf(t, w.on[plain], attacker.name, []page{{host: at}, {host: "acme.test"}})
	served := w.watch(t, w.on[plain], pages)
	took, refused := map[naming]bool{}, map[naming]bool{}
	line := row{attack: "Ingress of the same router key as team-b's", provider: "kubernetesIngress"}
	for try := 0; try < 100 && len(took)+len(refused) < 2*len(namings); try++ {
		attacker.Apply(t, manifest(try))
		time.Sleep(200 * time.Millisecond)
		for _, name := range namings {
			if off := get(t, w.off[name], at, "/", false); off.Tenant() == attacker.name {
				took[name] = true
				line.off = add(line.off, w.describe(off, attack{}))
			}
			on := get(t, w.on[name], at, "/", false)
			require.NotEqual(t, attacker.name, on.Tenant(), name)
			if on.Tenant() != victim.name {
				refused[name] = true
				assert.Equal(t, ofIngress("host-foreign", "router-ambiguous")[name], on.Reason(),
					"%s: %d", name, on.Status)
				line.on = add(line.on, w.describe(on, attack{}))
			}
		}
	}
	assert.Len(t, took, len(namings), "guard off: the attack does not succeed")
	assert.Len(t, refused, len(namings), "guard on: the attack was never met")
	line.on += " (victim's router replaced, nothing leaks)"
	line.onServed = served.result(t)
	w.again = append(w.again, again{
		name: line.attack, by: attacker, owner: victim, own: own,
		manifests: []string{manifest(0)}, host: at, pages: pages,
		at: []place{{plain, len(w.rows)}},
	})
	w.rows = append(w.rows, line)
}

// testEntryPointName has a namespace whose name is the entry point prefix, which Traefik gives
// routers on several entry points, followed by another tenant's namespace.
func testEntryPointName(t *testing.T, w *world) {
	attacker, victim := w.team(t, "websecure-team-a"), w.team(t, "team-a")
	own := []string{
		victim.route("web", hostRule("team-a"),
			"entryPoints: [web, websecure], tls: {secretName: tls}"),
		victim.route("one", "Host(`one.team-a.test`)", "entryPoints: [websecure]"),
	}
	victim.Apply(t, own...)
	defer victim.Delete(t, own...)
	for _, tr := range w.all(namings...) {
		tr.WaitRouter(t, cluster.ForHost("team-a.test"))
		tr.WaitRouter(t, cluster.ForHost("one.team-a.test"))
		tr.WaitCertificate(t, "team-a.test", victim.certificate)
	}
	candidates := "team-a,websecure-team-a"
	w.run(t, attack{
		name:     "namespace websecure-team-a against team-a",
		provider: "kubernetesCRD",
		by:       attacker,
		owner:    victim,
		own:      own,
		manifests: []string{attacker.route("login", "Host(`team-a.test`) && PathPrefix(`/login`)",
			"entryPoints: [websecure]")},
		router:      ruled("/login"),
		host:        "team-a.test",
		path:        "/login",
		succeeds:    "websecure-team-a",
		certificate: victim.certificate.Certificate,
		code:        both("router-ambiguous"),
		namespaces:  map[naming]string{safe: candidates, legacy: "team,team-a,websecure-team-a"},
		denied: map[naming]map[string]string{
			safe:   {"team-a.test": "router-ambiguous"},
			legacy: {"team-a.test": "router-ambiguous"},
		},
		victims: map[string]string{"acme.test": "acme"},
	})
	// On one entry point a safe name has no prefix. A legacy name could belong to namespace "team".
	for name, tenant := range map[naming]string{safe: "team-a", legacy: ""} {
		if on := w.on[name]; on != nil {
			one := get(t, on, "one.team-a.test", "/", false)
			assert.Equal(t, tenant, one.Tenant(), "%s: %d %s", name, one.Status, one.Reason())
		}
	}
}
