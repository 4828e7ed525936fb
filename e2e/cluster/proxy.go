package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// Proxy is a proxy in front of the API server that counts the calls and disturbs them. The
// cluster's authority issued its certificate. It forwards tokens and no client certificates.
type Proxy struct {
	// URL is the proxy's address, to be used in place of the cluster's.
	URL string

	next http.Handler

	mu      sync.Mutex
	faults  Faults
	changed chan struct{}
	calls   []Call
	watches map[*watch]bool
	conns   map[net.Conn]bool
}

// Faults are what a proxy does wrong. The zero value is no fault.
type Faults struct {
	// Only selects the calls that are disturbed; nil selects all. Refuse ignores it.
	Only func(Call) bool
	// Latency delays every answer.
	Latency time.Duration
	// Status is answered without asking the API, such as 429.
	Status int
	// RetryAfter is sent with Status if it is not empty.
	RetryAfter string
	// Hang never answers.
	Hang bool
	// Stall withholds the events of watches, including running ones.
	Stall bool
	// Refuse closes every connection as soon as it is accepted.
	Refuse bool
}

// watch is a running watch.
type watch struct{ cancel context.CancelFunc }

// Proxy starts a proxy in front of the API server.
func (c *Cluster) Proxy(t lab.T) *Proxy {
	t.Helper()
	target, err := url.Parse(c.URL)
	lab.Fatal(t, err, "reading the API's address")
	p := &Proxy{
		changed: make(chan struct{}), watches: map[*watch]bool{}, conns: map[net.Conn]bool{},
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: c.ca.Pool()}, ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	quiet := log.New(io.Discard, "", 0)
	p.next = &httputil.ReverseProxy{
		Rewrite:        func(req *httputil.ProxyRequest) { req.SetURL(target) },
		Transport:      transport,
		FlushInterval:  -1,
		ModifyResponse: p.hold,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {
			panic(http.ErrAbortHandler)
		},
		ErrorLog: quiet,
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	lab.Fatal(t, err, "listening for a proxy")
	p.URL = "https://" + listener.Addr().String()
	server := &http.Server{
		Handler:   p,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{c.ca.Issue(t, "127.0.0.1").TLS()}},
		ErrorLog:  quiet,
		ConnState: p.track,
	}
	go server.ServeTLS(listener, "", "")
	t.Cleanup(func() { server.Close() })

	return p
}

// Set replaces the faults. Of these only Stall and Refuse change calls that are already running.
func (p *Proxy) Set(faults Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = faults
	close(p.changed)
	p.changed = make(chan struct{})
	if faults.Refuse {
		p.cutWatches()
		for conn := range p.conns {
			conn.Close()
		}
	}
}

// CutWatches ends all watches, in the middle of an event if need be, and returns their number.
func (p *Proxy) CutWatches() int {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.cutWatches()
}

func (p *Proxy) cutWatches() int {
	count := len(p.watches)
	for watch := range p.watches {
		watch.cancel()
	}
	clear(p.watches)

	return count
}

// Watches returns the number of running watches.
func (p *Proxy) Watches() int {
	p.mu.Lock()
	defer p.mu.Unlock()

	return len(p.watches)
}

// Reset forgets the calls so far.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = nil
}

// Calls returns the calls so far that match; all of them if matches is nil.
func (p *Proxy) Calls(matches func(Call) bool) []Call {
	p.mu.Lock()
	defer p.mu.Unlock()

	return slices.DeleteFunc(slices.Clone(p.calls), func(call Call) bool {
		return matches != nil && !matches(call)
	})
}

// Count returns the number of calls by client, verb and resource, such as "traefik list secrets".
func (p *Proxy) Count() map[string]int {
	counts := map[string]int{}
	for _, call := range p.Calls(nil) {
		counts[call.String()]++
	}

	return counts
}

// ServeHTTP forwards a call, unless a fault prevents it.
func (p *Proxy) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	call := parseCall(req)
	p.mu.Lock()
	p.calls = append(p.calls, call)
	faults := p.faults
	p.mu.Unlock()

	if faults.Only == nil || faults.Only(call) {
		if !faults.before(rw, req) {
			return
		}
	}
	if call.Verb == "watch" {
		ctx, cancel := context.WithCancel(req.Context())
		running := &watch{cancel: cancel}
		p.mu.Lock()
		p.watches[running] = true
		p.mu.Unlock()
		defer func() {
			cancel()
			p.mu.Lock()
			delete(p.watches, running)
			p.mu.Unlock()
		}()
		req = req.WithContext(context.WithValue(ctx, callKey, &call))
	}
	p.next.ServeHTTP(rw, req)
}

// before applies what goes wrong before a call is forwarded. It reports whether to forward it.
func (f Faults) before(rw http.ResponseWriter, req *http.Request) bool {
	select {
	case <-time.After(f.Latency):
	case <-req.Context().Done():
		return false
	}
	if f.Hang {
		<-req.Context().Done()
		return false
	}
	if f.Status == 0 {
		return true
	}

	rw.Header().Set("Content-Type", "application/json")
	if f.RetryAfter != "" {
		rw.Header().Set("Retry-After", f.RetryAfter)
	}
	rw.WriteHeader(f.Status)
	fmt.Fprintf(rw, `{"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", `+
		`"message": %q, "code": %d}`,
		http.StatusText(f.Status), f.Status)

	return false
}

// callKey is the context key of a watch's call.
var callKey = new(int)

// hold makes the events of a watch wait while the watch is stalled.
func (p *Proxy) hold(answer *http.Response) error {
	if call, ok := answer.Request.Context().Value(callKey).(*Call); ok {
		answer.Body = &stalled{
			ReadCloser: answer.Body, proxy: p, call: *call, done: answer.Request.Context().Done(),
		}
	}

	return nil
}

// stalled is the body of a watch's answer.
type stalled struct {
	io.ReadCloser

	proxy *Proxy
	call  Call
	done  <-chan struct{}
}

func (s *stalled) Read(buffer []byte) (int, error) {
	n, err := s.ReadCloser.Read(buffer)
	for {
		s.proxy.mu.Lock()
		faults, changed := s.proxy.faults, s.proxy.changed
		s.proxy.mu.Unlock()
		if !faults.Stall || faults.Only != nil && !faults.Only(s.call) {
			return n, err
		}
		select {
		case <-changed:
		case <-s.done:
			return 0, errors.New("watch ended")
		}
	}
}

// track records the connections, so that Refuse can close them.
func (p *Proxy) track(conn net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		p.conns[conn] = true
		if p.faults.Refuse {
			conn.Close()
		}
	case http.StateClosed, http.StateHijacked:
		delete(p.conns, conn)
	}
}

func verb(req *http.Request, one bool) string {
	watching := req.URL.Query().Get("watch")
	switch req.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodDelete:
		if !one {
			return "deletecollection"
		}
	case http.MethodGet:
		switch {
		case watching == "true" || watching == "1":
			return "watch"
		case one:
			return "get"
		default:
			return "list"
		}
	}

	return strings.ToLower(req.Method)
}
