package e2e

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

const (
	// trustedProxy and otherProxy are addresses that proxies connect from.
	trustedProxy = "127.0.0.2"
	otherProxy   = "127.0.0.3"
	// hostOrigin is the fixed server name of a proxy.
	hostOrigin = "origin.example.net"
)

// frontProxy is a load balancer that has ended TLS and encrypts anew: without a server name, or
// always with the same. It leaves the Host as it is and says X-Forwarded-For.
type frontProxy struct {
	from, serverName string
	http2            bool
	tr               *lab.Traefik
}

// start returns the target of the proxy's clients.
func (f frontProxy) start(t *testing.T) lab.Target {
	t.Helper()
	transport := &http.Transport{
		DialTLSContext: f.dial, Protocols: new(http.Protocols), DisableKeepAlives: true,
	}
	transport.Protocols.SetHTTP1(!f.http2)
	transport.Protocols.SetHTTP2(f.http2)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(&url.URL{Scheme: "https", Host: f.tr.Addr("websecure")})
			request.Out.Host = request.In.Host
			request.Out.Header["X-Forwarded-For"] = request.In.Header["X-Forwarded-For"]
			request.SetXForwarded()
		},
	})
	t.Cleanup(server.Close)
	t.Cleanup(transport.CloseIdleConnections)

	return lab.Target{Addr: server.Listener.Addr().String(), Plain: true}
}

// dial connects to Traefik from the proxy's address and believes whatever certificate is served.
func (f frontProxy) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(f.from)}}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: f.serverName, InsecureSkipVerify: true}
	if f.http2 {
		config.NextProtos = []string{"h2"}
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}

	return secure, nil
}
