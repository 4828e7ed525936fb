package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

const (
	challengeFolder = "/.well-known/acme-challenge/"
	challengePath   = challengeFolder + "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"
)

// redirected is the static configuration of an entry point web that redirects to websecure.
var redirected = lab.Map{"entryPoints": lab.Map{"web": lab.Map{"http": lab.Map{
	"redirections": lab.Map{"entryPoint": lab.Map{"to": "websecure", "scheme": "https"}},
}}}}

// validate asks for a challenge as an authority does (RFC 8555 section 8.3): over plaintext, from
// where it follows a redirect to HTTPS whatever certificate is served there.
func validate(
	t *testing.T, tr *lab.Traefik, protocol lab.Protocol, host, path string,
) *lab.Response {
	t.Helper()
	plain := lab.Get(t, lab.HTTP1, tr.Plain(), host, path)
	require.Equal(t, http.StatusMovedPermanently, plain.Status, "%s: %s", path, plain.Reason())
	to, err := url.Parse(plain.Header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, "https", to.Scheme)
	require.Equal(t, tr.Addr("websecure"), strings.Replace(to.Host, host, "127.0.0.1", 1))

	return lab.Get(t, protocol, tr.Target(host), host, to.RequestURI())
}

// TestChallenges has the first certificate of a host, or the one after an expired one, asked for
// while the entry point web redirects.
func TestChallenges(t *testing.T) {
	p := newPair(t, lab.Options{Static: redirected})
	expired := p.platform.IssueSpec(t,
		lab.Spec{Names: []string{hostA}, NotAfter: time.Now().Add(-time.Minute)})
	temporary := lab.SelfSigned(t, hostA)
	hijack := lab.SelfSigned(t, hostA, "zzz.evil.test")
	for name, c := range map[string]struct {
		served *lab.Cert
		reason string
	}{
		"no certificate":               {nil, "certificate-name"},
		"an expired one":               {expired, "certificate-expired"},
		"cert-manager's temporary one": {temporary, "certificate-untrusted"},
		"another tenant's":             {hijack, "certificate-foreign"},
	} {
		t.Run(name, func(t *testing.T) {
			dynamic := p.withSolvers().Serve(p.certB)
			if c.served != nil {
				dynamic.Serve(c.served)
			}
			p.apply(t, dynamic)
			for _, protocol := range protocols {
				for range 2 { // a pass is not remembered for other paths
					for _, tr := range []*lab.Traefik{p.off, p.on} {
						response := validate(t, tr, protocol, hostA, challengePath)
						assertOutcome(t, response, passes("team-a"), c.served)
						assert.Equal(t, challengePath, response.Header.Get("Seen-Target"))
					}
					for _, path := range []string{"/", challengePath + "/more", challengeFolder} {
						assertOutcome(t, validate(t, p.off, protocol, hostA, path),
							passes("team-a"), c.served)
						assertOutcome(t, validate(t, p.on, protocol, hostA, path),
							denied(c.reason), c.served)
					}
				}
				p.assertChallengeAttacks(t, protocol)
			}
		})
	}
	p.apply(t, p.routes)
	p.assertLegitimate(t)
}

// withSolvers returns the tenants' routers, a solver's of team-a, and what team-b claims of its
// challenges. There is no certificate.
func (n *tenants) withSolvers() *lab.Config {
	const solver = " && PathPrefix(`" + challengeFolder + "`)"
	taken := lab.Map{"priority": 10000}

	return lab.NewConfig().
		Route("team-a-web", "Host(`"+hostA+"`)", n.teamA).
		Route("team-a-solver", "Host(`"+hostA+"`)"+solver, n.teamA).
		Route("team-b-web", "Host(`"+hostB+"`)", n.teamB).
		Route("team-b-solver", "Host(`"+hostA+"`) && Path(`"+challengeFolder+"taken`)", n.teamB,
			taken)
}

// assertChallengeAttacks tries what only looks like a challenge of the host's: another tenant's
// solver, and the host in another tenant's connection, or in one without a server name.
func (p *pair) assertChallengeAttacks(t *testing.T, protocol lab.Protocol) {
	t.Helper()
	const taken = challengeFolder + "taken"
	reached := p.teamB.Requests()
	assertOutcome(t, validate(t, p.off, protocol, hostA, taken), passes("team-b"), nil)
	assertOutcome(t, validate(t, p.on, protocol, hostA, taken), denied("host-foreign"), nil)
	assert.Equal(t, reached+1, p.teamB.Requests(),
		"a denied request reached the attacker's backend")
	for serverName, reason := range map[string]string{
		hostB: "sni-foreign", hostUnowned: "sni-foreign", "": "sni-missing",
	} {
		assertOutcome(t, lab.Get(t, protocol, p.off.Target(serverName), hostA, challengePath),
			passes("team-a"), nil)
		assertOutcome(t, lab.Get(t, protocol, p.on.Target(serverName), hostA, challengePath),
			denied(reason), nil)
	}
}

// cleaning has the values of an entry point's option sanitizePath.
var cleaning = map[string]bool{"Traefik cleans paths": true, "it does not": false}

// isChallenge has the targets that a backend may see of a host without a certificate.
var isChallenge = regexp.MustCompile(`^/\.well-known/acme-challenge/[A-Za-z0-9_-]+(\?.*)?$`)

// TestChallengeSpellings writes the path of a challenge in other ways, for a host without a
// certificate. Whatever Traefik makes of a path: a backend sees nothing but a challenge.
func TestChallengeSpellings(t *testing.T) {
	const f = challengeFolder
	same := []string{
		f + "tok", f + "tok?x=1", f + "tok?/../%2e%2e", "https://" + hostA + f + "tok",
	}
	// With Traefik's own cleaning these are the same path, and that is what the backend sees.
	cleaned := []string{
		"/x/.." + f + "tok", "/." + f + "tok", f + "x/../tok", f + "./tok",
	}
	others := []string{
		f, f[:len(f)-1], f + "tok/", f + "tok/more", f + "tok//", f + "tok.txt", f + "~tok",
		f + "to=k", f + "tok;x=1",
		"/.Well-Known/acme-challenge/tok", "/.well-known/ACME-challenge/tok",
		"/x" + f + "tok", f + "../admin", f + "tok/../../../admin", f + "..", f + ".",
		"/%2ewell-known/acme-challenge/tok", "/.well-known/%61cme-challenge/tok", f + "t%6fk",
		"/.well-known%2facme-challenge/tok", f + "tok%2fmore", f + "%2e%2e/admin", f + "..%2fadmin",
		f + "%2e%2e%2f%2e%2e%2fadmin", f + "..%5cadmin", f + `..\admin`, f + "%252e%252e%252fadmin",
		f + "tok%00", f + "tok%20", f + "tok%0a", f + "tok%3f", f + "tok%23",
		"//.well-known/acme-challenge/tok", "/.well-known//acme-challenge/tok", f + "/tok",
		"https://" + hostA + f + "tok/more",
	}
	for name, sanitized := range cleaning {
		t.Run(name, func(t *testing.T) {
			static := lab.Map{"entryPoints": lab.Map{
				"websecure": lab.Map{"http": lab.Map{"sanitizePath": sanitized}}}}
			p := newPair(t, lab.Options{Static: static})
			p.apply(t, lab.NewConfig().Route("team-a-web", "HostRegexp(`.*`)", p.teamA))
			for _, path := range same {
				p.assertSpelling(t, path, true)
			}
			for _, path := range cleaned {
				p.assertSpelling(t, path, sanitized)
			}
			for _, path := range others {
				p.assertSpelling(t, path, false)
			}
		})
	}
}

// assertSpelling sends a target unchanged. Without the guard it reaches the backend; with it only
// if it is a challenge. Some of them end elsewhere once Traefik has cleaned them.
func (p *pair) assertSpelling(t *testing.T, target string, isSame bool) {
	t.Helper()
	p.sendTargets(t, target, func(protocol lab.Protocol, off, on *lab.Response) {
		require.Equal(t, "team-a", off.Tenant(), "%s %s", protocol, target)
		seen := off.Header.Get("Seen-Target")
		if isSame {
			assert.Equal(t, passes("team-a"), outcomeOf(on), "%s %s", protocol, target)
			assert.Regexp(t, isChallenge, on.Header.Get("Seen-Target"), "%s %s", protocol, target)
			return
		}
		if isChallenge.MatchString(seen) {
			return // cleaned to one
		}
		assert.Equal(t, denied("certificate-name"), outcomeOf(on), "%s %s", protocol, target)
	})
}

// sendTargets sends a target to both Traefiks by each protocol, and checks what they answer where
// they do: both or neither.
func (p *pair) sendTargets(
	t *testing.T, target string, check func(protocol lab.Protocol, off, on *lab.Response),
) {
	t.Helper()
	for _, protocol := range protocols {
		off, on := sendTarget(t, p.off, protocol, target), sendTarget(t, p.on, protocol, target)
		if off == nil || on == nil {
			assert.True(t, off == nil && on == nil, "%s %s: only one answers", protocol, target)
			continue
		}
		check(protocol, off, on)
	}
}

// sendTarget sends a request with exactly this target, nil for no answer. A target with an
// authority is one for HTTP/1.1 alone.
func sendTarget(
	t *testing.T, tr *lab.Traefik, protocol lab.Protocol, target string,
) *lab.Response {
	t.Helper()
	if protocol == lab.HTTP1 {
		return rawHTTP1(t, tr.Target(hostA), "GET "+target+" HTTP/1.1\r\nHost: "+hostA+"\r\n\r\n")
	}
	if !strings.HasPrefix(target, "/") {
		return nil
	}
	fields := [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", hostA},
		{":path", target}}
	send := rawHTTP3
	if protocol == lab.HTTP2 {
		send = func(
			t *testing.T, target lab.Target, fields ...[2]string,
		) (*lab.Response, error) {
			return lab.RawHTTP2(t, target, fields...)
		}
	}
	response, err := send(t, tr.Target(hostA), fields...)
	if err != nil {
		return nil
	}

	return response
}

// TestChallengesWithoutTLS asks for challenges where the policy denies plaintext.
func TestChallengesWithoutTLS(t *testing.T) {
	p := newPair(t, lab.Options{})
	web := lab.Map{"entryPoints": []string{"web"}}
	const taken = challengeFolder + "taken"
	p.apply(t, p.routes.Clone().
		Route("team-a-plain", "Host(`"+hostA+"`)", p.teamA, web).
		Route("team-b-plain", "Host(`"+hostA+"`) && Path(`"+taken+"`)", p.teamB, web),
		lab.Map{"plaintext": "deny"})
	for _, protocol := range []lab.Protocol{lab.HTTP1, lab.HTTP2} {
		for path, want := range map[string]outcome{
			challengePath:             passes("team-a"),
			challengePath + "?x=/../": passes("team-a"),
			"/":                       denied("tls-required"),
			challengePath + "/more":   denied("tls-required"),
			challengePath + "/":       denied("tls-required"),
			challengeFolder:           denied("tls-required"),
			challengePath + "%2fmore": denied("tls-required"),
			"/.well-known/x":          denied("tls-required"),
			taken:                     denied("host-foreign"),
		} {
			tenant := "team-a"
			if path == taken {
				tenant = "team-b"
			}
			assertOutcome(t, lab.Get(t, protocol, p.off.Plain(), hostA, path), passes(tenant), nil)
			assertOutcome(t, lab.Get(t, protocol, p.on.Plain(), hostA, path), want, nil)
		}
	}
	p.assertLegitimate(t)
}
