package guard

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
)

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
	before := g.middleware
	g.middleware = noPolicy
	defer func() { g.middleware = before }()
	return reasonOf(handlerOf(g), req) == "pass"
}

// fastest is the handler that New makes of a guard on a Go without LocalCertificate.
func fastest(g *Guard) http.Handler {
	return fast(g, g.next, g.allowed.lock, g.allowed.names)
}

// handlerOf is the handler that New makes of a guard.
func handlerOf(g *Guard) http.Handler {
	if g.hasLocalCertificate {
		return g
	}
	return fastest(g)
}

// noPolicy is a middleware whose policy is refused.
var noPolicy = middlewares.Middleware("no-policy@file", map[string]any{"tenants": "wrong"})

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
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Host = host
	return req
}

func tlsRequest(host, serverName string) *http.Request {
	req := plainRequest(host)
	req.TLS = &tls.ConnectionState{ServerName: serverName}
	return req
}
