package secrets

import (
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
)

const (
	// maxNamespaces bounds the namespaces of which something is kept.
	maxNamespaces = 2000
	// maxHeld bounds the certificates that are kept of one namespace.
	maxHeld = 20_000
	// maxAbsent bounds the leaves that a namespace is known not to have, and those that wait to be looked for.
	maxAbsent = 1000
	// maxLeft bounds the leaves of which a namespace remembers that they were there.
	maxLeft = 1000
	// maxKept bounds the certificates and leaves that are kept of all namespaces together, at less than 50 MB.
	maxKept = 200_000
)

// sighting is a certificate in a Secret.
type sighting struct {
	secret string
	// since is a moment before the API was asked: the certificate was there then or later.
	since time.Time
}

// namespace is what is known of one namespace.
type namespace struct {
	name string
	// held are the certificates that were there when last heard of, by digest, and absent are leaves that were looked for in
	// vain.
	held   map[string]sighting
	absent map[string]time.Time
	// left are leaves that have left their Secret, with the moment at which they were last seen there.
	left map[string]time.Time
	// ttl is the longest for which answers were wanted, to tell what of left is of no use any more.
	ttl time.Duration

	// search is under way, one at a time, and waiting are leaves for the one after.
	search  *search
	waiting map[string]bool

	failure     error
	failedUntil time.Time
	used        time.Time
}

// namespace returns the entry of a namespace, with room made for it.
func (s *Store) namespace(name string, now time.Time) *namespace {
	n := s.namespaces[name]
	if n == nil {
		if len(s.namespaces) >= maxNamespaces {
			s.evict("")
		}
		n = &namespace{
			name:    name,
			held:    map[string]sighting{},
			absent:  map[string]time.Time{},
			left:    map[string]time.Time{},
			waiting: map[string]bool{},
		}
		s.namespaces[name] = n
	}
	n.used = now
	return n
}

// saw tells whether the leaf was there when last heard of, or a short while ago.
func (n *namespace) saw(leaf string) bool {
	_, held := n.held[leaf]
	_, left := n.left[leaf]
	return held || left
}

// evict drops what is known of the namespace that was not asked about for longest. keep is not dropped.
func (s *Store) evict(keep string) bool {
	var oldest *namespace
	for _, n := range s.namespaces {
		if n.search == nil && n.name != keep && (oldest == nil || n.used.Before(oldest.used)) {
			oldest = n
		}
	}
	if oldest == nil {
		return false
	}
	delete(s.namespaces, oldest.name)
	return true
}

// shrink makes room after a search.
func (s *Store) shrink(keep string) {
	for s.kept() > maxKept && s.evict(keep) {
	}
}

// kept counts what is kept of all namespaces.
func (s *Store) kept() int {
	all := 0
	for _, n := range s.namespaces {
		all += len(n.held) + len(n.absent) + len(n.left)
	}
	return all
}

// queue keeps a leaf for the next search, unless this one is for it as well.
func (n *namespace) queue(leaf string) {
	if !n.search.wanted[leaf] && len(n.waiting) < maxAbsent {
		n.waiting[leaf] = true
	}
}

// begin begins a search for a leaf and for all that wait.
func (s *Store) begin(n *namespace, leaf string) {
	wanted := n.waiting
	wanted[leaf] = true
	n.waiting = map[string]bool{}
	n.search = newSearch(n, wanted)
	go run(s, n, n.search)
}

// end takes over what a search found.
func (s *Store) end(n *namespace, f *search) {
	f.conclude()
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.complete {
		n.replace(f)
	} else {
		n.merge(f)
	}
	n.forget(s.now())
	n.failure = f.err
	if f.err == nil {
		n.deny(f)
	} else {
		n.failedUntil = s.now().Add(holdOf(f.err))
	}
	n.search = nil
	s.shrink(n.name)
}

// replace takes over a complete list. What it lacks has left.
func (n *namespace) replace(f *search) {
	for leaf := range n.held {
		if _, there := f.listed[leaf]; !there {
			n.leave(leaf)
		}
	}
	n.held = f.listed
}

// merge takes over what was found without a complete list. That a leaf is no longer where it was ends its grace as well,
// although it may be elsewhere.
func (n *namespace) merge(f *search) {
	for leaf := range f.moved {
		n.leave(leaf)
	}
	n.add(f.looked, f.wanted)
	n.add(f.listed, f.wanted)
}

func (n *namespace) add(seen map[string]sighting, wanted map[string]bool) {
	for leaf, one := range seen {
		_, known := n.held[leaf]
		if !known && len(n.held) >= maxHeld {
			if !wanted[leaf] {
				continue
			}
			dropOneHeld(n.held)
		}
		n.held[leaf] = one
	}
}

// leave keeps when a leaf was last seen that is no longer where it was.
func (n *namespace) leave(leaf string) {
	seen, known := n.held[leaf]
	if !known {
		return
	}
	delete(n.held, leaf)
	if len(n.left) >= maxLeft {
		dropOne(n.left)
	}
	n.left[leaf] = seen.since
}

// forget drops of the leaves that left those that are back and those of no use any more.
func (n *namespace) forget(now time.Time) {
	for leaf, since := range n.left {
		_, back := n.held[leaf]
		if back || now.Sub(since) >= n.ttl+replaced {
			delete(n.left, leaf)
		}
	}
}

// deny keeps which leaves were looked for in vain.
func (n *namespace) deny(f *search) {
	for leaf := range f.wanted {
		delete(n.absent, leaf)
		if _, there := f.found[leaf]; there {
			continue
		}
		if len(n.absent) >= maxAbsent {
			dropOne(n.absent)
		}
		n.absent[leaf] = f.since
	}
}

// dropOneHeld drops any one certificate, which is then listed again.
func dropOneHeld(held map[string]sighting) {
	for leaf := range held {
		delete(held, leaf)
		return
	}
}

// dropOne drops any one leaf.
func dropOne(leaves map[string]time.Time) {
	for leaf := range leaves {
		delete(leaves, leaf)
		return
	}
}

// holdOf tells how long not to ask again after a failure.
func holdOf(err error) time.Duration {
	if pause := kube.RetryAfter(err); pause > failureHold {
		return pause
	}
	return failureHold
}
