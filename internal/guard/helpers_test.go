package guard

import (
	"crypto/tls"
	"expvar"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

const hostA, hostB = "a.acme.example.com", "b.acme.example.com"

// acmeKeys is the policy of one tenant with two hosts and its settings of certificates.
func acmeKeys(certificates map[string]any) map[string]any {
	return map[string]any{"exposeReason": true, "certificates": certificates, "tenants": []any{
		map[string]any{"name": "acme", "namespaces": "acme", "hosts": hostA + "," + hostB},
	}}
}

// acmeGuard is the guard of a router of the tenant in a generation of its own. Its policy is in
// force before the first request.
func acmeGuard(name string, keys map[string]any) *Guard {
	router := binding.Parse("acme_web_0@kubernetescrd", "websecure")
	g := newGuard(http.NotFoundHandler(), name, keys, router)
	g.middleware.Policy()
	return g
}

// at is a request as it comes to an entry point, where the served certificate can be observed.
func at(entryPoint *vectors.EntryPoint, req *http.Request) *http.Request {
	return req.WithContext(entryPoint.Context())
}

// serving is an entry point that serves a certificate until the test ends, nil for none.
func serving(t *testing.T, certificate *tls.Certificate) *vectors.EntryPoint {
	t.Helper()
	entryPoint, err := vectors.Listen(certificate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(entryPoint.Close)
	return entryPoint
}

func certificateOf(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	certificate, err := vectors.Certificate(testdata, name)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// What follows is how tests reach into a guard; newGuard is another.

// below has a guard's router lead to child routers. Handlers that carry such names can't be made in
// the interpreter.
func below(g *Guard, children ...string) {
	for _, child := range children {
		g.children = append(g.children, binding.Parse(child, "web"))
	}
}

// builtAt is when Traefik began to build the guard's router.
func builtAt(g *Guard) time.Time {
	return g.reload.began
}

// remembers reports whether a request passes because one like it was allowed a moment ago: no
// policy is there to allow it.
func remembers(g *Guard, req *http.Request) bool {
	return remembered(g, req) == "pass"
}

// remembered is what is remembered of a request: "pass", why it is denied, or policy-invalid where
// nothing is.
func remembered(g *Guard, req *http.Request) string {
	before := g.middleware
	noPolicy.Policy() // reads the keys
	g.middleware = noPolicy
	defer func() { g.middleware = before }()
	return reasonOf(handlerOf(g), req)
}

// withLocalCertificate has a guard be built by a Go that says which certificate was served, or by
// one that does not.
func withLocalCertificate(g *Guard, local bool) {
	g.hasLocalCertificate = local
	g.known.names = nil
	g.known.connections = nil
	if local {
		g.known.connections = map[*tls.ConnectionState]string{}
	} else {
		g.known.names = &expvar.Map{}
	}
}

// handlerOf is the handler that New makes of a guard.
func handlerOf(g *Guard) http.Handler {
	if g.hasLocalCertificate {
		return fastByConnection(g, g.next, g.known.lock, g.known.connections)
	}
	return fast(g, g.next, g.known.names)
}

// passesFast reports whether a request takes the fast path: no answer and no policy is there to let
// it pass.
func passesFast(g *Guard, req *http.Request) bool {
	before := g.known.answers
	g.known.answers = nil
	defer func() { g.known.answers = before }()
	return remembers(g, req)
}

// noPolicy is a middleware whose policy is refused.
var noPolicy = middlewares.Middleware("no-policy@file",
	map[string]any{"tenants": "wrong", "exposeReason": true})

// reasonOf is why a request is denied, or "pass". The guard's next handler answers 404, which no
// denial does, and its policy has exposeReason.
func reasonOf(handler http.Handler, req *http.Request) string {
	rw := httptest.NewRecorder()
	handler.ServeHTTP(rw, req)
	if rw.Code == http.StatusNotFound {
		return "pass"
	}
	return rw.Header().Get("Tenantguard-Reason")
}

func plainRequest(host string) *http.Request {
	return pathRequest(host, "/")
}

func pathRequest(host, path string) *http.Request {
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.Host = host
	return req
}

func tlsRequest(host, serverName string) *http.Request {
	req := plainRequest(host)
	req.TLS = &tls.ConnectionState{ServerName: serverName}
	return req
}
