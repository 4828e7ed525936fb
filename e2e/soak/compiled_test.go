package soak

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/loader"
	plugin "github.com/tenantguard/tenantguard/internal/traefik"
)

// TestCompiled soaks the plugin itself, for the race detector: in Traefik it is interpreted, where
// that sees nothing. A server does what Traefik does on a reload, and in its order.
func TestCompiled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.json")
	writePolicy(t, path, states[0])
	s := newSite(t, path)
	m := newMix(states[0], plugin.HasLocalCertificate())
	ctx := lasting(t, 15*time.Second)

	var all sync.WaitGroup
	for i := range clients {
		rnd := random(t, uint64(i))
		over := []lab.Protocol{lab.HTTP1, lab.HTTP2}
		all.Go(func() { m.client(ctx, rnd, s.address, over) })
	}
	m.run(ctx, func(before, next state) {
		writePolicy(t, path, next)
		if before.hijacked != next.hijacked {
			s.hijacked.Store(next.hijacked)
			s.reload(t)
		}
	}, func() { s.reload(t) })
	all.Wait()
	m.end(t)
}

// site is a server with the plugin in front of each tenant's router.
type site struct {
	address, policy string
	certificates    []tls.Certificate
	hijack          tls.Certificate

	// hijacked is for the next reload.
	hijacked atomic.Bool
	routers  atomic.Pointer[map[string]http.Handler]
	stealing atomic.Bool
	end      context.CancelFunc
}

func newSite(t *testing.T, policy string) *site {
	t.Helper()
	platform := lab.NewCA(t, "platform CA")
	s := &site{policy: policy, hijack: lab.SelfSigned(t, hijackNames...).TLS(), end: func() {}}
	for _, names := range certificates {
		s.certificates = append(s.certificates, platform.Issue(t, names...).TLS())
	}
	s.reload(t)
	t.Cleanup(func() { s.end() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = listener.Addr().String()
	server := &http.Server{
		Handler:   http.HandlerFunc(s.route),
		TLSConfig: &tls.Config{GetCertificate: s.certificate},
		ErrorLog:  log.New(io.Discard, "", 0), // an observation ends without a request
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { _ = server.Close() })

	return s
}

// route chooses the router by the first part of the path.
func (s *site) route(rw http.ResponseWriter, req *http.Request) {
	tenant, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	(*s.routers.Load())[tenant].ServeHTTP(rw, req)
}

func (s *site) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if s.stealing.Load() && hello.ServerName == victim {
		return &s.hijack, nil
	}
	for i, names := range certificates {
		if isValid(names, hello.ServerName) {
			return &s.certificates[i], nil
		}
	}

	return &s.certificates[0], nil
}

// reload builds the routers, switches to them, and then to the certificates.
func (s *site) reload(t *testing.T) {
	t.Helper()
	s.end()
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	routers := map[string]http.Handler{}
	for _, tenant := range tenants {
		router := loader.RouterContext(ctx, "websecure", tenant+"-web@file")
		var config tenantguard.Config = map[string]any{
			"policyFile": s.policy, "exposeReason": true,
		}
		handler, err := tenantguard.New(router, next, &config, "guard@file")
		require.NoError(t, err)
		routers[tenant] = handler
	}
	s.routers.Store(&routers)
	s.stealing.Store(s.hijacked.Load())
}
