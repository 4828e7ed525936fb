// Package kube asks the Kubernetes API with the service account of Traefik: it gets, lists and
// watches, and changes nothing.
//
// Answers may hold private keys. No body of an answer is logged or put into an error, but for what
// the API says of its refusals.
package kube

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// requestTimeout bounds one request from connecting to the end of the answer, but for watches.
	requestTimeout = 15 * time.Second
	// maxPage bounds, in bytes, an answer that is read as a whole. It has room for any object: one
	// has 1.5 MiB at most in etcd (https://etcd.io/docs/latest/dev-guide/limit/), of which base64
	// makes 2.
	maxPage = 8 << 20
	// maxLists bounds how many pages of lists one client has in memory at a time. Each may cost
	// several times maxPage until it is read, and there are as many lists at a time as namespaces
	// are looked into.
	maxLists = 4

	userAgent = "tenantguard"
)

// Client asks one API.
type Client struct {
	endpoint    *url.URL
	credentials *credentials
	timeout     time.Duration
	// lists has an element for each page of a list that is in memory.
	lists chan struct{}
}

// New returns a client of the API; getenv is os.Getenv. The files are read with the first request:
// what is not there yet may be there then.
func New(config Config, getenv func(name string) string) (*Client, error) {
	config, err := config.withDefaults(getenv)
	if err != nil {
		return nil, err
	}
	endpoint, err := parseEndpoint(config.Endpoint)
	if err != nil {
		return nil, err
	}
	files := &credentials{
		tokenFile: config.TokenFile,
		caFile:    config.CAFile,
		every:     rereadAfter,
		limits:    limits{connect: connectTimeout, handshake: handshakeTimeout, header: headerTimeout},
	}
	return &Client{
		endpoint:    endpoint,
		credentials: files,
		timeout:     requestTimeout,
		lists:       make(chan struct{}, maxLists),
	}, nil
}

// Close ends the connections that are not in use. The client may still be used.
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
	// A server may end its answer in good form when it sees that we give up.
	if limited.Err() != nil {
		return nil, unreachable(path, limited.Err())
	}
	if body.Len() > maxPage {
		return nil, fmt.Errorf("%w: %w: GET %s: wanted at most %d bytes", ErrUnavailable, ErrTooLarge, path, maxPage)
	}
	return body.Bytes(), nil
}

// send makes a request and returns its answer if it is 200. Where the token is not taken, or no
// connection comes about, the files may have changed a moment ago: they are read again, and if they
// did the request is made again.
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
		// The others may lead to the same dead server, and would each cost a time-out to find that
		// out.
		c.credentials.close()
		return nil, unreachable(path, err)
	}
	if response.StatusCode != http.StatusOK {
		defer discard(response.Body)
		return nil, refusal(path, response)
	}
	return response, nil
}

// attempt makes one request. It goes by the transport, which follows no redirect: the token is for
// the endpoint alone.
func (c *Client) attempt(ctx context.Context, with *session, path string, query url.Values) (*http.Response, error) {
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
