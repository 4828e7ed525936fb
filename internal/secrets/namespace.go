package secrets

import (
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
)

const (
	// maxNamespaces bounds the namespaces of which something is kept.
	maxNamespaces = 2000
	// maxPresent bounds the certificates that are kept of one namespace.
	maxPresent = 20_000
	// maxAbsent bounds the leaves that a namespace is known not to have, and those that wait to be
	// looked for.
	maxAbsent = 1000
	// maxRemoved bounds the leaves that are remembered to have been in a namespace.
	maxRemoved = 1000
	// maxKept bounds the certificates and leaves that are kept of all namespaces together, at less
	// than 50 MB.
	maxKept = 200_000
)

// sighting is what is known of one leaf in one namespace.
type sighting struct {
	// secret is the Secret that the leaf was in, "" for none.
	secret string
	// at is a moment before the API was asked: it was so then or later.
	at time.Time
}

// firstAbsence is how long a leaf counts as absent that was looked for in vain for the first time.
const firstAbsence = time.Second

// absence is that a leaf was looked for in vain.
type absence struct {
	// at is a moment before the API was asked, and validFor how long the leaf counts as absent.
	at       time.Time
	validFor time.Duration
}

// namespace is what is known of one namespace. The mu of the Store guards it.
type namespace struct {
	name string
	// present are the certificates that were there at the last look, by digest; absent are leaves
	// that were looked for in vain.
	present map[string]sighting
	absent  map[string]absence
	// removed are leaves that are no longer in their Secret, as they were last seen there.
	removed map[string]sighting
	// ttl is the longest for which answers were wanted, for then removed is of no use any more.
	ttl time.Duration

	// search is in flight, one at a time, and waiting are leaves for the one after.
	search  *search
	waiting map[string]bool

	failure     error
	failedUntil time.Time
	// pausedUntil is when leaves may be looked for again that the namespace was not known to have.
	pausedUntil time.Time
	lastUsed    time.Time
}

// namespace returns the entry of a namespace, and makes room for it. The caller holds mu.
func (s *Store) namespace(name string, now time.Time) *namespace {
	n := s.namespaces[name]
	if n == nil {
		if len(s.namespaces) >= maxNamespaces {
			s.evict("")
		}
		n = &namespace{
			name:    name,
			present: map[string]sighting{},
			absent:  map[string]absence{},
			removed: map[string]sighting{},
			waiting: map[string]bool{},
		}
		s.namespaces[name] = n
	}
	n.lastUsed = now
	return n
}

// saw reports whether the leaf was there at the last look, or a short while before.
func (n *namespace) saw(leaf string) bool {
	_, present := n.present[leaf]
	_, removed := n.removed[leaf]
	return present || removed
}

// isAbsent reports whether the leaf was looked for in vain a short while before.
func (n *namespace) isAbsent(q *query, now time.Time) bool {
	one, absent := n.absent[q.leaf]
	return absent && now.Sub(one.at) < shorter(one.validFor, q.ttl)
}

// evict drops the namespace that was not used for longest, but neither keep nor one with a search
// in flight. It reports whether it dropped one. The caller holds mu.
func (s *Store) evict(keep string) bool {
	var oldest *namespace
	for _, n := range s.namespaces {
		if n.search != nil || n.name == keep {
			continue
		}
		if oldest == nil || n.lastUsed.Before(oldest.lastUsed) {
			oldest = n
		}
	}
	if oldest == nil {
		return false
	}
	delete(s.namespaces, oldest.name)
	return true
}

// shrink makes room after a search. The caller holds mu.
func (s *Store) shrink(keep string) {
	for s.kept() > maxKept && s.evict(keep) {
	}
}

// kept counts what is kept of all namespaces. The caller holds mu.
func (s *Store) kept() int {
	all := 0
	for _, n := range s.namespaces {
		all += len(n.present) + len(n.absent) + len(n.removed)
	}
	return all
}

// queue keeps a leaf for the next search, unless the one in flight is for it as well.
func (n *namespace) queue(leaf string) {
	inFlight := n.search != nil && n.search.wanted[leaf]
	if !inFlight && len(n.waiting) < maxAbsent {
		n.waiting[leaf] = true
	}
}

// begin begins a search for a leaf, and for all that wait where withWaiting is true. The caller
// holds mu.
func (s *Store) begin(n *namespace, leaf string, withWaiting bool) {
	wanted := map[string]bool{}
	if withWaiting {
		wanted = n.waiting
		n.waiting = map[string]bool{}
	}
	wanted[leaf] = true
	n.search = newSearch(n, wanted)
	go s.run(n, n.search)
}

// end takes in what a search found and whether it failed.
func (s *Store) end(n *namespace, f *search, err error) {
	f.conclude()
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.complete {
		n.replace(f)
	} else {
		n.merge(f)
	}
	n.forget(s.now())
	n.failure = err
	if err == nil {
		if n.deny(f) {
			n.pausedUntil = time.Now().Add(s.absentPause)
		}
	} else {
		n.failedUntil = s.now().Add(pauseAfter(err))
	}
	n.search = nil
	s.shrink(n.name)
}

// replace takes in a complete list. What it lacks was removed.
func (n *namespace) replace(f *search) {
	for leaf := range n.present {
		if _, listed := f.listed[leaf]; !listed {
			n.remove(leaf)
		}
	}
	n.present = f.listed
}

// merge takes in what was found without a complete list. That a leaf is no longer where it was ends
// its grace as well, although it may be elsewhere.
func (n *namespace) merge(f *search) {
	for leaf := range f.missing {
		n.remove(leaf)
	}
	n.add(f.fetched, f.wanted)
	n.add(f.listed, f.wanted)
}

// add adds certificates, and drops others for those that are wanted.
func (n *namespace) add(seen map[string]sighting, wanted map[string]bool) {
	for leaf, one := range seen {
		_, known := n.present[leaf]
		if !known && len(n.present) >= maxPresent {
			if !wanted[leaf] {
				continue
			}
			dropOne(n.present)
		}
		n.present[leaf] = one
	}
}

// remove keeps when a leaf was last seen that is no longer where it was.
func (n *namespace) remove(leaf string) {
	seen, known := n.present[leaf]
	if !known {
		return
	}
	delete(n.present, leaf)
	if len(n.removed) >= maxRemoved {
		dropOne(n.removed)
	}
	n.removed[leaf] = seen
}

// forget drops the removed leaves that are back and those that are of no use any more.
func (n *namespace) forget(now time.Time) {
	for leaf, seen := range n.removed {
		_, back := n.present[leaf]
		if back || now.Sub(seen.at) >= n.ttl+acceptRemoved {
			delete(n.removed, leaf)
		}
	}
}

// deny keeps which leaves were looked for in vain, and reports whether there are any. One that was
// absent before counts as absent for twice as long: so a certificate whose Secret comes late is
// refused for no longer than the Secret took, and one that nobody has is looked for ever less. One
// that was removed need not be looked for so soon: Traefik serves it until it has reloaded.
func (n *namespace) deny(f *search) bool {
	denied := false
	for leaf := range f.wanted {
		before, again := n.absent[leaf]
		delete(n.absent, leaf)
		if _, found := f.found[leaf]; found {
			continue
		}
		denied = true
		if len(n.absent) >= maxAbsent {
			dropAbsent(n.absent)
		}
		next := absence{at: f.listedAt, validFor: firstAbsence}
		if seen, removed := n.removed[leaf]; removed {
			next.validFor = seen.at.Add(n.ttl + acceptRemoved).Sub(f.listedAt)
		} else if again {
			next.validFor = 2 * shorter(before.validFor, n.ttl)
		}
		n.absent[leaf] = next
	}
	return denied
}

// dropAbsent drops any one leaf, which is then looked for again.
func dropAbsent(leaves map[string]absence) {
	for leaf := range leaves {
		delete(leaves, leaf)
		return
	}
}

// dropOne drops any one leaf, which is then looked for again.
func dropOne(leaves map[string]sighting) {
	for leaf := range leaves {
		delete(leaves, leaf)
		return
	}
}

// pauseAfter returns how long the API is left alone after a failure.
func pauseAfter(err error) time.Duration {
	if pause := kube.RetryAfter(err); pause > failurePause {
		return pause
	}
	return failurePause
}
