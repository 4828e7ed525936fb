package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// TestTraefik soaks a real Traefik.
func TestTraefik(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.json")
	writePolicy(t, path, states[0])
	w := newWorld(t)
	tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: w.routes(states[0], 0),
		Guard: lab.Map{"policyFile": path, "exposeReason": true}})
	binary, err := traefik.Binary(t.Context(), traefik.Version, os.Stderr)
	require.NoError(t, err)
	hasLocalCertificate, err := traefik.HasLocalCertificate(binary)
	require.NoError(t, err)
	m := newMix(states[0], hasLocalCertificate)
	ctx := lasting(t, 20*time.Second)

	var all sync.WaitGroup
	for i := range clients {
		rnd := random(t, uint64(i))
		over := []lab.Protocol{lab.HTTP1, lab.HTTP2, lab.HTTP3}
		all.Go(func() { m.client(ctx, rnd, tr.Addr("websecure"), over) })
	}
	reloads := 0
	now := states[0]
	m.run(ctx, func(before, next state) {
		writePolicy(t, path, next)
		now = next
		if before.hijacked != next.hijacked {
			tr.Apply(t, w.routes(now, reloads))
		}
	}, func() {
		reloads++
		tr.Apply(t, w.routes(now, reloads))
	})
	all.Wait()
	m.end(t)
	assert.Empty(t, tr.Log.With("panic"))
}

// world has the tenants' backends and certificates.
type world struct {
	backends map[string]*lab.Backend
	served   []*lab.Cert
	hijack   *lab.Cert
}

func newWorld(t *testing.T) *world {
	t.Helper()
	platform := lab.NewCA(t, "platform CA")
	w := &world{backends: map[string]*lab.Backend{}, hijack: lab.SelfSigned(t, hijackNames...)}
	for _, tenant := range tenants {
		w.backends[tenant] = lab.NewBackend(t, tenant)
	}
	for _, names := range certificates {
		w.served = append(w.served, platform.Issue(t, names...))
	}

	return w
}

// routes returns the configuration in a state. With another number it is another one.
func (w *world) routes(s state, number int) *lab.Config {
	config := lab.NewConfig().Serve(w.served...)
	for tenant, backend := range w.backends {
		config.Route(tenant+"-web", "PathPrefix(`/"+tenant+"/`)", backend)
	}
	config.Route("acme-more", fmt.Sprintf("PathPrefix(`/acme/more/%d`)", number%3),
		w.backends["acme"])
	if s.hijacked {
		config.Serve(w.hijack)
	}

	return config
}
