package loader

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// manyKeys is a Middleware as large as Kubernetes lets a tenant store.
func manyKeys() map[string]any {
	keys := map[string]any{}
	for i := range 100_000 {
		keys[fmt.Sprintf("key-%d", i)] = ""
	}

	return keys
}

// TestManyKeys has a tenant's Middleware have many keys. On each reload New costs each of its
// routers no more than in a plugin that has no keys, and the first request, by which the guard
// refuses them, little more.
func TestManyKeys(t *testing.T) {
	const rounds, middleware = 11, "acme_guard@kubernetescrd"
	keys := manyKeys()
	base, guard := Load(t, Passthrough(t)), Load(t, "")
	build := func(plugin *Plugin) (http.Handler, time.Duration) {
		ctx := RouterContext(t.Context(), "websecure", "acme_web_0@kubernetescrd")
		start := time.Now()
		handler, err := plugin.New(ctx, teapot, keys, middleware)
		took := time.Since(start)
		require.NoError(t, err)
		return handler, took
	}
	var bases, guards, refusals []time.Duration
	for range rounds {
		_, took := build(base)
		bases = append(bases, took)
		handler, took := build(guard)
		guards = append(guards, took)

		recorder := httptest.NewRecorder()
		start := time.Now()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
		refusals = append(refusals, time.Since(start))
		require.Equal(t, http.StatusServiceUnavailable, recorder.Code)
	}
	assert.Contains(t, guard.Log.String(), "wanted at most 65536 bytes")
	baseline, built, refused := median(bases), median(guards), median(refusals)
	t.Logf("New of 100,000 keys: %s, without keys: %s; refused in %s", built, baseline, refused)
	assert.Less(t, built, baseline)
	assert.Less(t, refused, 2*baseline)
}

func median(durations []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(durations))[len(durations)/2]
}
