package e2e

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// tapHolds accepts and says nothing, as an entry point does that is too busy.
func tapHolds(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// TestUnobservableBusy has an entry point be too busy to be observed for one host: many requests
// for it wait together, and nobody else does.
func TestUnobservableBusy(t *testing.T) {
	needsObservation(t)
	const clients = 20
	s := newTapped(t, lab.Map{})
	s.Apply(t, s.config.Clone().
		Route("team-b-web", "Host(`"+hostB+"`)", lab.NewBackend(t, "team-b")).
		Serve(s.platform.Issue(t, hostB)))
	s.ApplyGuard(t, lab.Map{
		"exposeReason": true,
		"tenants":      []lab.Map{certTenant("team-a", hostA), certTenant("team-b", hostB)},
	})
	s.tap.set(tapHolds)
	outcomes := make(chan outcome, clients)
	var waiting atomic.Int64
	var all sync.WaitGroup
	target := tappedClient(t, s.Traefik, hostA)
	for range clients {
		all.Go(func() {
			waiting.Add(1)
			response, err := certTry(t.Context(), lab.HTTP1, target, lab.Request{Host: hostA})
			waiting.Add(-1)
			if assert.NoError(t, err) {
				outcomes <- outcomeOf(response)
			}
		})
	}
	require.Eventually(t, func() bool { return s.tap.observations() == 1 }, soon, time.Millisecond)
	others := 0
	for ; others == 0 || (waiting.Load() == clients && others < 100); others++ {
		response := lab.Get(t, lab.HTTP1, tappedClient(t, s.Traefik, hostB), hostB, "/")
		assert.Equal(t, passes("team-b"), outcomeOf(response))
	}
	assert.Greater(t, others, 10, "another tenant's requests waited")
	all.Wait()
	close(outcomes)
	for got := range outcomes {
		assert.Equal(t, denied("certificate-unavailable"), got)
	}
	assert.Equal(t, 1, s.tap.observations(), "each request asked the entry point that is busy")

	s.tap.set(tapShows(s.certA))
	time.Sleep(failureStands)
	assertCertResponse(t, lab.Get(t, lab.HTTP1, target, hostA, "/"), certPasses("team-a", s.certA))
}

// cut is a connection that ends after some bytes of the server's.
type cut struct {
	net.Conn

	// left is how many bytes are, and written how many were.
	left    int
	written *atomic.Int64
}

var errCut = errors.New("cut")

func (c *cut) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p[:min(len(p), c.left)])
	c.left -= n
	c.written.Add(int64(n))
	if err == nil && n < len(p) {
		c.Close()
		err = errCut
	}

	return n, err
}

// TestUnobservableCut has an observation be cut half way, wherever that is. The client's half of
// the handshake ends it, so that it is an observation once the server has sent its own.
func TestUnobservableCut(t *testing.T) {
	needsObservation(t)
	s := newTapped(t, lab.Map{"ttl": "200ms"})
	// An RSA signature has a fixed length, so that all handshakes have.
	shown := s.platform.IssueSpec(t, lab.Spec{Names: []string{hostA}, RSA: true})
	config := &tls.Config{
		Certificates: []tls.Certificate{shown.TLS()}, SessionTicketsDisabled: true,
	}
	var written atomic.Int64
	after := func(bytes int) func(conn net.Conn) {
		return func(conn net.Conn) {
			written.Store(0)
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			secure := tls.Server(&cut{Conn: conn, left: bytes, written: &written}, config)
			if secure.Handshake() == nil {
				_, _ = secure.Read(make([]byte, 1))
			}
		}
	}
	get := func() *lab.Response {
		time.Sleep(failureStands) // which ends a failure, and an observation by its ttl
		return lab.Get(t, lab.HTTP1, tappedClient(t, s.Traefik, hostA), hostA, "/")
	}
	s.tap.set(after(1 << 20))
	assert.Equal(t, passes("team-a"), outcomeOf(get()))
	whole := int(written.Load())
	require.Greater(t, whole, 1000)

	for _, bytes := range []int{0, 1, 5, 60, 127, 200, whole / 2, whole - 100, whole - 1} {
		s.tap.set(after(bytes))
		assert.Equal(t, denied("certificate-unavailable"), outcomeOf(get()),
			"the handshake has %d bytes and was cut after %d", whole, bytes)
	}
	s.tap.set(after(whole))
	assert.Equal(t, passes("team-a"), outcomeOf(get()))
}
