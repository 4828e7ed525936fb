// Package namespaces keeps up to date with the Namespaces of a cluster: which there are, and what they say of their tenants.
package namespaces

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/policy"
)

const (
	path = "/api/v1/namespaces"
	// pageSize is how many Namespaces are asked for at a time.
	pageSize = 500
	// keptGone is how long a deleted Namespace still counts as one of the cluster: Traefik may use its routers for a while.
	keptGone = 10 * time.Minute
	// listTimeout bounds a list that requests wait for.
	listTimeout = 10 * time.Second
	// minPause and maxPause are how long the API is left alone after a failure, doubled with each further one.
	minPause = time.Second
	maxPause = 30 * time.Second
)

// errPause is what asking fails with right after a failure.
var errPause = errors.New("the Kubernetes API failed a moment ago")

// Source holds the Namespaces of one cluster.
type Source struct {
	client *kube.Client

	// listing is held while the Namespaces are listed, by one at a time.
	listing sync.Mutex

	mu       sync.Mutex
	known    map[string]policy.Namespace
	gone     map[string]time.Time
	version  string
	listed   time.Time
	failed   time.Time
	problem  string
	snapshot *policy.Snapshot
}

// New returns a source that knows nothing yet.
func New(client *kube.Client) *Source {
	return &Source{client: client, gone: map[string]time.Time{}}
}

// Snapshot is what is known, nil for nothing yet, and why it is not kept up to date, "" if it is.
func (s *Source) Snapshot() (*policy.Snapshot, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot, s.problem
}

// ListedSince makes sure that what is known was listed after a time, and tells whether it had to ask for that.
func (s *Source) ListedSince(ctx context.Context, since time.Time) (bool, error) {
	if s.knows(since) {
		return false, nil
	}
	s.listing.Lock()
	defer s.listing.Unlock()
	if s.knows(since) {
		return true, nil
	}
	if s.pausing() {
		return false, errPause
	}
	// The others who wait for this list must not fail with the one request that happens to make it.
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), listTimeout)
	defer cancel()
	return true, s.list(own)
}

func (s *Source) knows(since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known != nil && s.listed.After(since)
}

func (s *Source) pausing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.failed) < minPause
}

// Run lists and then watches until ctx ends. A watch that ends is resumed where it was; one whose version the API has
// forgotten (410) begins with a list. The pauses grow with failures in a row only: a watch that ran for a while was none.
func (s *Source) Run(ctx context.Context) {
	pause := minPause
	for ctx.Err() == nil {
		began := time.Now()
		err := s.follow(ctx)
		lasted := time.Since(began) > minPause
		if lasted || errors.Is(err, kube.ErrGone) {
			pause = minPause
		}
		if lasted && err == nil {
			continue
		}
		wait := pause
		if asked := kube.RetryAfter(err); asked > wait {
			wait = asked
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		pause *= 2
		if pause > maxPause {
			pause = maxPause
		}
	}
}

// follow lists if nothing is known, and watches once.
func (s *Source) follow(ctx context.Context) error {
	version := s.at()
	if version == "" {
		s.listing.Lock()
		err := s.list(ctx)
		s.listing.Unlock()
		if err != nil {
			return err
		}
		version = s.at()
	}
	err := s.client.Watch(ctx, path, version, func(eventType string, object []byte) error {
		return s.event(eventType, object)
	})
	if errors.Is(err, kube.ErrGone) {
		s.forget()
		return err
	}
	return s.noted(err)
}

// at is the version to watch from, "" to list first.
func (s *Source) at() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

func (s *Source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = ""
}

// noted remembers how the last call went.
func (s *Source) noted(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problem = ""
	if err != nil {
		s.problem = err.Error()
		s.failed = time.Now()
	}
	return err
}

// list reads all Namespaces, which takes the place of what was known.
func (s *Source) list(ctx context.Context) error {
	start := time.Now()
	all := map[string]policy.Namespace{}
	version, err := s.client.List(ctx, path, url.Values{}, pageSize, func(page []byte, first bool) (kube.ListMeta, error) {
		if first {
			all = map[string]policy.Namespace{}
		}
		return readPage(page, all)
	})
	if s.noted(err) != nil {
		return err
	}
	s.replace(all, version, start)
	return nil
}

func (s *Source) replace(all map[string]policy.Namespace, version string, start time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.known == nil || len(all) != len(s.known)
	for name, namespace := range all {
		changed = changed || s.known[name] != namespace
	}
	for name := range s.known {
		if _, there := all[name]; !there {
			s.gone[name] = start
		}
	}
	s.known = all
	s.version = version
	s.listed = start
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
	s.problem = ""
	if !newer(o.Metadata.ResourceVersion, s.version) {
		return nil // listed since the watch began, and known already
	}
	s.version = o.Metadata.ResourceVersion
	if eventType == "BOOKMARK" {
		return nil
	}
	namespace := o.namespace()
	before, known := s.known[namespace.Name]
	if eventType == "DELETED" {
		delete(s.known, namespace.Name)
		s.gone[namespace.Name] = time.Now()
		s.renew()
		return nil
	}
	s.known[namespace.Name] = namespace
	if !known || before != namespace {
		s.renew()
	}
	return nil
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
	for name, at := range s.gone {
		if time.Since(at) > keptGone {
			delete(s.gone, name)
			continue
		}
		next.Gone = append(next.Gone, name)
	}
	sort.Strings(next.Gone)
	s.snapshot = next
}
