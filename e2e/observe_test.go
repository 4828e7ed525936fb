package e2e

import (
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// tapped is a Traefik whose guard's observations of hostA are counted.
type tapped struct {
	*lab.Traefik

	tap      *observationTap
	platform *lab.Cert
	certA    *lab.Cert
	backend  *lab.Backend
	config   *lab.Config
	target   lab.Target
}

func newTapped(t *testing.T, certificates lab.Map) *tapped {
	t.Helper()
	s := &tapped{platform: lab.NewCA(t, "platform CA"), backend: lab.NewBackend(t, "team-a")}
	s.certA = s.platform.Issue(t, hostA)
	s.tap = newObservationTap(t, tapShows(s.certA))
	s.config = s.tap.route(lab.NewConfig().
		Route("team-a-web", "HostRegexp(`^a\\.example\\.com$`)", s.backend).
		Route("team-a-api", "HostRegexp(`^a\\.example\\.com$`) && PathPrefix(`/api`)", s.backend),
		hostA).
		Serve(s.certA)
	s.Traefik = lab.Start(t, lab.Options{ProxyProtocol: true, Dynamic: s.config, Guard: lab.Map{
		"exposeReason": true,
		"tenants":      []lab.Map{certTenant("team-a", hostA)},
		"certificates": certificates,
	}})
	s.target = tappedClient(t, s.Traefik, hostA)

	return s
}

func (s *tapped) get(t *testing.T) *lab.Response {
	t.Helper()
	return lab.Get(t, lab.HTTP1, s.target, hostA, "/")
}

// TestObserveOnce delays the first observation until 200 requests, each on its own connection, wait
// for it.
func TestObserveOnce(t *testing.T) {
	needsObservation(t)
	const clients = 200
	s := newTapped(t, lab.Map{})
	open := make(chan struct{})
	s.tap.set(func(conn net.Conn) {
		<-open
		tapShows(s.certA)(conn)
	})

	var sent, passed atomic.Int64
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { sent.Add(1) },
	})
	var group sync.WaitGroup
	for i := range clients {
		path := "/"
		if i%2 == 1 {
			path = "/api" // another router of the tenant
		}
		group.Go(func() {
			response, err := certTry(ctx, lab.HTTP1, s.target, lab.Request{Host: hostA, Path: path})
			if assert.NoError(t, err) && assert.Equal(t, 200, response.Status) {
				passed.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool {
		return sent.Load() == clients && s.tap.observations() > 0
	}, 15*time.Second, time.Millisecond)
	assert.Zero(t, s.backend.Requests(), "passed before the certificate was observed")
	close(open)
	group.Wait()
	assert.EqualValues(t, clients, passed.Load())
	// There may be a second one on a busy machine: right after a reload an observation is valid for
	// one second.
	assert.LessOrEqual(t, s.tap.observations(), 2)
}

// TestObserveAgain lets an observation expire after its ttl, and the next one fail.
func TestObserveAgain(t *testing.T) {
	needsObservation(t)
	const ttl = 500 * time.Millisecond
	s := newTapped(t, lab.Map{"ttl": ttl.String()})
	start := time.Now()
	requests := 0
	for time.Since(start) < 5*ttl/2 {
		assertCertResponse(t, s.get(t), certPasses("team-a", s.certA))
		requests++
	}
	// Each is valid for at least ttl, and little longer while there are requests.
	most := int(time.Since(start)/ttl) + 1
	assert.GreaterOrEqual(t, s.tap.observations(), 2)
	assert.LessOrEqual(t, s.tap.observations(), most)
	assert.Greater(t, requests, 2*most)

	s.tap.set(tapRefuses)
	var response *lab.Response
	require.Eventually(t, func() bool {
		response = s.get(t)
		return response.Status != 200
	}, 5*time.Second, time.Millisecond)
	assertCertResponse(t, response, certDenied("certificate-unavailable", s.certA))

	s.tap.set(tapShows(s.certA))
	time.Sleep(failureStands)
	assertCertResponse(t, s.get(t), certPasses("team-a", s.certA))
}

// TestObserveReload has observations that end with a reload, and others that outlive it.
func TestObserveReload(t *testing.T) {
	needsObservation(t)
	s := newTapped(t, lab.Map{"ttl": "1h"})
	for range 3 {
		assertCertResponse(t, s.get(t), certPasses("team-a", s.certA))
	}
	made := s.tap.observations()
	require.Positive(t, made)
	for range 3 {
		s.Apply(t, s.config.Clone().Merge(lab.Map{"http": lab.Map{"middlewares": lab.Map{
			fmt.Sprint("reload-", made): lab.Map{
				"stripPrefix": lab.Map{"prefixes": []string{"/x"}},
			},
		}}}))
		for range 3 {
			assertCertResponse(t, s.get(t), certPasses("team-a", s.certA))
		}
		// One observation. On a busy machine each request may need its own: in the first second of
		// a reload they are valid for one second.
		before := made
		made = s.tap.observations()
		assert.Greater(t, made, before)
		assert.LessOrEqual(t, made, before+3)
	}
}

// TestObserveTTL keeps observations across a reload ("observe: ttl"): a newly served certificate is
// not noticed before the ttl has passed.
func TestObserveTTL(t *testing.T) {
	needsObservation(t)
	const ttl = 2 * time.Second
	s := newTapped(t, lab.Map{"ttl": ttl.String(), "observe": "ttl"})
	hijack := lab.SelfSigned(t, hostA, "zzz.evil.test")
	start := time.Now()
	assertCertResponse(t, s.get(t), certPasses("team-a", s.certA))
	first := time.Now() // the observation was made between these
	s.tap.set(tapShows(hijack))
	s.Apply(t, s.config.Clone().Serve(hijack))

	var denied *lab.Response
	passes := 0
	require.Eventually(t, func() bool {
		response := s.get(t)
		assert.Equal(t, hijack.Pin(), lab.Pin(response.Served))
		if response.Status == 200 {
			passes++
			return false
		}
		denied = response
		return true
	}, 3*ttl, time.Millisecond)
	assertCertResponse(t, denied, certDenied("certificate-foreign", hijack))
	assert.Positive(t, passes, "the observation did not survive the reload")
	assert.GreaterOrEqual(t, time.Since(start), ttl)
	assert.Less(t, time.Since(first), ttl+ttl/2)
	assert.GreaterOrEqual(t, s.tap.observations(), 2)
}

// keyless is a public key without its private key.
type keyless struct{ crypto.Signer }

var errKeyless = errors.New("no private key")

func (keyless) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errKeyless }

func (keyless) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) {
	return nil, errKeyless
}

// TestObserveReplayed leads the guard's observations, by a TCP router, to a server of the hijacker.
// That presents the victim's genuine certificate, which is public, and aborts the handshake where
// it would have to prove possession of the key. Such a handshake is no observation.
func TestObserveReplayed(t *testing.T) {
	needsObservation(t)
	s := newTapped(t, lab.Map{})
	hijack := lab.SelfSigned(t, hostA, "zzz.evil.test")
	rsaKeyExchange := []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
	for _, replay := range []struct {
		name   string
		rsa    bool
		config *tls.Config
	}{
		{name: "TLS 1.3", config: &tls.Config{MinVersion: tls.VersionTLS13}},
		{name: "TLS 1.2", config: &tls.Config{MaxVersion: tls.VersionTLS12}},
		{name: "TLS 1.2, RSA key exchange", rsa: true, config: &tls.Config{
			MaxVersion: tls.VersionTLS12, CipherSuites: rsaKeyExchange,
		}},
		{name: "TLS 1.3, asks for a client certificate", config: &tls.Config{
			MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert,
		}},
		{name: "TLS 1.2, asks for a client certificate", config: &tls.Config{
			MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert,
		}},
		// The guard answers before the server proves anything.
		{name: "TLS 1.2, RSA key exchange, asks for ours", rsa: true, config: &tls.Config{
			MaxVersion: tls.VersionTLS12, CipherSuites: rsaKeyExchange,
			ClientAuth: tls.RequestClientCert,
		}},
	} {
		t.Run(replay.name, func(t *testing.T) {
			certificate := s.platform.IssueSpec(t,
				lab.Spec{Names: []string{hostA}, RSA: replay.rsa}).TLS()
			certificate.PrivateKey = keyless{certificate.PrivateKey.(crypto.Signer)}
			replay.config.Certificates = []tls.Certificate{certificate}
			s.tap.set(func(conn net.Conn) {
				conn.SetDeadline(time.Now().Add(10 * time.Second))
				tls.Server(conn, replay.config).Handshake()
			})
			before := s.tap.observations()
			s.Apply(t, s.config.Clone().Serve(hijack))
			assertCertResponse(t, s.get(t), certDenied("certificate-name", hijack))
			assert.Equal(t, before+1, s.tap.observations())
		})
	}
}
