package secrets

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
)

const (
	// searchTimeout bounds one search.
	searchTimeout = time.Minute
	// pageSize is how many Secrets are listed at a time where they are not large: about 2 MB with a chain and a key each.
	pageSize = 250
	// maxLooks bounds how many Secrets are looked at by name before a list is the cheaper way.
	maxLooks = 10
)

var errUnfinished = fmt.Errorf("%w: the search did not finish", kube.ErrUnavailable)

// search looks for leaves in one namespace. Its answers are there once done is closed.
type search struct {
	done chan struct{}
	// began is when it did, by the clock of timers, and since by the store's.
	began  time.Time
	since  time.Time
	wanted map[string]bool
	// where tells which Secret each wanted leaf was in, where all were in one.
	where map[string]string

	// looked are the certificates of the Secrets that were looked at by name, and moved the leaves that were no longer there.
	looked map[string]sighting
	moved  map[string]bool
	// listed are the certificates of the Secrets that were listed, complete where those are all of the namespace's.
	listed   map[string]sighting
	complete bool

	// found are the wanted leaves that are there. The others are not, or unknown because of err.
	found map[string]sighting
	err   error
}

func newSearch(n *namespace, wanted map[string]bool) *search {
	f := &search{
		done:   make(chan struct{}),
		began:  time.Now(),
		wanted: wanted,
		where:  map[string]string{},
		looked: map[string]sighting{},
		moved:  map[string]bool{},
		listed: map[string]sighting{},
		found:  map[string]sighting{},
	}
	for leaf := range wanted {
		if known, there := n.held[leaf]; there {
			f.where[leaf] = known.secret
		}
	}
	return f
}

// run makes a search. It ends with no one's request, for others wait for it too. Whatever happens, nobody waits in vain, and
// no panic ends Traefik.
func run(s *Store, n *namespace, f *search) {
	f.err = errUnfinished
	defer func() {
		if problem := recover(); problem != nil {
			f.err = errUnfinished
			f.complete = false
		}
		s.end(n, f)
		close(f.done)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), searchTimeout)
	defer cancel()
	path := kube.NamespacesPath + "/" + n.name + "/secrets"
	f.since = s.now()
	f.err = f.ask(ctx, s, path)
}

// ask looks at the Secrets that the leaves were in if that is all there is to do, and else lists.
func (f *search) ask(ctx context.Context, s *Store, path string) error {
	if len(f.where) < len(f.wanted) || len(f.wanted) > maxLooks {
		return f.list(ctx, s, path)
	}
	for leaf, name := range f.where {
		if err := f.look(ctx, s, path, leaf, name); err != nil {
			return err
		}
	}
	for leaf := range f.wanted {
		if _, there := f.looked[leaf]; !there {
			return f.list(ctx, s, path)
		}
	}
	return nil
}

// look looks whether a leaf is in the Secret that it was in.
func (f *search) look(ctx context.Context, s *Store, path, leaf, name string) error {
	since := s.now()
	body, err := s.client.Get(ctx, path+"/"+url.PathEscape(name))
	if errors.Is(err, kube.ErrForbidden) {
		return nil // the right to list is enough
	}
	if errors.Is(err, kube.ErrNotFound) {
		f.moved[leaf] = true
		return nil
	}
	if err != nil {
		return err
	}
	read, err := readSecret(body)
	if err != nil {
		return err
	}
	there := served(read.Data)
	if there != leaf {
		f.moved[leaf] = true
	}
	if there != "" {
		f.looked[there] = sighting{secret: name, since: since}
	}
	return nil
}

// list lists all Secrets and keeps the digests of their certificates.
func (f *search) list(ctx context.Context, s *Store, path string) error {
	f.since = s.now()
	_, err := s.client.List(ctx, path, nil, s.pageSize, func(body []byte, first bool) (kube.ListMeta, error) {
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
	})
	f.complete = err == nil
	return err
}

// keep keeps what a Secret serves. What is looked for is kept in any case.
func (f *search) keep(one *secret) {
	there := served(one.Data)
	if there != "" && (len(f.listed) < maxHeld || f.wanted[there]) {
		f.listed[there] = sighting{secret: one.Metadata.Name, since: f.since}
	}
}

// conclude finds the wanted leaves. A list that is complete is newer than what was looked at before.
func (f *search) conclude() {
	for leaf := range f.wanted {
		if seen, there := f.listed[leaf]; there {
			f.found[leaf] = seen
		} else if seen, there := f.looked[leaf]; there && !f.complete {
			f.found[leaf] = seen
		}
	}
}

// answer is the search's answer to a question for one of its leaves.
func (f *search) answer(q *question, now time.Time) (time.Duration, bool, error) {
	if seen, there := f.found[q.leaf]; there {
		return seen.since.Add(q.ttl).Sub(now), true, nil
	}
	return 0, false, f.err
}
