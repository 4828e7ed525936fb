package cluster_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// namings are the values of safeNaming that the release supports, the safest first.
var namings = map[bool][]bool{true: {true, false}, false: {false}}[traefik.Since(traefik.SafeNames)]

// crdName returns a pattern for the name of an IngressRoute's router.
func crdName(safe bool, namespace, route string) string {
	if safe {
		return namespace + "_" + route + "_0@kubernetescrd"
	}
	return namespace + "-" + route + "-[0-9a-f]{20}@kubernetescrd"
}

// ofRoute matches the router of an IngressRoute under the safest naming of the release.
func ofRoute(namespace, route string) func(cluster.Router) bool {
	name := regexp.MustCompile("^" + crdName(namings[0], namespace, route) + "$")
	return func(router cluster.Router) bool { return name.MatchString(router.Name) }
}

// namedRoute is a route with the names of the routers that Traefik makes of it.
type namedRoute struct {
	route string
	// plain and secure are patterns for the names on the entry points web and websecure; "" means
	// that there is no router.
	plain, secure string
}

// namedRoutes returns the routes of cluster.Forms with the names of their routers.
func namedRoutes(safe bool) []namedRoute {
	const hash = "-[0-9a-f]{20}"
	crd := func(route string) string { return crdName(safe, "names-a", route) }
	ingressName := func(name string) string {
		return "names-a-" + name + "-" + name + "-names-test@kubernetes"
	}
	gateway := func(kind, name, entryPoint string) string {
		return kind + "-names-a-" + name + "-gw-traefik-gateway-ep-" + entryPoint + "-0" + hash +
			"@kubernetesgateway"
	}
	nginx := func(route string) namedRoute {
		name := "names-a-" + route + "-rule-0-path-0"
		if !traefik.Since(traefik.NGINXNames) {
			return namedRoute{route: route, plain: "web-" + name + "-http@kubernetesingressnginx",
				secure: "websecure-" + name + "@kubernetesingressnginx"}
		}
		return namedRoute{route: route, plain: name + "@kubernetesingressnginx",
			secure: "websecure-" + name + "-tls@kubernetesingressnginx"}
	}
	return []namedRoute{
		{route: "crd-one", secure: crd("crd-one")},
		{route: "crd-several", plain: "web-" + crd("crd-several"),
			secure: "websecure-" + crd("crd-several")},
		{route: "ingress-one", secure: ingressName("ingress-one")},
		{route: "ingress-several", plain: "web-" + ingressName("ingress-several"),
			secure: "websecure-" + ingressName("ingress-several")},
		nginx("nginx-several"),
		{route: "http-one", secure: gateway("httproute", "http-one", "websecure")},
		{route: "http-several", plain: gateway("httproute", "http-several", "web"),
			secure: gateway("httproute", "http-several", "websecure")},
		{route: "grpc-one", secure: gateway("grpcroute", "grpc-one", "websecure")},
		{route: "grpc-several", plain: gateway("grpcroute", "grpc-several", "web"),
			secure: gateway("grpcroute", "grpc-several", "websecure")},
	}
}

// testRouterNames shows the names under which the guard sees each provider's routers. Each route
// has a host of its own, so the host in a report identifies the router.
func testRouterNames(t *testing.T, c *cluster.Cluster, safe bool) {
	team := c.Tenant(t, "names-a")
	team.Secret(t, "tls", lab.SelfSigned(t, "*.names.test"))
	service := team.Service(t, "names")
	tr := c.Traefik(t, cluster.TraefikOptions{
		Options: lab.Options{
			Guard: reportAll(),
			// The ingress-nginx provider puts its plaintext routers on every entry point without
			// TLS, so the second entry point has TLS.
			Static: lab.Map{
				"entryPoints": lab.Map{"other": lab.Map{"http": lab.Map{"tls": lab.Map{}}}},
			},
		},
		Providers: cluster.AllProviders(safe),
	})
	certificate := lab.SelfSigned(t, "gateway.names.test")
	c.Apply(t, c.Admin(), cluster.GatewayManifests(t, tr, certificate)...)
	for _, form := range cluster.Forms() {
		team.Apply(t, form.Manifest(cluster.Route{
			Name: form.Name, Host: form.Name + ".names.test", Service: service,
		}))
	}
	want := namedRoutes(safe)
	for _, route := range want {
		tr.WaitRouter(t, cluster.ForHost(route.route+".names.test"))
	}
	for _, router := range tr.Routers(t) {
		t.Logf("%v %s", router.EntryPoints, router.Name)
	}

	for _, route := range want {
		host := route.route + ".names.test"
		for router, target := range map[string]lab.Target{
			route.plain: tr.Plain(), route.secure: tr.Target(host),
		} {
			if router == "" {
				continue
			}
			cluster.CheckAnswer(t, target, host, "names", host)
			denial := tr.Log.WaitDenial(t, func(denial lab.Denial) bool {
				return denial.Host == host && (denial.SNI == "") == target.Plain
			})
			assert.Regexp(t, "^"+router+"$", denial.Router)
			t.Logf("the guard at %s sees %s, namespace %q, %s", host, denial.Router,
				denial.Namespace, denial.Reason)
		}
	}
	tr.CheckRights(t)
}

// reportAll returns the configuration of a guard that reports every request and lets it pass.
func reportAll() lab.Map {
	return lab.Map{
		"mode":         "report",
		"tenants":      []lab.Map{{"name": "unrelated", "hosts": []string{"nobody.test"}}},
		"certificates": lab.Map{"check": "off"},
	}
}

// testAlone runs one provider alone, with the rights that the chart gives for it.
func testAlone(t *testing.T, c *cluster.Cluster, provider string) {
	const host = "alone.names.test"
	team := c.Tenant(t, "alone")
	team.Secret(t, "tls", lab.SelfSigned(t, host))
	route := cluster.Route{Name: "web", Host: host, Service: team.Service(t, "names")}
	tr := c.Traefik(t, cluster.TraefikOptions{Providers: lab.Map{provider: lab.Map{}}})
	switch provider {
	case cluster.CRD:
		team.Apply(t, route.IngressRoute("", "entryPoints: [websecure]", ""))
	case cluster.Ingress:
		team.Apply(t, route.Ingress("traefik", "tls", ""))
	case cluster.NGINX:
		route.Name = "nginx"
		team.Apply(t, route.Ingress("nginx", "tls", ""))
	case cluster.Gateway:
		certificate := lab.SelfSigned(t, "gateway.names.test")
		c.Apply(t, c.Admin(), cluster.GatewayManifests(t, tr, certificate)...)
		team.Apply(t, route.Gateway("HTTPRoute", "websecure", ""))
	}
	tr.WaitRouter(t, cluster.ForHost(host))
	cluster.CheckAnswer(t, tr.Target(host), host, "names", provider)
	tr.CheckRights(t)
}
