// Package namespaces keeps up to date with the Namespaces of a cluster: which there are, and what they say of their tenants.
package namespaces

import (
	"encoding/json"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/policy"
)

const (
	// keptGone is how long a deleted Namespace still counts as one of the cluster: Traefik may use its routers for a while.
	keptGone = 10 * time.Minute
	// outdatedAfter is how long the Namespaces may be without a watch before that is a problem.
	outdatedAfter = 30 * time.Second
	// connected is how long a watch lasts at least that the API has taken: a refused one fails sooner.
	connected = 10 * time.Second
)

// Source holds the Namespaces of one cluster.
type Source struct {
	client *kube.Client

	mu    sync.Mutex
	known map[string]policy.Namespace
	gone  map[string]departed
	// expires is when the first of those gone is forgotten, zero for none.
	expires time.Time
	// version is the one up to which all changes are known, "" for none: they have to be listed.
	version  string
	snapshot *policy.Snapshot

	// under is the list under way, nil for none, and meanwhile are the changes heard of since it began: it may be older
	// than they are, and the watch tells nothing twice.
	under     *listing
	meanwhile []change
	listed    time.Time
	failed    time.Time

	// problem is why the latest list or watch failed, broken since when no watch lasts, and watching when the one under way
	// began. The times are zero where that is not so.
	problem  string
	broken   time.Time
	watching time.Time
}

// departed is a deleted Namespace as it was, and when that became known.
type departed struct {
	namespace policy.Namespace
	at        time.Time
}

// change is an event of the watch.
type change struct {
	deleted   bool
	namespace policy.Namespace
	version   string
}

// New returns a source that knows nothing yet.
func New(client *kube.Client) *Source {
	return &Source{client: client, gone: map[string]departed{}}
}

// Snapshot is what is known, nil for nothing yet, and why it is not kept up to date, "" if it is.
func (s *Source) Snapshot() (*policy.Snapshot, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snapshot == nil {
		return nil, s.problem
	}
	if !s.expires.IsZero() && time.Now().After(s.expires) {
		s.renew()
	}
	if s.outdated() {
		return s.snapshot, s.problem
	}
	return s.snapshot, ""
}

// outdated tells that no watch has kept the Namespaces up to date for a while, and that none is about to.
func (s *Source) outdated() bool {
	if s.broken.IsZero() || time.Since(s.broken) < outdatedAfter {
		return false
	}
	return s.watching.IsZero() || time.Since(s.watching) < connected
}

// replace takes over a list. What the watch has told meanwhile may be newer, and holds.
func (s *Source) replace(all map[string]policy.Namespace, version string, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.snapshot == nil || len(all) != len(s.known)
	for name, namespace := range all {
		changed = changed || s.known[name] != namespace
	}
	for name, namespace := range s.known {
		if _, there := all[name]; !there {
			s.gone[name] = departed{namespace: namespace, at: began}
		}
	}
	heard := s.version
	s.known = all
	s.version = version
	s.listed = began
	for _, c := range s.meanwhile {
		if newer(c.version, s.version) {
			changed = s.apply(c) || changed
		}
	}
	if heard != "" && newer(heard, s.version) {
		s.version = heard // a bookmark
	}
	if changed {
		s.renew()
	}
}

// event takes one change in.
func (s *Source) event(eventType string, raw []byte) error {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		return kube.ErrUnavailable
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = time.Time{}
	c := change{deleted: eventType == "DELETED", namespace: o.namespace(), version: o.Metadata.ResourceVersion}
	if eventType == "BOOKMARK" {
		if newer(c.version, s.version) {
			s.version = c.version
		}
		return nil
	}
	if s.under != nil {
		s.meanwhile = append(s.meanwhile, c)
	}
	changed := false
	if newer(c.version, s.version) {
		changed = s.apply(c)
	} else {
		changed = s.passed(c)
	}
	if changed {
		s.renew()
	}
	return nil
}

// apply makes a change, and tells whether it is one.
func (s *Source) apply(c change) bool {
	s.version = c.version
	name := c.namespace.Name
	before, known := s.known[name]
	if c.deleted {
		delete(s.known, name)
		s.gone[name] = departed{namespace: c.namespace, at: time.Now()}
		return true
	}
	s.known[name] = c.namespace
	return !known || before != c.namespace
}

// passed hears late of a Namespace that came and went between two lists: Traefik may have had time to make routers of it. If
// another tenant's of its name is gone as well, nobody can tell whose routers these are: it was nobody's.
func (s *Source) passed(c change) bool {
	name := c.namespace.Name
	if _, known := s.known[name]; known || !c.deleted {
		return false
	}
	passed := c.namespace
	if before, gone := s.gone[name]; gone {
		if before.namespace.Tenant == passed.Tenant || before.namespace.Tenant == "" {
			return false
		}
		passed.Tenant = ""
	}
	s.gone[name] = departed{namespace: passed, at: time.Now()}
	return true
}

// newer compares resource versions of one resource, which are numbers that grow
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
func newer(version, than string) bool {
	one, err := strconv.ParseUint(version, 10, 64)
	other, errOther := strconv.ParseUint(than, 10, 64)
	return err != nil || errOther != nil || one > other
}

// renew makes another snapshot. The caller holds mu.
func (s *Source) renew() {
	next := &policy.Snapshot{Namespaces: make([]policy.Namespace, 0, len(s.known))}
	for _, namespace := range s.known {
		next.Namespaces = append(next.Namespaces, namespace)
	}
	s.expires = time.Time{}
	for name, one := range s.gone {
		end := one.at.Add(keptGone)
		if _, back := s.known[name]; back || time.Now().After(end) {
			delete(s.gone, name)
			continue
		}
		if s.expires.IsZero() || end.Before(s.expires) {
			s.expires = end
		}
		next.Gone = append(next.Gone, one.namespace)
	}
	sort.Slice(next.Gone, func(i, j int) bool { return next.Gone[i].Name < next.Gone[j].Name })
	s.snapshot = next
}
