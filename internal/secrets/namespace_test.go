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
		t.Errorf("%d namespaces, want %d without the one that was used least lately",
			len(s.namespaces), maxNamespaces)
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
	n.search = &search{wanted: map[string]bool{"in flight": true}}
	n.queue("in flight")
	for i := 0; i < maxAbsent+10; i++ {
		n.queue(strconv.Itoa(i))
	}
	if len(n.waiting) != maxAbsent || n.waiting["in flight"] {
		t.Errorf("%d leaves wait, want %d", len(n.waiting), maxAbsent)
	}
}

func TestRemovedLeavesAreBounded(t *testing.T) {
	n := NewStore(nil, time.Now).namespace("acme", time.Now())
	n.ttl = ttl
	since := time.Unix(0, 0)
	for i := 0; i < maxRemoved+10; i++ {
		n.present[strconv.Itoa(i)] = sighting{at: since}
	}
	n.replace(&search{listed: map[string]sighting{"new": {}}})
	if len(n.removed) != maxRemoved || len(n.present) != 1 {
		t.Errorf("%d leaves removed and %d present, want %d and the one listed",
			len(n.removed), len(n.present), maxRemoved)
	}
	n.remove("never there")
	if _, kept := n.removed["never there"]; kept {
		t.Error("a leaf is kept that never was there")
	}
	n.removed["late"] = sighting{at: since.Add(time.Second)}
	n.removed["new"] = sighting{at: since.Add(time.Second)}
	n.forget(since.Add(ttl + acceptRemoved))
	if _, kept := n.removed["late"]; len(n.removed) != 1 || !kept {
		t.Errorf("%d leaves, want only the one that is neither back nor too old", len(n.removed))
	}
}

// TestPresentCertificatesAreBounded keeps what is wanted, however many others there are.
func TestPresentCertificatesAreBounded(t *testing.T) {
	n := NewStore(nil, time.Now).namespace("acme", time.Now())
	f := newSearch(n, map[string]bool{"wanted": true})
	for i := 0; i < maxPresent; i++ {
		f.listed[strconv.Itoa(i)] = sighting{}
	}
	n.present = f.listed
	n.add(map[string]sighting{"other": {}, "wanted": {}}, f.wanted)
	_, wanted := n.present["wanted"]
	_, other := n.present["other"]
	if len(n.present) != maxPresent || !wanted || other {
		t.Errorf("%d certificates, want %d and the one that is wanted among them",
			len(n.present), maxPresent)
	}
}

func TestAllThatIsKeptIsBounded(t *testing.T) {
	s := NewStore(nil, time.Now)
	full := map[string]sighting{}
	for i := 0; i < maxPresent; i++ {
		full[strconv.Itoa(i)] = sighting{}
	}
	now := time.Unix(0, 0)
	for i := 0; i <= maxKept/maxPresent; i++ {
		now = now.Add(time.Second)
		s.namespace(strconv.Itoa(i), now).present = full
	}
	s.namespaces["1"].search = &search{}
	n := s.namespaces["0"]
	s.end(n, newSearch(n, map[string]bool{}), errSearch)
	if s.kept() != maxKept {
		t.Errorf("%d kept in %d namespaces, want %d", s.kept(), len(s.namespaces), maxKept)
	}
	if s.namespaces["0"] == nil || s.namespaces["1"] == nil || s.namespaces["2"] != nil {
		t.Errorf("0 is kept %t, 1 is kept %t and 2 is kept %t, want one that is not in use dropped",
			s.namespaces["0"] != nil, s.namespaces["1"] != nil, s.namespaces["2"] != nil)
	}
}

// TestEvict has three namespaces, of which "1" was used least lately.
func TestEvict(t *testing.T) {
	rows := []struct {
		description string
		searched    []string
		keep        string
		want        string
	}{
		{"all idle", nil, "", "1"},
		{"one to keep", nil, "1", "2"},
		{"a search in flight", []string{"1"}, "", "2"},
		{"both", []string{"1"}, "2", "3"},
		{"none left", []string{"1", "3"}, "2", ""},
	}
	for _, row := range rows {
		s := NewStore(nil, time.Now)
		for i, name := range []string{"3", "1", "2"} {
			age := []time.Duration{3, 1, 2}[i]
			s.namespace(name, time.Unix(0, 0).Add(age*time.Second))
		}
		for _, name := range row.searched {
			s.namespaces[name].search = &search{}
		}
		evicted := s.evict(row.keep)
		if evicted != (row.want != "") || s.namespaces[row.want] != nil {
			t.Errorf("%s: evicted %t, want %q", row.description, evicted, row.want)
		}
		want := 3
		if evicted {
			want = 2
		}
		if len(s.namespaces) != want {
			t.Errorf("%s: %d namespaces, want %d", row.description, len(s.namespaces), want)
		}
	}
}

func TestDeny(t *testing.T) {
	n := NewStore(nil, time.Now).namespace("acme", time.Now())
	at := time.Unix(7, 0)
	n.absent["found"] = absence{}
	n.deny(&search{
		listedAt: at,
		wanted:   map[string]bool{"found": true, "forged": true},
		found:    map[string]sighting{"found": {}},
	})
	seen, denied := n.absent["forged"]
	if len(n.absent) != 1 || !denied || !seen.at.Equal(at) {
		t.Errorf("%v is absent, want the forged leaf alone, since the search", n.absent)
	}
}
