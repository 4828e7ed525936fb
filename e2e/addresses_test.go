package e2e

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// addressPair is a pair that is asked by address, over IPv4 and IPv6. team-a owns both addresses,
// team-b another one.
type addressPair struct {
	*pair
	owned lab.Map
}

// secure6 is an entry point like websecure, on IPv6. Its own name does not matter to a certificate.
const secure6 = "secure6"

func newAddressPair(t *testing.T) *addressPair {
	t.Helper()
	owned := lab.Map{"tenants": []lab.Map{
		tenantOf("team-a", hostA, "*."+hostA, "127.0.0.1", "::1"),
		tenantOf("team-b", hostB, "192.0.2.1"),
	}}
	static := lab.Map{"entryPoints": lab.Map{secure6: lab.Map{
		"address": "[::1]:0", "http": lab.Map{"tls": lab.Map{}}, "http3": lab.Map{}}}}

	return &addressPair{pair: newPair(t, lab.Options{Static: static}, owned), owned: owned}
}

// targets returns the entry points on IPv4 and IPv6, without a server name.
func (p *addressPair) targets(tr *lab.Traefik) []lab.Target {
	return []lab.Target{{Addr: tr.Addr("websecure")}, {Addr: tr.Addr(secure6)}}
}

// assertByAddress requests by both addresses without a server name, as clients do for an address
// (RFC 6066 section 3).
func (p *addressPair) assertByAddress(
	t *testing.T, tr *lab.Traefik, path string, want outcome, served *lab.Cert,
) {
	t.Helper()
	for _, target := range p.targets(tr) {
		for _, protocol := range protocols {
			assertOutcome(t, lab.Get(t, protocol, target, target.Addr, path), want, served)
		}
	}
}

// routesWith returns the routers on both entry points, with these certificates. team-b claims two
// paths of the addresses.
func (p *addressPair) routesWith(certificates ...*lab.Cert) *lab.Config {
	both := lab.Map{"entryPoints": []string{"websecure", secure6}}
	first := lab.Merge(both, lab.Map{"priority": 10000})

	return lab.NewConfig().
		Route("team-a-web", "HostRegexp(`.*`)", p.teamA, both).
		Route("team-b-web", "Host(`"+hostB+"`)", p.teamB, both).
		Route("team-b-claim", "(Host(`127.0.0.1`) || HostRegexp(`::1`)) && Path(`/claim`)",
			p.teamB, first).
		Route("team-b-any", "Path(`/any`)", p.teamB, first).
		Serve(append([]*lab.Cert{p.certB}, certificates...)...)
}

// TestAddresses asks for a tenant by its address. The certificate that Traefik serves without a
// server name decides: one for the address that the client connected to, or else the default one.
func TestAddresses(t *testing.T) {
	p := newAddressPair(t)
	own := p.platform.Issue(t, "127.0.0.1", "::1")
	withName := p.platform.Issue(t, hostA, "127.0.0.1", "::1")
	spec := lab.Spec{Names: []string{"127.0.0.1", "::1"}, NotAfter: time.Now().Add(-time.Minute)}
	expired := p.platform.IssueSpec(t, spec)
	hijack := lab.SelfSigned(t, "127.0.0.1", "::1", "zzz.evil.test")
	foreign := p.platform.Issue(t, "127.0.0.1", "::1", "192.0.2.1")
	other := p.platform.Issue(t, "127.0.0.2", hostA)
	asName := p.platform.Issue(t, hostA)
	for name, c := range map[string]struct {
		dynamic *lab.Config
		served  *lab.Cert
		reason  string
	}{
		"for the address":             {p.routesWith(own), own, ""},
		"for the address and a name":  {p.routesWith(withName), withName, ""},
		"as the default":              {p.routesWith().Default(own), own, ""},
		"Traefik's own":               {p.routesWith(), nil, "certificate-name"},
		"for another address":         {p.routesWith().Default(other), other, "certificate-name"},
		"for a name":                  {p.routesWith().Default(asName), asName, "certificate-name"},
		"expired":                     {p.routesWith(expired), expired, "certificate-expired"},
		"another tenant's":            {p.routesWith(hijack), hijack, "certificate-foreign"},
		"another tenant's address in": {p.routesWith(foreign), foreign, "certificate-foreign"},
	} {
		t.Run(name, func(t *testing.T) {
			p.apply(t, c.dynamic, p.owned)
			want := passes("team-a")
			if c.reason != "" {
				want = denied(c.reason)
			}
			for range 2 {
				p.assertByAddress(t, p.off, "/", passes("team-a"), c.served)
				p.assertByAddress(t, p.on, "/", want, c.served)
			}
			// A router that claims the address, whatever certificate is served.
			for _, path := range []string{"/claim", "/any"} {
				p.assertByAddress(t, p.off, path, passes("team-b"), c.served)
				p.assertByAddress(t, p.on, path, denied("host-foreign"), c.served)
			}
		})
	}

	forged := lab.SelfSigned(t, "127.0.0.1", "::1")
	p.apply(t, p.routesWith(forged), p.owned)
	p.assertByAddress(t, p.off, "/", passes("team-a"), forged)
	p.assertByAddress(t, p.on, "/", denied("certificate-untrusted"), forged)
}

// TestAddressesByName sends an address as Host in connections with a server name, and names in
// connections without one.
func TestAddressesByName(t *testing.T) {
	p := newAddressPair(t)
	own := p.platform.Issue(t, "127.0.0.1", "::1")
	withName := p.platform.Issue(t, hostA, "127.0.0.1", "::1")
	p.apply(t, p.routesWith(own, withName), p.owned)
	for _, protocol := range protocols {
		for _, c := range []struct{ name, serverName, host, reason string }{
			{"no server name, an own name", "", hostA, "sni-missing"},
			{"no server name, nobody's name", "", hostUnowned, "host-unowned"},
			{"no server name, another address", "", "192.0.2.1", "host-foreign"},
			{"no server name, nobody's address", "", "127.0.0.2", "host-unowned"},
			{"no server name, an address as an IPv6", "", "[::ffff:127.0.0.1]", "host-unowned"},
			{"own server name", hostA, "127.0.0.1", ""},
			{"own server name, IPv6", hostA, "[::1]:443", ""},
			{"own server name, certificate without the address", hostA2, "127.0.0.1",
				"certificate-name"},
			{"another tenant's server name", hostB, "127.0.0.1", "sni-foreign"},
			{"nobody's server name", hostUnowned, "127.0.0.1", "sni-foreign"},
		} {
			off := lab.Get(t, protocol, p.off.Target(c.serverName), c.host, "/")
			assert.Equal(t, passes("team-a"), outcomeOf(off), "%s %s", protocol, c.name)
			on := lab.Get(t, protocol, p.on.Target(c.serverName), c.host, "/")
			want := passes("team-a")
			if c.reason != "" {
				want = denied(c.reason)
			}
			assert.Equal(t, want, outcomeOf(on), "%s %s", protocol, c.name)
		}
	}
	_, port, err := net.SplitHostPort(p.on.Addr(secure6))
	lab.Fatal(t, err, "reading an address")
	response := lab.Get(t, lab.HTTP1, lab.Target{Addr: p.on.Addr(secure6)},
		"[0:0:0:0:0:0:0:1]:"+port, "/")
	assert.Equal(t, passes("team-a"), outcomeOf(response))
}
