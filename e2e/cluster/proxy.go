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

// Proxy stands in front of the API server, counts what is asked of it and disturbs it. Its certificate is of the
// cluster's authority. Only tokens get through it, no client certificates.
type Proxy struct {
	// URL is its address, an endpoint like the cluster's.
	URL string

	next http.Handler

	mu      sync.Mutex
	faults  Faults
	changed chan struct{}
	calls   []Call
	watches map[*watch]bool
	conns   map[net.Conn]bool
}

// Faults are what a proxy does wrong. None, if zero.
type Faults struct {
	// Only says which calls are disturbed; all, if nil. It does not matter to Refuse.
	Only func(Call) bool
	// Latency is how long an answer is held back.
	Latency time.Duration
	// Status is answered instead of asking, such as 429.
	Status int
	// RetryAfter is sent with Status, if not empty.
	RetryAfter string
	// Hang never answers.
	Hang bool
	// Stall holds back what watches say, also those that run already.
	Stall bool
	// Refuse ends every connection as soon as it is made.
	Refuse bool
}

// Call is a request to the API.
type Call struct {
	At time.Time
	// Client is the first word of the user agent.
	Client string
	// Verb is what RBAC calls it, such as list; for a path that is no resource's, the method in small letters.
	Verb string
	// Resource is empty for a path that is no resource's.
	Resource    string
	Subresource string
	Namespace   string
	Name        string
	Path        string
	Query       string
}

// watch is a watch that runs.
type watch struct{ cancel context.CancelFunc }

// Proxy starts a proxy in front of the API server.
func (c *Cluster) Proxy(t lab.T) *Proxy {
	t.Helper()
	target, err := url.Parse(c.URL)
	fatal(t, err, "reading the API's address")
	p := &Proxy{changed: make(chan struct{}), watches: map[*watch]bool{}, conns: map[net.Conn]bool{}}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.ca.Pool()}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	quiet := log.New(io.Discard, "", 0)
	p.next = &httputil.ReverseProxy{
		Rewrite:        func(req *httputil.ProxyRequest) { req.SetURL(target) },
		Transport:      transport,
		FlushInterval:  -1,
		ModifyResponse: p.hold,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:       quiet,
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err, "listening for a proxy")
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

// Set replaces the faults. It does not change calls that run, but for Stall and Refuse.
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

// CutWatches ends all watches, in the middle of what they say, and returns how many.
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

// Watches is how many watches run.
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

// Calls returns the calls so far that match; all of them, if matches is nil.
func (p *Proxy) Calls(matches func(Call) bool) []Call {
	p.mu.Lock()
	defer p.mu.Unlock()

	return slices.DeleteFunc(slices.Clone(p.calls), func(call Call) bool { return matches != nil && !matches(call) })
}

// Count returns how many calls there were by client, verb and resource, such as "traefik list secrets".
func (p *Proxy) Count() map[string]int {
	counts := map[string]int{}
	for _, call := range p.Calls(nil) {
		counts[call.String()]++
	}

	return counts
}

// String is the call's client, verb and resource, or path if it is no resource's.
func (c Call) String() string {
	what := c.Resource
	if what == "" {
		what = c.Path
	}
	if c.Subresource != "" {
		what += "/" + c.Subresource
	}

	return fmt.Sprintf("%s %s %s", c.Client, c.Verb, what)
}

// ServeHTTP passes a call on, or does not.
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

// before is what goes wrong before a call is passed on. It returns whether it is.
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
	fmt.Fprintf(rw, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"code":%d}`,
		http.StatusText(f.Status), f.Status)

	return false
}

// callKey is the key of a watch's call in its context.
var callKey = new(int)

// hold lets what a watch says wait as long as it is to be stalled.
func (p *Proxy) hold(answer *http.Response) error {
	if call, ok := answer.Request.Context().Value(callKey).(*Call); ok {
		answer.Body = &stalled{ReadCloser: answer.Body, proxy: p, call: *call, done: answer.Request.Context().Done()}
	}

	return nil
}

// stalled is what a watch says.
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

// track knows the connections, to end them.
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

// parseCall tells what a request asks for.
func parseCall(req *http.Request) Call {
	client, _, _ := strings.Cut(req.UserAgent(), "/")
	call := Call{At: time.Now(), Client: client, Verb: strings.ToLower(req.Method), Path: req.URL.Path, Query: req.URL.RawQuery}

	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		parts = parts[3:]
	default:
		return call
	}
	if parts[0] == "namespaces" && len(parts) > 2 && parts[2] != "status" && parts[2] != "finalize" {
		call.Namespace = parts[1]
		parts = parts[2:]
	}
	call.Resource = parts[0]
	if len(parts) > 1 {
		call.Name = parts[1]
	}
	if len(parts) > 2 {
		call.Subresource = parts[2]
	}
	call.Verb = verb(req, call.Name != "")

	return call
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
