package kubernetes_test

import (
	"testing"

	"github.com/tenantguard/tenantguard/e2e/cluster"
)

// testForeignHosts has globex claim a path of acme's host, and hosts of acme that have no router.
func testForeignHosts(t *testing.T, w *world) {
	const login = "/login"
	victims := map[string]string{"acme.test": "acme", "globex.test": "globex"}
	g := w.globex
	claim := func(provider, name, manifest string, router func(cluster.Router) bool, a attack) {
		a.provider, a.name, a.by, a.succeeds = provider, name, g, "globex"
		a.manifests, a.router = []string{manifest}, router
		a.certificate, a.victims = w.acme.certificate.Certificate, victims
		w.run(t, a)
	}
	foreign := func(provider, name, manifest string) {
		claim(provider, name, manifest, ruled(login), attack{
			host: "acme.test", path: login, code: both("host-foreign"), namespaces: both("globex"),
		})
	}
	const rule = "Host(`acme.test`) && PathPrefix(`/login`)"
	foreign("kubernetesCRD", "foreign Host", g.route("steal", rule, "entryPoints: [websecure]"))
	foreign("kubernetesCRD", "foreign Host on several entry points",
		g.route("steal", rule, "entryPoints: [web, websecure]"))
	foreign("kubernetesIngress", "foreign Host",
		g.ingress("steal", "traefik", "acme.test", login, "", cluster.OnWebsecure))
	foreign("ingress-nginx", "foreign Host",
		g.ingress("steal", "nginx", "acme.test", login, "", cluster.NoRedirect))
	foreign("kubernetesGateway", "foreign Host by HTTPRoute",
		g.gatewayRoute("HTTPRoute", "steal", "", "acme.test",
			"matches: [{path: {type: PathPrefix, value: /login}}]"))

	const forgotten = "forgotten.acme.test"
	known := attack{host: forgotten, code: both("host-foreign"), namespaces: both("globex")}
	claim("kubernetesCRD", "catch-all PathPrefix(/)",
		g.route("all", "PathPrefix(`/`)", "entryPoints: [websecure]"), named("all"), known)
	// The name of its router contains no namespace.
	unnamed := attack{
		host:       forgotten,
		code:       ofIngress("host-foreign", "router-ambiguous"),
		namespaces: ofIngress("globex", ""),
	}
	claim("kubernetesIngress", "defaultBackend", g.defaultBackend("traefik"),
		named("default-router"), unnamed)
	unnamed.plain = true
	claim("ingress-nginx", "defaultBackend", g.defaultBackend("nginx"),
		named("@kubernetesingressnginx"), unnamed)
	claim("kubernetesGateway", "foreign Host by GRPCRoute",
		g.gatewayRoute("GRPCRoute", "steal", "", forgotten, ""), cluster.ForHost(forgotten), known)

	victims = map[string]string{"globex.test": "globex"}
	claim("kubernetesCRD", "catch-all with a high priority",
		g.routeVia("all", "PathPrefix(`/`)", "entryPoints: [websecure]", "priority: 100000"),
		named("all"), attack{
			host: "acme.test", code: both("host-foreign"),
			note: " (victim cut off, nothing leaks)",
		})
}

func (m *team) defaultBackend(class string) string {
	return `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: rest}
spec:
  ingressClassName: ` + class + `
  defaultBackend: {service: {name: ` + m.service + `, port: {name: http}}}
`
}
