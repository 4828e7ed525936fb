package guard

import (
	"context"
	"crypto/tls"
	"expvar"
	"net/http"
	"os"
	"sync"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/traefik"
)

// Guard stands in front of one router.
type Guard struct {
	next       http.Handler
	name       string
	middleware *registry.Middleware
	reload     *reload
	known      known

	// hasLocalCertificate is traefik.HasLocalCertificate, or a test's.
	hasLocalCertificate bool

	// ctx is the constructor's, until the router is found with the first request.
	ctx      context.Context
	identify sync.Once
	router   binding.Router
	// children are the routers below this one, and moreChildren is true where there may be more
	// than these.
	children     []binding.Router
	moreChildren bool
}

// New returns the guard of one router. It does next to nothing, for a reload waits for thousands of
// these: what a router needs is found with its first request.
func New(
	ctx context.Context, next http.Handler, keys map[string]any, name string,
) http.Handler {
	done := ctx.Done()
	lock := &sync.RWMutex{}
	g := &Guard{next: next, name: name, ctx: ctx}
	g.known.lock = lock
	reloads.Lock()
	r, isNew := reloads.current, false
	if r == nil || r.done != done || done == nil || r.middlewares[name] == nil {
		r = register(done, keys, name)
		isNew = true
	}
	g.reload = r
	g.middleware = r.middlewares[name]
	reloads.Unlock()
	if isNew {
		startPolling()
	}
	if hasLocalCertificate {
		connections := map[*tls.ConnectionState]string{}
		g.hasLocalCertificate = true
		g.known.connections = connections
		return fastByConnection(g, next, lock, connections)
	}
	names := &expvar.Map{}
	g.known.names = names
	return fast(g, next, names)
}

// fast returns the guard as most requests pass it: over TLS, with the Host as server name,
// allowed a moment ago. next and names are the guard's. A closure and no call cost the
// interpreter half of what a method does. And it is a variable because what a closure is made in
// stays in memory: for one made by a function these are the frames of all that called it, 2 KiB
// for each router.
var fast = func(g *Guard, next http.Handler, names *expvar.Map) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if req.TLS != nil && req.Host == req.TLS.ServerName {
			if names.Get(req.Host) != nil {
				next.ServeHTTP(rw, req)
				return
			}
		}
		g.ServeHTTP(rw, req)
	})
}

// fastByConnection takes the place of fast where Go says which certificate was served on each
// connection. A connection has one, and one state for all its requests.
var fastByConnection = func(
	g *Guard, next http.Handler, lock *sync.RWMutex, connections map[*tls.ConnectionState]string,
) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if req.TLS != nil {
			lock.RLock()
			host := connections[req.TLS]
			lock.RUnlock()
			if host != "" && host == req.Host {
				next.ServeHTTP(rw, req)
				return
			}
		}
		g.ServeHTTP(rw, req)
	})
}

// findRouter takes the router's name from the context, or else the middleware's: but not that of
// the operator's own, which stands in front of everybody's routers.
func (g *Guard) findRouter() {
	router := traefik.RouterOf(g.ctx)
	g.ctx = nil
	g.router = binding.Parse(router.Name, router.EntryPoint)
	if router.Name == "" && !policy.IsOperators(g.name, os.Getenv) {
		g.router = binding.FromMiddleware(g.name)
	}
	children := traefik.ChildRouters(g.next)
	for _, child := range children.Names {
		g.children = append(g.children, binding.Parse(child, router.EntryPoint))
	}
	g.moreChildren = children.Truncated || children.Unreadable
	if children.Unreadable {
		unreadable.Do(func() {
			log.Policy(report.Notice{Middleware: g.name, Unreadable: router.Name})
		})
	}
	g.reload.addTable(g.name, &g.known)
}
