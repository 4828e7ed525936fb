package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/loader"
)

const (
	newLimit  = 3.0
	newRounds = 7
	routers   = 2000
	tenants   = 500
	// settling is how long timers may keep an unused plugin on the heap.
	settling = 2 * time.Second
)

// constructed measures a whole configuration: many routers with one policy file, the first time and
// on a reload. The pass-through plugin gets the same configuration, since Traefik decodes it for
// every router.
func constructed(t lab.T, source string) []row {
	config := map[string]any{"policyFile": writePolicy(t)}
	var base, guard measured
	for range newRounds {
		settle()
		base.add(construct(t, loader.Load(t, loader.Passthrough(t)), config))
		settle()
		guard.add(construct(t, loader.Load(t, source), config))
	}
	ms, kib := float64(time.Millisecond), 1024.0
	what := fmt.Sprintf("%d New, a policyFile of %d tenants, ms", routers, tenants)
	return []row{
		compared(t, what, base.first, guard.first, ms, newLimit),
		compared(t, "the same on a reload, ms", base.reload, guard.reload, ms, newLimit),
		{"until each of them has answered, ms", number(base.answered.median() / ms),
			number(guard.answered.median() / ms), "", ""},
		{"heap of those New, KiB", number(base.heap.median() / kib),
			number(guard.heap.median() / kib), "", ""},
		{"heap when each has answered, KiB", number(base.heapAnswered.median() / kib),
			number(guard.heapAnswered.median() / kib), "", ""},
	}
}

// measured is the cost of a configuration with many routers: the time of its New calls, of the
// first request to each router and of the New calls of a reload, and the heap after the first two.
type measured struct {
	first, answered, reload, heap, heapAnswered sample
}

func (m *measured) add(r round) {
	m.first, m.answered = append(m.first, r.first), append(m.answered, r.answered)
	m.reload = append(m.reload, r.reload)
	m.heap, m.heapAnswered = append(m.heap, r.heap), append(m.heapAnswered, r.heapAnswered)
}

type round struct {
	first, answered, reload, heap, heapAnswered float64
}

func construct(t lab.T, plugin *loader.Plugin, config map[string]any) (r round) {
	before := heap()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	start := time.Now()
	handlers := routersOf(t, ctx, plugin, config)
	r.first = float64(time.Since(start))
	r.heap = heap() - before

	start = time.Now()
	for i, handler := range handlers {
		requireAnswered(t, handler, i)
	}
	r.answered = float64(time.Since(start))
	r.heapAnswered = heap() - before

	reloaded, end := context.WithCancel(t.Context())
	defer end()
	runtime.GC()
	start = time.Now()
	routersOf(t, reloaded, plugin, config)
	r.reload = float64(time.Since(start))
	runtime.KeepAlive(handlers)
	return r
}

func routersOf(
	t lab.T, ctx context.Context, plugin *loader.Plugin, config map[string]any,
) []http.Handler {
	handlers := make([]http.Handler, 0, routers)
	for n := range routers {
		router := fmt.Sprintf("tenant-%d_web_%d@kubernetescrd", n%tenants, n/tenants)
		handler, err := plugin.New(loader.RouterContext(ctx, "web", router), nothing{}, config,
			"guard@file")
		require.NoError(t, err)
		handlers = append(handlers, handler)
	}
	return handlers
}

// requireAnswered sends a tenant's own request to its router.
func requireAnswered(t lab.T, handler http.Handler, n int) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		fmt.Sprintf("http://t%d.example.com/", n%tenants), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusTeapot, statusOf(handler, req))
}

func settle() {
	runtime.GC()
	time.Sleep(settling)
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

func writePolicy(t lab.T) string {
	var list []any
	for i := range tenants {
		list = append(list, map[string]any{
			"name":       fmt.Sprintf("tenant-%d", i),
			"namespaces": []string{fmt.Sprintf("tenant-%d", i), fmt.Sprintf("t%d-*", i)},
			"hosts": []string{fmt.Sprintf("t%d.example.com", i),
				fmt.Sprintf("*.t%d.example.com", i)},
		})
	}
	text, err := json.Marshal(map[string]any{"tenants": list})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "policy.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}
