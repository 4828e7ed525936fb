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
	foreign := func(provider, name, manifest string, router func(cluster.Router) bool) {
		w.run(t, attack{
			name:        name,
			provider:    provider,
			by:          g,
			manifests:   []string{manifest},
			router:      router,
			host:        "acme.test",
			path:        login,
			succeeds:    "globex",
			certificate: w.acme.certificate.Certificate,
			code:        both("host-foreign"),
			namespaces:  both("globex"),
			victims:     victims,
		})
	}
	foreign("kubernetesCRD", "foreign Host",
		g.route("steal", "Host(`acme.test`) && PathPrefix(`/login`)", "entryPoints: [websecure]"),
		ruled(login))
	foreign("kubernetesCRD", "foreign Host on several entry points",
		g.route("steal", "Host(`acme.test`) && PathPrefix(`/login`)",
			"entryPoints: [web, websecure]"), ruled(login))
	foreign("kubernetesIngress", "foreign Host",
		g.ingress("steal", "traefik", "acme.test", login, "", cluster.OnWebsecure), ruled(login))
	foreign("ingress-nginx", "foreign Host",
		g.ingress("steal", "nginx", "acme.test", login, "", cluster.NoRedirect), ruled(login))
	foreign("kubernetesGateway", "foreign Host by HTTPRoute",
		g.gatewayRoute("HTTPRoute", "steal", "", "acme.test",
			"matches: [{path: {type: PathPrefix, value: /login}}]"), ruled(login))

	catch := func(
		provider, name, manifest string, router func(cluster.Router) bool, plain bool,
		code, namespaces map[naming]string,
	) {
		w.run(t, attack{
			name:        name,
			provider:    provider,
			by:          g,
			manifests:   []string{manifest},
			router:      router,
			host:        "forgotten.acme.test",
			succeeds:    "globex",
			certificate: w.acme.certificate.Certificate,
			plain:       plain,
			code:        code,
			namespaces:  namespaces,
			victims:     victims,
		})
	}
	foreignHost, globex := both("host-foreign"), both("globex")
	catch("kubernetesCRD", "catch-all PathPrefix(/)",
		g.route("all", "PathPrefix(`/`)", "entryPoints: [websecure]"), named("all"), false,
		foreignHost, globex)
	// The name of its router contains no namespace.
	code, namespaces := ofIngress("host-foreign", "router-ambiguous"), ofIngress("globex", "")
	catch("kubernetesIngress", "defaultBackend", g.defaultBackend("traefik"),
		named("default-router"), false, code, namespaces)
	catch("ingress-nginx", "defaultBackend", g.defaultBackend("nginx"),
		named("@kubernetesingressnginx"), true, code, namespaces)
	catch("kubernetesGateway", "foreign Host by GRPCRoute",
		g.gatewayRoute("GRPCRoute", "steal", "", "forgotten.acme.test", ""),
		cluster.ForHost("forgotten.acme.test"), false, foreignHost, globex)
	w.run(t, attack{
		name:     "catch-all with a high priority",
		provider: "kubernetesCRD",
		by:       g,
		manifests: []string{g.routeVia("all", "PathPrefix(`/`)", "entryPoints: [websecure]",
			"priority: 100000")},
		router:      named("all"),
		host:        "acme.test",
		succeeds:    "globex",
		certificate: w.acme.certificate.Certificate,
		code:        both("host-foreign"),
		victims:     map[string]string{"globex.test": "globex"},
		note:        " (victim cut off, nothing leaks)",
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
