package e2e

import (
	"bufio"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// sharingPair is a pair whose tenants are all served the platform's wildcard.
type sharingPair struct {
	*pair
	wildcard *lab.Cert
}

// sharedWildcard lets the platform's wildcard serve every tenant.
var sharedWildcard = lab.Map{"shared": lab.Map{"hosts": []string{"*.example.com"}}}

// sharing lets connections be reused across tenants, too.
var sharing = lab.Merge(sharedWildcard, lab.Map{"serverName": "shared"})

func newSharingPair(t *testing.T, more ...lab.Map) *sharingPair {
	t.Helper()
	p := &sharingPair{pair: newPair(t, lab.Options{}, more...)}
	p.wildcard = p.platform.Issue(t, "*.example.com")
	p.apply(t, p.serve(p.wildcard), more...)

	return p
}

// serve returns the tenants' routers with these certificates. team-b claims a path of hostA.
func (p *sharingPair) serve(certificates ...*lab.Cert) *lab.Config {
	return lab.NewConfig().
		Route("team-a-web", "Host(`"+hostA+"`)", p.teamA).
		Route("team-b-web", "Host(`"+hostB+"`)", p.teamB).
		Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", p.teamB).
		Serve(certificates...)
}

// TestForeignServerNameEndsConnection reuses a connection across tenants under a shared wildcard,
// as browsers do (RFC 9113 section 9.1.1). Those that do not retry a 421 on a new connection by
// themselves get one: the connection takes no further request, and its streams run to their end.
func TestForeignServerNameEndsConnection(t *testing.T) {
	p := newSharingPair(t, sharedWildcard)
	off := lab.Dial(t, lab.HTTP2, p.off.Target(hostA))
	for range 2 {
		assertOutcome(t, off.Get(t, hostA, "/"), passes("team-a"), p.wildcard)
		assertOutcome(t, off.Get(t, hostB, "/"), passes("team-b"), p.wildcard)
	}

	conn := lab.Dial(t, lab.HTTP2, p.on.Target(hostA))
	const lines = 200
	stream, err := conn.Open(t.Context(), lab.Request{Host: hostA, Path: "/stream?n=200"})
	require.NoError(t, err)
	t.Cleanup(func() { stream.Body.Close() })
	running := &liveStream{lines: bufio.NewScanner(stream.Body)}
	require.True(t, running.next(), running.err)
	assertOutcome(t, conn.Get(t, hostA, "/"), passes("team-a"), p.wildcard)
	assertOutcome(t, conn.Get(t, hostB, "/"), denied("sni-foreign"), p.wildcard)
	require.Eventually(t, func() bool {
		_, err := conn.Try(t.Context(), lab.Request{Host: hostA})
		return err != nil
	}, 5*time.Second, time.Millisecond, "the connection takes more requests")
	for running.next() {
	}
	assert.NoError(t, running.err, "the stream in flight")
	assert.Equal(t, lines, running.read, "lines of the stream in flight")
	// A client that retries on a new connection is served.
	for host, tenant := range map[string]string{hostA: "team-a", hostB: "team-b"} {
		assertGet(t, p.on, host, "/", passes(tenant), p.wildcard)
	}

	first := lab.Get(t, lab.HTTP1, p.on.Target(hostA), hostB, "/")
	assertOutcome(t, first, denied("sni-foreign"), p.wildcard)
	responses := lab.RawHTTP1(t, p.on.Target(hostA), 2,
		"GET / HTTP/1.1\r\nHost: "+hostB+"\r\n\r\nGET / HTTP/1.1\r\nHost: "+hostA+"\r\n\r\n")
	require.Len(t, responses, 1, "answers on a connection of HTTP/1.1")
	again := lab.Dial(t, lab.HTTP3, p.on.Target(hostA)) // which has no such header
	response := again.Get(t, hostB, "/")
	assertOutcome(t, response, denied("sni-foreign"), p.wildcard)
	assert.Empty(t, response.Header.Values("Connection"))
	assertOutcome(t, again.Get(t, hostA, "/"), passes("team-a"), p.wildcard)
}

// TestSharedServerNames lets a connection be used for every tenant that the platform's certificate
// serves.
func TestSharedServerNames(t *testing.T) {
	p := newSharingPair(t, sharing)
	for _, protocol := range protocols {
		for _, tr := range []*lab.Traefik{p.off, p.on} {
			for _, serverName := range []string{hostA, hostB, "new.example.com"} {
				conn := lab.Dial(t, protocol, tr.Target(serverName))
				for range 2 {
					assertOutcome(t, conn.Get(t, hostA, "/"), passes("team-a"), p.wildcard)
					assertOutcome(t, conn.Get(t, hostB, "/"), passes("team-b"), p.wildcard)
				}
			}
		}
	}
	p.assertSharingEnds(t, "a router's claim", p.serve(p.wildcard), hostA, hostA, "/claim",
		"host-foreign", p.wildcard, sharing)
	p.assertSharingEnds(t, "a claim in its own connection", p.serve(p.wildcard), hostB, hostA,
		"/claim", "host-foreign", p.wildcard, sharing)
	p.assertSharingEnds(t, "a name that is not below the wildcard", p.serve(p.wildcard),
		hostUnowned, hostA, "/", "sni-foreign", nil, sharing)
	p.assertSharingEnds(t, "no server name", p.serve(p.wildcard), "", hostA, "/", "sni-missing",
		nil, sharing)
	apex := p.platform.Issue(t, "*.example.com", "example.com")
	p.assertSharingEnds(t, "a name beside that is not shared", p.serve(apex), hostB, hostA, "/",
		"sni-foreign", apex, sharing)
	p.assertSharingEnds(t, "each tenant's own", p.serve(p.certA, p.certB), hostB, hostA, "/",
		"sni-foreign", p.certB, sharing)
	expired := p.platform.IssueSpec(t,
		lab.Spec{Names: []string{"*.example.com"}, NotAfter: time.Now().Add(-time.Minute)})
	p.assertSharingEnds(t, "an expired wildcard", p.serve(expired), hostB, hostA, "/",
		"certificate-expired", expired, sharing)
	p.assertSharingEnds(t, "a wildcard that is not looked at", p.serve(p.wildcard), hostB, hostA,
		"/", "sni-foreign", p.wildcard, sharing, lab.Map{"certificates": lab.Map{"check": "off"}})
	p.assertSharingEnds(t, "server names of the tenant alone", p.serve(p.wildcard), hostB, hostA,
		"/", "sni-foreign", p.wildcard, sharedWildcard)

	// A wildcard that a tenant forged, whose names are the platform's. Of two certificates with the
	// same names Traefik serves the first.
	forged := lab.SelfSigned(t, "*.example.com")
	withCA := certChain(t, lab.SelfSigned(t, "*.example.com"), p.platform)
	for _, wildcard := range []*lab.Cert{forged, withCA} {
		p.assertSharingEnds(t, "a forged wildcard", p.serve(wildcard, p.wildcard), hostB, hostA,
			"/", "certificate-untrusted", wildcard, sharing)
	}
	p.assertSharingEnds(t, "a forged wildcard, by pin", p.serve(forged, p.wildcard), hostB, hostA,
		"/", "sni-foreign", forged, lab.Map{"serverName": "shared",
			"certificates": lab.Map{"roots": "none"},
			"shared":       lab.Map{"pins": []string{p.wildcard.Pin()}}})
	p.apply(t, p.serve(p.wildcard), lab.Map{"serverName": "shared",
		"shared": lab.Map{"pins": []string{p.wildcard.Pin()}}})
	for _, protocol := range protocols {
		assertOutcome(t, lab.Get(t, protocol, p.on.Target(hostB), hostA, "/"), passes("team-a"),
			p.wildcard)
	}
}

// assertSharingEnds requests a host over a connection with a server name: without the guard there
// is an answer, with it none.
func (p *sharingPair) assertSharingEnds(
	t *testing.T, name string, dynamic *lab.Config, serverName, host, path, reason string,
	served *lab.Cert, guard ...lab.Map,
) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		p.apply(t, dynamic, guard...)
		for _, protocol := range protocols {
			off := lab.Get(t, protocol, p.off.Target(serverName), host, path)
			assert.Equal(t, 200, off.Status, "without the guard")
			for range 2 {
				on := lab.Get(t, protocol, p.on.Target(serverName), host, path)
				assertOutcome(t, on, denied(reason), served)
			}
		}
	})
}
