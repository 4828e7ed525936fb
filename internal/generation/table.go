package generation

import (
	"sync"
	"time"
)

const (
	// maxAllowed bounds a table: a tenant with a wildcard has any number of hosts.
	maxAllowed = 1000
	// maxLifetime bounds the timers that a table of an earlier generation leaves behind.
	maxLifetime = time.Minute
)

// Table is what one router's guard allowed a moment ago, so that the next such request need not be judged.
type Table struct {
	// lock and names are the guard's, who reads them without a call: in the interpreter a call costs as much as the whole
	// look-up.
	lock  *sync.RWMutex
	names map[string]string

	tracker *Tracker
}

// Add remembers what was allowed for a lifetime, or until the policy changes where lifetime is 0. epoch is the tracker's
// from before the request was judged: what was judged by a policy that is no longer in force is not remembered.
func (t *Table) Add(key, serverName string, lifetime time.Duration, epoch int64) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.tracker.epoch.Load() != epoch {
		return
	}
	if len(t.names) >= maxAllowed {
		t.evict()
	}
	t.names[key] = serverName
	if lifetime == 0 {
		return
	}
	if lifetime > maxLifetime {
		lifetime = maxLifetime
	}
	time.AfterFunc(lifetime, func() { t.remove(key) })
}

// Has tells whether a key made by the guard was allowed a moment ago.
func (t *Table) Has(key string) bool {
	t.lock.RLock()
	_, found := t.names[key]
	t.lock.RUnlock()
	return found
}

// evict drops any one entry.
func (t *Table) evict() {
	for key := range t.names {
		delete(t.names, key)
		return
	}
}

func (t *Table) remove(key string) {
	t.lock.Lock()
	delete(t.names, key)
	t.lock.Unlock()
}

// clear empties the map in place, for the guard holds on to it.
func (t *Table) clear() {
	t.lock.Lock()
	for key := range t.names {
		delete(t.names, key)
	}
	t.lock.Unlock()
}
