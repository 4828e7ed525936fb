package cluster_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
	"google.golang.org/grpc/health/grpc_health_v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// allProviders are all of Traefik's Kubernetes providers.
func allProviders(safeNaming bool) lab.Map {
	return lab.Map{
		cluster.CRD:     cluster.Naming(safeNaming),
		cluster.Ingress: lab.Map{},
		cluster.NGINX:   lab.Map{},
		cluster.Gateway: lab.Map{},
	}
}

// namings are whether router names are safe, as far as the release has a choice; the safest first.
var namings = map[bool][]bool{true: {true, false}, false: {false}}[traefik.Since(traefik.SafeNames)]

// crdName is a pattern of the name that an IngressRoute's router has.
func crdName(safe bool, namespace, route string) string {
	if safe {
		return namespace + "_" + route + "_0@kubernetescrd"
	}
	return namespace + "-" + route + "-[0-9a-f]{20}@kubernetescrd"
}

// ofRoute matches the router of an IngressRoute under the safest naming there is.
func ofRoute(namespace, route string) func(cluster.Router) bool {
	name := regexp.MustCompile("^" + crdName(namings[0], namespace, route) + "$")
	return func(router cluster.Router) bool { return name.MatchString(router.Name) }
}

func TestCluster(t *testing.T) {
	started := time.Now()
	c := cluster.Start(t)
	t.Logf("a cluster with everything installed: %s", time.Since(started).Round(time.Millisecond))

	t.Run("a tenant has its namespace and nothing else", func(t *testing.T) { testTenantRights(t, c) })
	t.Run("route", func(t *testing.T) { testRoute(t, c) })
	for _, safe := range namings {
		t.Run(fmt.Sprintf("router names, safe naming %t", safe), func(t *testing.T) { testRouterNames(t, c, safe) })
	}
	for provider := range allProviders(true) {
		t.Run(provider+" alone", func(t *testing.T) { testAlone(t, c, provider) })
	}
	t.Run("a tenant's own Middleware", func(t *testing.T) { testOwnMiddleware(t, c) })
	t.Run("tokens", func(t *testing.T) { testTokens(t, c) })
	t.Run("proxy", func(t *testing.T) { testProxy(t, c) })
	t.Run("pages of changing size", func(t *testing.T) { testPages(t, c) })
	t.Run("a namespace is deleted and made again", func(t *testing.T) { testNamespace(t, c) })
	t.Run("the API server stops and starts", func(t *testing.T) {
		c.Stop(t)
		require.Error(t, c.TryApply(t.Context(), c.Admin(), configMap("kept")))
		again := time.Now()
		c.Start(t)
		t.Logf("kube-apiserver started again: %s", time.Since(again).Round(time.Millisecond))
		c.Apply(t, c.Admin(), configMap("kept"))
	})
}

func configMap(name string) string {
	return "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + "}}"
}

func testTenantRights(t *testing.T, c *cluster.Cluster) {
	a, b := c.Tenant(t, "rights-a"), c.Tenant(t, "rights-b")
	require.NoError(t, a.TryApply(t.Context(), configMap("own")))
	for name, manifest := range map[string]string{
		"another's namespace": "{apiVersion: v1, kind: ConfigMap, metadata: {name: foreign, namespace: " + b.Namespace + "}}",
		"its own Namespace":   "{apiVersion: v1, kind: Namespace, metadata: {name: " + a.Namespace + ", labels: {tenantguard.io/tenant: b}}}",
		"its own rights":      "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: more}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}",
	} {
		err := a.TryApply(t.Context(), manifest)
		assert.True(t, apierrors.IsForbidden(err), "%s: %v", name, err)
	}
}

func testRoute(t *testing.T, c *cluster.Cluster) {
	const host = "a.example.com"
	team := c.Tenant(t, "team-a")
	certificate := lab.NewCA(t, "platform CA").Issue(t, host)
	team.Secret(t, "tls", certificate)
	service := team.Service(t, "team-a")
	team.Apply(t, cluster.Route{Name: "web", Host: host, Service: service}.IngressRoute("", "entryPoints: [websecure], tls: {secretName: tls}", ""))

	started := time.Now()
	tr := c.Traefik(t, cluster.TraefikOptions{Providers: lab.Map{cluster.CRD: cluster.Naming(true)}})
	tr.WaitRouter(t, ofRoute("team-a", "web"))
	tr.WaitCertificate(t, host, certificate)
	t.Logf("Traefik with the tenant's route: %s", time.Since(started).Round(time.Millisecond))
	for _, protocol := range []lab.Protocol{lab.HTTP1, lab.HTTP2} {
		response := lab.Get(t, protocol, tr.Target(host), host, "/")
		assert.Equal(t, "team-a", response.Tenant(), protocol)
		assert.Equal(t, certificate.Pin(), lab.Pin(response.Served), protocol)
	}
}

// named is a route and the routers that become of it.
type named struct {
	route string
	// plain and secure are the names on the entry points web and websecure, as patterns; empty: there is none.
	plain, secure string
}

// testRouterNames shows the names under which the guard meets each provider's routers. Each route has a host of its
// own, so that the guard's reports tell which router took a request.
func testRouterNames(t *testing.T, c *cluster.Cluster, safe bool) {
	const hash = "-[0-9a-f]{20}"
	crd := func(route string) string { return crdName(safe, "names-a", route) }
	ingressName := func(name string) string { return "names-a-" + name + "-" + name + "-names-test@kubernetes" }
	gateway := func(kind, name, entryPoint string) string {
		return kind + "-names-a-" + name + "-gw-traefik-gateway-ep-" + entryPoint + "-0" + hash + "@kubernetesgateway"
	}
	nginx := func(route string) named {
		name := "names-a-" + route + "-rule-0-path-0"
		if !traefik.Since(traefik.NGINXNames) {
			return named{route: route, plain: "web-" + name + "-http@kubernetesingressnginx", secure: "websecure-" + name + "@kubernetesingressnginx"}
		}
		return named{route: route, plain: name + "@kubernetesingressnginx", secure: "websecure-" + name + "-tls@kubernetesingressnginx"}
	}
	want := []named{
		{route: "crd-one", secure: crd("crd-one")},
		{route: "crd-several", plain: "web-" + crd("crd-several"), secure: "websecure-" + crd("crd-several")},
		{route: "ingress-one", secure: ingressName("ingress-one")},
		{route: "ingress-several", plain: "web-" + ingressName("ingress-several"), secure: "websecure-" + ingressName("ingress-several")},
		nginx("nginx-one"),
		{route: "http-one", secure: gateway("httproute", "http-one", "websecure")},
		{route: "http-several", plain: gateway("httproute", "http-several", "web"), secure: gateway("httproute", "http-several", "websecure")},
		{route: "grpc-one", secure: gateway("grpcroute", "grpc-one", "websecure")},
		{route: "grpc-several", plain: gateway("grpcroute", "grpc-several", "web"), secure: gateway("grpcroute", "grpc-several", "websecure")},
	}

	team := c.Tenant(t, "names-a")
	team.Secret(t, "tls", lab.SelfSigned(t, "*.names.test"))
	service := team.Service(t, "names")
	tr := c.Traefik(t, cluster.TraefikOptions{
		Options: lab.Options{
			Guard: reportAll(),
			// A second entry point with TLS: the ingress-nginx provider's routers without TLS are on those without.
			Static: lab.Map{"entryPoints": lab.Map{"other": lab.Map{"http": lab.Map{"tls": lab.Map{}}}}},
		},
		Providers: allProviders(safe),
	})
	c.Apply(t, c.Admin(), cluster.GatewayManifests(t, tr, lab.SelfSigned(t, "gateway.names.test"))...)
	team.Apply(t,
		cluster.Route{Name: "crd-one", Host: "crd-one.names.test", Service: service}.IngressRoute("", "entryPoints: [websecure]", ""),
		cluster.Route{Name: "crd-several", Host: "crd-several.names.test", Service: service}.IngressRoute("", "entryPoints: [web, websecure]", ""),
		cluster.Route{Name: "ingress-one", Host: "ingress-one.names.test", Service: service}.Ingress("traefik", "tls", "traefik.ingress.kubernetes.io/router.entrypoints: websecure"),
		cluster.Route{Name: "ingress-several", Host: "ingress-several.names.test", Service: service}.Ingress("traefik", "tls", ""),
		cluster.Route{Name: "nginx-one", Host: "nginx-one.names.test", Service: service}.Ingress("nginx", "tls", "nginx.ingress.kubernetes.io/ssl-redirect: 'false'"),
		cluster.Route{Name: "http-one", Host: "http-one.names.test", Service: service}.Gateway("HTTPRoute", "websecure", ""),
		cluster.Route{Name: "http-several", Host: "http-several.names.test", Service: service}.Gateway("HTTPRoute", "", ""),
		cluster.Route{Name: "grpc-one", Host: "grpc-one.names.test", Service: service}.Gateway("GRPCRoute", "websecure", ""),
		cluster.Route{Name: "grpc-several", Host: "grpc-several.names.test", Service: service}.Gateway("GRPCRoute", "", ""),
	)
	for _, route := range want {
		tr.WaitRouter(t, cluster.ForHost(route.route+".names.test"))
	}
	for _, router := range tr.Routers(t) {
		t.Logf("%v %s", router.EntryPoints, router.Name)
	}

	for _, route := range want {
		host := route.route + ".names.test"
		for router, target := range map[string]lab.Target{route.plain: tr.Plain(), route.secure: tr.Target(host)} {
			if router == "" {
				continue
			}
			ask(t, target, host)
			denial := tr.Log.WaitDenial(t, func(denial lab.Denial) bool {
				return denial.Host == host && (denial.SNI == "") == target.Plain
			})
			assert.Regexp(t, "^"+router+"$", denial.Router)
			t.Logf("the guard at %s sees %s, namespace %q, %s", host, denial.Router, denial.Namespace, denial.Reason)
		}
	}
	assertNotForbidden(t, tr)
}

// reportAll is a guard that reports every request and lets it pass.
func reportAll() lab.Map {
	return lab.Map{
		"mode":         "report",
		"tenants":      []lab.Map{{"name": "nobody", "hosts": []string{"nobody.test"}}},
		"certificates": lab.Map{"check": "off"},
	}
}

// ask makes the request that a host's backend answers: hosts of GRPCRoutes are asked by gRPC.
func ask(t *testing.T, target lab.Target, host string) {
	t.Helper()
	if !strings.HasPrefix(host, "grpc") {
		assert.Equal(t, "names", lab.Get(t, lab.HTTP1, target, host, "/").Tenant(), host)
		return
	}
	client := grpc_health_v1.NewHealthClient(lab.GRPC(t, target, host))
	_, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	assert.NoError(t, err, host)
}

// assertNotForbidden checks that Traefik was refused nothing, so that its rights are enough.
func assertNotForbidden(t *testing.T, tr *cluster.Traefik) {
	t.Helper()
	for _, line := range tr.Log.Lines() {
		assert.NotContains(t, line, "forbidden")
	}
}

// testAlone runs each provider alone with the rights that it has then.
func testAlone(t *testing.T, c *cluster.Cluster, provider string) {
	team := c.Tenant(t, "alone")
	team.Secret(t, "tls", lab.SelfSigned(t, "alone.names.test"))
	service := team.Service(t, "names")
	tr := c.Traefik(t, cluster.TraefikOptions{Providers: lab.Map{provider: lab.Map{}}})
	switch provider {
	case cluster.CRD:
		team.Apply(t, cluster.Route{Name: "web", Host: "alone.names.test", Service: service}.IngressRoute("", "entryPoints: [websecure]", ""))
	case cluster.Ingress:
		team.Apply(t, cluster.Route{Name: "web", Host: "alone.names.test", Service: service}.Ingress("traefik", "tls", ""))
	case cluster.NGINX:
		team.Apply(t, cluster.Route{Name: "nginx", Host: "alone.names.test", Service: service}.Ingress("nginx", "tls", ""))
	case cluster.Gateway:
		c.Apply(t, c.Admin(), cluster.GatewayManifests(t, tr, lab.SelfSigned(t, "gateway.names.test"))...)
		team.Apply(t, cluster.Route{Name: "web", Host: "alone.names.test", Service: service}.Gateway("HTTPRoute", "websecure", ""))
	}
	tr.WaitRouter(t, cluster.ForHost("alone.names.test"))
	ask(t, tr.Target("alone.names.test"), "alone.names.test")
	assertNotForbidden(t, tr)
}

// testOwnMiddleware attaches the guard as a tenant does, by a Middleware of its own.
func testOwnMiddleware(t *testing.T, c *cluster.Cluster) {
	const host = "own.names.test"
	team := c.Tenant(t, "own")
	service := team.Service(t, "names")
	tr := c.Traefik(t, cluster.TraefikOptions{
		Options:   lab.Options{Plugin: true},
		Providers: lab.Map{cluster.CRD: cluster.Naming(true)},
	})
	team.Apply(t, `
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: guard}
spec: {plugin: {tenantguard: {tenants: [{name: own, namespaces: [own], hosts: [other.test]}], certificates: {check: "off"}}}}
`, cluster.Route{Name: "web", Host: host, Service: service}.IngressRoute("", "entryPoints: [websecure]", "middlewares: [{name: guard}]"))
	router := tr.WaitRouter(t, ofRoute("own", "web"))
	guard := map[bool]string{true: "own_guard@kubernetescrd", false: "own-guard@kubernetescrd"}[namings[0]]
	assert.Equal(t, []string{guard}, router.Middlewares)
	assert.Equal(t, http.StatusForbidden, lab.Get(t, lab.HTTP1, tr.Target(host), host, "/").Status)
}

func testTokens(t *testing.T, c *cluster.Cluster) {
	for _, ttl := range []time.Duration{time.Hour, 2 * time.Second} {
		file := c.TokenFile(t, cluster.TraefikNamespace, cluster.TraefikAccount, ttl)
		token, err := os.ReadFile(file)
		require.NoError(t, err)
		asTraefik := c.WithToken(string(token))
		err = c.TryApply(t.Context(), asTraefik, configMap("forbidden"))
		assert.True(t, apierrors.IsForbidden(err), "%s: %v", ttl, err)
		if ttl < time.Minute {
			expired := time.Now()
			require.Eventually(t, func() bool {
				return apierrors.IsUnauthorized(c.TryApply(t.Context(), asTraefik, configMap("forbidden")))
			}, time.Minute, 100*time.Millisecond)
			t.Logf("a token for %s is refused after %s", ttl, time.Since(expired).Round(100*time.Millisecond))
		}
	}
}

func testProxy(t *testing.T, c *cluster.Cluster) {
	const host = "proxy.example.com"
	team := c.Tenant(t, "proxied")
	service := team.Service(t, "proxied")
	proxy := c.Proxy(t)
	tr := c.Traefik(t, cluster.TraefikOptions{Endpoint: proxy.URL, Providers: allProviders(true)})
	t.Logf("what Traefik asks at its start: %v", proxy.Count())
	team.Apply(t, cluster.Route{Name: "web", Host: host, Service: service}.IngressRoute("", "entryPoints: [websecure]", ""))
	tr.WaitRouter(t, ofRoute("proxied", "web"))

	// A watch that says nothing leaves Traefik with what it knows.
	proxy.Set(cluster.Faults{Stall: true})
	team.Delete(t, cluster.Route{Name: "web", Host: host, Service: service}.IngressRoute("", "entryPoints: [websecure]", ""))
	team.Apply(t, cluster.Route{Name: "late", Host: host, Service: service}.IngressRoute("", "entryPoints: [websecure]", ""))
	time.Sleep(300 * time.Millisecond)
	assert.True(t, slices.ContainsFunc(tr.Routers(t), ofRoute("proxied", "web")))
	proxy.Set(cluster.Faults{})
	tr.WaitRouter(t, ofRoute("proxied", "late"))

	// A watch that is cut is resumed.
	running := proxy.CutWatches()
	assert.Positive(t, running)
	require.Eventually(t, func() bool { return proxy.Watches() >= running }, time.Minute, 10*time.Millisecond)

	config := c.WithToken("admin")
	config.Host = proxy.URL
	proxy.Set(cluster.Faults{Status: http.StatusForbidden, Only: func(call cluster.Call) bool { return call.Verb == "patch" }})
	assert.True(t, apierrors.IsForbidden(c.TryApply(t.Context(), config, configMap("refused"))))
	proxy.Set(cluster.Faults{Latency: 300 * time.Millisecond})
	started := time.Now()
	require.NoError(t, c.TryApply(t.Context(), config, configMap("slow")))
	assert.GreaterOrEqual(t, time.Since(started), 300*time.Millisecond)
	proxy.Set(cluster.Faults{Refuse: true})
	require.Error(t, c.TryApply(t.Context(), config, configMap("unreachable")))
	require.Eventually(t, func() bool { return proxy.Watches() == 0 }, 10*time.Second, 10*time.Millisecond)
	proxy.Set(cluster.Faults{})
	require.NoError(t, c.TryApply(t.Context(), config, configMap("reached")))
	assert.Len(t, proxy.Calls(func(call cluster.Call) bool { return call.Name == "reached" }), 1)
}

// testPages has the API go on with a list in pages of another size, as the guard asks where objects are large.
func testPages(t *testing.T, c *cluster.Cluster) {
	team := c.Tenant(t, "pages")
	var want, got []string
	for i := range 9 {
		want = append(want, fmt.Sprintf("page-%d", i))
		team.Apply(t, configMap(want[i]))
	}
	client, err := kubernetes.NewForConfig(c.Admin())
	require.NoError(t, err)
	next := ""
	for _, limit := range []int64{4, 1, 3, 10} {
		page, err := client.CoreV1().ConfigMaps("pages").List(t.Context(), metav1.ListOptions{Limit: limit, Continue: next})
		require.NoError(t, err)
		for _, item := range page.Items {
			got = append(got, item.Name)
		}
		next = page.Continue
		require.Equal(t, len(got) < len(want), next != "")
	}
	assert.Equal(t, want, got)
}

func testNamespace(t *testing.T, c *cluster.Cluster) {
	started := time.Now()
	defer func() { t.Logf("deleted and made again: %s", time.Since(started).Round(time.Millisecond)) }()
	team := c.Tenant(t, "short-lived")
	team.Apply(t, configMap("gone"))
	c.DeleteNamespace(t, "short-lived")
	require.Error(t, team.TryApply(t.Context(), configMap("gone")))
	team = c.Tenant(t, "short-lived", "tenantguard.io/tenant=again", "@tenantguard.io/hosts=again.example.com")
	err := team.TryDelete(t.Context(), configMap("gone"))
	assert.True(t, apierrors.IsNotFound(err), "%v", err)
}
