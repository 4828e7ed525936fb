package e2e

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// spelling is one way to write a host into a request. Its texts have placeholders: HOST is the host
// (own or foreign), UPPER the same in upper case, OTHER the other tenant's host and PATH the path.
type spelling struct {
	name string
	// request is sent over HTTP/1.1; fields are the header fields of HTTP/2 and HTTP/3.
	request string
	fields  [][2]string
	// seen is the Host that the backend sees without the guard; "*" is any. If Traefik itself
	// refuses the request, refused is its status. Over HTTP/2 and HTTP/3 it resets the stream then.
	seen    string
	refused int
	// own and foreign are the guard's reasons for the own and the foreign host; "" passes.
	own, foreign string
}

// withHost returns a request with this Host header.
func withHost(value string) string { return "GET PATH HTTP/1.1\r\nHost: " + value + "\r\n\r\n" }

// valid returns a spelling of the host: the own one passes, the foreign one does not.
func valid(name, request, seen string) spelling {
	return spelling{name: name, request: request, seen: seen, foreign: "host-foreign"}
}

// invalid returns a spelling that Traefik accepts as a host and the guard does not.
func invalid(name, request, seen string) spelling {
	return spelling{
		name: name, request: request, seen: seen, own: "host-invalid", foreign: "host-invalid",
	}
}

// unowned returns a spelling of a host that no tenant owns.
func unowned(name, request, seen string) spelling {
	return spelling{
		name: name, request: request, seen: seen, own: "host-unowned", foreign: "host-unowned",
	}
}

// refusals returns spellings that Traefik itself refuses.
func refusals(status int, requests ...string) []spelling {
	var all []spelling
	for _, request := range requests {
		all = append(all, spelling{
			name: "refused by Traefik: " + request, request: request, refused: status,
		})
	}

	return all
}

func (s spelling) fill(text, host, path string) string {
	other := hostA
	if host == hostA {
		other = hostB
	}

	placeholders := strings.NewReplacer(
		"HOST", host, "UPPER", strings.ToUpper(host), "OTHER", other, "PATH", path)

	return placeholders.Replace(text)
}

// hostPair returns a pair in which team-a's router takes every request for /any, whatever its host.
func hostPair(t *testing.T, static lab.Map) *pair {
	t.Helper()
	hosts := lab.Map{"tenants": []lab.Map{
		tenantOf("team-a", hostA, "*."+hostA, "192.0.2.1", "2001:db8::1"),
		tenantOf("team-b", hostB),
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

// check sends a spelling of both hosts, to the router that takes any host and to those with a Host
// rule. send returns nil if there was no answer.
func (s spelling) check(
	t *testing.T, p *pair, send func(tr *lab.Traefik, host, path string) *lab.Response,
) {
	t.Helper()
	for _, host := range []string{hostA, hostB} {
		reason := s.own
		if host == hostB {
			reason = s.foreign
		}
		off, on := send(p.off, host, "/any"), send(p.on, host, "/any")
		switch {
		case off == nil || on == nil:
			assert.True(t, s.refused > 0 && off == nil && on == nil,
				"%s: no answer, %v without the guard and %v with it", host, off, on)
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

		// With Host rules a valid spelling reaches the host's tenant. The connection is team-a's.
		off, on = send(p.off, host, "/"), send(p.on, host, "/")
		assertConsistent(t, on)
		isValid := strings.HasPrefix(s.seen, "HOST") || strings.HasPrefix(s.seen, "UPPER")
		switch {
		case !isValid || s.own != "" || s.refused > 0:
		case host == hostA:
			assert.Equal(t, passes("team-a"), outcomeOf(off))
			assert.Equal(t, passes("team-a"), outcomeOf(on))
		default:
			assert.Equal(t, passes("team-b"), outcomeOf(off))
			assertOutcome(t, on, denied("sni-foreign"), p.certA)
		}
	}
}

// assertConsistent checks the Host that the backend saw. All connections are team-a's, so only
// team-a's names may have passed, in whatever spelling.
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
