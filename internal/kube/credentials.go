package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/files"
)

const (
	// rereadAfter is how long the files of the service account are trusted not to change. The
	// kubelet writes a new token well before the old one expires
	// (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/).
	rereadAfter = 10 * time.Second

	connectTimeout   = 3 * time.Second
	handshakeTimeout = 3 * time.Second
	// headerTimeout is how long the API may take to begin an answer. Another request on another
	// connection may be answered at once: a server that dies behind a load balancer leaves its
	// connections without one.
	headerTimeout = 5 * time.Second
	idleTimeout   = 90 * time.Second
	// keepAlive is between the probes that notice within a minute that a watch's connection is
	// dead: nine go unanswered.
	keepAlive = 5 * time.Second
	// maxConnections bounds the requests of one client at a time, watches included.
	maxConnections = 16
)

// visible is what may stand in a header.
var visible = regexp.MustCompile(`^[!-~]+$`)

// credentials are the files of the service account.
type credentials struct {
	tokenFile string
	caFile    string
	// every is how often the files are read. It and limits are the constants, or a test's.
	every  time.Duration
	limits limits

	mu sync.Mutex
	// read is when the files were read last.
	read    time.Time
	session *session
}

// limits bound the parts of a request.
type limits struct {
	connect   time.Duration
	handshake time.Duration
	// header is from the end of the request to the header of its answer.
	header time.Duration
}

// session is the content of the files at one time, and the connections made with it. It does not
// change.
type session struct {
	token     string
	ca        string
	transport *http.Transport
}

// newCredentials returns the credentials of a configuration in which nothing is empty.
func newCredentials(config Config) *credentials {
	return &credentials{
		tokenFile: config.TokenFile,
		caFile:    config.CAFile,
		every:     rereadAfter,
		limits: limits{
			connect:   connectTimeout,
			handshake: handshakeTimeout,
			header:    headerTimeout,
		},
	}
}

// current returns the session for the next request.
func (c *credentials) current() (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil && time.Since(c.read) < c.every {
		return c.session, nil
	}
	return c.reread()
}

// after returns the session for another try, and false if it is still the one that just failed.
func (c *credentials) after(failed *session) (*session, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == failed {
		_, _ = c.reread()
	}
	return c.session, c.session != failed
}

// reread reads the files. While they can't be read, what was read last is used: the API decides
// whether it is still good. The caller holds mu.
func (c *credentials) reread() (*session, error) {
	c.read = time.Now()
	next, err := c.load()
	if err != nil && c.session == nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil || next == c.session {
		return c.session, nil
	}
	if c.session != nil && c.session.transport != next.transport {
		c.session.transport.CloseIdleConnections()
	}
	c.session = next
	return next, nil
}

// load makes a session of the files, or returns the current one if they have not changed. The
// caller holds mu.
func (c *credentials) load() (*session, error) {
	token, err := readToken(c.tokenFile)
	if err != nil {
		return nil, err
	}
	ca, err := files.Read(c.caFile)
	if err != nil {
		return nil, fmt.Errorf("the file of authorities: %w", err)
	}
	next := &session{token: token, ca: string(ca)}
	if c.session != nil && c.session.ca == next.ca {
		if c.session.token == token {
			return c.session, nil
		}
		next.transport = c.session.transport
		return next, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("the file of authorities %q: wanted certificates in PEM", c.caFile)
	}
	next.transport = newTransport(pool, c.limits)
	return next, nil
}

// readToken reads a token. Whatever is wrong with it, no error repeats it.
func readToken(path string) (string, error) {
	content, err := files.Read(path)
	if err != nil {
		return "", fmt.Errorf("the file of the token: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if !visible.MatchString(token) {
		return "", fmt.Errorf("the file of the token %q: wanted one word of visible ASCII", path)
	}
	return token, nil
}

// newTransport returns a transport that connects to the API directly, whatever proxy the
// environment names, and keeps connections. It speaks HTTP/1.1: in HTTP/2 all requests, lists and
// the watch would hang with the one connection that they share. It asks for no compression, which
// costs the API more than it saves in a cluster.
func newTransport(pool *x509.CertPool, most limits) *http.Transport {
	dialer := &net.Dialer{Timeout: most.connect, KeepAlive: keepAlive}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		},
		TLSClientConfig:       &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   most.handshake,
		TLSNextProto:          map[string]func(authority string, c *tls.Conn) http.RoundTripper{},
		DisableCompression:    true,
		MaxIdleConnsPerHost:   maxConnections,
		MaxConnsPerHost:       maxConnections,
		IdleConnTimeout:       idleTimeout,
		ResponseHeaderTimeout: most.header,
	}
}

// close closes the connections that are not in use.
func (c *credentials) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		c.session.transport.CloseIdleConnections()
	}
}
