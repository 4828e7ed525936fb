package namespaces

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
)

const (
	// minPause and maxPause are how long the API is left alone after a failure, doubled with each further one.
	minPause = time.Second
	maxPause = 30 * time.Second
	// resumes is how many watches in a row may fail before the Namespaces are listed again: where watches are refused or
	// cut, lists keep them up to date as well as can be.
	resumes = 2
)

var errCut = fmt.Errorf("%w: a watch of the Namespaces did not finish", kube.ErrUnavailable)

// Run lists and then watches until ctx ends. A watch that ends is resumed where it was; one whose version the API has
// forgotten (410) begins with a list. The pauses grow with failures in a row only: a watch that ran for a while was none.
//
// At the end all is forgotten: what is not kept up to date must not decide anything when it is asked for again, maybe days later.
func (s *Source) Run(ctx context.Context) {
	defer s.forgetAll()
	pause := minPause
	failures := 0
	for ctx.Err() == nil {
		took, err := s.follow(ctx)
		ran := watched(err, took)
		if ran || errors.Is(err, kube.ErrGone) {
			pause = minPause
			failures = 0
		}
		if ran && err == nil {
			continue
		}
		failures++
		if failures >= resumes {
			s.forget()
		}
		wait := pause
		if asked := kube.RetryAfter(err); asked > wait {
			wait = asked
		}
		rest(ctx, wait)
		pause *= 2
		if pause > maxPause {
			pause = maxPause
		}
	}
}

// watched tells whether a watch ran for a while, by its error and how long it took. One that got no answer at all fails after
// some seconds too.
func watched(err error, took time.Duration) bool {
	if err == nil || errors.Is(err, kube.ErrCut) {
		return took > minPause
	}
	return took > connected
}

func rest(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// follow lists if nothing is known, and watches once. It tells how long the watch took, however long the list did.
func (s *Source) follow(ctx context.Context) (time.Duration, error) {
	err := s.catchUp(ctx)
	began := time.Now()
	if err == nil {
		err = s.watchSafely(ctx, began)
	}
	took := time.Since(began)
	if ctx.Err() != nil {
		return took, ctx.Err() // our own doing, and no failure
	}
	s.noted(err, began)
	return took, err
}

// catchUp lists the Namespaces where there is no version to watch from.
func (s *Source) catchUp(ctx context.Context) error {
	under := s.lacking()
	if under == nil {
		return nil
	}
	select {
	case <-under.done:
		return under.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lacking returns the list that is needed to watch, or nil where there is a version to watch from.
func (s *Source) lacking() *listing {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version != "" {
		return nil
	}
	return s.begin()
}

// watchSafely watches once. A panic, which would end Traefik, is a watch that failed.
func (s *Source) watchSafely(ctx context.Context, began time.Time) error {
	err := errCut
	attempt := func() {
		defer func() { _ = recover() }()
		err = s.watch(ctx, began)
	}
	attempt()
	return err
}

func (s *Source) watch(ctx context.Context, began time.Time) error {
	version := s.begun(began)
	err := s.client.Watch(ctx, path, version, func(eventType string, object []byte) error {
		return s.event(eventType, object)
	})
	s.begun(time.Time{})
	return err
}

// begun notes when the watch under way began, and returns the version to watch from.
func (s *Source) begun(at time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watching = at
	return s.version
}

// forget has the next watch begin with a list.
func (s *Source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = ""
}

func (s *Source) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = nil
	s.gone = map[string]departed{}
	s.expires = time.Time{}
	s.version = ""
	s.snapshot = nil
	s.listed = time.Time{}
	s.problem = ""
	s.broken = time.Time{}
}

// noted remembers how a watch that began at a time ended.
func (s *Source) noted(err error, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.broken = time.Time{}
		return
	}
	if errors.Is(err, kube.ErrGone) {
		s.version = "" // what changed since is unknown
		return
	}
	s.problem = err.Error()
	if s.broken.IsZero() || time.Since(began) > connected {
		s.broken = time.Now()
	}
}
