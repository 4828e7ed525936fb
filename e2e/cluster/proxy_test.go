package cluster_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func testProxy(t *testing.T, c *cluster.Cluster) {
	const host = "proxy.example.com"
	team := c.Tenant(t, "proxied")
	route := cluster.Route{Name: "web", Host: host, Service: team.Service(t, "proxied")}
	manifest := route.IngressRoute("", "entryPoints: [websecure]", "")
	route.Name = "late"
	late := route.IngressRoute("", "entryPoints: [websecure]", "")
	proxy := c.Proxy(t)
	tr := c.Traefik(t, cluster.TraefikOptions{
		Endpoint: proxy.URL, Providers: cluster.AllProviders(true),
	})
	t.Logf("Traefik's calls at its start: %v", proxy.Count())
	team.Apply(t, manifest)
	tr.WaitRouter(t, ofRoute("proxied", "web"))

	// While its watches are silent Traefik keeps its configuration.
	proxy.Set(cluster.Faults{Stall: true})
	team.Delete(t, manifest)
	team.Apply(t, late)
	time.Sleep(300 * time.Millisecond)
	assert.True(t, slices.ContainsFunc(tr.Routers(t), ofRoute("proxied", "web")))
	proxy.Set(cluster.Faults{})
	tr.WaitRouter(t, ofRoute("proxied", "late"))

	// Traefik resumes a watch that was cut.
	running := proxy.CutWatches()
	assert.Positive(t, running)
	require.Eventually(t, func() bool {
		return proxy.Watches() >= running
	}, time.Minute, 10*time.Millisecond)

	config := c.WithToken("admin")
	config.Host = proxy.URL
	proxy.Set(cluster.Faults{Status: http.StatusForbidden, Only: func(call cluster.Call) bool {
		return call.Verb == "patch"
	}})
	assert.True(t, apierrors.IsForbidden(c.TryApply(t.Context(), config, configMap("refused"))))
	proxy.Set(cluster.Faults{Latency: 300 * time.Millisecond})
	started := time.Now()
	require.NoError(t, c.TryApply(t.Context(), config, configMap("slow")))
	assert.GreaterOrEqual(t, time.Since(started), 300*time.Millisecond)
	proxy.Set(cluster.Faults{Refuse: true})
	require.Error(t, c.TryApply(t.Context(), config, configMap("unreachable")))
	require.Eventually(t, func() bool {
		return proxy.Watches() == 0
	}, 10*time.Second, 10*time.Millisecond)
	proxy.Set(cluster.Faults{})
	require.NoError(t, c.TryApply(t.Context(), config, configMap("reached")))
	assert.Len(t, proxy.Calls(func(call cluster.Call) bool { return call.Name == "reached" }), 1)
}

// testPages checks that the API continues a list with a page of another size, as the guard requests
// where objects are large.
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
		page, err := client.CoreV1().ConfigMaps("pages").List(t.Context(),
			metav1.ListOptions{Limit: limit, Continue: next})
		require.NoError(t, err)
		for _, item := range page.Items {
			got = append(got, item.Name)
		}
		next = page.Continue
		require.Equal(t, len(got) < len(want), next != "")
	}
	assert.Equal(t, want, got)
}
