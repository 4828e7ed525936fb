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
	newRounds = 5
	routers   = 5000
	tenants   = 1000
	// settling is how long timers may keep an unused plugin on the heap.
	settling = 2 * time.Second

	kib = 1024.0
)

// constructed measures a whole configuration: many routers with one policy file, the first time and
// on a reload. The pass-through plugin gets the same configuration, since Traefik decodes it for
// every router.
func constructed(t lab.T, s settings) {
	config := map[string]any{"policyFile": writePolicy(t)}
	var base, guard costs
	for range s.times(newRounds) {
		settle()
		base.add(construct(t, loader.Load(t, loader.Passthrough(t)), config))
		settle()
		guard.add(construct(t, loader.Load(t, s.source), config))
	}
	ms := float64(time.Millisecond)
	what := fmt.Sprintf("reload of %d routers of %d tenants, all New, ms", routers, tenants)
	f := ratio(4, what, base.reload, guard.reload, ms)
	f.atMost = 2
	f.print()
	added := guard.heap.minus(base.heap).median() / routers / kib
	figure{row: 4, what: "heap of a router, what the guard's adds, KiB", atMost: 2, value: added,
		base: base.heap.median() / routers / kib, guard: guard.heap.median() / routers / kib,
	}.print()
	answered := guard.heapAnswered.minus(base.heapAnswered).median() / routers / kib
	figure{what: "the same once each has answered, KiB", value: answered,
		base:  base.heapAnswered.median() / routers / kib,
		guard: guard.heapAnswered.median() / routers / kib}.print()
	ratio(0, "the first load of these routers, ms", base.first, guard.first, ms).print()
	ratio(0, "until each of them has answered, ms", base.answered, guard.answered, ms).print()
}

// costs are those of a configuration with many routers: the time of its New calls, of the
// first request to each router and of the New calls of a reload, and the heap after the first two.
type costs struct {
	first, answered, reload, heap, heapAnswered sample
}

func (c *costs) add(r round) {
	c.first, c.answered = append(c.first, r.first), append(c.answered, r.answered)
	c.reload = append(c.reload, r.reload)
	c.heap, c.heapAnswered = append(c.heap, r.heap), append(c.heapAnswered, r.heapAnswered)
}

type round struct {
	first, answered, reload, heap, heapAnswered float64
}

func construct(t lab.T, plugin *loader.Plugin, config map[string]any) (r round) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// The policy is read for the first router, and is no other's.
	requireAnswered(t, routerOf(t, ctx, plugin, config, 0), 0)
	before := heap()
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
		handlers = append(handlers, routerOf(t, ctx, plugin, config, n))
	}
	return handlers
}

func routerOf(
	t lab.T, ctx context.Context, plugin *loader.Plugin, config map[string]any, n int,
) http.Handler {
	router := fmt.Sprintf("tenant-%d_web_%d@kubernetescrd", n%tenants, n/tenants)
	handler, err := plugin.New(loader.RouterContext(ctx, "web", router), nothing{}, config,
		"guard@file")
	require.NoError(t, err)
	return handler
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
