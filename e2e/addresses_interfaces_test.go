package e2e

import (
	"net"
	"testing"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// anyAddress is an entry point on all addresses of this machine, as Traefik's are unless an
// operator says otherwise. Linux has all of 127.0.0.0/8.
const anyAddress = "any"

// TestAddressesOfAllInterfaces asks for a tenant by one of several addresses of an entry point. For
// a client without a server name Traefik chooses the certificate by the address that the client
// connected to: that one must be looked at, and none that is for another address.
func TestAddressesOfAllInterfaces(t *testing.T) {
	const own, other = "127.0.0.5", "127.0.0.1"
	owned := lab.Map{"tenants": []lab.Map{
		tenantOf("team-a", hostA, own), tenantOf("team-b", hostB, other),
	}}
	static := lab.Map{"entryPoints": lab.Map{anyAddress: lab.Map{
		"address": "0.0.0.0:0", "http": lab.Map{"tls": lab.Map{}}, "http3": lab.Map{}}}}
	p := newPair(t, lab.Options{Static: static}, owned)
	genuine := p.platform.Issue(t, own)
	routes := func(certificates ...*lab.Cert) *lab.Config {
		all := lab.Map{"entryPoints": []string{"websecure", anyAddress}}

		return lab.NewConfig().Route("team-a-web", "Host(`"+own+"`)", p.teamA, all).
			Serve(append([]*lab.Cert{p.certB}, certificates...)...)
	}
	hijack := lab.SelfSigned(t, own, "zzz.evil.test")
	neighbour := p.platform.Issue(t, other)
	for name, c := range map[string]struct {
		dynamic *lab.Config
		served  *lab.Cert
		want    outcome
	}{
		"for the address":              {routes(genuine), genuine, passes("team-a")},
		"as the default":               {routes().Default(genuine), genuine, passes("team-a")},
		"another address has one, too": {routes(neighbour, genuine), genuine, passes("team-a")},
		"another address has one": {
			routes(neighbour).Default(genuine), genuine, passes("team-a")},
		"another tenant's": {
			routes(hijack).Default(genuine), hijack, denied("certificate-foreign")},
	} {
		t.Run(name, func(t *testing.T) {
			p.apply(t, c.dynamic, owned)
			for range 2 {
				for _, protocol := range protocols {
					off := lab.Get(t, protocol, atAddress(t, p.off, own), own, "/")
					assertOutcome(t, off, passes("team-a"), c.served)
					on := lab.Get(t, protocol, atAddress(t, p.on, own), own, "/")
					assertOutcome(t, on, c.want, c.served)
				}
			}
		})
	}
}

// atAddress returns the entry point on all addresses at one of them, without a server name.
func atAddress(t *testing.T, tr *lab.Traefik, address string) lab.Target {
	t.Helper()
	_, port, err := net.SplitHostPort(tr.Addr(anyAddress))
	lab.Fatal(t, err, "reading an address")

	return lab.Target{Addr: net.JoinHostPort(address, port)}
}

// TestAddressesBehindTheProxyProtocol has headers name the address that a client connected to. By
// that Traefik chooses the certificate, but the guard connects to addresses of this machine alone.
func TestAddressesBehindTheProxyProtocol(t *testing.T) {
	const own, balancers = "127.0.0.5", "192.0.2.5"
	owned := lab.Map{"tenants": []lab.Map{tenantOf("team-a", hostA, own, balancers)}}
	static := lab.Map{"entryPoints": lab.Map{anyAddress: lab.Map{
		"address": "0.0.0.0:0", "http": lab.Map{"tls": lab.Map{}}}}}
	p := newPair(t, lab.Options{Static: static, ProxyProtocol: true}, owned)
	genuine := p.platform.Issue(t, own, balancers)
	forOwn := lab.SelfSigned(t, own, balancers, "zzz.evil.test")
	for name, c := range map[string]struct {
		hijack             *lab.Cert
		destination, wants string
	}{
		"an address of this machine":           {nil, own, ""},
		"an address of this machine, hijacked": {forOwn, own, "certificate-foreign"},
		"a balancer's":                         {nil, balancers, "certificate-unavailable"},
		"a balancer's, hijacked": {
			lab.SelfSigned(t, balancers, "zzz.evil.test"), balancers, "certificate-unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			dynamic := lab.NewConfig().Route("team-a-web", "HostRegexp(`.*`)", p.teamA,
				lab.Map{"entryPoints": []string{"websecure", anyAddress}}).Default(genuine)
			if c.hijack != nil {
				dynamic.Serve(c.hijack)
			}
			p.apply(t, dynamic, owned)
			want := passes("team-a")
			if c.wants != "" {
				want = denied(c.wants)
			}
			for range 2 {
				for _, tr := range []*lab.Traefik{p.off, p.on} {
					target := atAddress(t, tr, "127.0.0.1")
					target.Prelude = lab.ProxyHeader(t, 2, "203.0.113.7:1234", c.destination+":443")
					got := lab.Get(t, lab.HTTP1, target, c.destination, "/")
					if tr == p.off {
						assertOutcome(t, got, passes("team-a"), c.hijack)
						continue
					}
					assertOutcome(t, got, want, c.hijack)
				}
			}
		})
	}
}
