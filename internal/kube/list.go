package kube

import (
	"context"
	"errors"
	"net/url"
	"strconv"

	"github.com/tenantguard/tenantguard/internal/wait"
)

// smallPage is the size in bytes below which a page of twice as many objects is likely to be small
// enough as well.
const smallPage = maxPage / 4

// ListMeta is the metadata of a list, for its reader to decode.
type ListMeta struct {
	ResourceVersion string `json:"resourceVersion"`
	// Continue is the token for the rest of the list, "" at its end.
	Continue string `json:"continue"`
}

// List lists the objects at a path in pages of at most limit objects, and returns the list's
// resource version. It passes each page to each, which returns the page's metadata and must not
// keep the page. If the API forgets the list before its end, the list begins again, once: first
// means that what earlier pages said must be dropped. A page that is too large is requested again
// with fewer objects: only one object that is too large by itself is an ErrTooLarge.
//
// All pages are of one version of the cluster, the latest when the list began, because the request
// has no resourceVersion: see "Retrieving large results sets in chunks" in
// https://kubernetes.io/docs/reference/using-api/api-concepts/.
func (c *Client) List(ctx context.Context, path string, query url.Values, limit int,
	each func(page []byte, first bool) (ListMeta, error)) (string, error) {
	version, err := c.pages(ctx, path, query, limit, each)
	if errors.Is(err, ErrGone) {
		return c.pages(ctx, path, query, limit, each)
	}
	return version, err
}

// pages lists once. Continue is where the list goes on and says nothing of the limit, so that each
// page may have a limit of its own.
func (c *Client) pages(ctx context.Context, path string, query url.Values, limit int,
	each func(page []byte, first bool) (ListMeta, error)) (string, error) {
	paged := url.Values{}
	for key, values := range query {
		paged[key] = values
	}
	size, first := limit, true
	for {
		paged.Set("limit", strconv.Itoa(size))
		meta, length, err := c.page(ctx, path, paged, first, each)
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
		paged.Set("continue", meta.Continue)
		first = false
		if length < smallPage {
			size = more(size, limit)
		}
	}
}

// page requests one page, passes it on, and returns its metadata and length. It waits for its turn
// before there is anything in memory. A channel serves those who wait in their order, so that a
// list of many pages does not keep the others waiting.
func (c *Client) page(ctx context.Context, path string, paged url.Values, first bool,
	each func(page []byte, first bool) (ListMeta, error)) (ListMeta, int, error) {
	if !wait.First(c.turns, ctx.Done()) {
		return ListMeta{}, 0, unreachable(path, ctx.Err())
	}
	defer func() { c.turns <- struct{}{} }()
	body, err := c.read(ctx, path, paged)
	if err != nil {
		return ListMeta{}, 0, err
	}
	length := len(body) // not in the return: the interpreter would panic
	meta, err := each(body, first)
	return meta, length, err
}

// fewer returns how many objects to request after a page that was too large.
func fewer(size int) int {
	if size < 4 {
		return 1
	}
	return size / 4
}

// more returns how many objects to request after a page that was small: a few large objects in a
// row must not leave all that come after them to pages of a few each.
func more(size, limit int) int {
	if 2*size > limit {
		return limit
	}
	return 2 * size
}
