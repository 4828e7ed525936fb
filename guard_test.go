package tenantguard

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"time"
)

// What follows is how tests reach into a guard; newGuard is another.

// below has a guard's router lead to child routers. Handlers that carry such names can't be made in
// the interpreter.
func below(g *Guard, children ...string) {
	g.children = children
}

// builtAt is when Traefik began to build the guard's router.
func builtAt(g *Guard) time.Time {
	return g.generation.Began
}

// remembers reports whether a request passes because one like it was allowed a moment ago: no
// policy is there to allow it.
func remembers(g *Guard, req *http.Request) bool {
	before := g.instance
	g.instance = noPolicy
	defer func() { g.instance = before }()
	return reasonOf(handlerOf(g), req) == "pass"
}

// handlerOf is the handler that New makes of a guard.
func handlerOf(g *Guard) http.Handler {
	if g.told {
		return g
	}
	return fast(g)
}

// noPolicy is a middleware whose policy is refused.
var noPolicy = store.Instance("no-policy@file", map[string]any{"tenants": "wrong"})

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
