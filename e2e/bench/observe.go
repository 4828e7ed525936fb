package main

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/loader"
)

const observations = 201

// observed measures the first request for a name, which waits for one handshake, beside such a
// handshake made by compiled code. There is none where Go says which certificate was served.
func observed(t lab.T, s settings) {
	if hasLocalCertificate() {
		return
	}
	entryPoint := newEntryPoint(t)
	guard := handlerOf(t, loader.Load(t, s.source), entryPoint.config(t, 2))
	requireGuarded(t, guard, entryPoint)
	before := entryPoint.handshakes()
	var bare, first sample
	for i := range s.times(observations) {
		host := fmt.Sprintf("h%d.acme.example.com", i)
		req := entryPoint.request(t, host)
		bare = append(bare, entryPoint.handshakeTime(t, host))
		start := time.Now()
		guard.ServeHTTP(discard{}, req)
		first = append(first, float64(time.Since(start)))
	}
	require.Equal(t, before+3*len(bare), entryPoint.handshakes(),
		"wanted a request, a bare handshake and one observation for each name")
	ratio(0, "a handshake alone, a request with one observation, ms", bare, first,
		float64(time.Millisecond)).print()
}
