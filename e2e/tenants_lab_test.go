package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

// hostA2 is another host of team-a, in the same certificate as hostA.
const hostA2 = "shop.a.example.com"

// hostUnowned is a host that no tenant owns.
const hostUnowned = "nobody.test"

// protocols are all versions of HTTP that Traefik speaks.
var protocols = []lab.Protocol{lab.HTTP1, lab.HTTP2, lab.HTTP3}

// tenants are team-a and team-b, each with a backend, a certificate of the platform's authority and
// a router.
type tenants struct {
	platform, certA, certB *lab.Cert
	teamA, teamB           *lab.Backend
	// routes has the routers team-a-web, team-a-shop and team-b-web, and the certificates.
	routes *lab.Config
}

func newTenants(t *testing.T) *tenants {
	t.Helper()
	platform := lab.NewCA(t, "platform CA")
	n := &tenants{
		platform: platform,
		certA:    platform.Issue(t, hostA, hostA2),
		certB:    platform.Issue(t, hostB),
		teamA:    lab.NewBackend(t, "team-a"),
		teamB:    lab.NewBackend(t, "team-b"),
	}
	n.routes = lab.NewConfig().
		Route("team-a-web", "Host(`"+hostA+"`)", n.teamA).
		Route("team-a-shop", "Host(`"+hostA2+"`)", n.teamA).
		Route("team-b-web", "Host(`"+hostB+"`)", n.teamB).
		Serve(n.certA, n.certB)

	return n
}

// tenantOf returns a tenant of a policy with the routers NAME-*@file.
func tenantOf(name string, hosts ...string) lab.Map {
	return lab.Map{"name": name, "routers": []string{name + "-*@file"}, "hosts": hosts}
}

// list returns the tenants' part of a policy. more holds further keys.
func (n *tenants) list(more ...lab.Map) lab.Map {
	policy := lab.Map{
		"tenants": []lab.Map{
			tenantOf("team-a", hostA, "*."+hostA),
			tenantOf("team-b", hostB),
		},
		"certificates": lab.Map{"roots": n.platform.CertFile},
	}
	for _, keys := range more {
		policy = lab.Merge(policy, keys)
	}

	return policy
}

// guard returns the guard's configuration. more holds keys beside the tenants.
func (n *tenants) guard(more ...lab.Map) lab.Map {
	return lab.Merge(lab.Map{"exposeReason": true}, n.list(more...))
}

// pair is two Traefiks with the same configuration, one of them guarded: the other shows what an
// attack achieves without the guard.
type pair struct {
	*tenants
	off, on *lab.Traefik
}

// newPair starts both with the tenants' routers. more holds keys of the guard.
func newPair(t *testing.T, options lab.Options, more ...lab.Map) *pair {
	t.Helper()
	p := &pair{tenants: newTenants(t)}
	options.HTTP3 = true
	if options.Dynamic == nil {
		options.Dynamic = p.routes
	}
	p.off = lab.Start(t, options)
	options.Guard = p.guard(more...)
	p.on = lab.Start(t, options)

	return p
}

// apply replaces the dynamic configuration of both. more replaces keys of the guard.
func (p *pair) apply(t *testing.T, dynamic *lab.Config, more ...lab.Map) {
	t.Helper()
	revision := p.off.Write(t, dynamic)
	p.on.Write(t, dynamic)
	p.on.ApplyGuard(t, p.guard(more...))
	p.off.WaitServed(t, revision)
}

// outcome is the result of a request: the tenant whose backend answered, or the guard's status and
// reason.
type outcome struct {
	tenant string
	status int
	reason string
}

func passes(tenant string) outcome { return outcome{tenant: tenant, status: 200} }

func denied(reason string) outcome {
	return outcome{status: vectors.Statuses[reason], reason: reason}
}

func outcomeOf(response *lab.Response) outcome {
	return outcome{tenant: response.Tenant(), status: response.Status, reason: response.Reason()}
}

// assertOutcome compares the outcome, and checks a denial as a client sees it. served is the
// certificate that the client must have seen; nil is any.
func assertOutcome(t *testing.T, response *lab.Response, want outcome, served *lab.Cert) {
	t.Helper()
	assert.Equal(t, want, outcomeOf(response), response.Protocol)
	if served != nil {
		assert.Equal(t, served.Pin(), lab.Pin(response.Served), "%s: the certificate served",
			response.Protocol)
	}
	if want.reason != "" {
		assertDenial(t, response.Status, response.Header, response.Body)
	}
}

// assertDenial checks the guard's answer: plain text that names no tenant and must not be cached.
func assertDenial(t *testing.T, status int, header http.Header, body string) {
	t.Helper()
	assert.Equal(t, http.StatusText(status)+"\n", body)
	assert.Equal(t, "text/plain; charset=utf-8", header.Get("Content-Type"))
	assert.Equal(t, "no-store", header.Get("Cache-Control"))
	for name, values := range header {
		for _, value := range values {
			assert.NotContains(t, value, "team-", name)
			assert.NotContains(t, value, "example.com", name)
		}
	}
}

// assertGet requests a host with each protocol, each time over a new TLS connection.
func assertGet(t *testing.T, tr *lab.Traefik, host, path string, want outcome, served *lab.Cert) {
	t.Helper()
	for _, protocol := range protocols {
		assertOutcome(t, lab.Get(t, protocol, tr.Target(host), host, path), want, served)
	}
}

// assertLegitimate requests both tenants' own hosts.
func (p *pair) assertLegitimate(t *testing.T) {
	t.Helper()
	p.tenants.assertLegitimate(t, p.on)
}

// assertClaimDenied requests a path of hostA that a router of team-b claims. team-b's backend
// answers without the guard, and no request reaches it with the guard.
func (p *pair) assertClaimDenied(t *testing.T, path string) {
	t.Helper()
	reached := p.teamB.Requests()
	assertGet(t, p.off, hostA, path, passes("team-b"), p.certA)
	assert.Equal(t, reached+len(protocols), p.teamB.Requests())
	assertGet(t, p.on, hostA, path, denied("host-foreign"), p.certA)
	assert.Equal(t, reached+len(protocols), p.teamB.Requests(),
		"a denied request reached the attacker's backend")
}

func (n *tenants) assertLegitimate(t *testing.T, tr *lab.Traefik) {
	t.Helper()
	assertGet(t, tr, hostA, "/", passes("team-a"), n.certA)
	assertGet(t, tr, hostA2, "/", passes("team-a"), n.certA)
	assertGet(t, tr, hostB, "/", passes("team-b"), n.certB)
}

// assertDenialLine waits for the log line of a router's denial for a host, and compares it in full.
func assertDenialLine(t *testing.T, log *lab.Log, want lab.Denial) {
	t.Helper()
	want.Event, want.Status = "deny", vectors.Statuses[want.Reason]
	if want.Mode == "" {
		want.Mode = "enforce"
	}
	if want.Client == "" {
		want.Client = "127.0.0.1"
	}
	assert.Equal(t, want, log.WaitDenial(t, func(denial lab.Denial) bool {
		return denial.Router == want.Router && denial.Host == want.Host &&
			denial.Reason == want.Reason && denial.SNI == want.SNI && denial.Mode == want.Mode
	}))
}

// requireRouters checks that Traefik has routers with these names.
func requireRouters(t *testing.T, tr *lab.Traefik, names ...string) {
	t.Helper()
	routers := tr.API(t, "/api/http/routers?per_page=1000")
	for _, name := range names {
		require.True(t, strings.Contains(routers, `"name":"`+name+`"`), "no router %s in %s", name,
			routers)
	}
}
