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

// Table is what one router's guard allowed a moment ago, so that the next such request need not be judged. The guard reads
// it under Lock without a call: in the interpreter a call costs as much as the whole look-up.
type Table struct {
	// Lock guards Names.
	Lock sync.RWMutex
	// Names maps a Host header, as the client wrote it, to the server name it was allowed with, and keys made by the guard
	// to "".
	Names map[string]string

	tracker *Tracker
}

// Add remembers what was allowed for a lifetime, or until the policy changes where lifetime is 0. epoch is the tracker's
// from before the request was judged: what was judged by a policy that is no longer in force is not remembered.
func (t *Table) Add(key, serverName string, lifetime time.Duration, epoch int64) {
	t.Lock.Lock()
	defer t.Lock.Unlock()
	if t.tracker.epoch.Load() != epoch {
		return
	}
	if len(t.Names) >= maxAllowed {
		t.evict()
	}
	t.Names[key] = serverName
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
	t.Lock.RLock()
	_, found := t.Names[key]
	t.Lock.RUnlock()
	return found
}

// evict drops any one entry.
func (t *Table) evict() {
	for key := range t.Names {
		delete(t.Names, key)
		return
	}
}

func (t *Table) remove(key string) {
	t.Lock.Lock()
	delete(t.Names, key)
	t.Lock.Unlock()
}

// clear empties the map in place, for the guard holds on to it.
func (t *Table) clear() {
	t.Lock.Lock()
	for key := range t.Names {
		delete(t.Names, key)
	}
	t.Lock.Unlock()
}
