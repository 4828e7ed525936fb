package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// trusted has the proxies that the guard trusts.
var trusted = lab.Map{"trustedProxies": []string{trustedProxy, "127.1.0.0/16"}}

// TestProxies puts a proxy in front of Traefik that encrypts anew: without a server name, with a
// fixed one that is unowned, or with a fixed one that is a tenant's.
func TestProxies(t *testing.T) {
	p := newPair(t, lab.Options{})
	routes := p.routes.Clone().
		Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", p.teamB).
		Route("team-b-any", "Path(`/any`)", p.teamB, lab.Map{"priority": 10000})
	get := func(f frontProxy, tr *lab.Traefik, host, path string) *lab.Response {
		t.Helper()
		f.tr = tr
		return lab.Get(t, lab.HTTP1, f.start(t), host, path)
	}
	for name, f := range map[string]struct{ serverName, reason string }{
		"no server name":                  {"", "sni-missing"},
		"a fixed server name of nobody's": {hostOrigin, "sni-foreign"},
		"a fixed server name, HTTP/2":     {hostOrigin, "sni-foreign"},
		"another tenant's server name":    {hostB, "sni-foreign"},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := frontProxy{from: trustedProxy, serverName: f.serverName,
				http2: name == "a fixed server name, HTTP/2"}
			p.apply(t, routes)
			assertOutcome(t, get(proxy, p.off, hostA, "/"), passes("team-a"), nil)
			assertOutcome(t, get(proxy, p.on, hostA, "/"), denied(f.reason), nil)

			p.apply(t, routes, trusted)
			for range 2 { // a pass is not remembered for others
				for host, tenant := range map[string]string{
					hostA: "team-a", hostA2: "team-a", hostB: "team-b",
				} {
					assertOutcome(t, get(proxy, p.on, host, "/"), passes(tenant), nil)
				}
				for _, from := range []string{otherProxy, "127.0.0.1", "127.2.0.0"} {
					other := proxy
					other.from = from
					assertOutcome(t, get(other, p.off, hostA, "/"), passes("team-a"), nil)
					assertOutcome(t, get(other, p.on, hostA, "/"), denied(f.reason), nil)
				}
			}
			// The router and the Host are judged.
			for _, path := range []string{"/claim", "/any"} {
				assertOutcome(t, get(proxy, p.off, hostA, path), passes("team-b"), nil)
				assertOutcome(t, get(proxy, p.on, hostA, path), denied("host-foreign"), nil)
			}
			assertOutcome(t, get(proxy, p.off, hostUnowned, "/any"), passes("team-b"), nil)
			assertOutcome(t, get(proxy, p.on, hostUnowned, "/any"), denied("host-unowned"), nil)
			network := proxy
			network.from = "127.1.255.255"
			assertOutcome(t, get(network, p.on, hostB, "/"), passes("team-b"), nil)
			p.assertLegitimate(t)
		})
	}
}

// TestProxiesWithoutCertificate has a trusted proxy meet what is served where a certificate is
// missing, expired, forged or another tenant's, on every version of HTTP.
func TestProxiesWithoutCertificate(t *testing.T) {
	p := newPair(t, lab.Options{}, trusted)
	hijack := lab.SelfSigned(t, hostA, "zzz.evil.test")
	bare := lab.NewConfig().Route("team-a-web", "Host(`"+hostA+"`)", p.teamA)
	for reason, dynamic := range map[string]*lab.Config{
		"certificate-name":      bare,
		"certificate-foreign":   bare.Clone().Serve(hijack),
		"certificate-untrusted": bare.Clone().Serve(lab.SelfSigned(t, hostA)),
	} {
		p.apply(t, dynamic, trusted)
		for _, protocol := range protocols {
			proxy, client := p.on.Target(hostA), p.on.Target(hostA)
			proxy.From = trustedProxy
			for range 2 {
				assertOutcome(t, lab.Get(t, protocol, proxy, hostA, "/"), passes("team-a"), nil)
				assertOutcome(t, lab.Get(t, protocol, client, hostA, "/"), denied(reason), nil)
			}
		}
	}
	p.apply(t, p.routes.Clone().Route("team-a-plain", "Host(`"+hostA+"`)", p.teamA,
		lab.Map{"entryPoints": []string{"web"}}), trusted, lab.Map{"plaintext": "deny"})
	proxy := p.on.Plain()
	proxy.From = trustedProxy
	assertOutcome(t, lab.Get(t, lab.HTTP1, proxy, hostA, "/"), passes("team-a"), nil)
	assertOutcome(t, lab.Get(t, lab.HTTP1, p.on.Plain(), hostA, "/"), denied("tls-required"), nil)
}

// TestProxyHeaders has clients say that they are the trusted proxy, to a Traefik that believes such
// headers. The guard looks at the connection alone.
func TestProxyHeaders(t *testing.T) {
	insecure := lab.Map{"entryPoints": lab.Map{
		"websecure": lab.Map{"forwardedHeaders": lab.Map{"insecure": true}}}}
	p := newPair(t, lab.Options{Static: insecure}, trusted)
	for _, protocol := range protocols {
		for _, name := range []string{
			"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip",
			"X-Client-Ip", "Client-Ip", "X-Cluster-Client-Ip", "X-Envoy-External-Address", "Via",
		} {
			value := trustedProxy
			if name == "Forwarded" {
				value = "for=" + trustedProxy
			}
			request := lab.Request{Host: hostA, Header: http.Header{name: {value}}}
			for serverName, reason := range map[string]string{
				"": "sni-missing", hostB: "sni-foreign",
			} {
				off := lab.Dial(t, protocol, p.off.Target(serverName))
				assertOutcome(t, off.Do(t, request), passes("team-a"), nil)
				on := lab.Dial(t, protocol, p.on.Target(serverName))
				assertOutcome(t, on.Do(t, request), denied(reason), nil)
			}
		}
	}
	// A proxy that nobody trusts, with a client that says it is another.
	target := frontProxy{from: otherProxy, tr: p.on}.start(t)
	response := lab.Dial(t, lab.HTTP1, target).Do(t, lab.Request{Host: hostA,
		Header: http.Header{"X-Forwarded-For": {trustedProxy}}})
	assertOutcome(t, response, denied("sni-missing"), nil)
	// And a trusted one, whose client is somebody else.
	target = frontProxy{from: trustedProxy, tr: p.on}.start(t)
	response = lab.Dial(t, lab.HTTP1, target).Do(t, lab.Request{Host: hostA,
		Header: http.Header{"X-Forwarded-For": {"198.51.100.1"}}})
	assertOutcome(t, response, passes("team-a"), nil)
}

// TestProxyProtocol has the connection's address come from a PROXY protocol header: that is then
// what the guard compares, so that only a load balancer may be trusted with such a header.
func TestProxyProtocol(t *testing.T) {
	const balancer = "127.0.0.9"
	static := lab.Map{"entryPoints": lab.Map{
		"websecure": lab.Map{"proxyProtocol": lab.Map{"trustedIPs": []string{balancer}}}}}
	for _, version := range []byte{1, 2} {
		n := newTenants(t)
		guard := lab.Map{"trustedProxies": []string{trustedProxy, "198.51.100.0/24", balancer}}
		on := lab.Start(t, lab.Options{Static: static, Dynamic: n.routes, Guard: n.guard(guard)})
		off := lab.Start(t, lab.Options{Static: static, Dynamic: n.routes})
		for name, c := range map[string]struct {
			from, source string
			want         outcome
		}{
			"of a proxy, by the balancer":  {balancer, "198.51.100.7:1234", passes("team-a")},
			"of a client, by the balancer": {balancer, "203.0.113.7:1234", denied("sni-missing")},
			"none, by the balancer":        {balancer, "", passes("team-a")},
			"none, by a client":            {"127.0.0.1", "", denied("sni-missing")},
		} {
			for _, tr := range []*lab.Traefik{off, on} {
				target := tr.Target("")
				target.From = c.from
				if c.source != "" {
					target.Prelude = lab.ProxyHeader(t, version, c.source, target.Addr)
				}
				want := c.want
				if tr == off {
					want = passes("team-a")
				}
				response := lab.Get(t, lab.HTTP1, target, hostA, "/")
				assert.Equal(t, want, outcomeOf(response), "version %d, %s", version, name)
			}
		}

		// A header of a client's own is no such header to Traefik.
		target := on.Target("")
		target.Prelude = lab.ProxyHeader(t, version, "198.51.100.7:1234", target.Addr)
		conn, err := lab.TryDial(t.Context(), lab.HTTP1, target)
		if err == nil {
			response, err := conn.Try(t.Context(), lab.Request{Host: hostA})
			if err == nil {
				assert.Equal(t, denied("sni-missing"), outcomeOf(response), "version %d", version)
			}
			conn.Close()
		}
	}
}
