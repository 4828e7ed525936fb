package guard

import (
	"crypto/tls"
	"fmt"
	"math/rand"
	"net/http"
	"strings"
	"testing"
)

// TestNoAnswerDependsOnTheOneBefore sends all kinds of requests in random order to one guard, where
// they meet what is known of others, and compares each answer with that of a guard which knows
// nothing.
func TestNoAnswerDependsOnTheOneBefore(t *testing.T) {
	const address = "192.0.2.7"
	tenants := func(guest map[string]any) []any {
		acme := map[string]any{"name": "acme", "namespaces": "acme",
			"hosts": []any{hostA, hostB, address}}
		if guest != nil {
			acme["guest"] = guest
		}
		return []any{acme,
			map[string]any{"name": "globex", "namespaces": "globex", "hosts": "globex.example.com"}}
	}
	rows := []struct {
		description string
		keys        map[string]any
	}{
		{"two tenants", map[string]any{"tenants": tenants(nil)}},
		{"no plaintext", map[string]any{"tenants": tenants(nil), "plaintext": "deny"}},
		{"a trusted proxy", map[string]any{"tenants": tenants(nil), "plaintext": "deny",
			"trustedProxies": "192.0.2.1"}},
		{"a guest of all hosts on a path", map[string]any{"tenants": tenants(
			map[string]any{"hosts": "**", "paths": "/oauth2"})}},
		{"a guest and a trusted proxy", map[string]any{"plaintext": "deny",
			"trustedProxies": "192.0.2.1", "tenants": tenants(
				map[string]any{"hosts": "globex.example.com", "paths": "/oauth2"})}},
		{"report mode", map[string]any{"tenants": tenants(nil), "mode": "report"}},
	}
	for _, row := range rows {
		keys := row.keys
		keys["exposeReason"] = true
		keys["certificates"] = map[string]any{"check": "off"}
		for _, local := range []bool{false, true} {
			seen := acmeGuard(row.description+"@file", keys)
			withLocalCertificate(seen, local)
			random := rand.New(rand.NewSource(1))
			connections := map[string]*tls.ConnectionState{}
			want := map[string]string{}
			fast := 0
			for i := 0; i < 1500; i++ {
				name, req := anyRequest(random, address, connections)
				if want[name] == "" {
					fresh := acmeGuard(row.description+"@file", keys)
					withLocalCertificate(fresh, local)
					want[name] = reasonOf(handlerOf(fresh), req)
				}
				if seen.known.findAsWritten(req) != nil {
					fast++
				}
				if got := reasonOf(handlerOf(seen), req); got != want[name] {
					t.Fatalf("%s, local certificate %t, %s: %q, want %q",
						row.description, local, name, got, want[name])
				}
			}
			isDenied := seen.known.conditions == nil
			if fast == 0 && (isDenied || !local) {
				t.Errorf("%s: nothing was known as it was written", row.description)
			}
		}
	}
}

// anyRequest returns a request of any kind, and what it is. Every other one over TLS is on one
// connection for each server name.
func anyRequest(
	random *rand.Rand, address string, connections map[string]*tls.ConnectionState,
) (string, *http.Request) {
	pick := func(from ...string) string { return from[random.Intn(len(from))] }
	host := pick(hostA, hostB, "globex.example.com", "nobody.example.com", address, "no host", "")
	host = pick(host, host, host+":8443", host+".", strings.ToUpper(host), host+".:1",
		host+":65536")
	path := pick("/", "/", "/oauth2/start", "/.well-known/acme-challenge/token")
	over := pick("none", "", hostA, hostB, "globex.example.com", "nobody.example.com")
	from := pick("192.0.2.1:5", "192.0.2.2:5")
	req := pathRequest(host, path)
	if over != "none" {
		req = tlsRequest(host, over)
		req.URL.Path = path
		if connections[over] == nil {
			connections[over] = req.TLS
		}
		if random.Intn(2) == 0 {
			req.TLS = connections[over]
		}
	}
	req.RemoteAddr = from
	return fmt.Sprintf("%q %s over %q from %s", host, path, over, from), req
}
