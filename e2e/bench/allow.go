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
	allowRounds   = 151
	allowRequests = 2000
	// Where Go says which certificate a connection was served, the guard compares that as well.
	allowLimit, allowLimitByConnection = 2.0, 2.2
)

// allowed measures the fast path: TLS, the tenant's own Host and server name, and what was decided
// a moment ago.
func allowed(t lab.T, s settings) {
	entryPoint := newEntryPoint(t)
	base := handlerOf(t, loader.Load(t, loader.Passthrough(t)), nil)
	guard := handlerOf(t, loader.Load(t, s.source), entryPoint.config(t, 2))
	req := entryPoint.request(t, "acme.example.com")
	requireGuarded(t, guard, entryPoint)

	var baseTimes, guardTimes sample
	for range s.times(allowRounds) {
		before, guarded, after := timeOf(base, req), timeOf(guard, req), timeOf(base, req)
		baseTimes, guardTimes = append(baseTimes, (before+after)/2), append(guardTimes, guarded)
	}
	f := ratio(1, "allow path ÷ pass-through plugin, in Traefik's loader, ns",
		baseTimes, guardTimes, 1)
	f.atMost = allowLimit
	if hasLocalCertificate() {
		f.atMost = allowLimitByConnection
	}
	f.print()
	before, after := allocations(base, req), allocations(guard, req)
	figure{what: "its allocations", base: before, guard: after, value: after / before}.print()
}

func handlerOf(t lab.T, plugin *loader.Plugin, config map[string]any) http.Handler {
	ctx := loader.RouterContext(contextOfReload(t), "websecure", "acme-web@docker")
	handler, err := plugin.New(ctx, nothing{}, config, "guard@file")
	require.NoError(t, err)
	return handler
}

// requireGuarded checks that the guard works and has observed the certificate.
func requireGuarded(t lab.T, guard http.Handler, entryPoint *entryPoint) {
	before, observations := entryPoint.handshakes(), 1
	if hasLocalCertificate() {
		observations = 0
	}
	for range 3 {
		require.Equal(t, http.StatusTeapot,
			statusOf(guard, entryPoint.request(t, "acme.example.com")))
	}
	require.Equal(t, before+3+observations, entryPoint.handshakes(),
		"wanted three requests, and one observation where Go does not say what was served")
	foreign := entryPoint.request(t, "acme.example.com")
	foreign.Host = "globex.example.com"
	require.Equal(t, http.StatusForbidden, statusOf(guard, foreign))
}

// timeOf returns how long a request takes, over many of them, or fewer if they take long.
func timeOf(handler http.Handler, req *http.Request) float64 {
	const most = 100 * time.Millisecond
	start := time.Now()
	n := 0
	for n == 0 || n%10 != 0 || (n < allowRequests && time.Since(start) < most) {
		handler.ServeHTTP(discard{}, req)
		n++
	}
	return float64(time.Since(start)) / float64(n)
}

func allocations(handler http.Handler, req *http.Request) float64 {
	return testing.AllocsPerRun(1000, func() { handler.ServeHTTP(discard{}, req) })
}
