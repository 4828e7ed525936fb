package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// TestHosts writes a request's host in every way that HTTP/1.1 allows, and in some that it does
// not.
func TestHosts(t *testing.T) {
	long := strings.Repeat("a", 64)
	spellings := []spelling{
		valid("as it is", withHost("HOST"), "HOST"),
		valid("upper case", withHost("UPPER"), "UPPER"),
		valid("a port", withHost("HOST:443"), "HOST:443"),
		valid("another port", withHost("HOST:1234"), "HOST:1234"),
		valid("an empty port", withHost("HOST:"), "HOST:"),
		valid("port 0", withHost("HOST:0"), "HOST:0"),
		valid("a trailing dot", withHost("HOST."), "HOST."),
		valid("all at once", withHost("UPPER.:443"), "UPPER.:443"),
		valid("white space around", withHost(" \tHOST \t"), "HOST"),
		valid("HTTP/1.0", "GET PATH HTTP/1.0\r\nHost: HOST\r\n\r\n", "HOST"),
		{name: "an underscore", request: withHost("x_y.HOST"), seen: "x_y.HOST",
			foreign: "host-unowned"},
		{name: "an own IPv4 literal", request: withHost("192.0.2.1:443"), seen: "192.0.2.1:443"},
		{name: "an own IPv6 literal", request: withHost("[2001:DB8:0::1]:443"),
			seen: "[2001:DB8:0::1]:443"},

		valid("absolute target", "GET https://HOSTPATH HTTP/1.1\r\nHost: OTHER\r\n\r\n", "HOST"),
		valid("absolute target without TLS", "GET http://HOSTPATH HTTP/1.1\r\nHost: OTHER\r\n\r\n",
			"HOST"),
		valid("absolute target, upper case",
			"GET HTTPS://UPPER:443PATH HTTP/1.1\r\nHost: OTHER\r\n\r\n", "UPPER:443"),
		valid("absolute target with user information",
			"GET https://OTHER:x@HOSTPATH HTTP/1.1\r\nHost: OTHER\r\n\r\n", "HOST"),
		valid("absolute target, HTTP/1.0 without a Host", "GET https://HOSTPATH HTTP/1.0\r\n\r\n",
			"HOST"),
		valid("absolute target without an authority",
			"GET https:PATH HTTP/1.1\r\nHost: HOST\r\n\r\n", "HOST"),
		valid("absolute target with an empty authority",
			"GET https://PATH HTTP/1.1\r\nHost: HOST\r\n\r\n", "HOST"),
		invalid("absolute target with a bad port",
			"GET https://HOST:65536PATH HTTP/1.1\r\nHost: OTHER\r\n\r\n", "HOST:65536"),

		invalid("a port beyond all", withHost("HOST:65536"), "HOST:65536"),
		invalid("a port in letters", withHost("HOST:x"), "HOST:x"),
		invalid("two ports", withHost("HOST:443:443"), "HOST:443:443"),
		invalid("two trailing dots", withHost("HOST.."), "HOST.."),
		invalid("a leading dot", withHost(".HOST"), ".HOST"),
		invalid("an empty label", withHost("x..HOST"), "x..HOST"),
		invalid("a list", withHost("HOST,OTHER"), "HOST,OTHER"),
		invalid("percent-encoded", withHost("%61.HOST"), "%61.HOST"),
		invalid("a percent-encoded dot", withHost("x%2eHOST"), "x%2eHOST"),
		invalid("a percent-encoded end", withHost("HOST%00"), "HOST%00"),
		invalid("a wildcard", withHost("*.HOST"), "*.HOST"),
		invalid("a label of a hyphen", withHost("-.HOST"), "-.HOST"),
		invalid("a label that is too long", withHost(long+".HOST"), long+".HOST"),
		invalid("brackets", withHost("[HOST]"), "[HOST]"),
		invalid("only a port", withHost(":443"), ":443"),
		invalid("only a colon", withHost(":"), ":"),
		invalid("only a dot", withHost("."), "."),
		invalid("an empty Host", withHost(""), "*"),
		invalid("HTTP/1.0 without a Host", "GET PATH HTTP/1.0\r\n\r\n", "*"),
		invalid("a short IPv4 literal", withHost("192.0.513"), "192.0.513"),
		invalid("a hexadecimal IPv4 literal", withHost("0xc0.0.2.1"), "0xc0.0.2.1"),
		invalid("an IPv4 literal in brackets", withHost("[192.0.2.1]"), "[192.0.2.1]"),
		invalid("an IPv6 literal without brackets", withHost("2001:db8::1"), "*"),
		invalid("an IPv6 literal with a zone", withHost("[2001:db8::1%25eth0]"), "*"),

		unowned("a label before", withHost("_HOST"), "_HOST"),
		unowned("a domain behind", withHost("HOST.evil.test"), "HOST.evil.test"),
		unowned("the domain above", withHost("example.com"), "example.com"),
		unowned("an IPv4 literal", withHost("127.0.0.1"), "127.0.0.1"),
		unowned("an IPv6 literal", withHost("[::1]:443"), "[::1]:443"),
		unowned("an own IPv4 literal mapped to IPv6", withHost("[::ffff:192.0.2.1]"), "*"),
		unowned("a lookalike in Punycode", withHost("xn--mi7c.example.com"),
			"xn--mi7c.example.com"),
	}
	for _, header := range []string{
		"X-Forwarded-Host: OTHER", "X-Forwarded-Server: OTHER",
		"Forwarded: host=OTHER;proto=https", "X-Host: OTHER", "X-Original-Host: OTHER",
		"X-Original-URL: https://OTHERPATH", "X-HTTP-Host-Override: OTHER", "Host_: OTHER",
		"X-Fold: x\r\n Host: OTHER", "Connection: Host",
	} {
		spellings = append(spellings,
			valid(header, "GET PATH HTTP/1.1\r\nHost: HOST\r\n"+header+"\r\n\r\n", "HOST"))
	}
	spellings = append(spellings, refusals(400,
		withHost("user@HOST"), withHost("OTHER:x@HOST"), withHost("HOST@OTHER"),
		withHost("https://HOST"), withHost("HOST/"), withHost("HOST#"), withHost("HOST?"),
		withHost(`HOST\`), withHost("HOST OTHER"), withHost("HOST, OTHER"), withHost("HOST\x00"),
		withHost("HOST\x0bOTHER"), withHost("bücher.HOST"),
		withHost("x\u3002HOST"), withHost("\uff41.HOST"), withHost("HO\u017fT"),
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
					continue // the guard refuses it before it reaches the proxy
				}
				t.Run(s.name, func(t *testing.T) {
					s.check(t, p, func(tr *lab.Traefik, host, path string) *lab.Response {
						return rawHTTP1(t, tr.Target(hostA), s.fill(s.request, host, path))
					})
				})
			}
			if static == nil {
				assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-invalid",
					Router: "team-a-any@file", Tenant: "team-a", Host: hostB + "%00", SNI: hostA})
			}
			assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign",
				Router: "team-a-any@file", Tenant: "team-a", Host: hostB, SNI: hostA})
		})
	}
}

// TestAuthority does the same over HTTP/2 and HTTP/3, with :authority, a host field, or both.
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
		// reset3 and reset2 report whether Traefik resets the stream over HTTP/3 and HTTP/2.
		reset3, reset2 bool
	}
	newQUIC := traefik.Since(traefik.AuthorityOverHTTP3)
	rows := []row{
		{spelling: fields(valid("as it is", "", "HOST"), authority("HOST"))},
		{spelling: fields(valid("all at once", "", "UPPER.:443"), authority("UPPER.:443"))},
		{spelling: fields(valid("only a host field", "", "HOST"), host("HOST")), reset3: !newQUIC},
		{spelling: fields(valid("both", "", "HOST"), authority("HOST"), host("HOST"))},
		{spelling: fields(valid("another host field", "", "HOST"), authority("HOST"),
			host("OTHER")), reset3: newQUIC},
		{spelling: fields(valid("an empty :authority and a host field", "", "HOST"), authority(""),
			host("HOST")), reset3: true},
		{spelling: fields(valid("two host fields", "", "HOST"), host("HOST"), host("OTHER")),
			reset3: true},
		{spelling: fields(valid("another X-Forwarded-Host", "", "HOST"), authority("HOST"),
			[2]string{"x-forwarded-host", "OTHER"})},
		{spelling: fields(valid("another Forwarded", "", "HOST"), authority("HOST"),
			[2]string{"forwarded", "host=OTHER"})},

		{spelling: fields(invalid("nothing", "", "*")), reset3: true},
		{spelling: fields(invalid("a URL", "", "*"), authority("https://HOST"))},
		{spelling: fields(invalid("a path", "", "*"), authority("HOST/"))},
		{spelling: fields(invalid("a list", "", "*"), authority("HOST,OTHER"))},
		{spelling: fields(invalid("percent-encoded", "", "*"), authority("%61.HOST"))},
		{spelling: fields(invalid("two trailing dots", "", "*"), authority("HOST.."))},
		{spelling: fields(invalid("a bad port", "", "*"), authority("HOST:x"))},
		{spelling: fields(invalid("white space", "", "*"), authority("HOST "))},
		{spelling: fields(invalid("Unicode", "", "*"), authority("\uff48.HOST"))},
		{spelling: fields(invalid("a Unicode full stop", "", "*"), authority("x\u3002HOST"))},
		{spelling: fields(invalid("a long s", "", "*"), authority("\u017f.HOST"))},
		{spelling: fields(unowned("an IPv6 literal", "", "[::1]:443"), authority("[::1]:443"))},

		{spelling: fields(invalid("user information", "", "*"), authority("user@HOST")),
			reset2: true, reset3: newQUIC},
		{spelling: fields(invalid("the other host as user information", "", "*"),
			authority("OTHER@HOST")), reset2: true, reset3: newQUIC},
		{spelling: fields(spelling{name: "two authorities"}, authority("HOST"), authority("OTHER")),
			reset2: true, reset3: true},
		{spelling: fields(spelling{name: "a host field in upper case"}, authority("HOST"),
			[2]string{"Host", "OTHER"}), reset2: true, reset3: true},
	}
	type rawRequest func(*testing.T, lab.Target, ...[2]string) (*lab.Response, error)
	send := func(
		t *testing.T, s spelling, raw rawRequest,
	) func(tr *lab.Traefik, host, path string) *lab.Response {
		return func(tr *lab.Traefik, host, path string) *lab.Response {
			// Pseudo-header fields come first.
			var pseudo, rest [][2]string
			all := [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", path}}
			for _, field := range append(all, s.fields...) {
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
	for _, request := range []string{
		"CONNECT " + hostB + ":443 HTTP/1.1\r\nHost: " + hostA + "\r\n\r\n",
		"CONNECT / HTTP/1.1\r\nHost: " + hostB + "\r\n\r\n",
	} {
		assertOutcome(t, rawHTTP1(t, p.on.Target(hostA), request), denied("sni-foreign"), p.certA)
	}
	require.Empty(t, p.off.Log.Denials())
}
