package e2e

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

const hostC = "c.example.com"

// certTeams are three tenants, each with one host, one router and one certificate of the platform's authority.
type certTeams struct {
	platform            *lab.Cert
	certA, certB, certC *lab.Cert
	// routes has the routers, and no certificate.
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

// serve is the configuration with these certificates.
func (c *certTeams) serve(certificates ...*lab.Cert) *lab.Config {
	return c.routes.Clone().Serve(certificates...)
}

// certTenant is one tenant of a policy. more are keys beside the name, the routers and the hosts.
func certTenant(name, host string, more ...lab.Map) lab.Map {
	tenant := lab.Map{"name": name, "routers": []string{name + "-*@file"}, "hosts": []string{host}}
	for _, keys := range more {
		tenant = lab.Merge(tenant, keys)
	}

	return tenant
}

// certPolicy is the guard's configuration for certTeams. more are keys beside tenants and exposeReason.
func certPolicy(more ...lab.Map) lab.Map {
	guard := lab.Map{
		"exposeReason": true,
		"tenants":      []lab.Map{certTenant("team-a", hostA), certTenant("team-b", hostB), certTenant("team-c", hostC)},
	}
	for _, keys := range more {
		guard = lab.Merge(guard, keys)
	}

	return guard
}

// certChain serves a certificate with others behind it, whether they vouch for it or not.
func certChain(t *testing.T, leaf *lab.Cert, behind ...*lab.Cert) *lab.Cert {
	t.Helper()
	var chain []byte
	for _, certificate := range append([]*lab.Cert{leaf}, behind...) {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	}
	file := filepath.Join(t.TempDir(), "chain.crt")
	require.NoError(t, os.WriteFile(file, chain, 0o644))

	return &lab.Cert{Certificate: leaf.Certificate, Key: leaf.Key, CertFile: file, KeyFile: leaf.KeyFile}
}

// certWant is what a request must come to.
type certWant struct {
	// served is the certificate that the client sees, nil for Traefik's default one.
	served *lab.Cert
	// tenant's backend answers, or the guard does with a status and a reason.
	tenant string
	status int
	reason string
}

func certPasses(tenant string, served *lab.Cert) certWant {
	return certWant{served: served, tenant: tenant, status: 200}
}

// certDenied is the guard's answer: 421, for the request may be tried on another connection.
func certDenied(reason string, served *lab.Cert) certWant {
	return certWant{served: served, status: 421, reason: reason}
}

// assertCertGet asks for a host over each protocol.
func assertCertGet(t *testing.T, tr *lab.Traefik, host string, want certWant, protocols ...lab.Protocol) {
	t.Helper()
	for _, protocol := range protocols {
		assertCertResponse(t, lab.Get(t, protocol, tr.Target(host), host, "/"), want)
	}
}

func assertCertResponse(t *testing.T, response *lab.Response, want certWant) {
	t.Helper()
	got := certWant{tenant: response.Tenant(), status: response.Status, reason: response.Reason(), served: want.served}
	assert.Equal(t, want, got, response.Protocol)
	if want.served == nil {
		assert.Equal(t, "TRAEFIK DEFAULT CERT", response.Served.Subject.CommonName, response.Protocol)
		return
	}
	assert.Equal(t, want.served.Pin(), lab.Pin(response.Served), "%s: the certificate served", response.Protocol)
	assert.Equal(t, want.served.Issuer.String(), response.Served.Issuer.String(), response.Protocol)
	if want.reason != "" {
		assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
		assert.NotContains(t, response.Body, "team-")
	}
}

// certLines are the lines of the log that hold the text.
func certLines(log *lab.Log, text string) []string {
	var lines []string
	for _, line := range log.Lines() {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}

	return lines
}

// observationTap stands between the guard and the entry point: a TCP router takes what comes from 127.0.0.1, which is the
// guard's observations, and passes it through to here. Clients come with a PROXY protocol header that tells another
// address. So every observation is a connection here, and none else is. A TCP router goes before HTTP routers only where
// these have no Host rule, hence HostRegexp.
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

// observations is how many there were.
func (tap *observationTap) observations() int { return int(tap.accepted.Load()) }

// set changes what the next observations meet.
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
		"services": lab.Map{"tap": lab.Map{"loadBalancer": lab.Map{"servers": []lab.Map{{"address": tap.addr}}}}},
	}})
}

// tapShows does the handshake with a certificate and its key, and waits for the guard to leave.
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

// tappedClient is a client that does not come from 127.0.0.1.
func tappedClient(t *testing.T, tr *lab.Traefik, host string) lab.Target {
	t.Helper()
	target := tr.Target(host)
	target.Prelude = lab.ProxyHeader(t, 2, "192.0.2.7:1234", target.Addr)

	return target
}

// certTry is Get for goroutines, which can't end the test.
func certTry(ctx context.Context, protocol lab.Protocol, target lab.Target, request lab.Request) (*lab.Response, error) {
	conn, err := lab.TryDial(ctx, protocol, target)
	if err != nil {
		return nil, err
	}
	defer conn.Close()

	return conn.Try(ctx, request)
}
