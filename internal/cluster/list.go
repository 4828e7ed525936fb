package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/tenantguard/tenantguard/internal/flight"
	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/policy"
)

const (
	// pageSize is how many Namespaces are listed at a time.
	pageSize = 500
	// listTimeout bounds one list, and patience how long a request waits for it. A longer list is
	// still of use to later requests.
	listTimeout = time.Minute
	patience    = 10 * time.Second
)

// ErrSlow is the error of a request that can't wait for a list any longer.
var ErrSlow = fmt.Errorf("%w: a list of the Namespaces takes too long", kube.ErrUnavailable)

var (
	// errPause is the error of a request for a list right after one failed.
	errPause = errors.New("the Kubernetes API failed a moment ago")
	errList  = fmt.Errorf("%w: a list of the Namespaces did not finish", kube.ErrUnavailable)
)

// listedSince makes sure that the Namespaces were listed after a time. There is one list at a time,
// for all requests.
func (s *source) listedSince(ctx context.Context, since time.Time) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		list, err := s.listAfter(since)
		if list == nil {
			return err
		}
		if list.Wait(limited) != nil {
			return ErrSlow
		}
		if list.Err() != nil && list.Began.After(since) {
			return list.Err()
		}
	}
}

// listAfter returns the list to wait for, which may have begun before since, or nil if there is
// none to wait for.
func (s *source) listAfter(since time.Time) (*flight.Call, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.existing != nil && s.listed.After(since) {
		return nil, nil
	}
	if s.list == nil && time.Since(s.listFailed) < minPause {
		return nil, errPause
	}
	return s.beginList(), nil
}

// beginList returns the list in flight, and begins one if there is none. The caller holds mu.
func (s *source) beginList() *flight.Call {
	if s.list == nil {
		s.list = flight.NewCall(time.Now(), errList)
		s.sinceList = nil
		go s.runList(s.list)
	}
	return s.list
}

// runList makes a list. It does not end with the request that began it: others wait for it as well.
func (s *source) runList(list *flight.Call) {
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()
	list.Run(
		func() error { return s.readAll(ctx, list.Began) },
		func(err error) { s.endList(err) },
	)
}

func (s *source) endList(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = nil
	s.sinceList = nil
	if err != nil {
		s.listFailed = time.Now()
		s.problem = err.Error()
	}
}

// readAll lists all Namespaces.
func (s *source) readAll(ctx context.Context, began time.Time) error {
	all := map[string]policy.Namespace{}
	each := func(page []byte, first bool) (kube.ListMeta, error) {
		if first {
			all = map[string]policy.Namespace{}
		}
		return s.readPage(page, all)
	}
	version, err := s.client.List(ctx, kube.NamespacesPath, url.Values{}, pageSize, each)
	if err == nil {
		s.replace(all, version, began)
	}
	return err
}
