package secrets

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/tenantguard/tenantguard/internal/flight"
	"github.com/tenantguard/tenantguard/internal/kube"
)

const (
	// searchTimeout bounds one search.
	searchTimeout = time.Minute
	// pageSize is how many Secrets are listed at a time where they are not large: about 2 MB with a
	// chain and a key each.
	pageSize = 250
	// maxFetches bounds how many Secrets are fetched by name before a list is the cheaper way.
	maxFetches = 10
)

var errSearch = fmt.Errorf("%w: the search did not finish", kube.ErrUnavailable)

// search looks for leaves in one namespace. What it found may be read once its call has ended.
type search struct {
	call   *flight.Call
	path   string
	wanted map[string]bool
	// secrets are the Secrets that the wanted leaves were in, by leaf, for those that were in one.
	secrets map[string]string

	// fetched are the certificates of the Secrets that were fetched by name, and missing the leaves
	// that were no longer there.
	fetched map[string]sighting
	missing map[string]bool
	// listed are the certificates of the Secrets that were listed, complete if those are all of the
	// namespace's, and listedAt is a moment before.
	listed   map[string]sighting
	listedAt time.Time
	complete bool

	// found are the wanted leaves that are there. The others are not, or unknown because of the
	// call's error.
	found map[string]sighting
}

func newSearch(n *namespace, wanted map[string]bool) *search {
	f := &search{
		call:    flight.NewCall(time.Now(), errSearch),
		path:    kube.NamespacesPath + "/" + n.name + "/secrets",
		wanted:  wanted,
		secrets: map[string]string{},
		fetched: map[string]sighting{},
		missing: map[string]bool{},
		listed:  map[string]sighting{},
		found:   map[string]sighting{},
	}
	for leaf := range wanted {
		if seen, present := n.present[leaf]; present {
			f.secrets[leaf] = seen.secret
		}
	}
	return f
}

// run makes a search. It does not end with the request that began it: others wait for it as well.
func (s *Store) run(n *namespace, f *search) {
	ctx, cancel := context.WithTimeout(context.Background(), searchTimeout)
	defer cancel()
	f.call.Run(
		func() error { return f.look(ctx, s) },
		func(err error) { s.end(n, f, err) },
	)
}

// look fetches the Secrets that the leaves were in, if that is enough, or lists all.
func (f *search) look(ctx context.Context, s *Store) error {
	if len(f.secrets) < len(f.wanted) || len(f.wanted) > maxFetches {
		return f.list(ctx, s)
	}
	for leaf, name := range f.secrets {
		if err := f.fetch(ctx, s, leaf, name); err != nil {
			return err
		}
	}
	for leaf := range f.wanted {
		if _, fetched := f.fetched[leaf]; !fetched {
			return f.list(ctx, s)
		}
	}
	return nil
}

// fetch fetches the Secret that a leaf was in.
func (f *search) fetch(ctx context.Context, s *Store, leaf, name string) error {
	at := s.now()
	body, err := s.client.Get(ctx, f.path+"/"+url.PathEscape(name))
	if errors.Is(err, kube.ErrForbidden) {
		return nil // the right to list is enough
	}
	if errors.Is(err, kube.ErrNotFound) {
		f.missing[leaf] = true
		return nil
	}
	if err != nil {
		return err
	}
	read, err := readSecret(body)
	if err != nil {
		return err
	}
	there := servedLeaf(read.Data)
	if there != leaf {
		f.missing[leaf] = true
	}
	if there != "" {
		f.fetched[there] = sighting{secret: name, at: at}
	}
	return nil
}

// list lists all Secrets and keeps the digests of their certificates.
func (f *search) list(ctx context.Context, s *Store) error {
	f.listedAt = s.now()
	each := func(body []byte, first bool) (kube.ListMeta, error) {
		read, err := readPage(body)
		if err != nil {
			return kube.ListMeta{}, err
		}
		if first {
			f.listed = map[string]sighting{}
		}
		for i := range read.Items {
			f.keep(&read.Items[i])
		}
		return read.Metadata, nil
	}
	_, err := s.client.List(ctx, f.path, nil, s.pageSize, each)
	f.complete = err == nil
	return err
}

// keep keeps what a Secret serves. What is wanted is kept in any case.
func (f *search) keep(one *secret) {
	leaf := servedLeaf(one.Data)
	if leaf != "" && (len(f.listed) < maxPresent || f.wanted[leaf]) {
		f.listed[leaf] = sighting{secret: one.Metadata.Name, at: f.listedAt}
	}
}

// conclude finds the wanted leaves. A complete list is newer than what was fetched before it.
func (f *search) conclude() {
	for leaf := range f.wanted {
		if seen, listed := f.listed[leaf]; listed {
			f.found[leaf] = seen
		} else if seen, fetched := f.fetched[leaf]; fetched && !f.complete {
			f.found[leaf] = seen
		}
	}
}

// answer is the answer to a query for one of the wanted leaves. The search must have ended.
func (f *search) answer(q *query, now time.Time) (time.Duration, bool, error) {
	if seen, found := f.found[q.leaf]; found {
		return seen.at.Add(q.ttl).Sub(now), true, nil
	}
	return 0, false, f.call.Err()
}
