package cluster_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func TestCluster(t *testing.T) {
	started := time.Now()
	c := cluster.Start(t)
	t.Logf("a cluster with everything installed: %s", time.Since(started).Round(time.Millisecond))

	t.Run("a tenant has its namespace and nothing else", func(t *testing.T) {
		testTenantRights(t, c)
	})
	t.Run("route", func(t *testing.T) { testRoute(t, c) })
	for _, safe := range namings {
		t.Run(fmt.Sprintf("router names, safe naming %t", safe), func(t *testing.T) {
			testRouterNames(t, c, safe)
		})
	}
	for provider := range cluster.AllProviders(true) {
		t.Run(provider+" alone", func(t *testing.T) { testAlone(t, c, provider) })
	}
	t.Run("a tenant's own Middleware", func(t *testing.T) { testOwnMiddleware(t, c) })
	t.Run("tokens", func(t *testing.T) { testTokens(t, c) })
	t.Run("proxy", func(t *testing.T) { testProxy(t, c) })
	t.Run("pages of changing size", func(t *testing.T) { testPages(t, c) })
	t.Run("a namespace is deleted and made again", func(t *testing.T) { testNamespace(t, c) })
	t.Run("the API server stops and starts", func(t *testing.T) {
		c.Stop(t)
		require.Error(t, c.TryApply(t.Context(), c.Admin(), configMap("after-restart")))
		again := time.Now()
		c.Start(t)
		t.Logf("kube-apiserver started again: %s", time.Since(again).Round(time.Millisecond))
		c.Apply(t, c.Admin(), configMap("after-restart"))
	})
}

func configMap(name string) string {
	return "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + "}}"
}

func testTenantRights(t *testing.T, c *cluster.Cluster) {
	a, b := c.Tenant(t, "rights-a"), c.Tenant(t, "rights-b")
	require.NoError(t, a.TryApply(t.Context(), configMap("own")))
	for name, manifest := range map[string]string{
		"another tenant's namespace": `
apiVersion: v1
kind: ConfigMap
metadata: {name: foreign, namespace: ` + b.Namespace + `}
`,
		"its own Namespace": `
apiVersion: v1
kind: Namespace
metadata: {name: ` + a.Namespace + `, labels: {tenantguard.io/tenant: b}}
`,
		"its own rights": `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: more}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
`,
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
	route := cluster.Route{Name: "web", Host: host, Service: team.Service(t, "team-a")}
	team.Apply(t, route.IngressRoute("", "entryPoints: [websecure], tls: {secretName: tls}", ""))

	started := time.Now()
	tr := c.Traefik(t,
		cluster.TraefikOptions{Providers: lab.Map{cluster.CRD: cluster.Naming(true)}})
	tr.WaitRouter(t, ofRoute("team-a", "web"))
	tr.WaitCertificate(t, host, certificate)
	t.Logf("Traefik with the tenant's route: %s", time.Since(started).Round(time.Millisecond))
	for _, protocol := range []lab.Protocol{lab.HTTP1, lab.HTTP2} {
		response := lab.Get(t, protocol, tr.Target(host), host, "/")
		assert.Equal(t, "team-a", response.Tenant(), protocol)
		assert.Equal(t, certificate.Pin(), lab.Pin(response.Served), protocol)
	}
}

// testOwnMiddleware attaches the guard as a tenant does, with a Middleware of its own.
func testOwnMiddleware(t *testing.T, c *cluster.Cluster) {
	const host = "own.names.test"
	team := c.Tenant(t, "own")
	route := cluster.Route{Name: "web", Host: host, Service: team.Service(t, "names")}
	tr := c.Traefik(t, cluster.TraefikOptions{
		Options:   lab.Options{Plugin: true},
		Providers: lab.Map{cluster.CRD: cluster.Naming(true)},
	})
	team.Apply(t, `
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: guard}
spec:
  plugin:
    tenantguard:
      tenants: [{name: own, namespaces: [own], hosts: [other.test]}]
      certificates: {check: "off"}
`, route.IngressRoute("", "entryPoints: [websecure]", "middlewares: [{name: guard}]"))
	router := tr.WaitRouter(t, ofRoute("own", "web"))
	guard := map[bool]string{
		true: "own_guard@kubernetescrd", false: "own-guard@kubernetescrd",
	}[namings[0]]
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
				return apierrors.IsUnauthorized(c.TryApply(t.Context(), asTraefik,
					configMap("forbidden")))
			}, time.Minute, 100*time.Millisecond)
			t.Logf("a token for %s is refused after %s", ttl,
				time.Since(expired).Round(100*time.Millisecond))
		}
	}
}

func testNamespace(t *testing.T, c *cluster.Cluster) {
	started := time.Now()
	defer func() {
		t.Logf("deleted and made again: %s", time.Since(started).Round(time.Millisecond))
	}()
	team := c.Tenant(t, "short-lived")
	team.Apply(t, configMap("deleted"))
	c.DeleteNamespace(t, "short-lived")
	require.Error(t, team.TryApply(t.Context(), configMap("deleted")))
	team = c.Tenant(t, "short-lived", "tenantguard.io/tenant=again",
		"@tenantguard.io/hosts=again.example.com")
	err := team.TryDelete(t.Context(), configMap("deleted"))
	assert.True(t, apierrors.IsNotFound(err), "%v", err)
}
