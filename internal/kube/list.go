package kube

import (
	"context"
	"errors"
	"net/url"
	"strconv"
)

// smallPage is the size in bytes below which one of twice as many objects may be expected to be
// read with ease.
const smallPage = maxPage / 4

// ListMeta is the metadata of a list, for its reader to decode.
type ListMeta struct {
	ResourceVersion string `json:"resourceVersion"`
	// Continue asks for the rest of the list, "" at its end.
	Continue string `json:"continue"`
}

// List lists what is at a path in pages of at most limit objects, and returns the list's resource
// version. It reads each page with each, which returns the page's metadata and keeps nothing of the
// page. Where the API has forgotten the list before its end, the list begins anew, once: first
// tells that a page is a list's first, and that what was read before is of no account. Pages that
// are too large are asked for again with fewer objects: only one object that is too large by itself
// is an ErrTooLarge.
//
// All pages are of one version of the cluster, the latest when the list began, for no
// resourceVersion is asked for
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks).
func (c *Client) List(ctx context.Context, path string, query url.Values, limit int,
	each func(page []byte, first bool) (ListMeta, error)) (string, error) {
	version, err := c.pages(ctx, path, query, limit, each)
	if errors.Is(err, ErrGone) {
		return c.pages(ctx, path, query, limit, each)
	}
	return version, err
}

// pages lists once. What Continue says is where the list goes on and nothing of the limit, so that
// each page may have one of its own.
func (c *Client) pages(ctx context.Context, path string, query url.Values, limit int,
	each func(page []byte, first bool) (ListMeta, error)) (string, error) {
	asked := url.Values{}
	for key, values := range query {
		asked[key] = values
	}
	size, first := limit, true
	for {
		asked.Set("limit", strconv.Itoa(size))
		meta, length, err := c.page(ctx, path, asked, first, each)
		if errors.Is(err, ErrTooLarge) && size > 1 {
			size = fewer(size)
			continue
		}
		if err != nil {
			return "", err
		}
		if meta.Continue == "" {
			return meta.ResourceVersion, nil
		}
		asked.Set("continue", meta.Continue)
		first = false
		if length < smallPage {
			size = more(size, limit)
		}
	}
}

// page asks for one page, has it read, and returns its length as well. It waits for its turn before
// there is anything in memory. A channel serves those who wait in their order, so that a list of
// many pages does not keep the others waiting.
func (c *Client) page(ctx context.Context, path string, asked url.Values, first bool,
	each func(page []byte, first bool) (ListMeta, error)) (ListMeta, int, error) {
	select {
	case c.lists <- struct{}{}:
	case <-ctx.Done():
		return ListMeta{}, 0, unreachable(path, ctx.Err())
	}
	defer func() { <-c.lists }()
	body, err := c.read(ctx, path, asked)
	if err != nil {
		return ListMeta{}, 0, err
	}
	length := len(body) // the interpreter can't take it in the return
	meta, err := each(body, first)
	return meta, length, err
}

// fewer is how many objects to ask for after a page that was too large.
func fewer(size int) int {
	if size < 4 {
		return 1
	}
	return size / 4
}

// more is how many objects to ask for after a page that was small: a few large objects in a row
// must not leave all that come after them to pages of a few each.
func more(size, limit int) int {
	if 2*size > limit {
		return limit
	}
	return 2 * size
}
