package e2e

import (
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// way is one way to set up an entry point or the TLS of a router. A legitimate request must pass whatever the way, and one
// over the hijacker's certificate must not.
type way struct {
	name string
	// host is the router's, in the domain of team-a.
	host string
	// entryPoint is websecure if empty.
	entryPoint string
	protocol   lab.Protocol
	// options are the TLS options of the host's router.
	options lab.Map
	rsa     bool
	// client changes what the client does.
	client func(t *testing.T, target *lab.Target)
	// from is the client's address in the denial, 127.0.0.1 if empty.
	from string
}

// TestObserve has every way that an entry point can be set up in one Traefik, and observes in each.
func TestObserve(t *testing.T) {
	platform := lab.NewCA(t, "platform CA")
	clientCA := lab.NewCA(t, "client CA")
	clientCert := clientCA.Issue(t, "client.test")
	mtls := func(version string) lab.Map {
		return lab.Map{"minVersion": version, "maxVersion": version,
			"clientAuth": lab.Map{"caFiles": []string{clientCA.CertFile}, "clientAuthType": "RequireAndVerifyClientCert"}}
	}
	withTLS := func(change func(config *tls.Config)) func(*testing.T, *lab.Target) {
		return func(_ *testing.T, target *lab.Target) { target.TLS = change }
	}
	present := withTLS(func(config *tls.Config) { config.Certificates = []tls.Certificate{clientCert.TLS()} })
	suite := func(id uint16) (lab.Map, func(*testing.T, *lab.Target)) {
		return lab.Map{"maxVersion": "VersionTLS12", "cipherSuites": []string{tls.CipherSuiteName(id)}},
			withTLS(func(config *tls.Config) { config.CipherSuites = []uint16{id} })
	}
	proxy := func(version byte, source, destination string) func(*testing.T, *lab.Target) {
		return func(t *testing.T, target *lab.Target) {
			target.Prelude = lab.ProxyHeader(t, version, source, destination)
		}
	}

	// Behind the PROXY protocol a client says where it was connected to: at a server that shows the legitimate certificate.
	decoy := newObservationTap(t, nil)
	ways := []way{
		{name: "one address", host: "one", entryPoint: "one"},
		{name: "IPv4 only", host: "four", entryPoint: "four"},
		{name: "IPv6 only", host: "six", entryPoint: "six", from: "::1"},
		{name: "all addresses", host: "dual", entryPoint: "dual"},
		{name: "all addresses, over IPv6", host: "dual6", entryPoint: "dual", from: "::1",
			client: func(_ *testing.T, target *lab.Target) {
				target.Addr = strings.Replace(target.Addr, "127.0.0.1", "[::1]", 1)
			}},

		{name: "HTTP/2", host: "h2", protocol: lab.HTTP2},
		{name: "HTTP/3", host: "h3", protocol: lab.HTTP3},
		{name: "HTTP/3, one address", host: "h3-one", entryPoint: "one", protocol: lab.HTTP3},
		{name: "HTTP/3, all addresses", host: "h3-dual", entryPoint: "dual", protocol: lab.HTTP3},
		{name: "HTTP/3, IPv6 only", host: "h3-six", entryPoint: "six", protocol: lab.HTTP3, from: "::1"},

		{name: "PROXY protocol from trusted addresses", host: "trusted", entryPoint: "trusted", from: "192.0.2.7",
			client: proxy(1, "192.0.2.7:1234", "203.0.113.1:443")},
		{name: "PROXY protocol from trusted addresses, without a header", host: "trusted-bare", entryPoint: "trusted"},
		{name: "PROXY protocol from trusted addresses, a forged destination", host: "trusted-forged", entryPoint: "trusted",
			from: "192.0.2.7", client: proxy(2, "192.0.2.7:1234", decoy.addr)},
		{name: "PROXY protocol from any address", host: "any", entryPoint: "any", from: "192.0.2.7",
			client: proxy(2, "192.0.2.7:1234", "203.0.113.1:443")},
		{name: "PROXY protocol from any address, a forged destination", host: "any-forged", entryPoint: "any",
			from: "127.0.0.1", client: proxy(1, "127.0.0.1:1234", decoy.addr)},
		{name: "PROXY protocol from any address, IPv6", host: "any6", entryPoint: "any", from: "2001:db8::7",
			client: proxy(2, "[2001:db8::7]:1234", "[2001:db8::1]:443")},

		{name: "client certificates over TLS 1.3", host: "mtls13", options: mtls("VersionTLS13"), client: present},
		{name: "client certificates over TLS 1.2", host: "mtls12", options: mtls("VersionTLS12"), client: present},
		{name: "sniStrict", host: "strict", options: lab.Map{"sniStrict": true}},
		{name: "TLS 1.3 only", host: "tls13", options: lab.Map{"minVersion": "VersionTLS13"}},
		{name: "TLS 1.2 only", host: "tls12", options: lab.Map{"minVersion": "VersionTLS12", "maxVersion": "VersionTLS12"}},
		{name: "TLS 1.0 only", host: "tls10", options: lab.Map{"minVersion": "VersionTLS10", "maxVersion": "VersionTLS10"},
			client: withTLS(func(config *tls.Config) { config.MinVersion = tls.VersionTLS10 })},
		{name: "only h2", host: "alpn-h2", options: lab.Map{"alpnProtocols": []string{"h2"}}, protocol: lab.HTTP2},
		{name: "only http/1.1", host: "alpn-h1", options: lab.Map{"alpnProtocols": []string{"http/1.1"}}},
	}
	for _, id := range []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA,
	} {
		name := tls.CipherSuiteName(id)
		options, client := suite(id)
		ways = append(ways, way{name: "only " + name, host: strings.ToLower(strings.ReplaceAll(name, "_", "-")),
			options: options, client: client, rsa: !strings.Contains(name, "ECDSA")})
	}
	for name, id := range map[string]tls.CurveID{"CurveP521": tls.CurveP521, "X25519": tls.X25519, "X25519MLKEM768": tls.X25519MLKEM768} {
		ways = append(ways, way{name: "only " + name, host: strings.ToLower(name),
			options: lab.Map{"curvePreferences": []string{name}},
			client:  withTLS(func(config *tls.Config) { config.CurvePreferences = []tls.CurveID{id} })})
	}

	// Certificates by kind of key. The hijacker's name the hosts themselves, which sorts after the wildcard.
	const domain = ".team-a.example.com"
	legitimate, hijackers := map[bool]*lab.Cert{}, map[bool]*lab.Cert{}
	backend := lab.NewBackend(t, "team-a")
	routes := lab.NewConfig()
	names := map[bool][]string{}
	for i := range ways {
		w := &ways[i]
		if w.rsa {
			w.host += ".rsa"
		}
		w.host += domain
		names[w.rsa] = append(names[w.rsa], w.host)
		id := strings.TrimSuffix(w.host, domain)
		id = strings.ReplaceAll(id, ".", "-")
		tlsKeys := lab.Map{}
		if w.options != nil {
			tlsKeys["options"] = id
			routes.Merge(lab.Map{"tls": lab.Map{"options": lab.Map{id: w.options}}})
		}
		if w.entryPoint == "" {
			w.entryPoint = "websecure"
		}
		if w.protocol == "" {
			w.protocol = lab.HTTP1
		}
		if w.from == "" {
			w.from = "127.0.0.1"
		}
		routes.Route("team-a-"+id, "Host(`"+w.host+"`)", backend, lab.Map{"entryPoints": []string{w.entryPoint}, "tls": tlsKeys})
	}
	for _, rsa := range []bool{false, true} {
		wildcard := "*" + domain
		if rsa {
			wildcard = "*.rsa" + domain
		}
		legitimate[rsa] = platform.IssueSpec(t, lab.Spec{Names: []string{wildcard}, RSA: rsa})
		hijackers[rsa] = lab.SelfSignedSpec(t, lab.Spec{Names: append(names[rsa], "zzz.evil.test"), RSA: rsa})
	}
	decoy.set(tapShows(legitimate[false]))

	static := lab.Map{"entryPoints": lab.Map{}}
	for name, keys := range map[string]lab.Map{
		"one":     {"address": "127.0.0.2:0", "http3": lab.Map{}},
		"four":    {"address": "0.0.0.0:0"},
		"six":     {"address": "[::1]:0", "http3": lab.Map{}},
		"dual":    {"address": ":0", "http3": lab.Map{}},
		"trusted": {"address": "127.0.0.1:0", "proxyProtocol": lab.Map{"trustedIPs": []string{"127.0.0.1/32"}}},
		"any":     {"address": "127.0.0.1:0", "proxyProtocol": lab.Map{"insecure": true}},
	} {
		static["entryPoints"].(lab.Map)[name] = lab.Merge(keys, lab.Map{"http": lab.Map{"tls": lab.Map{}}})
	}
	served := routes.Clone().Serve(legitimate[false], legitimate[true])
	hijacked := served.Clone().Serve(hijackers[false], hijackers[true])
	guard := lab.Map{
		"exposeReason": true,
		"tenants":      []lab.Map{certTenant("team-a", "**"+domain)},
		"certificates": lab.Map{"roots": platform.CertFile},
	}
	off := lab.Start(t, lab.Options{HTTP3: true, Static: static, Dynamic: hijacked})
	on := lab.Start(t, lab.Options{HTTP3: true, Static: static, Dynamic: served, Guard: guard})

	get := func(t *testing.T, tr *lab.Traefik, w way) *lab.Response {
		t.Helper()
		target := lab.Target{Addr: tr.Addr(w.entryPoint), ServerName: w.host}
		if w.client != nil {
			w.client(t, &target)
		}
		return lab.Get(t, w.protocol, target, w.host, "/")
	}
	for _, w := range ways {
		t.Run("legitimate/"+w.name, func(t *testing.T) {
			assertCertResponse(t, get(t, on, w), certPasses("team-a", legitimate[w.rsa]))
		})
	}
	on.Apply(t, hijacked)
	for _, w := range ways {
		t.Run("hijack/"+w.name, func(t *testing.T) {
			assertCertResponse(t, get(t, off, w), certPasses("team-a", hijackers[w.rsa]))
			assertCertResponse(t, get(t, on, w), certDenied("certificate-foreign", hijackers[w.rsa]))
			denial := on.Log.WaitDenial(t, func(denial lab.Denial) bool { return denial.Host == w.host })
			assert.Equal(t, w.from, denial.Client)
		})
	}
	assert.Zero(t, decoy.observations(), "the guard connected to where a client's PROXY header led it")
}

// tapped is a Traefik whose guard's observations of hostA can be counted.
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
		Route("team-a-api", "HostRegexp(`^a\\.example\\.com$`) && PathPrefix(`/api`)", s.backend), hostA).
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

// TestObserveOnce holds the first observation back until 200 requests, each on its own connection, wait for it.
func TestObserveOnce(t *testing.T) {
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
	require.Eventually(t, func() bool { return sent.Load() == clients && s.tap.observations() > 0 }, 15*time.Second, time.Millisecond)
	assert.Zero(t, s.backend.Requests(), "passed before the certificate was observed")
	close(open)
	group.Wait()
	assert.EqualValues(t, clients, passed.Load())
	// A second one where the machine is so busy that the second is over for which one right after a reload holds.
	assert.LessOrEqual(t, s.tap.observations(), 2)
}

// TestObserveAgain has an observation end with its ttl, and one that then fails.
func TestObserveAgain(t *testing.T) {
	const ttl = 500 * time.Millisecond
	s := newTapped(t, lab.Map{"ttl": ttl.String()})
	start := time.Now()
	requests := 0
	for time.Since(start) < 5*ttl/2 {
		assertCertResponse(t, s.get(t), certPasses("team-a", s.certA))
		requests++
	}
	// Each holds for ttl at least and not much longer, as long as there are requests.
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
	assertCertResponse(t, response, certWant{served: s.certA, status: 503, reason: "certificate-unavailable"})

	s.tap.set(tapShows(s.certA))
	assertCertResponse(t, s.get(t), certPasses("team-a", s.certA))
}

// TestObserveReload has observations that end with a reload, and such as outlive it.
func TestObserveReload(t *testing.T) {
	s := newTapped(t, lab.Map{"ttl": "1h"})
	for range 3 {
		assertCertResponse(t, s.get(t), certPasses("team-a", s.certA))
	}
	made := s.tap.observations()
	require.Positive(t, made)
	for range 3 {
		s.Apply(t, s.config.Clone().Merge(lab.Map{"http": lab.Map{"middlewares": lab.Map{
			fmt.Sprint("reload-", made): lab.Map{"stripPrefix": lab.Map{"prefixes": []string{"/x"}}},
		}}}))
		for range 3 {
			assertCertResponse(t, s.get(t), certPasses("team-a", s.certA))
		}
		// One, or one for each request where the machine is so busy that the second between them is over.
		before := made
		made = s.tap.observations()
		assert.Greater(t, made, before)
		assert.LessOrEqual(t, made, before+3)
	}
}

// TestObserveTTL has observations that a reload does not end ("observe: ttl"): what Traefik serves after it is not noticed
// before the ttl has passed.
func TestObserveTTL(t *testing.T) {
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

// keyless is a public key without the private one.
type keyless struct{ crypto.Signer }

var errKeyless = errors.New("no private key")

func (keyless) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errKeyless }

func (keyless) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) {
	return nil, errKeyless
}

// TestObserveReplayed leads the guard's observations, by a TCP router, to a server of the hijacker that shows a genuine
// certificate of the victim, which is public, and breaks off with an alert where it would have to prove that it has the
// key. That is no observation.
func TestObserveReplayed(t *testing.T) {
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
		{name: "TLS 1.2, RSA key exchange, asks for a client certificate", rsa: true, config: &tls.Config{
			MaxVersion: tls.VersionTLS12, CipherSuites: rsaKeyExchange, ClientAuth: tls.RequestClientCert,
		}},
	} {
		t.Run(replay.name, func(t *testing.T) {
			certificate := s.platform.IssueSpec(t, lab.Spec{Names: []string{hostA}, RSA: replay.rsa}).TLS()
			certificate.PrivateKey = keyless{certificate.PrivateKey.(crypto.Signer)}
			replay.config.Certificates = []tls.Certificate{certificate}
			s.tap.set(func(conn net.Conn) {
				conn.SetDeadline(time.Now().Add(10 * time.Second))
				tls.Server(conn, replay.config).Handshake()
			})
			before := s.tap.observations()
			s.Apply(t, s.config.Clone().Serve(hijack))
			assertCertResponse(t, s.get(t), certWant{served: hijack, status: 503, reason: "certificate-unavailable"})
			assert.Equal(t, before+1, s.tap.observations())
		})
	}
}
