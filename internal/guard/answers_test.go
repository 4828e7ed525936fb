package guard

import (
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

// TestDenialsAreRemembered has requests be denied, and asks what is remembered of them, then and
// after the policy has changed.
func TestDenialsAreRemembered(t *testing.T) {
	strict := map[string]any{"exposeReason": true, "tenants": twoTenants["tenants"],
		"plaintext": "deny", "certificates": map[string]any{"observe": "ttl"}}
	const globex = "a.globex.example.com"
	rows := []struct {
		description, certificate string
		req                      *http.Request
		want                     string
		// kept is whether it is remembered, and asWritten whether by how it is written alone.
		kept, asWritten bool
	}{
		{"a host of another", "acme-two", tlsRequest(globex, hostA), "host-foreign", true, true},
		{"a host of nobody", "acme-two", tlsRequest("example.net", hostA), "host-unowned", true,
			true},
		{"no host", "acme-two", tlsRequest("a b", hostA), "host-invalid", true, true},
		{"plaintext", "acme-two", plainRequest(hostA), "tls-required", true, false},
		{"no server name", "acme-two", tlsRequest(hostA, ""), "sni-missing", true, false},
		{"a server name of another", "acme-two", tlsRequest(hostA, globex), "sni-foreign", true,
			true},
		{"a certificate that is over", "acme-expired", tlsRequest(hostA, hostA),
			"certificate-expired", true, false},
		{"a certificate of another name", "acme-b", tlsRequest(hostA, hostA), "certificate-name",
			true, false},
		{"a certificate that Go does not accept", "acme-p224", tlsRequest(hostA, hostA),
			"certificate-name", true, false},
		{"a hijacker's certificate", "hijack-sorts-last", tlsRequest(hostA, hostA),
			"certificate-foreign", true, false},
		{"no certificate", "", tlsRequest(hostA, hostA), "certificate-unavailable", false,
			false},
	}
	for _, row := range rows {
		const name = "denials-remembered@file"
		g := acmeGuard(name, strict)
		var served *tls.Certificate
		if row.certificate != "" {
			served = certificateOf(t, row.certificate)
		}
		req := at(serving(t, served), row.req)
		if got := reasonOf(handlerOf(g), req); got != row.want {
			t.Fatalf("%s: %q, want %q", row.description, got, row.want)
		}
		want := "policy-invalid"
		if row.kept {
			want = row.want
		}
		if got := remembered(g, req); got != want {
			t.Errorf("%s: %q is remembered, want %q", row.description, got, want)
		}
		if passesFast(g, req) {
			t.Errorf("%s: it passes", row.description)
		}
		if got := g.known.findAsWritten(req) != nil; got != row.asWritten {
			t.Errorf("%s: found as it is written: %t, want %t", row.description, got, row.asWritten)
		}
		forget(name)
		if got := remembered(g, req); got != "policy-invalid" {
			t.Errorf("%s: %q is remembered after the policy changed", row.description, got)
		}
	}
}

// TestOverIsNotFound has an answer be over, a pass or a denial.
func TestOverIsNotFound(t *testing.T) {
	const ttl = 200 * time.Millisecond
	keys := acmeKeys(map[string]any{"observe": "ttl", "ttl": ttl.String()})
	for certificate, want := range map[string]string{
		"acme-two": "pass", "hijack-sorts-last": "certificate-foreign",
	} {
		g := acmeGuard("over@file", keys)
		req := at(serving(t, certificateOf(t, certificate)), tlsRequest(hostA, hostA))
		if got := reasonOf(handlerOf(g), req); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
		judged := time.Now() // or a little before
		got := remembered(g, req)
		if time.Since(judged) < ttl/2 && got != want {
			t.Errorf("%q is remembered at once, want %q", got, want)
		}
		time.Sleep(time.Until(judged.Add(ttl + ttl/4))) // a timer clears the fast path
		if got := remembered(g, req); got != "policy-invalid" {
			t.Errorf("%q is remembered after its ttl", got)
		}
	}
	g := acmeGuard("router-over@file", acmeKeys(nil))
	g.router = binding.Router{}
	req := plainRequest(hostA)
	if got := reasonOf(handlerOf(g), req); !strings.HasPrefix(got, "router-") {
		t.Fatalf("%q, want a denial of the router", got)
	}
	for _, a := range g.known.answers {
		if left := time.Until(a.until); left <= 0 || left > time.Second {
			t.Errorf("a denial of the router stands for %s, want up to 1s", left)
		}
	}
	if len(g.known.answers) != 1 {
		t.Errorf("%d answers, want 1", len(g.known.answers))
	}
}

// step is a request, and what it must come to.
type step struct {
	req  *http.Request
	want string
}

// inAnyOrder sends each pair of requests to a guard of its own, in both orders and twice, so that
// each could find what is remembered of the other.
func inAnyOrder(t *testing.T, description string, build func() *Guard, steps []step) {
	t.Helper()
	for _, local := range []bool{false, true} {
		for i, first := range steps {
			for j, second := range steps {
				g := build()
				withLocalCertificate(g, local)
				for _, s := range []step{first, second, first, second} {
					if got := reasonOf(handlerOf(g), s.req); got != s.want {
						t.Errorf("%s, local certificate %t, %d and %d: %q, want %q",
							description, local, i, j, got, s.want)
					}
				}
			}
		}
	}
}

// from has a request come from an address.
func from(address string, req *http.Request) *http.Request {
	req.RemoteAddr = address + ":1234"
	return req
}

// on has a request be for a path.
func on(path string, req *http.Request) *http.Request {
	req.URL = pathRequest("", path).URL
	return req
}

// TestChallengesAreApart has requests for ACME challenges, of which less is demanded, come before
// and after others.
func TestChallengesAreApart(t *testing.T) {
	const challenge = "/.well-known/acme-challenge/token"
	keys := acmeKeys(map[string]any{"observe": "ttl"})
	keys["plaintext"] = "deny"
	expired := serving(t, certificateOf(t, "acme-expired"))
	good := serving(t, certificateOf(t, "acme-two"))
	build := func() *Guard { return acmeGuard("challenges@file", keys) }
	inAnyOrder(t, "an expired certificate", build, []step{
		{plainRequest(hostA), "tls-required"},
		{pathRequest(hostA, challenge), "pass"},
		{pathRequest(hostA, challenge+"/x"), "tls-required"},
		{pathRequest("a.globex.example.com", challenge), "host-unowned"},
		{at(expired, tlsRequest(hostA, hostA)), "certificate-expired"},
		{at(expired, on(challenge, tlsRequest(hostA, hostA))), "pass"},
		{at(expired, on(challenge+"/x", tlsRequest(hostA, hostA))), "certificate-expired"},
	})
	inAnyOrder(t, "a good certificate", build, []step{
		{at(good, tlsRequest(hostA, hostA)), "pass"},
		{at(good, on(challenge, tlsRequest(hostA, hostA))), "pass"},
		{at(good, on(challenge, tlsRequest(hostA, "a.globex.example.com"))), "sni-foreign"},
	})
	g := build()
	req := at(expired, on(challenge, tlsRequest(hostA, hostA)))
	if reasonOf(handlerOf(g), req) != "pass" || passesFast(g, req) {
		t.Error("a challenge leaves something for the fast path")
	}
	if !remembers(g, req) {
		t.Error("a challenge is not remembered")
	}
}

// TestForeignServerNameOfAChallenge has a shared certificate let another tenant's server name pass,
// which a challenge's is not looked at for.
func TestForeignServerNameOfAChallenge(t *testing.T) {
	keys := map[string]any{"exposeReason": true, "tenants": twoTenants["tenants"],
		"serverName": "shared", "shared": map[string]any{"hosts": "**.example.com"},
		"certificates": map[string]any{"observe": "ttl"}}
	served := serving(t, certificateOf(t, "platform-exact"))
	foreign := at(served, tlsRequest(hostA, "a.globex.example.com"))
	challenge := on("/.well-known/acme-challenge/token", at(served, foreign))
	inAnyOrder(t, "one connection", func() *Guard { return acmeGuard("shared-name@file", keys) },
		[]step{{foreign, "pass"}, {challenge, "sni-foreign"}})
}

// TestProxiesAreApart has requests come from a trusted proxy, of which less is demanded, and from
// others.
func TestProxiesAreApart(t *testing.T) {
	const proxy, other, globex = "192.0.2.1", "192.0.2.2", "a.globex.example.com"
	keys := map[string]any{"exposeReason": true, "tenants": twoTenants["tenants"],
		"plaintext": "deny", "trustedProxies": proxy,
		"certificates": map[string]any{"observe": "ttl"}}
	expired := serving(t, certificateOf(t, "acme-expired"))
	inAnyOrder(t, "proxies", func() *Guard { return acmeGuard("proxies@file", keys) }, []step{
		{from(proxy, plainRequest(hostA)), "pass"},
		{from(other, plainRequest(hostA)), "tls-required"},
		{from(proxy, tlsRequest(hostA, globex)), "pass"},
		{from(other, tlsRequest(hostA, globex)), "sni-foreign"},
		{from(proxy, at(expired, tlsRequest(hostA, hostA))), "pass"},
		{from(other, at(expired, tlsRequest(hostA, hostA))), "certificate-expired"},
		{from(proxy, plainRequest(globex)), "host-foreign"},
		{from(other, plainRequest(globex)), "host-foreign"},
	})
	g := acmeGuard("proxies@file", keys)
	req := from(proxy, at(expired, tlsRequest(hostA, hostA)))
	if reasonOf(handlerOf(g), req) != "pass" || passesFast(g, req) || !remembers(g, req) {
		t.Error("what passes on a proxy's connection is kept for others")
	}
}

// TestGuestsPathsAreApart has a tenant be a guest on some paths of another tenant's host.
func TestGuestsPathsAreApart(t *testing.T) {
	const globex = "a.globex.example.com"
	keys := map[string]any{"exposeReason": true, "tenants": []any{
		map[string]any{"name": "acme", "namespaces": "acme", "hosts": "**.acme.example.com",
			"guest": map[string]any{"hosts": "**", "paths": "/oauth2/,/errors"}},
		map[string]any{"name": "globex", "namespaces": "globex", "hosts": "**.globex.example.com"},
	}, "certificates": map[string]any{"observe": "ttl"}}
	build := func() *Guard { return acmeGuard("guests@file", keys) }
	served := serving(t, certificateOf(t, "globex-exact"))
	of := func(path string) *http.Request {
		return at(served, on(path, tlsRequest(globex, globex)))
	}
	inAnyOrder(t, "guests", build, []step{
		{of("/oauth2/a"), "pass"},
		{of("/oauth2/b"), "pass"},
		{of("/errors"), "pass"},
		{of("/"), "host-foreign"},
		{of("/oauth2"), "host-foreign"},
		{of("/oauth2/../x"), "host-foreign"},
		{of("/errors-not"), "host-foreign"},
		{pathRequest(globex, "/oauth2/a"), "pass"},
		{pathRequest(globex, "/"), "host-foreign"},
	})
	g := build()
	if reasonOf(handlerOf(g), of("/oauth2/a")) != "pass" || passesFast(g, of("/oauth2/a")) {
		t.Error("a guest's pass is kept for other paths")
	}
	for path, want := range map[string]string{
		"/oauth2/other": "pass", "/errors": "policy-invalid", "/": "policy-invalid",
	} {
		if got := remembered(g, of(path)); got != want {
			t.Errorf("%s: %q is remembered, want %q", path, got, want)
		}
	}
	own := serving(t, certificateOf(t, "acme-two"))
	req := at(own, on("/x", tlsRequest(hostA, hostA)))
	if reasonOf(handlerOf(g), req) != "pass" || !passesFast(g, req) {
		t.Error("a guest's own host does not take the fast path")
	}
}

// TestUnreachable has an entry point be unreachable, in each way, and onError allow that; and serve
// what Go does not accept, which is no such thing.
func TestUnreachable(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	closed := serving(t, nil)
	nobody := serving(t, nil)
	nobody.Close()
	rows := []struct {
		description string
		entryPoint  *vectors.EntryPoint
		want        string
	}{
		{"nobody listens", nobody, "pass"},
		{"connections are closed", closed, "pass"},
		{"no answer in time", vectors.EntryPointAt(silent), "pass"},
		{"an RSA key that is too large", serving(t, certificateOf(t, "acme-rsa-8448")),
			"certificate-name"},
		{"a strange curve", serving(t, certificateOf(t, "acme-p224")), "certificate-name"},
		{"something that does not parse", serving(t, certificateOf(t, "acme-unparsable")),
			"certificate-name"},
	}
	for _, row := range rows {
		g := acmeGuard("unreachable@file", acmeKeys(map[string]any{"onError": "allow"}))
		req := at(row.entryPoint, tlsRequest(hostA, hostA))
		if got := reasonOf(handlerOf(g), req); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
		if row.want == "pass" && len(g.known.answers) > 0 {
			t.Errorf("%s: a pass that nobody saw a certificate for is remembered", row.description)
		}
	}
}
