package loader

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

// slowList is a cluster whose lists take their time.
type slowList struct {
	kubetest.Cluster
	delay time.Duration
}

func (c *slowList) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	if !kubetest.Watched(req) {
		time.Sleep(c.delay)
	}
	c.Cluster.ServeHTTP(rw, req)
}

// TestFreshGuardUnderTraffic has requests arrive from a guard's first moment on, while those of
// another middleware wait for certificates. All wait for the first list of Namespaces.
func TestFreshGuardUnderTraffic(t *testing.T) {
	plugin := Load(t, "")
	rows := []struct {
		description, mode string
		refused           map[string]int
		want              int
	}{
		{"enforce", "enforce", nil, http.StatusTeapot},
		{"report", "report", nil, http.StatusTeapot},
		{"no right to list", "report", map[string]int{kubetest.NamespacesPath: 403},
			http.StatusServiceUnavailable},
	}
	for _, row := range rows {
		t.Run(row.description, func(t *testing.T) {
			api := kubetest.Start(t, &slowList{delay: time.Second / 2, Cluster: kubetest.Cluster{
				Refused: row.refused,
				Namespaces: []kubetest.Namespace{{
					Name: "acme", Created: "2026-01-01T00:00:00Z",
					Labels:      map[string]string{"tenantguard.io/tenant": "acme"},
					Annotations: map[string]string{"tenantguard.io/hosts": freshHost},
				}},
			}})
			keys := map[string]any{"mode": row.mode, "kubernetes": map[string]any{
				"enabled": true, "endpoint": api.Endpoint, "tokenFile": api.TokenFile,
				"caFile": api.CAFile,
			}}
			answers := startUnderTraffic(t, plugin, keys, row.description+"@file")
			assert.Len(t, answers, 1, "%v", answers)
			assert.NotZero(t, answers[row.want], "%v", answers)
		})
	}
}

const freshHost = "a.acme.example.com"

// startUnderTraffic builds a guard with these keys and another one, sends both requests for a
// second, and returns the statuses that the first one answers.
func startUnderTraffic(
	t *testing.T, plugin *Plugin, keys map[string]any, name string,
) map[int]int {
	t.Helper()
	certificate, err := vectors.Certificate(testdata, "acme-exact")
	require.NoError(t, err)
	entryPoint, err := vectors.Listen(certificate)
	require.NoError(t, err)
	t.Cleanup(entryPoint.Close)
	build := func(keys map[string]any, name string) http.Handler {
		ctx := RouterContext(t.Context(), "websecure", "acme_web_0@kubernetescrd")
		guard, err := plugin.New(ctx, teapot, keys, name)
		require.NoError(t, err)
		return guard
	}
	fresh := build(keys, name)
	acme := map[string]any{"name": "acme", "namespaces": "acme", "hosts": freshHost}
	other := build(map[string]any{
		"tenants": []any{acme}, "certificates": map[string]any{"ttl": "1ns"},
	}, "other-"+name)

	answers := map[int]int{}
	var mu sync.Mutex
	var clients sync.WaitGroup
	end := time.Now().Add(time.Second)
	send := func(handler http.Handler, c vectors.Case) int {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, c.RequestAt(entryPoint))
		return recorder.Code
	}
	for range 8 {
		clients.Go(func() {
			for time.Now().Before(end) {
				send(other, vectors.Case{Host: freshHost, TLS: true, ServerName: freshHost})
			}
		})
	}
	for time.Now().Before(end) {
		time.Sleep(time.Millisecond)
		clients.Go(func() {
			code := send(fresh, vectors.Case{Host: freshHost})
			mu.Lock()
			defer mu.Unlock()
			answers[code]++
		})
	}
	clients.Wait()

	return answers
}
