// Package generation keeps what holds between two reloads of Traefik's configuration.
//
// The certificate that Traefik serves for a name changes with a reload and in no other way. A reload first fills new
// certificate stores, then builds all routers, which calls the plugin's constructor, then switches the HTTP handlers to
// them and only then the TLS configurations. Until that last step the old certificates are served: what is observed while
// routers are built tells nothing about the new ones. Therefore observations belong to the generation of the router whose
// request caused them, and a router never takes one of an earlier generation.
package generation

import (
	"sync"
	"sync/atomic"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/served"
)

// Tracker tells one generation from the next.
type Tracker struct {
	// Lasting holds the observations that outlive a reload ("observe: ttl").
	Lasting *served.Cache

	mu       sync.Mutex
	current  *Generation
	previous *Generation
	epoch    atomic.Int64
}

// Generation is what the routers of one reload share.
type Generation struct {
	// Observed holds the observations of this generation.
	Observed *served.Cache

	done      <-chan struct{}
	tables    []*Table
	instances map[string]*policy.Instance
}

// NewTracker returns a tracker before the first generation.
func NewTracker() *Tracker {
	return &Tracker{Lasting: served.NewCache()}
}

// Enter takes a new router into its generation: that of the constructors whose contexts have the same done channel, for
// Traefik cancels them together at the next reload. It returns a table for the router, and the middleware's instance once
// one is introduced. It is a function and no method, as it runs for every router on every reload: calling a method takes
// the interpreter three times as long.
func Enter(t *Tracker, done <-chan struct{}, middleware string) (*Generation, *Table, *policy.Instance) {
	table := &Table{Names: map[string]string{}, tracker: t}
	t.mu.Lock()
	g := t.current
	if g == nil || done == nil || g.done != done {
		g = &Generation{Observed: served.NewCache(), done: done, instances: map[string]*policy.Instance{}}
		t.previous = t.current
		t.current = g
	}
	g.tables = append(g.tables, table)
	instance := g.instances[middleware]
	t.mu.Unlock()
	return g, table, instance
}

// Introduces tells whether the generation has no middleware yet.
func (t *Tracker) Introduces(g *Generation) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(g.instances) == 0
}

// Introduce keeps the instance of a middleware for its further routers in the generation.
func (t *Tracker) Introduce(g *Generation, middleware string, instance *policy.Instance) {
	t.mu.Lock()
	g.instances[middleware] = instance
	t.mu.Unlock()
}

// Epoch counts the changes of policy.
func (t *Tracker) Epoch() int64 {
	return t.epoch.Load()
}

// PolicyChanged forgets what was allowed: by the routers in use, and by those still in use while others are built.
func (t *Tracker) PolicyChanged() {
	t.epoch.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, g := range []*Generation{t.previous, t.current} {
		if g == nil {
			continue
		}
		for _, table := range g.tables {
			table.clear()
		}
	}
}

// Ended tells that the plugin has no router any more: the last generation ended and none followed.
func (t *Tracker) Ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == nil {
		return true
	}
	select {
	case <-t.current.done:
		return true
	default:
		return false
	}
}
