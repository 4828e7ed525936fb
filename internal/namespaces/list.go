package namespaces

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/policy"
)

const (
	path = "/api/v1/namespaces"
	// pageSize is how many Namespaces are asked for at a time.
	pageSize = 500
	// listTimeout bounds one list, and patience how long a request waits for it. A longer list is still of use to later
	// requests.
	listTimeout = time.Minute
	patience    = 10 * time.Second
)

var (
	// errPause is what asking fails with right after a list failed.
	errPause      = errors.New("the Kubernetes API failed a moment ago")
	errSlow       = fmt.Errorf("%w: a list of the Namespaces takes too long", kube.ErrUnavailable)
	errUnfinished = fmt.Errorf("%w: a list of the Namespaces did not finish", kube.ErrUnavailable)
)

// listing is one list. Its error is there once done is closed.
type listing struct {
	began time.Time
	done  chan struct{}
	err   error
}

// ListedSince makes sure that what is known of the Namespaces was listed after a time. There is one list at a time, for all who
// ask.
func (s *Source) ListedSince(ctx context.Context, since time.Time) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		under, err := s.join(since)
		if under == nil {
			return err
		}
		select {
		case <-under.done:
		case <-limited.Done():
			return errSlow
		}
		if under.err != nil && under.began.After(since) {
			return under.err
		}
	}
}

// join returns the list to wait for, or nil where there is none to wait for.
func (s *Source) join(since time.Time) (*listing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known != nil && s.listed.After(since) {
		return nil, nil
	}
	if s.under == nil && time.Since(s.failed) < minPause {
		return nil, errPause
	}
	return s.begin(), nil
}

// begin begins a list, unless one is under way. The caller holds mu.
func (s *Source) begin() *listing {
	if s.under == nil {
		s.under = &listing{began: time.Now(), done: make(chan struct{}), err: errUnfinished}
		s.meanwhile = nil
		go s.list(s.under)
	}
	return s.under
}

// list makes a list. It ends with no one's request, for others wait for it too. Whatever happens, nobody waits in vain.
func (s *Source) list(under *listing) {
	defer func() {
		if problem := recover(); problem != nil {
			under.err = errUnfinished
		}
		s.end(under)
		close(under.done)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()
	under.err = s.read(ctx, under.began)
}

func (s *Source) end(under *listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under = nil
	s.meanwhile = nil
	if under.err != nil {
		s.failed = time.Now()
		s.problem = under.err.Error()
	}
}

// read reads all Namespaces, which takes the place of what was known.
func (s *Source) read(ctx context.Context, began time.Time) error {
	all := map[string]policy.Namespace{}
	version, err := s.client.List(ctx, path, url.Values{}, pageSize, func(page []byte, first bool) (kube.ListMeta, error) {
		if first {
			all = map[string]policy.Namespace{}
		}
		return readPage(page, all)
	})
	if err == nil {
		s.replace(all, version, began)
	}
	return err
}
