package e2e

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

const inForce = `"event":"in-force"`

// policyInForce is the guard's line about a policy in force.
type policyInForce struct {
	Level, Middleware, File, Message, Source, Mode, Digest, Version, Traefik, Go string

	Counts struct{ Tenants, Enforcing, Namespaces, Hosts int }
}

// policiesInForce returns those in the log, once there are so many.
func policiesInForce(t *testing.T, log *lab.Log, count int) []policyInForce {
	t.Helper()
	require.Eventually(t, func() bool { return len(log.With(inForce)) >= count }, soon,
		5*time.Millisecond)
	var found []policyInForce
	for _, line := range log.With(inForce) {
		var p policyInForce
		require.NoError(t, lab.Decode(line, &p))
		found = append(found, p)
	}
	require.Len(t, found, count)

	return found
}

// TestInForce has a policy come into force without a request, change, be broken and be good again.
func TestInForce(t *testing.T) {
	m := newChanging(t)
	tr := lab.Start(t, lab.Options{Guard: m.policy(hostTaken), Dynamic: m.routes})
	first := policiesInForce(t, tr.Log, 1)[0]
	want := policyInForce{
		Level: "info", Middleware: "guard@file", Message: "a policy is in force", Source: "inline",
		Mode: "enforce", Digest: first.Digest, Version: first.Version, Traefik: first.Traefik,
		Go: first.Go, Counts: first.Counts,
	}
	assert.Equal(t, want, first)
	assert.Equal(t, 2, first.Counts.Tenants)
	assert.Equal(t, 2, first.Counts.Enforcing)
	assert.Equal(t, 4, first.Counts.Hosts)
	assert.Contains(t, first.Go, "go1.")
	if traefik.Version == traefik.Own {
		assert.Equal(t, traefik.Own, "v"+first.Traefik)
		assert.Equal(t, runtime.Version(), first.Go)
	}

	tr.ApplyGuard(t, m.policy(hostGiven))
	second := policiesInForce(t, tr.Log, 2)[1]
	assert.NotEqual(t, first.Digest, second.Digest)

	tr.ApplyGuard(t, m.broken())
	tr.Log.Wait(t, lastGood)
	tr.ApplyGuard(t, m.policy(hostGiven))
	third := policiesInForce(t, tr.Log, 3)[2]
	assert.Equal(t, second.Digest, third.Digest)
	assert.Equal(t, "the policy is good again and in force", third.Message)

	another := lab.Start(t, lab.Options{Guard: m.policy(hostTaken), Dynamic: m.routes})
	assert.Equal(t, first.Digest, policiesInForce(t, another.Log, 1)[0].Digest)
}
