package loader

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReloadsLeaveNothing has many reloads with the keys of fifty tenants. What a closure is made
// in stays in memory in the interpreter: one that is kept for the next reload keeps the one before,
// and with it all that there ever were.
func TestReloadsLeaveNothing(t *testing.T) {
	const reloads, atMost = 200, 10 << 10 // the keys alone are more than 30 KiB
	plugin := Load(t, "")
	for range reloads / 4 { // which make what is there once
		reloadOnce(t, plugin)
	}
	before := heap()
	for range reloads {
		reloadOnce(t, plugin)
	}
	grown := (heap() - before) / reloads
	t.Logf("%d bytes stay of each reload", grown)
	assert.Less(t, grown, int64(atMost), "bytes that stay of each reload")
}

// heap returns the bytes that are in use, once no timer is on its way any more.
func heap() int64 {
	time.Sleep(3 * time.Second)
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)

	return int64(stats.HeapAlloc)
}

// reloadOnce builds a guarded router and one of the status page, and sends a request to each.
func reloadOnce(t *testing.T, plugin *Plugin) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var tenants []any
	for i := range 50 {
		tenants = append(tenants, map[string]any{
			"name": fmt.Sprintf("t%d", i), "routers": fmt.Sprintf("t%d-*@docker", i),
			"hosts": fmt.Sprintf("t%d.example.com,*.t%d.example.com", i, i),
		})
	}
	keys := map[string]any{"tenants": tenants}
	guard, err := plugin.New(RouterContext(ctx, "web", "t7-web@docker"), teapot, keys, "guard@file")
	require.NoError(t, err)
	page, err := plugin.New(RouterContext(ctx, "web", "status@file"), teapot,
		map[string]any{"status": true}, "status@file")
	require.NoError(t, err)
	for host, status := range map[string]int{
		"t7.example.com": http.StatusTeapot, "t8.example.com": http.StatusForbidden,
	} {
		req := httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil)
		recorder := httptest.NewRecorder()
		guard.ServeHTTP(recorder, req)
		require.Equal(t, status, recorder.Code, host)
	}
	recorder := httptest.NewRecorder()
	page.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/x/metrics", nil))
	require.Equal(t, http.StatusOK, recorder.Code)
}
