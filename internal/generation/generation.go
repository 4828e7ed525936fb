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
	"time"

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
	// Began is when Traefik began to build its routers, with what its providers had told it before.
	Began time.Time

	done   <-chan struct{}
	tables []*Table
}

// NewTracker returns a tracker before the first generation.
func NewTracker() *Tracker {
	return &Tracker{Lasting: served.NewLastingCache()}
}

// Begin begins the generation of the constructors whose contexts have the given done channel: Traefik cancels them together
// at the next reload.
func (t *Tracker) Begin(done <-chan struct{}) *Generation {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.previous = t.current
	t.current = &Generation{Observed: served.NewCache(), Began: time.Now(), done: done}
	return t.current
}

// Table makes a table of a router of the generation out of its guard's lock and map: of a Host header, as the client wrote
// it, to the server name it was allowed with, and of keys made by the guard to "".
func (t *Tracker) Table(g *Generation, lock *sync.RWMutex, names map[string]string) *Table {
	table := &Table{lock: lock, names: names, tracker: t}
	t.mu.Lock()
	g.tables = append(g.tables, table)
	t.mu.Unlock()
	return table
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
