package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/loader"
)

const (
	allowLimit    = 2.5
	allowRounds   = 151
	allowRequests = 2000
)

// allowed measures the fast path: TLS, the tenant's own Host and server name, and a cached
// observation and verdict.
func allowed(t lab.T, source string) []row {
	entryPoint := newEntryPoint(t)
	base := handlerOf(t, loader.Load(t, loader.Passthrough(t)), nil)
	guard := handlerOf(t, loader.Load(t, source), entryPoint.config(t))
	req := entryPoint.request(t, "acme.example.com")
	requireGuarded(t, guard, entryPoint)

	var baseTimes, guardTimes sample
	for range allowRounds {
		before, guarded, after := timeOf(base, req), timeOf(guard, req), timeOf(base, req)
		baseTimes, guardTimes = append(baseTimes, (before+after)/2), append(guardTimes, guarded)
	}
	return []row{
		compared(t, "an allowed request, ns", baseTimes, guardTimes, 1, allowLimit),
		{
			"its allocations",
			number(allocations(base, req)), number(allocations(guard, req)), "", "",
		},
	}
}

func handlerOf(t lab.T, plugin *loader.Plugin, config map[string]any) http.Handler {
	ctx := loader.RouterContext(contextOfReload(t), "websecure", "acme-web@docker")
	handler, err := plugin.New(ctx, nothing{}, config, "guard@file")
	require.NoError(t, err)
	return handler
}

// requireGuarded checks that the guard works and has observed the certificate.
func requireGuarded(t lab.T, guard http.Handler, entryPoint *entryPoint) {
	before := entryPoint.handshakes()
	for range 3 {
		require.Equal(t, http.StatusTeapot,
			statusOf(guard, entryPoint.request(t, "acme.example.com")))
	}
	observations := 1
	if hasLocalCertificate() {
		observations = 0
	}
	require.Equal(t, before+3+observations, entryPoint.handshakes(),
		"wanted three requests and %d observations", observations)
	foreign := entryPoint.request(t, "acme.example.com")
	foreign.Host = "globex.example.com"
	require.Equal(t, http.StatusForbidden, statusOf(guard, foreign))
}

func timeOf(handler http.Handler, req *http.Request) float64 {
	start := time.Now()
	for range allowRequests {
		handler.ServeHTTP(discard{}, req)
	}
	return float64(time.Since(start)) / allowRequests
}

func allocations(handler http.Handler, req *http.Request) float64 {
	return testing.AllocsPerRun(1000, func() { handler.ServeHTTP(discard{}, req) })
}
