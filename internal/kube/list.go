package kube

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"strconv"
)

// ListMeta is the metadata of a list, for its reader to decode.
type ListMeta struct {
	ResourceVersion string `json:"resourceVersion"`
	// Continue asks for the rest of the list, "" at its end.
	Continue string `json:"continue"`
}

// List lists what is at a path in pages of at most limit objects, and returns the list's resource version. It reads each
// page with each, which returns the page's metadata; the page is overwritten when it returns. Where the API has forgotten
// the list before its end, the list begins anew, once: first tells that a page is a list's first, and that what was read
// before is of no account.
//
// All pages are of one version of the cluster, the latest when the list began, for no resourceVersion is asked for
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks).
func (c *Client) List(ctx context.Context, path string, query url.Values, limit int,
	each func(page []byte, first bool) (ListMeta, error)) (string, error) {
	body := &bytes.Buffer{}
	version, err := c.pages(ctx, path, query, limit, body, each)
	if errors.Is(err, ErrGone) {
		return c.pages(ctx, path, query, limit, body, each)
	}
	return version, err
}

func (c *Client) pages(ctx context.Context, path string, query url.Values, limit int, body *bytes.Buffer,
	each func(page []byte, first bool) (ListMeta, error)) (string, error) {
	asked := url.Values{}
	for key, values := range query {
		asked[key] = values
	}
	asked.Set("limit", strconv.Itoa(limit))
	for first := true; ; first = false {
		if err := c.read(ctx, path, asked, body); err != nil {
			return "", err
		}
		meta, err := each(body.Bytes(), first)
		if err != nil {
			return "", err
		}
		if meta.Continue == "" {
			return meta.ResourceVersion, nil
		}
		asked.Set("continue", meta.Continue)
	}
}
