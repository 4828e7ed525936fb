package e2e

import (
	"crypto/tls"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// defaultCert is the common name of the certificate that Traefik makes for itself.
const defaultCert = "TRAEFIK DEFAULT CERT"

// TestFronting sends requests for one tenant's host over another tenant's TLS connection.
func TestFronting(t *testing.T) {
	p := newPair(t, lab.Options{})
	for _, protocol := range protocols {
		t.Run(string(protocol), func(t *testing.T) {
			t.Run("a connection reused across tenants", func(t *testing.T) {
				for _, c := range []struct {
					serverName, foreign, own, other string
					served                          *lab.Cert
				}{
					{hostA, hostB, "team-a", "team-b", p.certA},
					{hostB, hostA, "team-b", "team-a", p.certB},
				} {
					off := lab.Dial(t, protocol, p.off.Target(c.serverName))
					assertOutcome(t, off.Get(t, c.serverName, "/"), passes(c.own), c.served)
					assertOutcome(t, off.Get(t, c.foreign, "/"), passes(c.other), c.served)
					for range 2 {
						// The denial ends the connection, but HTTP/3 knows no such header.
						on := lab.Dial(t, protocol, p.on.Target(c.serverName))
						assertOutcome(t, on.Get(t, c.serverName, "/"), passes(c.own), c.served)
						assertOutcome(t, on.Get(t, c.foreign, "/"), denied("sni-foreign"), c.served)
						if protocol == lab.HTTP3 {
							assertOutcome(t, on.Get(t, c.serverName, "/"), passes(c.own), c.served)
						}
						// The foreign host is cached as allowed for its own server name, and for no
						// other.
						assertGet(t, p.on, c.foreign, "/", passes(c.other), nil)
					}
				}
			})

			t.Run("only foreign hosts", func(t *testing.T) {
				reached := p.teamB.Requests()
				assertOutcome(t, lab.Get(t, protocol, p.on.Target(hostA), hostB, "/"),
					denied("sni-foreign"), p.certA)
				assertOutcome(t, lab.Get(t, protocol, p.on.Target(hostA),
					strings.ToUpper(hostB)+".:443", "/"), denied("sni-foreign"), p.certA)
				assert.Equal(t, reached, p.teamB.Requests())
				assertOutcome(t, lab.Get(t, protocol, p.off.Target(hostA), hostB, "/"),
					passes("team-b"), p.certA)
			})

			t.Run("a server name in upper case", func(t *testing.T) {
				name := strings.ToUpper(hostA)
				assertOutcome(t, lab.Get(t, protocol, p.on.Target(name), hostA, "/"),
					passes("team-a"), p.certA)
				assertOutcome(t, lab.Get(t, protocol, p.on.Target(name), hostB, "/"),
					denied("sni-foreign"), p.certA)
			})

			for name, c := range map[string]struct{ serverName, reason string }{
				"no server name":                 {"", "sni-missing"},
				"a server name without an owner": {"nobody.test", "sni-foreign"},
				"the name above":                 {"example.com", "sni-foreign"},
			} {
				t.Run(name, func(t *testing.T) {
					off := lab.Get(t, protocol, p.off.Target(c.serverName), hostA, "/")
					assertOutcome(t, off, passes("team-a"), nil)
					assert.Equal(t, defaultCert, off.Served.Subject.CommonName)
					on := lab.Get(t, protocol, p.on.Target(c.serverName), hostA, "/")
					assertOutcome(t, on, denied(c.reason), nil)
					assert.Equal(t, defaultCert, on.Served.Subject.CommonName)
				})
			}

			t.Run("a resumed session", func(t *testing.T) {
				target := p.on.Target(hostA)
				cache := tls.NewLRUClientSessionCache(1)
				resumed := false
				target.TLS = func(config *tls.Config) {
					config.ClientSessionCache = cache
					config.VerifyConnection = func(state tls.ConnectionState) error {
						resumed = state.DidResume
						return nil
					}
				}
				for i := range 2 {
					conn := lab.Dial(t, protocol, target)
					assertOutcome(t, conn.Get(t, hostA, "/"), passes("team-a"), p.certA)
					assertOutcome(t, conn.Get(t, hostB, "/"), denied("sni-foreign"), p.certA)
					assert.Equal(t, i == 1, resumed)
					conn.Close()
				}
			})
		})
	}
	assertDenialLine(t, p.on.Log, lab.Denial{Reason: "sni-foreign", Router: "team-b-web@file",
		Tenant: "team-b", Host: hostB, SNI: hostA})
	assertDenialLine(t, p.on.Log, lab.Denial{Reason: "sni-missing", Router: "team-a-web@file",
		Tenant: "team-a", Host: hostA})
	p.assertLegitimate(t)
}

// TestFrontingAtOnce sends own and foreign requests over one connection concurrently. The first
// denial ends a connection of HTTP/2: what comes after it may get no answer, but no wrong one.
func TestFrontingAtOnce(t *testing.T) {
	const requests = 200
	n := newTenants(t)
	tr := lab.Start(t, lab.Options{HTTP3: true, Guard: n.guard(), Dynamic: n.routes})
	for _, protocol := range []lab.Protocol{lab.HTTP2, lab.HTTP3} {
		conn := lab.Dial(t, protocol, tr.Target(hostA))
		var group sync.WaitGroup
		var answered atomic.Int64
		for i := range requests {
			host, want := hostA, passes("team-a")
			if i%2 == 1 {
				host, want = hostB, denied("sni-foreign")
			}
			group.Go(func() {
				response, err := conn.Try(t.Context(), lab.Request{Host: host})
				if err == nil {
					answered.Add(1)
					assert.Equal(t, want, outcomeOf(response))
				} else if protocol == lab.HTTP3 {
					assert.NoError(t, err)
				}
			})
		}
		group.Wait()
		assert.Positive(t, answered.Load())
	}
}

// TestReuse uses one connection for two hosts of the same tenant, as browsers do (RFC 9113 section
// 9.1.1).
func TestReuse(t *testing.T) {
	p := newPair(t, lab.Options{})
	both := p.routes
	each := lab.NewConfig().
		Route("team-a-web", "Host(`"+hostA+"`)", p.teamA).
		Route("team-a-shop", "Host(`"+hostA2+"`)", p.teamA).
		Route("team-b-web", "Host(`"+hostB+"`)", p.teamB)
	certA, certA2 := p.platform.Issue(t, hostA), p.platform.Issue(t, hostA2)
	each.Serve(certA, certA2, p.certB)

	t.Run("a certificate for both hosts", func(t *testing.T) {
		for _, protocol := range protocols {
			for _, tr := range []*lab.Traefik{p.off, p.on} {
				conn := lab.Dial(t, protocol, tr.Target(hostA))
				for _, host := range []string{hostA, hostA2, hostA, hostA2} {
					assertOutcome(t, conn.Get(t, host, "/"), passes("team-a"), p.certA)
				}
			}
		}
	})

	p.apply(t, each)
	t.Run("a certificate for each host", func(t *testing.T) {
		for _, protocol := range protocols {
			off := lab.Dial(t, protocol, p.off.Target(hostA))
			assertOutcome(t, off.Get(t, hostA, "/"), passes("team-a"), certA)
			assertOutcome(t, off.Get(t, hostA2, "/"), passes("team-a"), certA)

			// The guard closes a connection whose certificate it refuses, so each request needs
			// another.
			for range 2 {
				on := lab.Dial(t, protocol, p.on.Target(hostA))
				assertOutcome(t, on.Get(t, hostA, "/"), passes("team-a"), certA)
				assertOutcome(t, on.Get(t, hostA2, "/"), denied("certificate-name"), certA)
			}
			// Status 421 invites the client to retry on a connection of its own.
			assertOutcome(t, lab.Get(t, protocol, p.on.Target(hostA2), hostA2, "/"),
				passes("team-a"), certA2)
		}
		assertDenialLine(t, p.on.Log, lab.Denial{Reason: "certificate-name",
			Router: "team-a-shop@file", Tenant: "team-a", Host: hostA2, SNI: hostA,
			Certificate: certA.Pin() + " " + hostA})
	})

	p.apply(t, both)
	p.assertLegitimate(t)
}

// TestPlaintext sends requests without TLS, which the policy allows or denies. The owner of the
// host matters either way.
func TestPlaintext(t *testing.T) {
	p := newPair(t, lab.Options{})
	web := lab.Map{"entryPoints": []string{"web"}}
	routes := p.routes.Clone().
		Route("team-a-plain", "Host(`"+hostA+"`)", p.teamA, web).
		Route("team-b-plain", "Host(`"+hostB+"`)", p.teamB, web).
		Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", p.teamB, web)
	get := func(tr *lab.Traefik, protocol lab.Protocol, host, path string) *lab.Response {
		return lab.Get(t, protocol, tr.Plain(), host, path)
	}
	for _, plaintext := range []string{"", "allow", "deny"} {
		t.Run("plaintext "+plaintext, func(t *testing.T) {
			more := lab.Map{}
			if plaintext != "" {
				more["plaintext"] = plaintext
			}
			p.apply(t, routes, more)
			for _, protocol := range []lab.Protocol{lab.HTTP1, lab.HTTP2} {
				assertOutcome(t, get(p.off, protocol, hostA, "/"), passes("team-a"), nil)
				assertOutcome(t, get(p.off, protocol, hostA, "/claim"), passes("team-b"), nil)
				wantA, wantB := passes("team-a"), passes("team-b")
				if plaintext == "deny" {
					wantA, wantB = denied("tls-required"), denied("tls-required")
				}
				assertOutcome(t, get(p.on, protocol, hostA, "/"), wantA, nil)
				assertOutcome(t, get(p.on, protocol, hostB, "/"), wantB, nil)
				assertOutcome(t, get(p.on, protocol, hostA, "/claim"), denied("host-foreign"), nil)
			}
			p.assertLegitimate(t)
		})
	}
	assertDenialLine(t, p.on.Log, lab.Denial{Reason: "tls-required", Router: "team-a-plain@file",
		Tenant: "team-a", Host: hostA})
	assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign", Router: "team-b-claim@file",
		Tenant: "team-b", Host: hostA})
}
