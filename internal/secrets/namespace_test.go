package secrets

import (
	"strconv"
	"testing"
	"time"
)

func TestNamespacesAreBounded(t *testing.T) {
	s := NewStore(nil, time.Now)
	now := time.Unix(0, 0)
	for i := 0; i < maxNamespaces+10; i++ {
		now = now.Add(time.Second)
		s.namespace(strconv.Itoa(i), now)
		s.namespace("0", now)
	}
	if len(s.namespaces) != maxNamespaces || s.namespaces["0"] == nil || s.namespaces["1"] != nil {
		t.Errorf("%d namespaces, want %d without the one that was used least lately", len(s.namespaces), maxNamespaces)
	}
}

func TestAbsentLeavesAreBounded(t *testing.T) {
	n := NewStore(nil, time.Now).namespace("acme", time.Now())
	for i := 0; i < maxAbsent+10; i++ {
		n.deny(&search{wanted: map[string]bool{strconv.Itoa(i): true}})
	}
	if len(n.absent) != maxAbsent {
		t.Errorf("%d leaves, want %d", len(n.absent), maxAbsent)
	}
	n.search = &search{wanted: map[string]bool{"under way": true}}
	n.queue("under way")
	for i := 0; i < maxAbsent+10; i++ {
		n.queue(strconv.Itoa(i))
	}
	if len(n.waiting) != maxAbsent || n.waiting["under way"] {
		t.Errorf("%d leaves wait, want %d", len(n.waiting), maxAbsent)
	}
}

// TestHeldCertificatesAreBounded keeps what is looked for, however many others there are.
func TestHeldCertificatesAreBounded(t *testing.T) {
	n := NewStore(nil, time.Now).namespace("acme", time.Now())
	f := newSearch(n, map[string]bool{"wanted": true})
	for i := 0; i < maxHeld; i++ {
		f.listed[strconv.Itoa(i)] = sighting{}
	}
	f.keep(&secret{Data: []byte(`{"tls.crt":"","tls.key":"eA=="}`)})
	if len(f.listed) != maxHeld {
		t.Errorf("%d certificates of a list, want %d", len(f.listed), maxHeld)
	}
	n.held = f.listed
	n.add(map[string]sighting{"other": {}, "wanted": {}}, f.wanted)
	_, wanted := n.held["wanted"]
	_, other := n.held["other"]
	if len(n.held) != maxHeld || !wanted || other {
		t.Errorf("%d certificates, want %d and the one that is looked for among them", len(n.held), maxHeld)
	}
}

func TestAllThatIsKeptIsBounded(t *testing.T) {
	s := NewStore(nil, time.Now)
	full := map[string]sighting{}
	for i := 0; i < maxHeld; i++ {
		full[strconv.Itoa(i)] = sighting{}
	}
	now := time.Unix(0, 0)
	for i := 0; i <= maxKept/maxHeld; i++ {
		now = now.Add(time.Second)
		s.namespace(strconv.Itoa(i), now).held = full
	}
	s.namespaces["1"].search = &search{}
	s.shrink("0")
	if s.kept() > maxKept || s.namespaces["0"] == nil || s.namespaces["1"] == nil || s.namespaces["2"] != nil {
		t.Errorf("%d kept in %d namespaces, want %d at most, and none that is in use dropped", s.kept(), len(s.namespaces), maxKept)
	}
}
