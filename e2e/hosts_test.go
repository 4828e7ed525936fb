package e2e

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// spelling is one way to write a host into a request. In its texts HOST stands for the host, own or foreign, UPPER for the
// same in upper case, and OTHER for the other one. PATH is the request's path.
type spelling struct {
	name string
	// request is what goes over an HTTP/1.1 connection, and fields over one with HTTP/2 or HTTP/3.
	request string
	fields  [][2]string
	// seen is the Host that arrives at the backend without the guard, or refused the status with which Traefik itself
	// answers. Over HTTP/2 and HTTP/3 a refused request has its stream reset.
	seen    string
	refused int
	// own and foreign are the guard's reasons, "" where the request passes.
	own, foreign string
}

// for1 makes a request by its Host header.
func for1(value string) string { return "GET PATH HTTP/1.1\r\nHost: " + value + "\r\n\r\n" }

// names is a spelling that names the host: one's own passes, the other tenant's does not.
func names(name, request, seen string) spelling {
	return spelling{name: name, request: request, seen: seen, foreign: "host-foreign"}
}

// noHost is a spelling that Traefik takes for a host and the guard for none.
func noHost(name, request, seen string) spelling {
	return spelling{name: name, request: request, seen: seen, own: "host-invalid", foreign: "host-invalid"}
}

// nobodys is a spelling of a host that nobody owns.
func nobodys(name, request, seen string) spelling {
	return spelling{name: name, request: request, seen: seen, own: "host-unowned", foreign: "host-unowned"}
}

// refusals are spellings that Traefik itself refuses.
func refusals(status int, requests ...string) []spelling {
	var all []spelling
	for _, request := range requests {
		all = append(all, spelling{name: "refused by Traefik: " + request, request: request, refused: status})
	}

	return all
}

func (s spelling) fill(text, host, path string) string {
	other := hostA
	if host == hostA {
		other = hostB
	}

	return strings.NewReplacer("HOST", host, "UPPER", strings.ToUpper(host), "OTHER", other, "PATH", path).Replace(text)
}

// hostPair has team-a take every request for /any, whatever its host.
func hostPair(t *testing.T, static lab.Map) *pair {
	t.Helper()
	hosts := lab.Map{"tenants": []lab.Map{
		{"name": "team-a", "routers": []string{"team-a-*@file"}, "hosts": []string{hostA, "*." + hostA, "192.0.2.1", "2001:db8::1"}},
		{"name": "team-b", "routers": []string{"team-b-*@file"}, "hosts": []string{hostB}},
	}}
	p := newPair(t, lab.Options{Static: static}, hosts)
	p.certA = p.platform.Issue(t, hostA, "*."+hostA, "192.0.2.1", "2001:db8::1")
	p.apply(t, lab.NewConfig().
		Route("team-a-web", "Host(`"+hostA+"`)", p.teamA).
		Route("team-b-web", "Host(`"+hostB+"`)", p.teamB).
		Route("team-a-any", "PathPrefix(`/any`)", p.teamA, lab.Map{"priority": 10000}).
		Serve(p.certA, p.certB), hosts)

	return p
}

// check sends a spelling of both hosts, to the router that takes any host and to those with a Host rule. send is nil for an
// answer that never came.
func (s spelling) check(t *testing.T, p *pair, send func(tr *lab.Traefik, host, path string) *lab.Response) {
	t.Helper()
	for _, host := range []string{hostA, hostB} {
		reason := s.own
		if host == hostB {
			reason = s.foreign
		}
		off, on := send(p.off, host, "/any"), send(p.on, host, "/any")
		switch {
		case off == nil || on == nil:
			assert.True(t, s.refused > 0 && off == nil && on == nil, "%s: no answer, %v without the guard and %v with it", host, off, on)
		case s.refused > 0:
			assert.Equal(t, outcome{status: s.refused}, outcomeOf(off), host)
			if traefik.Since(traefik.EarlyRefusal) || outcomeOf(on).reason == "" {
				assert.Equal(t, outcome{status: s.refused}, outcomeOf(on), host)
			}
		default:
			assert.Equal(t, passes("team-a"), outcomeOf(off), "%s, without the guard", host)
			if s.seen != "*" {
				assert.Equal(t, s.fill(s.seen, host, ""), off.Header.Get("Seen-Host"), host)
			}
			want := passes("team-a")
			if reason != "" {
				want = denied(reason)
			}
			assertOutcome(t, on, want, p.certA)
		}
		assertConsistent(t, on)

		// By the Host rules: what names the host leads to its tenant, on a connection of team-a's.
		off, on = send(p.off, host, "/"), send(p.on, host, "/")
		assertConsistent(t, on)
		named := strings.HasPrefix(s.seen, "HOST") || strings.HasPrefix(s.seen, "UPPER")
		switch {
		case !named || s.own != "" || s.refused > 0:
		case host == hostA:
			assert.Equal(t, passes("team-a"), outcomeOf(off))
			assert.Equal(t, passes("team-a"), outcomeOf(on))
		default:
			assert.Equal(t, passes("team-b"), outcomeOf(off))
			assertOutcome(t, on, denied("sni-foreign"), p.certA)
		}
	}
}

// assertConsistent holds what passed against what the backend saw: nothing but a name of its tenant, however spelled. All
// connections are team-a's.
func assertConsistent(t *testing.T, response *lab.Response) {
	t.Helper()
	if response == nil || response.Tenant() == "" {
		return
	}
	assert.Equal(t, "team-a", response.Tenant())
	seen := strings.ToLower(response.Header.Get("Seen-Host"))
	if host, _, err := net.SplitHostPort(seen); err == nil {
		seen = host
	}
	seen = strings.TrimSuffix(seen, ".")
	if addr, err := netip.ParseAddr(strings.Trim(seen, "[]")); err == nil {
		seen = addr.String()
	}
	assert.Contains(t, []string{hostA, "x_y." + hostA, "192.0.2.1", "2001:db8::1"}, seen)
}

// TestHosts writes the host of a request in every way that HTTP/1.1 allows, and in some that it does not.
func TestHosts(t *testing.T) {
	long := strings.Repeat("a", 64)
	spellings := []spelling{
		names("as it is", for1("HOST"), "HOST"),
		names("upper case", for1("UPPER"), "UPPER"),
		names("a port", for1("HOST:443"), "HOST:443"),
		names("another port", for1("HOST:1234"), "HOST:1234"),
		names("an empty port", for1("HOST:"), "HOST:"),
		names("port 0", for1("HOST:0"), "HOST:0"),
		names("a trailing dot", for1("HOST."), "HOST."),
		names("all at once", for1("UPPER.:443"), "UPPER.:443"),
		names("white space around", for1(" \tHOST \t"), "HOST"),
		names("HTTP/1.0", "GET PATH HTTP/1.0\r\nHost: HOST\r\n\r\n", "HOST"),
		{name: "an underscore", request: for1("x_y.HOST"), seen: "x_y.HOST", foreign: "host-unowned"},
		{name: "an own IPv4 literal", request: for1("192.0.2.1:443"), seen: "192.0.2.1:443"},
		{name: "an own IPv6 literal", request: for1("[2001:DB8:0::1]:443"), seen: "[2001:DB8:0::1]:443"},

		names("absolute target", "GET https://HOSTPATH HTTP/1.1\r\nHost: OTHER\r\n\r\n", "HOST"),
		names("absolute target without TLS", "GET http://HOSTPATH HTTP/1.1\r\nHost: OTHER\r\n\r\n", "HOST"),
		names("absolute target, upper case", "GET HTTPS://UPPER:443PATH HTTP/1.1\r\nHost: OTHER\r\n\r\n", "UPPER:443"),
		names("absolute target with user information", "GET https://OTHER:x@HOSTPATH HTTP/1.1\r\nHost: OTHER\r\n\r\n", "HOST"),
		names("absolute target, HTTP/1.0 without a Host", "GET https://HOSTPATH HTTP/1.0\r\n\r\n", "HOST"),
		names("absolute target without an authority", "GET https:PATH HTTP/1.1\r\nHost: HOST\r\n\r\n", "HOST"),
		names("absolute target with an empty authority", "GET https://PATH HTTP/1.1\r\nHost: HOST\r\n\r\n", "HOST"),
		noHost("absolute target with a bad port", "GET https://HOST:65536PATH HTTP/1.1\r\nHost: OTHER\r\n\r\n", "HOST:65536"),

		noHost("a port beyond all", for1("HOST:65536"), "HOST:65536"),
		noHost("a port in letters", for1("HOST:x"), "HOST:x"),
		noHost("two ports", for1("HOST:443:443"), "HOST:443:443"),
		noHost("two trailing dots", for1("HOST.."), "HOST.."),
		noHost("a leading dot", for1(".HOST"), ".HOST"),
		noHost("an empty label", for1("x..HOST"), "x..HOST"),
		noHost("a list", for1("HOST,OTHER"), "HOST,OTHER"),
		noHost("percent-encoded", for1("%61.HOST"), "%61.HOST"),
		noHost("a percent-encoded dot", for1("x%2eHOST"), "x%2eHOST"),
		noHost("a percent-encoded end", for1("HOST%00"), "HOST%00"),
		noHost("a wildcard", for1("*.HOST"), "*.HOST"),
		noHost("a label of a hyphen", for1("-.HOST"), "-.HOST"),
		noHost("a label that is too long", for1(long+".HOST"), long+".HOST"),
		noHost("brackets", for1("[HOST]"), "[HOST]"),
		noHost("only a port", for1(":443"), ":443"),
		noHost("only a colon", for1(":"), ":"),
		noHost("only a dot", for1("."), "."),
		noHost("an empty Host", for1(""), "*"),
		noHost("HTTP/1.0 without a Host", "GET PATH HTTP/1.0\r\n\r\n", "*"),
		noHost("a short IPv4 literal", for1("192.0.513"), "192.0.513"),
		noHost("a hexadecimal IPv4 literal", for1("0xc0.0.2.1"), "0xc0.0.2.1"),
		noHost("an IPv4 literal in brackets", for1("[192.0.2.1]"), "[192.0.2.1]"),
		noHost("an IPv6 literal without brackets", for1("2001:db8::1"), "*"),
		noHost("an IPv6 literal with a zone", for1("[2001:db8::1%25eth0]"), "*"),

		nobodys("a label before", for1("_HOST"), "_HOST"),
		nobodys("a domain behind", for1("HOST.evil.test"), "HOST.evil.test"),
		nobodys("the domain above", for1("example.com"), "example.com"),
		nobodys("an IPv4 literal", for1("127.0.0.1"), "127.0.0.1"),
		nobodys("an IPv6 literal", for1("[::1]:443"), "[::1]:443"),
		nobodys("an own IPv4 literal mapped to IPv6", for1("[::ffff:192.0.2.1]"), "*"),
		nobodys("a lookalike in Punycode", for1("xn--mi7c.example.com"), "xn--mi7c.example.com"),
	}
	for _, header := range []string{
		"X-Forwarded-Host: OTHER", "X-Forwarded-Server: OTHER", "Forwarded: host=OTHER;proto=https", "X-Host: OTHER",
		"X-Original-Host: OTHER", "X-Original-URL: https://OTHERPATH", "X-HTTP-Host-Override: OTHER", "Host_: OTHER", "X-Fold: x\r\n Host: OTHER",
		"Connection: Host",
	} {
		spellings = append(spellings, names(header, "GET PATH HTTP/1.1\r\nHost: HOST\r\n"+header+"\r\n\r\n", "HOST"))
	}
	spellings = append(spellings, refusals(400,
		for1("user@HOST"), for1("OTHER:x@HOST"), for1("HOST@OTHER"), for1("https://HOST"), for1("HOST/"), for1("HOST#"), for1("HOST?"),
		for1(`HOST\`), for1("HOST OTHER"), for1("HOST, OTHER"), for1("HOST\x00"), for1("HOST\x0bOTHER"), for1("bücher.HOST"),
		for1("x\u3002HOST"), for1("\uff41.HOST"), for1("HO\u017fT"),
		"GET PATH HTTP/1.1\r\n\r\n",
		"GET https://HOSTPATH HTTP/1.1\r\n\r\n",
		"GET PATH HTTP/1.1\r\nHost: HOST\r\nHost: OTHER\r\n\r\n",
		"GET PATH HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n",
		"GET PATH HTTP/1.1\r\nHost: HOST\r\nhOST: OTHER\r\n\r\n",
		"GET PATH HTTP/1.1\r\nHost: HOST\r\n:authority: OTHER\r\n\r\n",
		"GET PATH HTTP/1.1\r\nHost : HOST\r\n\r\n",
		"GET https://x%2eHOSTPATH HTTP/1.1\r\nHost: OTHER\r\n\r\n",
		"GET https:HOSTPATH HTTP/1.1\r\nHost: OTHER\r\n\r\n",
		"GET HOSTPATH HTTP/1.1\r\nHost: OTHER\r\n\r\n",
	)...)

	for name, static := range map[string]lab.Map{
		"proxy":      nil,
		"fast proxy": {"experimental": lab.Map{"fastProxy": lab.Map{}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := hostPair(t, static)
			for _, s := range spellings {
				if static != nil && s.own != "" {
					continue // what the guard lets nobody pass does not get as far as the proxy
				}
				t.Run(s.name, func(t *testing.T) {
					s.check(t, p, func(tr *lab.Traefik, host, path string) *lab.Response {
						return rawHTTP1(t, tr.Target(hostA), s.fill(s.request, host, path))
					})
				})
			}
			if static == nil {
				assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-invalid", Router: "team-a-any@file", Tenant: "team-a", Host: hostB + "%00", SNI: hostA})
			}
			assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign", Router: "team-a-any@file", Tenant: "team-a", Host: strings.ToUpper(hostB) + ".:443", SNI: hostA})
		})
	}
}

// TestAuthority does the same over HTTP/2 and HTTP/3, where a request may have an :authority, a host field, or both.
func TestAuthority(t *testing.T) {
	p := hostPair(t, nil)
	authority := func(value string) [2]string { return [2]string{":authority", value} }
	host := func(value string) [2]string { return [2]string{"host", value} }
	fields := func(s spelling, fields ...[2]string) spelling {
		s.fields = fields
		return s
	}
	type row struct {
		spelling
		// reset3 and reset2 tell that Traefik resets the stream over HTTP/3 and HTTP/2.
		reset3, reset2 bool
	}
	newQUIC := traefik.Since(traefik.AuthorityOverHTTP3)
	rows := []row{
		{spelling: fields(names("as it is", "", "HOST"), authority("HOST"))},
		{spelling: fields(names("all at once", "", "UPPER.:443"), authority("UPPER.:443"))},
		{spelling: fields(names("only a host field", "", "HOST"), host("HOST")), reset3: !newQUIC},
		{spelling: fields(names("both", "", "HOST"), authority("HOST"), host("HOST"))},
		{spelling: fields(names("another host field", "", "HOST"), authority("HOST"), host("OTHER")), reset3: newQUIC},
		{spelling: fields(names("an empty :authority and a host field", "", "HOST"), authority(""), host("HOST")), reset3: true},
		{spelling: fields(names("two host fields", "", "HOST"), host("HOST"), host("OTHER")), reset3: true},
		{spelling: fields(names("another X-Forwarded-Host", "", "HOST"), authority("HOST"), [2]string{"x-forwarded-host", "OTHER"})},
		{spelling: fields(names("another Forwarded", "", "HOST"), authority("HOST"), [2]string{"forwarded", "host=OTHER"})},

		{spelling: fields(noHost("nothing", "", "*")), reset3: true},
		{spelling: fields(noHost("a URL", "", "*"), authority("https://HOST"))},
		{spelling: fields(noHost("a path", "", "*"), authority("HOST/"))},
		{spelling: fields(noHost("a list", "", "*"), authority("HOST,OTHER"))},
		{spelling: fields(noHost("percent-encoded", "", "*"), authority("%61.HOST"))},
		{spelling: fields(noHost("two trailing dots", "", "*"), authority("HOST.."))},
		{spelling: fields(noHost("a bad port", "", "*"), authority("HOST:x"))},
		{spelling: fields(noHost("white space", "", "*"), authority("HOST "))},
		{spelling: fields(noHost("Unicode", "", "*"), authority("\uff48.HOST"))},
		{spelling: fields(noHost("a Unicode full stop", "", "*"), authority("x\u3002HOST"))},
		{spelling: fields(noHost("a long s", "", "*"), authority("\u017f.HOST"))},
		{spelling: fields(nobodys("an IPv6 literal", "", "[::1]:443"), authority("[::1]:443"))},

		{spelling: fields(noHost("user information", "", "*"), authority("user@HOST")), reset2: true, reset3: newQUIC},
		{spelling: fields(noHost("the other host as user information", "", "*"), authority("OTHER@HOST")), reset2: true, reset3: newQUIC},
		{spelling: fields(spelling{name: "two authorities"}, authority("HOST"), authority("OTHER")), reset2: true, reset3: true},
		{spelling: fields(spelling{name: "a host field in upper case"}, authority("HOST"), [2]string{"Host", "OTHER"}), reset2: true, reset3: true},
	}
	send := func(t *testing.T, s spelling, raw func(*testing.T, lab.Target, ...[2]string) (*lab.Response, error)) func(tr *lab.Traefik, host, path string) *lab.Response {
		return func(tr *lab.Traefik, host, path string) *lab.Response {
			// Pseudo-header fields come first.
			var pseudo, rest [][2]string
			for _, field := range append([][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", path}}, s.fields...) {
				field[1] = s.fill(field[1], host, path)
				if strings.HasPrefix(field[0], ":") {
					pseudo = append(pseudo, field)
				} else {
					rest = append(rest, field)
				}
			}
			response, err := raw(t, tr.Target(hostA), append(pseudo, rest...)...)
			if err != nil {
				return nil
			}
			return response
		}
	}
	raw2 := func(t *testing.T, target lab.Target, fields ...[2]string) (*lab.Response, error) {
		return lab.RawHTTP2(t, target, fields...)
	}
	for _, r := range rows {
		t.Run("HTTP/2/"+r.name, func(t *testing.T) {
			s := r.spelling
			if r.reset2 {
				s.refused = 400
			}
			s.check(t, p, send(t, s, raw2))
		})
		t.Run("HTTP/3/"+r.name, func(t *testing.T) {
			s := r.spelling
			if r.reset3 {
				s.refused = 400
			}
			s.check(t, p, send(t, s, rawHTTP3))
		})
	}

	// A tunnel to another tenant's host.
	for _, request := range []string{"CONNECT " + hostB + ":443 HTTP/1.1\r\nHost: " + hostA + "\r\n\r\n", "CONNECT / HTTP/1.1\r\nHost: " + hostB + "\r\n\r\n"} {
		assertOutcome(t, rawHTTP1(t, p.on.Target(hostA), request), denied("sni-foreign"), p.certA)
	}
	require.Empty(t, p.off.Log.Denials())
}
