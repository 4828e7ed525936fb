// Package kube reads from the Kubernetes API with the service account of Traefik: it gets, lists
// and watches, and changes nothing.
//
// Answers may hold private keys. No body of an answer is logged or put into an error, except for
// what the API says of its refusals.
package kube

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// requestTimeout bounds one request from connecting to the end of the answer, except for
	// watches.
	requestTimeout = 15 * time.Second
	// maxPage bounds, in bytes, an answer that is read as a whole. It has room for any object: one
	// has 1.5 MiB at most in etcd (https://etcd.io/docs/latest/dev-guide/limit/), of which base64
	// makes 2.
	maxPage = 8 << 20
	// maxLists bounds how many pages of lists one client has in memory at a time. Each may cost
	// several times maxPage until it is decoded, and there may be a list for each namespace.
	maxLists = 4

	userAgent = "tenantguard"
)

// Client reads from one API.
type Client struct {
	endpoint    *url.URL
	credentials *credentials
	// timeout is the constant, or a test's.
	timeout time.Duration
	// turns has an element for each page of a list that may be read into memory as well.
	turns chan struct{}
}

// New returns a client of the API; getenv is os.Getenv. The files are read with the first request,
// and need not exist before.
func New(config Config, getenv func(name string) string) (*Client, error) {
	config, err := config.withDefaults(getenv)
	if err != nil {
		return nil, err
	}
	endpoint, err := parseEndpoint(config.Endpoint)
	if err != nil {
		return nil, err
	}
	c := &Client{
		endpoint:    endpoint,
		credentials: newCredentials(config),
		timeout:     requestTimeout,
	}
	c.allowTurns(maxLists)
	return c, nil
}

// allowTurns has so many pages of lists in memory at a time at most.
func (c *Client) allowTurns(most int) {
	c.turns = make(chan struct{}, most)
	for i := 0; i < most; i++ {
		c.turns <- struct{}{}
	}
}

// Close closes the connections that are not in use. The client may still be used.
func (c *Client) Close() {
	c.credentials.close()
}

// Get returns the object at a path, such as "/api/v1/namespaces/acme". What stands for a name in it
// must be escaped.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	return c.read(ctx, path, nil)
}

// read reads an answer.
func (c *Client) read(ctx context.Context, path string, query url.Values) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	response, err := c.send(limited, path, query)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body := &bytes.Buffer{}
	if _, err := body.ReadFrom(io.LimitReader(response.Body, maxPage+1)); err != nil {
		return nil, unreachable(path, err)
	}
	// A server may end its answer in good order when it notices that we give up.
	if limited.Err() != nil {
		return nil, unreachable(path, limited.Err())
	}
	if body.Len() > maxPage {
		return nil, tooLarge(path, "an answer", maxPage)
	}
	return body.Bytes(), nil
}

// send makes a request and returns its answer if it is 200. If the token is refused, or there is no
// connection, the files may have changed a moment ago: they are read again, and if they changed the
// request is made again.
func (c *Client) send(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	used, err := c.credentials.current()
	if err != nil {
		return nil, err
	}
	response, err := c.attempt(ctx, used, path, query)
	if ctx.Err() == nil && (err != nil || response.StatusCode == http.StatusUnauthorized) {
		if next, changed := c.credentials.after(used); changed {
			if err == nil {
				discard(response.Body)
			}
			response, err = c.attempt(ctx, next, path, query)
		}
	}
	if err != nil {
		// The other connections may lead to the same dead server: each would cost a timeout.
		c.credentials.close()
		return nil, unreachable(path, err)
	}
	if response.StatusCode != http.StatusOK {
		defer discard(response.Body)
		return nil, refusal(path, response)
	}
	return response, nil
}

// attempt makes one request. It uses the transport, which follows no redirect: the token is for the
// endpoint alone.
func (c *Client) attempt(ctx context.Context, with *session, path string,
	query url.Values) (*http.Response, error) {
	target := c.endpoint.String() + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Authorization", "Bearer "+with.token)
	request.Header.Set("User-Agent", userAgent)
	return with.transport.RoundTrip(request)
}
