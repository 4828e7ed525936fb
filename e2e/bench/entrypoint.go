package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/flood"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// nothing is the handler behind the middleware.
type nothing struct{}

func (nothing) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	rw.WriteHeader(http.StatusTeapot)
}

// discard is a response writer that ignores everything.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// entryPoint is a real TLS server on loopback: a source of real requests, and observable. It serves
// a certificate of acme.example.com and all below, but for withManyNames.
type entryPoint struct {
	address  string
	root     []byte
	pool     *x509.CertPool
	accepted atomic.Int64
	requests chan *http.Request
}

// withManyNames is a server name with a certificate of its own, of many names. The last of them is
// another tenant's.
const withManyNames = "n0.acme.example.com"

func newEntryPoint(t lab.T) *entryPoint {
	t.Helper()
	e := &entryPoint{requests: make(chan *http.Request, 1)}
	few, many := e.issue(t)
	server := &http.Server{
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			e.requests <- req
		}),
		TLSConfig: &tls.Config{GetCertificate: func(
			hello *tls.ClientHelloInfo,
		) (*tls.Certificate, error) {
			e.accepted.Add(1)
			if hello.ServerName == withManyNames {
				return &many, nil
			}
			return &few, nil
		}},
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // an observation ends without a request
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e.address = listener.Addr().String()
	go func() { _ = server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { _ = server.Close() })
	return e
}

// issue makes a root and the two certificates signed by it.
func (e *entryPoint) issue(t lab.T) (few, many tls.Certificate) {
	t.Helper()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "platform"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	require.NoError(t, err)
	e.root = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	e.pool = x509.NewCertPool()
	require.True(t, e.pool.AppendCertsFromPEM(e.root))

	var names []string
	for i := range flood.ManyNames - 1 {
		names = append(names, fmt.Sprintf("n%d.acme.example.com", i))
	}
	few = leaf(t, root, key, "acme.example.com", "*.acme.example.com")
	many = leaf(t, root, key, append(names, "globex.example.com")...)

	return few, many
}

// leaf makes a certificate signed by a root.
func leaf(
	t lab.T, root *x509.Certificate, rootKey *ecdsa.PrivateKey, names ...string,
) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: names,
		NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, root, key.Public(), rootKey)
	require.NoError(t, err)

	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func newKey(t lab.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// config returns a policy with so many tenants, whose certificates must verify to the root.
func (e *entryPoint) config(t lab.T, tenants int) map[string]any {
	t.Helper()
	path := filepath.Join(t.TempDir(), "roots.pem")
	require.NoError(t, os.WriteFile(path, e.root, 0o600))
	list := []any{
		map[string]any{"name": "acme", "routers": "acme-*@docker",
			"hosts": "acme.example.com,*.acme.example.com"},
		map[string]any{"name": "globex", "routers": "globex-*@docker",
			"hosts": "globex.example.com"},
	}
	for i := range tenants - len(list) {
		name := fmt.Sprintf("t%d", i)
		list = append(list, map[string]any{"name": name, "routers": name + "-*@docker",
			"hosts": name + ".example.com"})
	}

	return map[string]any{
		"tenants":      list,
		"certificates": map[string]any{"roots": path, "ttl": "1h"},
	}
}

// request makes a real request and returns it as the server received it. It can be served any
// number of times.
func (e *entryPoint) request(t lab.T, host string) *http.Request {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: e.pool, ServerName: host},
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, e.address)
		},
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("https://" + host + "/")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	req := <-e.requests
	return req.WithContext(context.WithoutCancel(req.Context()))
}

// hasLocalCertificate reports whether Go says which certificate was served, from 1.27 on: then the
// guard observes nothing.
func hasLocalCertificate() bool {
	_, found := reflect.TypeFor[tls.ConnectionState]().FieldByName("LocalCertificate")
	return found
}

// handshakes returns the number of handshakes so far.
func (e *entryPoint) handshakes() int {
	return int(e.accepted.Load())
}

// handshakeTime measures a handshake made by compiled code.
func (e *entryPoint) handshakeTime(t lab.T, host string) float64 {
	t.Helper()
	start := time.Now()
	conn, err := tls.Dial("tcp", e.address, &tls.Config{RootCAs: e.pool, ServerName: host})
	require.NoError(t, err)
	took := time.Since(start)
	require.NoError(t, conn.Close())
	return float64(took)
}

// contextOfReload returns a context like the one that Traefik cancels on the next reload.
func contextOfReload(t lab.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx
}

func statusOf(handler http.Handler, req *http.Request) int {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, req)
	return recorder.Code
}
