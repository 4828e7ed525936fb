package e2e

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// way is one way to configure an entry point or a router's TLS. In each, a legitimate request must
// pass, and one over the hijacker's certificate must not.
type way struct {
	name string
	// host is the router's host, in team-a's domain.
	host string
	// entryPoint is websecure if empty.
	entryPoint string
	protocol   lab.Protocol
	// options are the TLS options of the host's router.
	options lab.Map
	rsa     bool
	// client changes the client.
	client func(t *testing.T, target *lab.Target)
	// from is the client's address in the denial, 127.0.0.1 if empty.
	from string
}

func withTLS(change func(config *tls.Config)) func(*testing.T, *lab.Target) {
	return func(_ *testing.T, target *lab.Target) { target.TLS = change }
}

func withProxy(version byte, source, destination string) func(*testing.T, *lab.Target) {
	return func(t *testing.T, target *lab.Target) {
		target.Prelude = lab.ProxyHeader(t, version, source, destination)
	}
}

// entryPointWays are the ways to configure an entry point. decoy is the address that clients claim
// to have connected to.
func entryPointWays(decoy string) []way {
	return []way{
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
		{name: "HTTP/3, IPv6 only", host: "h3-six", entryPoint: "six", protocol: lab.HTTP3,
			from: "::1"},

		{name: "PROXY protocol from trusted addresses", host: "trusted", entryPoint: "trusted",
			from: "192.0.2.7", client: withProxy(1, "192.0.2.7:1234", "203.0.113.1:443")},
		{name: "PROXY protocol from trusted addresses, without a header", host: "trusted-bare",
			entryPoint: "trusted"},
		{name: "PROXY protocol from trusted addresses, a forged destination",
			host: "trusted-forged", entryPoint: "trusted", from: "192.0.2.7",
			client: withProxy(2, "192.0.2.7:1234", decoy)},
		{name: "PROXY protocol from any address", host: "any", entryPoint: "any", from: "192.0.2.7",
			client: withProxy(2, "192.0.2.7:1234", "203.0.113.1:443")},
		{name: "PROXY protocol from any address, a forged destination", host: "any-forged",
			entryPoint: "any", from: "127.0.0.1",
			client: withProxy(1, "127.0.0.1:1234", decoy)},
		{name: "PROXY protocol from any address, IPv6", host: "any6", entryPoint: "any",
			from: "2001:db8::7", client: withProxy(2, "[2001:db8::7]:1234", "[2001:db8::1]:443")},
	}
}

// observeEntryPoints returns the entry points of entryPointWays.
func observeEntryPoints() lab.Map {
	entryPoints := lab.Map{}
	for name, keys := range map[string]lab.Map{
		"one":  {"address": "127.0.0.2:0", "http3": lab.Map{}},
		"four": {"address": "0.0.0.0:0"},
		"six":  {"address": "[::1]:0", "http3": lab.Map{}},
		"dual": {"address": ":0", "http3": lab.Map{}},
		"trusted": {
			"address":       "127.0.0.1:0",
			"proxyProtocol": lab.Map{"trustedIPs": []string{"127.0.0.1/32"}},
		},
		"any": {"address": "127.0.0.1:0", "proxyProtocol": lab.Map{"insecure": true}},
	} {
		entryPoints[name] = lab.Merge(keys, lab.Map{"http": lab.Map{"tls": lab.Map{}}})
	}

	return entryPoints
}

// tlsWays are the ways to configure a router's TLS.
func tlsWays(t *testing.T) []way {
	t.Helper()
	clientCA := lab.NewCA(t, "client CA")
	clientCert := clientCA.Issue(t, "client.test")
	mtls := func(version string) lab.Map {
		return lab.Map{
			"minVersion": version,
			"maxVersion": version,
			"clientAuth": lab.Map{
				"caFiles":        []string{clientCA.CertFile},
				"clientAuthType": "RequireAndVerifyClientCert",
			},
		}
	}
	present := withTLS(func(config *tls.Config) {
		config.Certificates = []tls.Certificate{clientCert.TLS()}
	})
	ways := []way{
		{name: "client certificates over TLS 1.3", host: "mtls13", options: mtls("VersionTLS13"),
			client: present},
		{name: "client certificates over TLS 1.2", host: "mtls12", options: mtls("VersionTLS12"),
			client: present},
		{name: "sniStrict", host: "strict", options: lab.Map{"sniStrict": true}},
		{name: "TLS 1.3 only", host: "tls13", options: lab.Map{"minVersion": "VersionTLS13"}},
		{name: "TLS 1.2 only", host: "tls12",
			options: lab.Map{"minVersion": "VersionTLS12", "maxVersion": "VersionTLS12"}},
		{name: "TLS 1.0 only", host: "tls10",
			options: lab.Map{"minVersion": "VersionTLS10", "maxVersion": "VersionTLS10"},
			client:  withTLS(func(config *tls.Config) { config.MinVersion = tls.VersionTLS10 })},
		{name: "only h2", host: "alpn-h2", options: lab.Map{"alpnProtocols": []string{"h2"}},
			protocol: lab.HTTP2},
		{name: "only http/1.1", host: "alpn-h1",
			options: lab.Map{"alpnProtocols": []string{"http/1.1"}}},
	}
	for _, id := range []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA,
	} {
		name := tls.CipherSuiteName(id)
		ways = append(ways, way{
			name:    "only " + name,
			host:    strings.ToLower(strings.ReplaceAll(name, "_", "-")),
			options: lab.Map{"maxVersion": "VersionTLS12", "cipherSuites": []string{name}},
			client:  withTLS(func(config *tls.Config) { config.CipherSuites = []uint16{id} }),
			rsa:     !strings.Contains(name, "ECDSA"),
		})
	}
	for name, id := range map[string]tls.CurveID{
		"CurveP521": tls.CurveP521, "X25519": tls.X25519, "X25519MLKEM768": tls.X25519MLKEM768,
	} {
		ways = append(ways, way{
			name:    "only " + name,
			host:    strings.ToLower(name),
			options: lab.Map{"curvePreferences": []string{name}},
			client: withTLS(func(config *tls.Config) {
				config.CurvePreferences = []tls.CurveID{id}
			}),
		})
	}

	return ways
}

const observeDomain = ".team-a.example.com"

// complete sets the defaults of a way, completes its host and adds its router to the routes.
func (w *way) complete(backend *lab.Backend, routes *lab.Config) {
	id := w.host
	if w.rsa {
		w.host += ".rsa"
		id += "-rsa"
	}
	w.host += observeDomain
	if w.entryPoint == "" {
		w.entryPoint = "websecure"
	}
	if w.protocol == "" {
		w.protocol = lab.HTTP1
	}
	if w.from == "" {
		w.from = "127.0.0.1"
	}
	tlsKeys := lab.Map{}
	if w.options != nil {
		tlsKeys["options"] = id
		routes.Merge(lab.Map{"tls": lab.Map{"options": lab.Map{id: w.options}}})
	}
	routes.Route("team-a-"+id, "Host(`"+w.host+"`)", backend,
		lab.Map{"entryPoints": []string{w.entryPoint}, "tls": tlsKeys})
}

func (w *way) get(t *testing.T, tr *lab.Traefik) *lab.Response {
	t.Helper()
	target := lab.Target{Addr: tr.Addr(w.entryPoint), ServerName: w.host}
	if w.client != nil {
		w.client(t, &target)
	}

	return lab.Get(t, w.protocol, target, w.host, "/")
}

// TestObserve configures one Traefik in every way and observes in each.
func TestObserve(t *testing.T) {
	platform := lab.NewCA(t, "platform CA")
	// With the PROXY protocol a client claims the address it connected to: that of a server with
	// the legitimate certificate.
	decoy := newObservationTap(t, nil)
	ways := append(entryPointWays(decoy.addr), tlsWays(t)...)
	backend := lab.NewBackend(t, "team-a")
	routes := lab.NewConfig()
	names := map[bool][]string{}
	for i := range ways {
		w := &ways[i]
		w.complete(backend, routes)
		names[w.rsa] = append(names[w.rsa], w.host)
	}

	// One certificate for each kind of key. The hijacker's has the hosts' own names, which sort
	// after the wildcard.
	legitimate, hijackers := map[bool]*lab.Cert{}, map[bool]*lab.Cert{}
	for rsa, wildcard := range map[bool]string{
		false: "*" + observeDomain, true: "*.rsa" + observeDomain,
	} {
		legitimate[rsa] = platform.IssueSpec(t, lab.Spec{Names: []string{wildcard}, RSA: rsa})
		hijackers[rsa] = lab.SelfSignedSpec(t,
			lab.Spec{Names: append(names[rsa], "zzz.evil.test"), RSA: rsa})
	}
	decoy.set(tapShows(legitimate[false]))

	static := lab.Map{"entryPoints": observeEntryPoints()}
	served := routes.Clone().Serve(legitimate[false], legitimate[true])
	hijacked := served.Clone().Serve(hijackers[false], hijackers[true])
	guard := lab.Map{
		"exposeReason": true,
		"tenants":      []lab.Map{certTenant("team-a", "**"+observeDomain)},
		"certificates": lab.Map{"roots": platform.CertFile},
	}
	off := lab.Start(t, lab.Options{HTTP3: true, Static: static, Dynamic: hijacked})
	on := lab.Start(t, lab.Options{HTTP3: true, Static: static, Dynamic: served, Guard: guard})

	for _, w := range ways {
		t.Run("legitimate/"+w.name, func(t *testing.T) {
			assertCertResponse(t, w.get(t, on), certPasses("team-a", legitimate[w.rsa]))
		})
	}
	on.Apply(t, hijacked)
	for _, w := range ways {
		t.Run("hijack/"+w.name, func(t *testing.T) {
			assertCertResponse(t, w.get(t, off), certPasses("team-a", hijackers[w.rsa]))
			assertCertResponse(t, w.get(t, on), certDenied("certificate-foreign", hijackers[w.rsa]))
			denial := on.Log.WaitDenial(t, func(denial lab.Denial) bool {
				return denial.Host == w.host
			})
			assert.Equal(t, w.from, denial.Client)
		})
	}
	assert.Zero(t, decoy.observations(),
		"the guard connected to where a client's PROXY header led it")
}
