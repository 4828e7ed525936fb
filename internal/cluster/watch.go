package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenantguard/tenantguard/internal/flight"
	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/wait"
)

const (
	// minPause and maxPause are how long the API is left alone after a failure, doubled with each
	// further one.
	minPause = time.Second
	maxPause = 30 * time.Second
	// resumes is how many watches in a row may fail before the Namespaces are listed again: where
	// watches are refused or cut, lists keep them up to date as well as can be.
	resumes = 2
)

var errWatch = fmt.Errorf("%w: a watch of the Namespaces did not finish", kube.ErrUnavailable)

// run lists and then watches until ctx ends. A watch that ends is resumed where it was; one whose
// version the API has forgotten (410) begins with a list. The pauses grow with failures in a row
// only: a watch that ran for a while was none.
//
// At the end all Namespaces are forgotten: what is not kept up to date must not decide anything
// when it is needed again, maybe days later.
func (s *source) run(ctx context.Context) {
	defer s.forgetAll()
	r := &retry{pause: minPause}
	for ctx.Err() == nil {
		took, err := s.follow(ctx)
		pause, relist := r.after(err, took)
		if relist {
			s.forgetVersion()
		}
		_ = wait.Sleep(ctx, pause)
	}
}

// retry decides when the next watch begins.
type retry struct {
	pause    time.Duration
	failures int
}

// after returns how long to wait after a watch that took so long and ended with err, and reports
// whether to list again then.
func (r *retry) after(err error, took time.Duration) (time.Duration, bool) {
	ran := ranForAWhile(err, took)
	if ran || errors.Is(err, kube.ErrGone) {
		r.pause = minPause
		r.failures = 0
	}
	if ran && err == nil {
		return 0, false
	}
	r.failures++
	next := r.pause
	if asked := kube.RetryAfter(err); asked > next {
		next = asked
	}
	r.pause *= 2
	if r.pause > maxPause {
		r.pause = maxPause
	}
	return next, r.failures >= resumes
}

// ranForAWhile reports whether a watch did, by its error and how long it took. One that got no
// answer at all fails after some seconds too.
func ranForAWhile(err error, took time.Duration) bool {
	if err == nil || errors.Is(err, kube.ErrCut) {
		return took > minPause
	}
	return took > accepted
}

// follow lists if no Namespaces are known, and watches once. It returns how long the watch took,
// without the list.
func (s *source) follow(ctx context.Context) (time.Duration, error) {
	err := s.catchUp(ctx)
	began := time.Now()
	if err == nil {
		err = s.watchSafely(ctx, began)
	}
	took := time.Since(began)
	if ctx.Err() != nil {
		return took, ctx.Err() // ended by us, which is no failure
	}
	s.note(err, began)
	return took, err
}

// catchUp lists the Namespaces if there is no version to watch from.
func (s *source) catchUp(ctx context.Context) error {
	list := s.listToWatch()
	if list == nil {
		return nil
	}
	if err := list.Wait(ctx); err != nil {
		return err
	}
	return list.Err()
}

// listToWatch returns the list that a watch needs, or nil if there is a version to watch from.
func (s *source) listToWatch() *flight.Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version != "" {
		return nil
	}
	return s.beginList()
}

// watchSafely watches once. A panic, which would end Traefik, is a failure of the watch.
func (s *source) watchSafely(ctx context.Context, began time.Time) error {
	err := errWatch
	attempt := func() {
		defer func() { _ = recover() }()
		err = s.watch(ctx, began)
	}
	attempt()
	return err
}

func (s *source) watch(ctx context.Context, began time.Time) error {
	version := s.setWatching(began)
	each := func(eventType string, object []byte) error { return s.event(eventType, object) }
	err := s.client.Watch(ctx, kube.NamespacesPath, version, each)
	s.setWatching(time.Time{})
	return err
}

// setWatching notes when the watch in flight began, and returns the version to watch from.
func (s *source) setWatching(began time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watching = began
	return s.version
}

// forgetVersion makes the next watch begin with a list.
func (s *source) forgetVersion() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = ""
}

func (s *source) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.existing = nil
	s.deleted = map[string]deletion{}
	s.expires = time.Time{}
	s.version = ""
	s.snapshot = nil
	s.listed = time.Time{}
	s.problem = ""
	s.unwatched = time.Time{}
}

// note keeps how a watch that began at a time ended.
func (s *source) note(err error, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.unwatched = time.Time{}
		return
	}
	if errors.Is(err, kube.ErrGone) {
		s.version = "" // what changed since is unknown
		return
	}
	s.problem = err.Error()
	if s.unwatched.IsZero() || time.Since(began) > accepted {
		s.unwatched = time.Now()
	}
}
