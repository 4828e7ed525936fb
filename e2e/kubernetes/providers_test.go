package kubernetes_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// testProviders checks that each provider's routes of two tenants pass, and only at their own
// hosts.
func testProviders(t *testing.T, w *world) {
	var manifests [2][]string
	for i, member := range []*team{w.acme, w.globex} {
		for _, form := range cluster.Forms() {
			manifests[i] = append(manifests[i], form.Manifest(cluster.Route{
				Name: form.Name, Host: form.Name + "." + host(member.name), Service: member.service,
			}))
		}
		member.Apply(t, manifests[i]...)
	}
	defer func() {
		for i, member := range []*team{w.acme, w.globex} {
			member.Delete(t, manifests[i]...)
		}
		for _, tr := range w.all(namings...) {
			tr.WaitRemoved(t, func(router cluster.Router) bool {
				return strings.Contains(router.Rule, "-one.")
			})
		}
	}()

	for _, name := range namings {
		tr := w.on[name]
		for _, member := range []*team{w.acme, w.globex} {
			for _, form := range cluster.Forms() {
				at := form.Name + "." + host(member.name)
				what := fmt.Sprintf("%s, %s naming", at, name)
				tr.WaitRouter(t, cluster.ForHost(at))
				cluster.CheckAnswer(t, tr.Target(at), at, member.name, what)
				if form.Plain {
					cluster.CheckAnswer(t, tr.Plain(), at, member.name, what+", plaintext")
				}
			}
		}
		tr.CheckRights(t)
	}
	w.rows = append(w.rows, row{
		attack: "none: own routes of two tenants", provider: "all five",
		on: "all pass, on one and on several entry points",
	})
	testAttached(t, w)
}

// testAttached attaches the guard to a tenant's own routes, with the operator's policy from a file,
// at a Traefik without a guard at its entry points.
func testAttached(t *testing.T, w *world) {
	a, g := w.acme, w.globex
	const guards = `
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: guard}
spec: {plugin: {tenantguard: {}}}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: trusting}
spec: {plugin: {tenantguard: {legacyNames: allow}}}
`
	const annotation = cluster.OnWebsecure + ", " +
		"traefik.ingress.kubernetes.io/router.middlewares: "
	extension := func(name string) string {
		return "filters: [{type: ExtensionRef, " +
			"extensionRef: {group: traefik.io, kind: Middleware, name: " + name + "}}]"
	}
	manifests := []string{
		guards,
		a.routeVia("own-crd", "Host(`own-crd.acme.test`)", "entryPoints: [web, websecure]",
			"middlewares: [{name: guard}]"),
		a.routeVia("trust-crd", "Host(`trust-crd.acme.test`)", "entryPoints: [web, websecure]",
			"middlewares: [{name: trusting}]"),
		a.ingress("own-safe", "traefik", "own-safe.acme.test", "/", "tls",
			annotation+"acme_guard@kubernetescrd"),
		a.ingress("own-legacy", "traefik", "own-legacy.acme.test", "/", "tls",
			annotation+"acme-guard@kubernetescrd"),
		a.gatewayRoute("HTTPRoute", "own-http", "", "own-http.acme.test", extension("guard")),
		a.gatewayRoute("HTTPRoute", "trust-http", "", "trust-http.acme.test",
			extension("trusting")),
		a.gatewayRoute("GRPCRoute", "trust-grpc", "", "grpc-trust.acme.test",
			extension("trusting")),
	}
	foreign := []string{
		guards,
		g.routeVia("foreign-crd", "Host(`foreign-crd.acme.test`)", "entryPoints: [websecure]",
			"middlewares: [{name: trusting}]"),
		g.ingress("foreign-safe", "traefik", "foreign-safe.acme.test", "/", "",
			annotation+"globex_guard@kubernetescrd"),
		g.ingress("foreign-legacy", "traefik", "foreign-legacy.acme.test", "/", "",
			annotation+"globex-guard@kubernetescrd"),
		g.gatewayRoute("HTTPRoute", "foreign-http", "", "foreign-http.acme.test",
			extension("trusting")),
	}
	a.Apply(t, manifests...)
	g.Apply(t, foreign...)
	defer func() {
		a.Delete(t, manifests...)
		g.Delete(t, foreign...)
		for _, tr := range w.all(namings...) {
			tr.WaitRemoved(t, func(router cluster.Router) bool {
				return strings.Contains(router.Rule, "own-") ||
					strings.Contains(router.Rule, "foreign-") ||
					strings.Contains(router.Rule, "trust")
			})
		}
	}()

	// Where the name is ambiguous this guard cannot ask the API, since a tenant may not use
	// Traefik's token.
	want := map[naming]map[string]string{
		safe: {
			"own-crd.acme.test": "", "trust-crd.acme.test": "", "own-safe.acme.test": "",
			"own-http.acme.test": "router-ambiguous", "trust-http.acme.test": "",
			"grpc-trust.acme.test":  "",
			"foreign-crd.acme.test": "host-foreign", "foreign-safe.acme.test": "host-foreign",
			"foreign-http.acme.test": "host-foreign",
		},
		legacy: {
			"own-crd.acme.test": "router-ambiguous", "trust-crd.acme.test": "",
			"own-legacy.acme.test": ofIngress("", "router-ambiguous")[legacy],
			"own-http.acme.test":   "router-ambiguous", "trust-http.acme.test": "",
			"grpc-trust.acme.test":  "",
			"foreign-crd.acme.test": "host-foreign", "foreign-http.acme.test": "host-foreign",
			"foreign-legacy.acme.test": ofIngress("host-foreign", "router-ambiguous")[legacy],
		},
	}
	for _, name := range namings {
		tr := w.off[name]
		for at, code := range want[name] {
			router := tr.WaitRouter(t, cluster.ForHost(at))
			what := fmt.Sprintf("a tenant's own guard at %s, %s naming, router %s", at, name,
				router.Name)
			if code == "" {
				cluster.CheckAnswer(t, tr.Target(at), at, "acme", what)
				continue
			}
			response := lab.Get(t, lab.HTTP1, tr.Target(at), at, "/")
			assert.Empty(t, response.Tenant(), what)
			denial := tr.Log.WaitDenial(t, func(denial lab.Denial) bool {
				return denial.Host == at
			})
			assert.Equal(t, code, denial.Reason, what)
		}
	}
	const onTrust = "router-ambiguous; with legacyNames: allow own passes, foreign host-foreign"
	own := row{attack: "none: a tenant's own Middleware", provider: "kubernetesIngress",
		on: "router-ambiguous"}
	if hasIngressNamespace {
		own.provider, own.on = "kubernetesCRD safe, Ingress", "own passes; foreign host-foreign"
	}
	w.rows = append(w.rows, own, row{attack: own.attack, on: onTrust,
		provider: "kubernetesCRD legacy, Gateway"})
}
