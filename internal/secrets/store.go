// Package secrets answers whether a served certificate is in a Secret of a namespace: whoever can't write there can't have
// it served as that namespace's, whatever names it carries.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
)

const (
	// patience is how long a request waits for the API. A longer answer is still of use to later requests.
	patience = 5 * time.Second
	// graceHold is how long an answer holds that rests on grace, so that the API's own is asked for soon.
	graceHold = 3 * time.Second
	// replaced is how long a certificate is still taken when it has left its Secret: a renewal must not be an outage. Traefik
	// serves the old one until it has reloaded its configuration. It begins that two seconds after the change
	// (providersThrottleDuration) and then builds all its routers, of which there may be thousands.
	replaced = 10 * time.Second
	// leftHold is how long an answer holds that rests on replaced.
	leftHold = time.Second
	// failureHold is how long a failure holds where the API does not say how long it wants to be left alone.
	failureHold = time.Second
)

var (
	errSlow     = fmt.Errorf("%w: it takes too long", kube.ErrUnavailable)
	errNoName   = errors.New("wanted the name of a namespace")
	namePattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
)

// Store keeps what the API answered. Of a Secret it keeps its name and the SHA-256 of its certificate.
type Store struct {
	client *kube.Client
	now    func() time.Time
	// patience and pageSize are the constants, or a test's.
	patience time.Duration
	pageSize int

	mu         sync.Mutex
	namespaces map[string]*namespace
}

// NewStore returns a store without answers; now is time.Now.
func NewStore(client *kube.Client, now func() time.Time) *Store {
	return &Store{client: client, now: now, patience: patience, pageSize: pageSize, namespaces: map[string]*namespace{}}
}

// question is one call of Confirm.
type question struct {
	leaf  string
	ttl   time.Duration
	grace time.Duration
	// until is when the one who asks has waited long enough.
	until time.Time
}

// Confirm tells whether a leaf, in DER, is in a Secret of one of the namespaces, and for how much longer that holds. It asks
// until it is found: first where it was seen last, which is one look at one Secret, then the others in the given order, each of
// which may be a list of all Secrets. An answer is good for ttl from the moment before it was asked for; what it found
// with an API that took longer than that holds for 0 or less, and is true all the same.
//
// A leaf that a namespace no longer has still counts as found for ttl, and for a moment more, after it was last seen there:
// Traefik may still serve it.
//
// An error means that it is in none of the namespaces that could be asked, and that not all could. But where the leaf was in a
// Secret less than grace ago, and nothing was heard of it since, it counts as found.
func (s *Store) Confirm(ctx context.Context, leafDER []byte, namespaces []string, ttl, grace time.Duration) (time.Duration, bool, error) {
	q := &question{leaf: digest(leafDER), ttl: ttl, grace: grace, until: time.Now().Add(2 * s.patience)}
	if holds := s.longest(namespaces, q.leaf, ttl); holds > 0 {
		return holds, true, nil
	}
	var failures []error
	for _, name := range s.seenFirst(namespaces, q.leaf) {
		holds, found, err := s.ask(ctx, name, q)
		if err == nil && !found {
			holds = s.leftLately(name, q)
			found = holds > 0
		}
		if found {
			return holds, true, nil
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
	if holds := s.longest(namespaces, q.leaf, grace); holds > 0 {
		return atMost(graceHold, holds), true, nil
	}
	return 0, false, summary(failures)
}

// longest returns how long the leaf's best answer in the namespaces still holds, if one holds for lifetime.
func (s *Store) longest(namespaces []string, leaf string, lifetime time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	longest := time.Duration(0)
	for _, name := range namespaces {
		n := s.namespaces[name]
		if n == nil {
			continue
		}
		if seen, found := n.held[leaf]; found {
			if holds := seen.since.Add(lifetime).Sub(s.now()); holds > longest {
				longest = holds
			}
		}
	}
	return longest
}

// leftLately returns for how long a leaf that the namespace does not have counts as found, because it left a moment ago.
func (s *Store) leftLately(name string, q *question) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.namespaces[name]
	if n == nil {
		return 0
	}
	since, left := n.left[q.leaf]
	holds := since.Add(q.ttl + replaced).Sub(s.now())
	if !left || holds <= 0 {
		return 0
	}
	return atMost(leftHold, holds)
}

func atMost(most, holds time.Duration) time.Duration {
	if holds > most {
		return most
	}
	return holds
}

// seenFirst puts the namespaces first that had the leaf when last heard of, or lost it lately.
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

// ask asks one namespace: of what is known of it, or of the search that is under way, or of one more that begins after it. A
// search under way may have begun before the leaf was there, so that only one for the same leaf may deny it.
func (s *Store) ask(ctx context.Context, name string, q *question) (time.Duration, bool, error) {
	if !namePattern.MatchString(name) {
		return 0, false, errNoName
	}
	for {
		answer, under := s.join(name, q)
		if under == nil {
			return answer.holds, answer.found, answer.err
		}
		if err := s.wait(ctx, under, q.until); err != nil {
			return 0, false, err
		}
		if under.wanted[q.leaf] {
			return under.answer(q, s.now())
		}
	}
}

// answer is what is known without asking.
type answer struct {
	holds time.Duration
	found bool
	err   error
}

// join returns what is known, or else the search to wait for.
func (s *Store) join(name string, q *question) (answer, *search) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	n := s.namespace(name, now)
	if q.ttl > n.ttl {
		n.ttl = q.ttl
	}
	if seen, found := n.held[q.leaf]; found {
		if holds := seen.since.Add(q.ttl).Sub(now); holds > 0 {
			return answer{holds: holds, found: true}, nil
		}
	}
	if since, absent := n.absent[q.leaf]; absent && now.Sub(since) < q.ttl {
		return answer{}, nil
	}
	if n.search != nil {
		n.queue(q.leaf)
		return answer{}, n.search
	}
	if n.failure != nil && now.Before(n.failedUntil) {
		return answer{err: n.failure}, nil
	}
	if !time.Now().Before(q.until) {
		return answer{err: errSlow}, nil
	}
	s.begin(n, q.leaf)
	return answer{}, n.search
}

// wait waits for a search, but not for longer than it or the one who asks has patience.
func (s *Store) wait(ctx context.Context, under *search, until time.Time) error {
	if end := under.began.Add(s.patience); end.Before(until) {
		until = end
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-under.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errSlow
	}
}

// explain says what an operator has to do about a failure.
func explain(namespace string, err error) error {
	if errors.Is(err, kube.ErrForbidden) && !errors.Is(err, kube.ErrUnauthorized) {
		return fmt.Errorf("the right to list secrets in namespace %q is missing: %w", namespace, err)
	}
	return fmt.Errorf("secrets in namespace %q: %w", namespace, err)
}

// summary is one error for all namespaces that could not be asked.
func summary(failures []error) error {
	if len(failures) == 1 {
		return failures[0]
	}
	return fmt.Errorf("%w, and so for %d more namespaces", failures[0], len(failures)-1)
}
