package e2e

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

const hostC = "c.example.com"

// certTeams are three tenants, each with one host, one router and one certificate of the platform's
// authority.
type certTeams struct {
	platform            *lab.Cert
	certA, certB, certC *lab.Cert
	// routes has the routers and no certificate.
	routes *lab.Config
}

func newCertTeams(t *testing.T) *certTeams {
	t.Helper()
	platform := lab.NewCA(t, "platform CA")

	return &certTeams{
		platform: platform,
		certA:    platform.Issue(t, hostA),
		certB:    platform.Issue(t, hostB),
		certC:    platform.Issue(t, hostC),
		routes: lab.NewConfig().
			Route("team-a-web", "Host(`"+hostA+"`)", lab.NewBackend(t, "team-a")).
			Route("team-b-web", "Host(`"+hostB+"`)", lab.NewBackend(t, "team-b")).
			Route("team-c-web", "Host(`"+hostC+"`)", lab.NewBackend(t, "team-c")),
	}
}

// serve returns the configuration with these certificates.
func (c *certTeams) serve(certificates ...*lab.Cert) *lab.Config {
	return c.routes.Clone().Serve(certificates...)
}

// certTenant returns one tenant of a policy. more holds keys beside name, routers and hosts.
func certTenant(name, host string, more ...lab.Map) lab.Map {
	tenant := tenantOf(name, host)
	for _, keys := range more {
		tenant = lab.Merge(tenant, keys)
	}

	return tenant
}

// certPolicy returns the guard's configuration for certTeams. more holds keys beside tenants and
// exposeReason.
func certPolicy(more ...lab.Map) lab.Map {
	guard := lab.Map{
		"exposeReason": true,
		"tenants": []lab.Map{
			certTenant("team-a", hostA), certTenant("team-b", hostB), certTenant("team-c", hostC),
		},
	}
	for _, keys := range more {
		guard = lab.Merge(guard, keys)
	}

	return guard
}

// certChain returns a certificate that is served with others behind it, whether or not they signed
// it.
func certChain(t *testing.T, leaf *lab.Cert, behind ...*lab.Cert) *lab.Cert {
	t.Helper()
	var chain []byte
	for _, certificate := range append([]*lab.Cert{leaf}, behind...) {
		chain = append(chain,
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	}
	file := filepath.Join(t.TempDir(), "chain.crt")
	require.NoError(t, os.WriteFile(file, chain, 0o644))

	return &lab.Cert{
		Certificate: leaf.Certificate, Key: leaf.Key, CertFile: file, KeyFile: leaf.KeyFile,
	}
}

// certWant is the result that a request must have.
type certWant struct {
	outcome
	// served is the certificate that the client sees; nil means Traefik's default one.
	served *lab.Cert
}

func certPasses(tenant string, served *lab.Cert) certWant {
	return certWant{passes(tenant), served}
}

func certDenied(reason string, served *lab.Cert) certWant {
	return certWant{denied(reason), served}
}

// assertCertGet requests a host over each protocol.
func assertCertGet(
	t *testing.T, tr *lab.Traefik, host string, want certWant, protocols ...lab.Protocol,
) {
	t.Helper()
	for _, protocol := range protocols {
		assertCertResponse(t, lab.Get(t, protocol, tr.Target(host), host, "/"), want)
	}
}

func assertCertResponse(t *testing.T, response *lab.Response, want certWant) {
	t.Helper()
	assertOutcome(t, response, want.outcome, want.served)
	served := response.Served
	if want.served == nil {
		assert.Equal(t, defaultCert, served.Subject.CommonName, response.Protocol)
		return
	}
	assert.Equal(t, want.served.Issuer.String(), served.Issuer.String(), response.Protocol)
}

// observationTap receives the guard's observations in place of the entry point. The guard connects
// from 127.0.0.1, and a TCP router passes connections from there through to the tap. Clients send a
// PROXY protocol header with another address, so every connection to the tap is an observation. A
// TCP router is preferred to HTTP routers only if none of them has a Host rule, hence HostRegexp.
type observationTap struct {
	addr string

	mu       sync.Mutex
	behave   func(conn net.Conn)
	accepted atomic.Int64
}

func newObservationTap(t *testing.T, behave func(conn net.Conn)) *observationTap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	tap := &observationTap{addr: listener.Addr().String(), behave: behave}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tap.accepted.Add(1)
			tap.mu.Lock()
			behave := tap.behave
			tap.mu.Unlock()
			go func() {
				defer conn.Close()
				behave(conn)
			}()
		}
	}()

	return tap
}

// observations returns the number of observations so far.
func (tap *observationTap) observations() int { return int(tap.accepted.Load()) }

// set changes how the tap treats the next observations.
func (tap *observationTap) set(behave func(conn net.Conn)) {
	tap.mu.Lock()
	defer tap.mu.Unlock()
	tap.behave = behave
}

// route adds the TCP router to a configuration.
func (tap *observationTap) route(config *lab.Config, host string) *lab.Config {
	return config.Merge(lab.Map{"tcp": lab.Map{
		"routers": lab.Map{"tap": lab.Map{
			"entryPoints": []string{"websecure"},
			"rule":        "HostSNI(`" + host + "`) && ClientIP(`127.0.0.1/32`)",
			"service":     "tap",
			"tls":         lab.Map{"passthrough": true},
		}},
		"services": lab.Map{
			"tap": lab.Map{"loadBalancer": lab.Map{"servers": []lab.Map{{"address": tap.addr}}}},
		},
	}})
}

// tapShows completes the handshake with a certificate and its key, then waits for the guard to
// close.
func tapShows(certificate *lab.Cert) func(conn net.Conn) {
	return func(conn net.Conn) {
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate.TLS()}})
		if secure.Handshake() == nil {
			secure.Read(make([]byte, 1))
		}
	}
}

// tapRefuses closes the connection at once.
func tapRefuses(net.Conn) {}

// tappedClient returns a target for clients whose address is not 127.0.0.1.
func tappedClient(t *testing.T, tr *lab.Traefik, host string) lab.Target {
	t.Helper()
	target := tr.Target(host)
	target.Prelude = lab.ProxyHeader(t, 2, "192.0.2.7:1234", target.Addr)

	return target
}

// certTry is lab.Get for goroutines, which cannot end the test.
func certTry(
	ctx context.Context, protocol lab.Protocol, target lab.Target, request lab.Request,
) (*lab.Response, error) {
	conn, err := lab.TryDial(ctx, protocol, target)
	if err != nil {
		return nil, err
	}
	defer conn.Close()

	return conn.Try(ctx, request)
}
