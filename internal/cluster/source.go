package cluster

import (
	"encoding/json"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/flight"
	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/policy"
)

const (
	// keepDeleted is how long a deleted Namespace still counts as one of the cluster: Traefik may
	// use its routers for a while.
	keepDeleted = 10 * time.Minute
	// outdatedAfter is how long the Namespaces may be without a watch before that is a problem.
	outdatedAfter = 30 * time.Second
	// accepted is how long a watch lasts at least that the API has accepted: a refused one fails
	// sooner.
	accepted = 10 * time.Second
)

// source has the Namespaces of one cluster.
type source struct {
	client *kube.Client
	// tenantLabel is the label that says whose a Namespace is.
	tenantLabel string

	mu sync.Mutex
	// existing and deleted are the Namespaces by name.
	existing map[string]policy.Namespace
	deleted  map[string]deletion
	// expires is when the first of deleted is dropped, zero for none.
	expires time.Time
	// version is the one up to which all changes are known, "" for none: they have to be listed.
	version  string
	snapshot *policy.Snapshot

	// list is in flight, nil for none, and sinceList are the changes that the watch brought since
	// it began: the list may be older than they are, and the watch brings nothing twice.
	list      *flight.Call
	sinceList []change
	// listed is when the latest list that succeeded began, and listFailed when the latest that did
	// not came to its end.
	listed     time.Time
	listFailed time.Time

	// problem is why the latest list or watch failed, unwatched since when no watch lasts, and
	// watching when the one in flight began. The times are zero where that is not so.
	problem   string
	unwatched time.Time
	watching  time.Time
}

// deletion is a deleted Namespace as it was, and when its deletion became known.
type deletion struct {
	namespace policy.Namespace
	at        time.Time
}

// change is an event of the watch.
type change struct {
	deleted   bool
	namespace policy.Namespace
	version   string
}

// newSource returns a source that knows nothing yet.
func newSource(client *kube.Client, tenantLabel string) *source {
	return &source{client: client, tenantLabel: tenantLabel, deleted: map[string]deletion{}}
}

// current returns the Namespaces, nil while they are unknown, and why they are not kept up to date,
// "" if they are.
func (s *source) current() (*policy.Snapshot, string) {
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

// outdated reports whether no watch has kept the Namespaces up to date for a while, and none is
// about to. The caller holds mu.
func (s *source) outdated() bool {
	if s.unwatched.IsZero() || time.Since(s.unwatched) < outdatedAfter {
		return false
	}
	return s.watching.IsZero() || time.Since(s.watching) < accepted
}

// replace puts a list in the place of what was known. What the watch has brought since the list
// began may be newer, and stays.
func (s *source) replace(all map[string]policy.Namespace, version string, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.snapshot == nil || len(all) != len(s.existing)
	for name, namespace := range all {
		changed = changed || s.existing[name] != namespace
	}
	for name, namespace := range s.existing {
		if _, exists := all[name]; !exists {
			s.deleted[name] = deletion{namespace: namespace, at: began}
		}
	}
	watched := s.version
	s.existing = all
	s.version = version
	s.listed = began
	for _, c := range s.sinceList {
		if newer(c.version, s.version) {
			changed = s.apply(c) || changed
		}
	}
	if watched != "" && newer(watched, s.version) {
		s.version = watched // of a bookmark
	}
	if changed {
		s.renew()
	}
}

// event takes in an event of the watch.
func (s *source) event(eventType string, raw []byte) error {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		return kube.ErrUnavailable
	}
	c := change{
		deleted:   eventType == "DELETED",
		namespace: o.namespace(s.tenantLabel),
		version:   o.Metadata.ResourceVersion,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unwatched = time.Time{}
	if eventType == "BOOKMARK" {
		if newer(c.version, s.version) {
			s.version = c.version
		}
		return nil
	}
	if s.list != nil {
		s.sinceList = append(s.sinceList, c)
	}
	changed := false
	if newer(c.version, s.version) {
		changed = s.apply(c)
	} else {
		changed = s.applyLate(c)
	}
	if changed {
		s.renew()
	}
	return nil
}

// apply makes a change, and reports whether it changes anything. The caller holds mu.
func (s *source) apply(c change) bool {
	s.version = c.version
	name := c.namespace.Name
	before, exists := s.existing[name]
	if c.deleted {
		delete(s.existing, name)
		s.deleted[name] = deletion{namespace: c.namespace, at: time.Now()}
		return true
	}
	s.existing[name] = c.namespace
	return !exists || before != c.namespace
}

// applyLate takes in the deletion of a Namespace that was created and deleted between two lists,
// and reports whether that changes anything: Traefik may have had time to make routers of it. If
// another tenant's of the same name was deleted as well, these routers may be either's: the
// Namespace then counts as unowned. The caller holds mu.
func (s *source) applyLate(c change) bool {
	name := c.namespace.Name
	if _, exists := s.existing[name]; exists || !c.deleted {
		return false
	}
	namespace := c.namespace
	if earlier, found := s.deleted[name]; found {
		if earlier.namespace.Tenant == namespace.Tenant || earlier.namespace.Tenant == "" {
			return false
		}
		namespace.Tenant = ""
	}
	s.deleted[name] = deletion{namespace: namespace, at: time.Now()}
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
func (s *source) renew() {
	next := &policy.Snapshot{Namespaces: make([]policy.Namespace, 0, len(s.existing))}
	for _, namespace := range s.existing {
		next.Namespaces = append(next.Namespaces, namespace)
	}
	s.expires = time.Time{}
	for name, one := range s.deleted {
		end := one.at.Add(keepDeleted)
		if _, exists := s.existing[name]; exists || time.Now().After(end) {
			delete(s.deleted, name)
			continue
		}
		if s.expires.IsZero() || end.Before(s.expires) {
			s.expires = end
		}
		next.Deleted = append(next.Deleted, one.namespace)
	}
	sort.Slice(next.Deleted, func(i, j int) bool {
		return next.Deleted[i].Name < next.Deleted[j].Name
	})
	s.snapshot = next
}
