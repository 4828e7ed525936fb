package vectors

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
)

// The target of a request and the address of its peer where a case gives none. The address is one
// for documentation (RFC 5737).
const (
	defaultPath   = "/"
	defaultClient = "192.0.2.99"
)

// RequestAt returns the case's request as it arrives at an entry point.
func (c Case) RequestAt(entryPoint *EntryPoint) *http.Request {
	ctx := entryPoint.Context()
	if c.IngressNamespace != "" {
		ctx = WithIngress(ctx, c.IngressNamespace)
	}
	return c.Request().WithContext(ctx)
}

// Request returns the case's request by itself.
func (c Case) Request() *http.Request {
	path, client := defaultPath, defaultClient
	if c.Path != "" {
		path = c.Path
	}
	if c.Client != "" {
		client = c.Client
	}
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.Host = c.Host
	req.RemoteAddr = net.JoinHostPort(client, "40000")
	if c.TLS {
		req.TLS = &tls.ConnectionState{ServerName: c.ServerName}
	}
	return req
}
