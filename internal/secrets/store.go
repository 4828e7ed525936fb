// Package secrets finds out whether a served certificate is in a Secret of a namespace: whoever
// can't write there can't have it served as that namespace's, whatever names it carries.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/text"
	"github.com/tenantguard/tenantguard/internal/wait"
)

const (
	// patience is how long a request waits for the API. A longer answer is still of use to later
	// requests.
	patience = 5 * time.Second
	// graceValidFor is how long an answer is valid that rests on grace, so that the API's own is
	// wanted again soon.
	graceValidFor = 3 * time.Second
	// acceptRemoved is how long a certificate is still accepted once it is removed from its Secret:
	// a renewal must not be an outage. Traefik serves the old one until it has reloaded its
	// configuration. It begins that two seconds after the change (providersThrottleDuration) and
	// then builds all its routers, of which there may be thousands.
	acceptRemoved = 10 * time.Second
	// removedValidFor is how long an answer is valid that rests on acceptRemoved.
	removedValidFor = time.Second
	// absentPause is how long a namespace is not searched, for leaves that it was not known to
	// have, after a search that found one absent: whoever has ever new certificates served causes
	// no more than that.
	absentPause = time.Second
	// failurePause is how long the API is left alone after a failure where it does not say how long
	// it wants to be.
	failurePause = time.Second
)

var (
	errSlow   = fmt.Errorf("%w: it takes too long", kube.ErrUnavailable)
	errNoName = errors.New("wanted the name of a namespace")
)

// Store keeps what the API answered. Of a Secret it keeps its name and the SHA-256 of its
// certificate.
type Store struct {
	client *kube.Client
	now    func() time.Time
	// patience, absentPause and pageSize are the constants, or a test's.
	patience    time.Duration
	absentPause time.Duration
	pageSize    int

	mu         sync.Mutex
	namespaces map[string]*namespace
}

// NewStore returns a store without answers; now is time.Now.
func NewStore(client *kube.Client, now func() time.Time) *Store {
	return &Store{
		client:      client,
		now:         now,
		patience:    patience,
		absentPause: absentPause,
		pageSize:    pageSize,
		namespaces:  map[string]*namespace{},
	}
}

// query is one call of Confirm.
type query struct {
	leaf  string
	ttl   time.Duration
	grace time.Duration
	// until is when the caller has waited long enough.
	until time.Time
}

// Confirm reports whether a leaf, in DER, is in a Secret of one of the namespaces, and for how much
// longer that is valid. It looks until it finds the leaf: first where it was seen last, which is
// one request for one Secret, then in the others in the given order, each of which may cost a list
// of all Secrets. An answer is valid for ttl from the moment before the API was asked; one that
// took the API longer than that is valid for 0 or less, and is true all the same.
//
// That a leaf is absent is valid for a second, and then for as long again as it has been absent,
// but never for longer than ttl: it may be served a moment before its Secret is seen.
//
// A leaf that was removed from a namespace still counts as found for ttl and acceptRemoved after it
// was last seen there: Traefik may still serve it.
//
// An error means that the leaf is in none of the namespaces that the API answered for, and that it
// did not for all. But a leaf that was in a Secret less than grace ago, and was not seen to be
// removed since, counts as found.
func (s *Store) Confirm(ctx context.Context, leafDER []byte, namespaces []string,
	ttl, grace time.Duration) (time.Duration, bool, error) {
	until := time.Now().Add(2 * s.patience)
	q := &query{leaf: digest(leafDER), ttl: ttl, grace: grace, until: until}
	if validFor := s.validFor(namespaces, q.leaf, ttl); validFor > 0 {
		return validFor, true, nil
	}
	var failures []error
	for _, name := range s.seenFirst(namespaces, q.leaf) {
		validFor, found, err := s.lookUp(ctx, name, q)
		if err == nil && !found {
			validFor = s.removedLately(name, q)
			found = validFor > 0
		}
		if found {
			return validFor, true, nil
		}
		if ctx.Err() != nil {
			return 0, false, ctx.Err()
		}
		if err != nil {
			failures = append(failures, explain(name, err))
		}
	}
	if len(failures) == 0 {
		return 0, false, nil
	}
	if validFor := s.validFor(namespaces, q.leaf, grace); validFor > 0 {
		return shorter(graceValidFor, validFor), true, nil
	}
	return 0, false, summary(failures)
}

// validFor returns for how much longer the newest finding of the leaf in the namespaces is valid,
// if one is for lifetime, or 0.
func (s *Store) validFor(namespaces []string, leaf string, lifetime time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	longest := time.Duration(0)
	for _, name := range namespaces {
		n := s.namespaces[name]
		if n == nil {
			continue
		}
		if seen, found := n.present[leaf]; found {
			if validFor := seen.at.Add(lifetime).Sub(s.now()); validFor > longest {
				longest = validFor
			}
		}
	}
	return longest
}

// removedLately returns for how long a leaf that the namespace does not have counts as found
// because it was removed a moment ago, or 0.
func (s *Store) removedLately(name string, q *query) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.namespaces[name]
	if n == nil {
		return 0
	}
	seen, removed := n.removed[q.leaf]
	validFor := seen.at.Add(q.ttl + acceptRemoved).Sub(s.now())
	if !removed || validFor <= 0 {
		return 0
	}
	return shorter(removedValidFor, validFor)
}

func shorter(one, other time.Duration) time.Duration {
	if one < other {
		return one
	}
	return other
}

// seenFirst puts the namespaces first in which the leaf was seen last.
func (s *Store) seenFirst(namespaces []string, leaf string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var seen, others []string
	for _, name := range namespaces {
		if n := s.namespaces[name]; n != nil && n.saw(leaf) {
			seen = append(seen, name)
		} else {
			others = append(others, name)
		}
	}
	return append(seen, others...)
}

// lookUp finds out about one namespace: from what is known of it, from the search in flight, or
// from one more that begins after it. A search in flight may have begun before the leaf was there,
// so that only one for the same leaf may deny it.
func (s *Store) lookUp(ctx context.Context, name string, q *query) (time.Duration, bool, error) {
	if !text.IsNamespace(name) {
		return 0, false, errNoName
	}
	for {
		next := s.nextStep(name, q)
		if next.search == nil && next.pause <= 0 {
			return next.validFor, next.found, next.err
		}
		var err error
		if next.search != nil {
			err = s.wait(ctx, next.search, q.until)
		} else {
			err = wait.Sleep(ctx, next.pause)
		}
		if err != nil {
			return 0, false, err
		}
		if next.search != nil && next.search.wanted[q.leaf] {
			return next.search.answer(q, s.now())
		}
	}
}

// step is what comes next for a query: the search to wait for, a pause before another look, or else
// what is known without asking the API.
type step struct {
	search *search
	pause  time.Duration

	validFor time.Duration
	found    bool
	err      error
}

// nextStep returns what is known of a namespace, or else what to wait for.
func (s *Store) nextStep(name string, q *query) step {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	n := s.namespace(name, now)
	if q.ttl > n.ttl {
		n.ttl = q.ttl
	}
	seen, isPresent := n.present[q.leaf]
	if isPresent {
		if validFor := seen.at.Add(q.ttl).Sub(now); validFor > 0 {
			return step{validFor: validFor, found: true}
		}
	}
	if n.isAbsent(q, now) {
		return step{}
	}
	if n.search != nil {
		n.queue(q.leaf)
		return step{search: n.search}
	}
	if n.failure != nil && now.Before(n.failedUntil) {
		return step{err: n.failure}
	}
	if !time.Now().Before(q.until) {
		return step{err: errSlow}
	}
	pause := time.Until(n.pausedUntil)
	if pause > 0 && !isPresent {
		n.queue(q.leaf)
		return step{pause: pause}
	}
	s.begin(n, q.leaf, pause <= 0)
	return step{search: n.search}
}

// wait waits for a search, but not for longer than the search or the caller has time for.
func (s *Store) wait(ctx context.Context, f *search, until time.Time) error {
	if end := f.call.Began.Add(s.patience); end.Before(until) {
		until = end
	}
	limited, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if f.call.Wait(limited) == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errSlow
}

// explain says what an operator has to do about a failure.
func explain(namespace string, err error) error {
	if errors.Is(err, kube.ErrForbidden) && !errors.Is(err, kube.ErrUnauthorized) {
		return fmt.Errorf("the right to list secrets in namespace %q is missing: %w",
			namespace, err)
	}
	return fmt.Errorf("secrets in namespace %q: %w", namespace, err)
}

// summary is one error for all namespaces that the API did not answer for.
func summary(failures []error) error {
	if len(failures) == 1 {
		return failures[0]
	}
	return fmt.Errorf("%w, and so for %d more namespaces", failures[0], len(failures)-1)
}
