package guard

import (
	"context"
	"crypto/tls"
	"expvar"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry"
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

	// ctx is the constructor's, until the router is found.
	ctx        context.Context
	identify   sync.Once
	entryPoint string
	router     binding.Router
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
	if len(r.samples) < maxSamples && !r.sampled {
		r.samples = append(r.samples, func() { g.identify.Do(func() { g.findRouter() }) })
	}
	g.middleware = r.middlewares[name]
	if g.middleware == nil {
		page := r.addPage(next)
		reloads.Unlock()
		startPolling()
		return page
	}
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
// the operator's own, which stands in front of everybody's routers. Where there is neither, what
// the router leads to may tell that it is Traefik's own.
func (g *Guard) findRouter() {
	router := traefik.RouterOf(g.ctx)
	children := traefik.ChildRouters(g.next)
	g.entryPoint = router.EntryPoint
	g.router = binding.Parse(router.Name, router.EntryPoint)
	problem := ""
	if router.Name == "" {
		problem = traefik.NoRouterName(g.ctx)
		if !policy.IsOperators(g.name, os.Getenv) {
			g.router = binding.FromMiddleware(g.name)
		} else if children.IsOwn {
			g.router = binding.Internal()
		}
	}
	g.ctx = nil
	g.reload.checks.note(traefik.CheckRouterName, problem)
	for _, child := range children.Names {
		g.children = append(g.children, binding.Parse(child, router.EntryPoint))
	}
	g.moreChildren = children.Truncated || children.Unreadable
	g.noteChildren(router.Name, children)
	g.reload.addTable(g.name, &g.known)
}

// noteChildren notes whether the routers below this one could be read.
func (g *Guard) noteChildren(router string, children traefik.Children) {
	if children.Unreadable {
		g.reload.checks.note(traefik.CheckChildRouters, fmt.Sprintf(
			"a router that router %.100q leads to has no name that can be read", router))
	} else if len(children.Names) > 0 {
		g.reload.checks.note(traefik.CheckChildRouters, "")
	}
	if router != "" && !g.router.IsInternal() { // Traefik's own lead to other handlers
		g.reload.checks.noteTree(children)
	}
}
