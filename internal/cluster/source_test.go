package cluster

import (
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/flight"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// TestLateDeletion deletes Namespaces that no list has seen: their routers may be in use.
func TestLateDeletion(t *testing.T) {
	a, s := startSource(t)
	a.set(item("a", "acme", "1"), 20, 0)
	defer runSource(s)()
	waitForNamespaces(t, s, "a=acme")
	a.events <- event("ADDED", item("b", "globex", "11"))
	a.events <- event("DELETED", item("a", "acme", "12"))
	a.events <- event("DELETED", item("b", "globex", "13"))
	waitForNamespaces(t, s, "a=acme -b=globex")
	a.events <- event("DELETED", item("b", "globex", "14"))
	a.events <- event("DELETED", item("c", "", "15"))
	waitForNamespaces(t, s, "a=acme -b=globex -c=")
	a.events <- event("DELETED", item("b", "evil", "16"))
	waitForNamespaces(t, s, "a=acme -b= -c=")
	a.events <- event("DELETED", item("b", "globex", "17"))
	a.events <- event("ADDED", item("c", "acme", "21"))
	waitForNamespaces(t, s, "a=acme c=acme -b=")
}

// TestDeletedIsForgotten looks at a Namespace long after it was deleted, with no other change
// since.
func TestDeletedIsForgotten(t *testing.T) {
	a, s := startSource(t)
	a.set(item("a", "acme", "1")+","+item("b", "globex", "2"), 10, 0)
	defer runSource(s)()
	waitForNamespaces(t, s, "a=acme b=globex")
	a.events <- event("DELETED", item("b", "globex", "11"))
	waitForNamespaces(t, s, "a=acme -b=globex")
	s.mu.Lock()
	s.deleted["b"] = deletion{namespace: s.deleted["b"].namespace, at: time.Now().Add(-keepDeleted)}
	s.expires = time.Now()
	s.mu.Unlock()
	waitForNamespaces(t, s, "a=acme")
}

// known returns a source that has listed "a" of acme and "b" of globex at version 10.
func known() *source {
	s := newSource(nil, policy.TenantLabel)
	s.replace(namespacesOf("a", "acme", "b", "globex"), "10", time.Now())
	return s
}

// namespacesOf returns Namespaces by pairs of name and tenant.
func namespacesOf(pairs ...string) map[string]policy.Namespace {
	all := map[string]policy.Namespace{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = policy.Namespace{Name: pairs[i], Tenant: pairs[i+1]}
	}
	return all
}

func changeOf(name, tenant, version string, deleted bool) change {
	namespace := policy.Namespace{Name: name, Tenant: tenant}
	return change{namespace: namespace, version: version, deleted: deleted}
}

// TestReplace lists a second time.
func TestReplace(t *testing.T) {
	rows := []struct {
		description string
		list        map[string]policy.Namespace
		version     string
		// changes are what the watch brought since the list began, up to watched.
		changes []change
		watched string
		want    string
		wantsAt string
		renewed bool
	}{
		{"nothing new", namespacesOf("a", "acme", "b", "globex"), "20", nil, "10",
			"a=acme b=globex", "20", false},
		{"one more", namespacesOf("a", "acme", "b", "globex", "c", "c"), "20", nil, "10",
			"a=acme b=globex c=c", "20", true},
		{"one deleted", namespacesOf("a", "acme"), "20", nil, "10", "a=acme -b=globex", "20", true},
		{"one for another", namespacesOf("a", "acme", "c", "c"), "20", nil, "10",
			"a=acme c=c -b=globex", "20", true},
		{"another tenant", namespacesOf("a", "acme", "b", "acme"), "20", nil, "10",
			"a=acme b=acme", "20", true},
		{"a newer change", namespacesOf("a", "acme", "b", "globex"), "20",
			[]change{changeOf("b", "acme", "21", false)}, "21", "a=acme b=acme", "21", true},
		{"a newer deletion", namespacesOf("a", "acme", "b", "globex"), "20",
			[]change{changeOf("b", "globex", "21", true)}, "21", "a=acme -b=globex", "21", true},
		{"changes that the list has", namespacesOf("a", "acme", "b", "globex"), "20",
			[]change{changeOf("b", "x", "19", false), changeOf("b", "y", "20", false)}, "20",
			"a=acme b=globex", "20", false},
		{"a change that the list has, and one more", namespacesOf("a", "acme", "b", "globex"), "20",
			[]change{changeOf("b", "x", "19", false), changeOf("a", "x", "21", false)}, "21",
			"a=x b=globex", "21", true},
		{"one deleted, and a newer change that changes nothing", namespacesOf("a", "acme"), "20",
			[]change{changeOf("a", "acme", "21", false)}, "21", "a=acme -b=globex", "21", true},
		{"a newer bookmark", namespacesOf("a", "acme", "b", "globex"), "20", nil, "30",
			"a=acme b=globex", "30", false},
		{"a watch that has to list", namespacesOf("a", "acme", "b", "globex"), "20", nil, "",
			"a=acme b=globex", "20", false},
	}
	for _, row := range rows {
		s := known()
		before, _ := s.current()
		s.sinceList = row.changes
		s.version = row.watched
		began := time.Now().Add(time.Minute)
		s.replace(row.list, row.version, began)
		after, _ := s.current()
		if got := describe(after); got != row.want || s.version != row.wantsAt {
			t.Errorf("%s: %s at %s, want %s at %s",
				row.description, got, s.version, row.want, row.wantsAt)
		}
		if (after != before) != row.renewed {
			t.Errorf("%s: another snapshot %t, want %t",
				row.description, after != before, row.renewed)
		}
		if !s.listed.Equal(began) {
			t.Errorf("%s: listed at %s, want the beginning of the list", row.description, s.listed)
		}
	}
}

// TestFirstListMayBeEmpty lists a cluster without Namespaces, which is known from then on.
func TestFirstListMayBeEmpty(t *testing.T) {
	s := newSource(nil, policy.TenantLabel)
	s.replace(namespacesOf(), "10", time.Now())
	if snapshot, problem := s.current(); snapshot == nil || problem != "" {
		t.Errorf("%v, problem %q, want a snapshot", snapshot, problem)
	}
}

// TestEvent has one event after a list of version 10.
func TestEvent(t *testing.T) {
	const unchanged = "a=acme b=globex"
	bookmark := func(version string) string {
		return `{"metadata":{"resourceVersion":"` + version + `"}}`
	}
	listed := `{"metadata":{"name":"a","labels":{"tenantguard.io/tenant":"acme"},` +
		`"resourceVersion":"11"}}`
	rows := []struct {
		description string
		kind        string
		object      string
		want        string
		version     string
		renewed     bool
	}{
		{"added", "ADDED", item("c", "c", "11"), "a=acme b=globex c=c", "11", true},
		{"modified", "MODIFIED", item("a", "x", "11"), "a=x b=globex", "11", true},
		{"modified in another respect", "MODIFIED", listed, unchanged, "11", false},
		{"deleted", "DELETED", item("b", "globex", "11"), "a=acme -b=globex", "11", true},
		{"an old change", "MODIFIED", item("a", "x", "10"), unchanged, "10", false},
		{"an old addition", "ADDED", item("c", "c", "9"), unchanged, "10", false},
		{"an old deletion, created again", "DELETED", item("a", "acme", "9"), unchanged, "10",
			false},
		{"an old deletion", "DELETED", item("c", "c", "9"), "a=acme b=globex -c=c", "10", true},
		{"a bookmark", "BOOKMARK", bookmark("20"), unchanged, "20", false},
		{"an old bookmark", "BOOKMARK", bookmark("9"), unchanged, "10", false},
	}
	for _, row := range rows {
		for _, inFlight := range []bool{false, true} {
			s := known()
			s.unwatched = time.Now().Add(-time.Hour)
			before := s.snapshot
			if inFlight {
				s.list = flight.NewCall(time.Now(), errList)
			}
			if err := s.event(row.kind, []byte(row.object)); err != nil {
				t.Errorf("%s: %v", row.description, err)
			}
			after, problem := s.current()
			got := describe(after)
			if got != row.want || s.version != row.version || problem != "" {
				t.Errorf("%s: %s at %s, problem %q, want %s at %s",
					row.description, got, s.version, problem, row.want, row.version)
			}
			if (after != before) != row.renewed || !s.unwatched.IsZero() {
				t.Errorf("%s: another snapshot %t, unwatched since %s",
					row.description, after != before, s.unwatched)
			}
			if kept := inFlight && row.kind != "BOOKMARK"; (len(s.sinceList) == 1) != kept {
				t.Errorf("%s: %d changes kept for the list in flight %t",
					row.description, len(s.sinceList), inFlight)
			}
		}
	}
	if err := known().event("ADDED", []byte(`{"metadata":[]}`)); err == nil {
		t.Error("no error for an object that is none")
	}
}

// TestApplyLate deletes a Namespace that existed between two lists, or after another of its name.
func TestApplyLate(t *testing.T) {
	rows := []struct {
		description string
		earlier     map[string]policy.Namespace
		tenant      string
		want        string
		changed     bool
	}{
		{"the first of its name", nil, "acme", "acme", true},
		{"the same tenant's", namespacesOf("c", "acme"), "acme", "acme", false},
		{"another tenant's", namespacesOf("c", "acme"), "globex", "", true},
		{"unowned after a tenant's", namespacesOf("c", "acme"), "", "", true},
		{"a tenant's after one that is unowned", namespacesOf("c", ""), "acme", "", false},
	}
	for _, row := range rows {
		s := known()
		for name, namespace := range row.earlier {
			s.deleted[name] = deletion{namespace: namespace, at: time.Now()}
		}
		changed := s.applyLate(changeOf("c", row.tenant, "9", true))
		if got := s.deleted["c"].namespace.Tenant; got != row.want || changed != row.changed {
			t.Errorf("%s: %q and changed %t, want %q and %t",
				row.description, got, changed, row.want, row.changed)
		}
	}
}

// TestOutdated has been without a watch for some time, and a new watch may be about to last.
func TestOutdated(t *testing.T) {
	never := time.Duration(-1)
	rows := []struct {
		description         string
		unwatched, watching time.Duration
		want                string
	}{
		{"watched", never, time.Hour, ""},
		{"watched again a moment ago", never, time.Second, ""},
		{"no watch for a moment", outdatedAfter - time.Second, never, ""},
		{"no watch for a while", outdatedAfter, never, "forbidden"},
		{"a watch that may be refused", time.Hour, accepted - time.Second, "forbidden"},
		{"a watch that is accepted", time.Hour, accepted, ""},
	}
	ago := func(d time.Duration) time.Time {
		if d < 0 {
			return time.Time{}
		}
		return time.Now().Add(-d)
	}
	for _, row := range rows {
		s := known()
		s.problem = "forbidden"
		s.unwatched = ago(row.unwatched)
		s.watching = ago(row.watching)
		snapshot, problem := s.current()
		if problem != row.want || describe(snapshot) != "a=acme b=globex" {
			t.Errorf("%s: %s, problem %q, want %q",
				row.description, describe(snapshot), problem, row.want)
		}
	}
}

// TestDeletedExpire has two deleted Namespaces of which the older expires first.
func TestDeletedExpire(t *testing.T) {
	for _, order := range []string{"ab", "ba"} {
		s := known()
		now := time.Now()
		for i, name := range strings.Split(order, "") {
			namespace := s.existing[name]
			delete(s.existing, name)
			at := now.Add(time.Duration(i)*time.Minute - keepDeleted)
			s.deleted[name] = deletion{namespace: namespace, at: at.Add(time.Second)}
		}
		for i := 0; i < 20; i++ { // the order of a map is any
			s.renew()
			if left := s.expires.Sub(now); left != time.Second {
				t.Errorf("%s: expires in %s, want when the older one does", order, left)
			}
		}
		if got := describe(s.snapshot); got != "-a=acme -b=globex" {
			t.Errorf("%s: %s, want both deleted", order, got)
		}
		before := s.snapshot
		if after, _ := s.current(); after != before {
			t.Errorf("%s: another snapshot before one expires", order)
		}
		older := s.deleted[order[:1]]
		older.at = now.Add(-keepDeleted)
		s.deleted[order[:1]] = older
		s.expires = now
		after, _ := s.current()
		if len(after.Deleted) != 1 || after.Deleted[0].Name != order[1:] || s.expires.Before(now) {
			t.Errorf("%s: %s, want the younger one alone", order, describe(after))
		}
	}
}

func TestNewer(t *testing.T) {
	rows := []struct {
		version, than string
		want          bool
	}{
		{"11", "10", true},
		{"10", "10", false},
		{"9", "10", false},
		{"18446744073709551615", "9", true},
		{"x", "10", true},
		{"9", "", true},
	}
	for _, row := range rows {
		if got := newer(row.version, row.than); got != row.want {
			t.Errorf("%q and %q: %t, want %t", row.version, row.than, got, row.want)
		}
	}
}
