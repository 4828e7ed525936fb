package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	pod := func(name string) string {
		if name == hostVariable {
			return "fd00::1"
		}
		return "443"
	}
	config, err := Config{}.withDefaults(pod)
	want := Config{
		Endpoint:  "https://[fd00::1]:443",
		TokenFile: account + "token",
		CAFile:    account + "ca.crt",
	}
	if err != nil || config != want {
		t.Errorf("in a pod: %+v, %v, want %+v", config, err, want)
	}
}

// TestConfigThatIsRefused has configurations that no client can be made of.
func TestConfigThatIsRefused(t *testing.T) {
	rows := []struct {
		description string
		config      Config
		host, port  string
		want        string
	}{
		{"outside a cluster without an endpoint", Config{}, "", "", hostVariable},
		{"only the host of a pod", Config{}, "10.96.0.1", "", portVariable},
		{"only the port of a pod", Config{}, "", "443", hostVariable},
		{"an endpoint without TLS", Config{Endpoint: "http://10.96.0.1"}, "10.96.0.1", "443",
			"wanted https"},
	}
	for _, row := range rows {
		getenv := func(name string) string {
			return map[string]string{hostVariable: row.host, portVariable: row.port}[name]
		}
		c, err := New(row.config, getenv)
		if c != nil || err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, %v, want %s", row.description, c, err, row.want)
		}
	}
}

func TestEndpoint(t *testing.T) {
	rows := []struct {
		text string
		want string
	}{
		{"https://192.0.2.1:6443", "https://192.0.2.1:6443"},
		{"https://rancher.example.com/k8s/c-1/", "https://rancher.example.com/k8s/c-1"},
		{"http://127.0.0.1:8001", "wanted https"},
		{"http://api.example.com", "wanted https"},
		{"api.example.com:6443", "wanted an https URL"},
		{"https://", "wanted an https URL"},
		{"https://api.example.com:", "wanted an https URL"},
		{"https://api.example.com?x=1", "without"},
		{"https://api.example.com?", "without"},
		{"https://api.example.com#x", "without"},
		{"https://user:hunter2@api.example.com", "without"},
		{"", "wanted an https URL"},
	}
	for _, row := range rows {
		endpoint, err := parseEndpoint(row.text)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = endpoint.String()
		}
		right := strings.Contains(got, row.want)
		if strings.HasPrefix(row.want, "https://") {
			right = got == row.want
		}
		if !right || strings.Contains(got, "hunter2") {
			t.Errorf("%q: %q, want %q", row.text, got, row.want)
		}
	}
}

func TestGet(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Accept") != "application/json" || req.ProtoMajor != 1 {
			t.Errorf("the request accepts %q and is %s", req.Header.Get("Accept"), req.Proto)
		}
		if got := req.Header.Get("User-Agent"); got != userAgent {
			t.Errorf("the request is from %q", got)
		}
		write(rw, `{"kind":"Namespace"}`)
	})
	c := a.client(t)
	if body, err := get(c); body != `{"kind":"Namespace"}` || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if a.asked[0] != "/api/v1/namespaces/acme" {
		t.Errorf("asked for %s", a.asked[0])
	}
	_, err := c.Get(context.Background(), "/\n")
	if !errors.Is(err, ErrUnavailable) || a.requests() != 1 {
		t.Errorf("a path that is none: %v after %d requests", err, a.requests())
	}
}

func TestConnectionIsUsedAgain(t *testing.T) {
	addresses := make(chan string, 10)
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
		addresses <- req.RemoteAddr
		if strings.HasSuffix(req.URL.Path, "none") {
			refuse(rw, http.StatusNotFound, "NotFound", "none")
			return
		}
		write(rw, "{}")
	})
	c := a.client(t)
	_, _ = c.Get(context.Background(), "/one")
	_, _ = c.Get(context.Background(), "/none")
	_, _ = c.Get(context.Background(), "/two")
	first, second, third := <-addresses, <-addresses, <-addresses
	if first != second || second != third {
		t.Errorf("connections from %s, %s and %s, want one", first, second, third)
	}
}

func TestErrors(t *testing.T) {
	rows := []struct {
		code int
		want error
	}{
		{http.StatusMovedPermanently, ErrUnavailable},
		{http.StatusBadRequest, ErrUnavailable},
		{http.StatusUnauthorized, ErrForbidden},
		{http.StatusForbidden, ErrForbidden},
		{http.StatusNotFound, ErrNotFound},
		{http.StatusGone, ErrGone},
		{http.StatusTooManyRequests, ErrUnavailable},
		{http.StatusInternalServerError, ErrUnavailable},
		{http.StatusServiceUnavailable, ErrUnavailable},
	}
	all := []error{ErrUnavailable, ErrForbidden, ErrNotFound, ErrGone}
	for _, row := range rows {
		code := row.code
		a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
			rw.Header().Set("Location", "/api/v1/elsewhere")
			refuse(rw, code, "Because", "of this")
		})
		_, err := get(a.client(t))
		for _, sentinel := range all {
			if errors.Is(err, sentinel) != (sentinel == row.want) {
				t.Errorf("%d: %v, want %v and nothing else", code, err, row.want)
			}
		}
		want := fmt.Sprintf("GET /api/v1/namespaces/acme: %d %s, ", code, http.StatusText(code)) +
			`reason "Because", message "of this"`
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%d: %v, want %s", code, err, want)
		}
		if a.requests() != 1 {
			t.Errorf("%d: %d requests, want 1", code, a.requests())
		}
	}
}

// TestRefusalsThatSayNothing has refusals without a reason, without a message and without a Status.
func TestRefusalsThatSayNothing(t *testing.T) {
	const refused = "GET /api/v1/namespaces/acme: 403 Forbidden"
	rows := []struct {
		body string
		want string
	}{
		{"", refused},
		{`{"kind":"Secret","reason":"x","message":"y"}`, refused},
		{`{"kind":"Status"}`, refused},
		{`{"kind":"Status","reason":"x"}`, refused + `, reason "x"`},
		{`{"kind":"Status","message":"y"}`, refused + `, message "y"`},
		{`{"kind":"Status","reason":"x","message":"y"`, refused},
	}
	for _, row := range rows {
		a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
			rw.WriteHeader(http.StatusForbidden)
			write(rw, row.body)
		})
		if _, err := get(a.client(t)); err == nil || !strings.HasSuffix(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s", row.body, err, row.want)
		}
	}
}

// TestErrorsRepeatNoBody has answers with a private key where none is expected.
func TestErrorsRepeatNoBody(t *testing.T) {
	const key = "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0t"
	answers := []func(rw http.ResponseWriter, req *http.Request){
		func(rw http.ResponseWriter, req *http.Request) {
			rw.WriteHeader(http.StatusInternalServerError)
			write(rw, strings.ReplaceAll(`{"kind":"Secret","reason":"KEY","message":"KEY",`+
				`"data":{"tls.key":"KEY"}}`, "KEY", key))
		},
		func(rw http.ResponseWriter, req *http.Request) {
			rw.WriteHeader(http.StatusForbidden)
			write(rw, key)
		},
		func(rw http.ResponseWriter, req *http.Request) { hijack(rw, key+"\r\n\r\n") },
		func(rw http.ResponseWriter, req *http.Request) {
			hijack(rw, "HTTP/1.1 200 OK\r\n"+key+"\r\n\r\n")
		},
		func(rw http.ResponseWriter, req *http.Request) {
			hijack(rw, "HTTP/1.1 200 OK\r\nContent-Length: "+key+"\r\n\r\n")
		},
		func(rw http.ResponseWriter, req *http.Request) {
			hijack(rw, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "+key+"\r\n\r\n")
		},
		func(rw http.ResponseWriter, req *http.Request) {
			hijack(rw, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+key+"\r\n")
		},
		func(rw http.ResponseWriter, req *http.Request) {
			hijack(rw, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"+key)
		},
	}
	for i, answer := range answers {
		a := serve(t, answer)
		_, err := get(a.client(t))
		if !unavailable(err, "/api/v1/namespaces/acme") && !errors.Is(err, ErrForbidden) {
			t.Errorf("answer %d: %v", i, err)
		}
		if err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("answer %d: %v", i, err)
		}
		watched := a.client(t).Watch(context.Background(), "/api/v1/namespaces", "1", nothing)
		if watched == nil || strings.Contains(watched.Error(), key) {
			t.Errorf("answer %d: watch: %v", i, watched)
		}
	}
}

// hijack sends raw bytes and ends the connection.
func hijack(rw http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte(text))
	_ = conn.Close()
}

func TestErrorTextsAreBounded(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
		refuse(rw, http.StatusForbidden, "Forbidden", strings.Repeat("ä", 10000))
	})
	_, err := get(a.client(t))
	if err == nil || len(err.Error()) > 500 || !strings.Contains(err.Error(), "ä…") {
		t.Errorf("%v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	rows := []struct {
		header string
		code   int
		want   time.Duration
	}{
		{"7", http.StatusTooManyRequests, 7 * time.Second},
		{"2", http.StatusServiceUnavailable, 2 * time.Second},
		{"86400", http.StatusTooManyRequests, maxRetryAfter * time.Second},
		{"", http.StatusTooManyRequests, 0},
		{"-5", http.StatusTooManyRequests, 0},
		{"soon", http.StatusTooManyRequests, 0},
		{"7", http.StatusNotFound, 0},
	}
	for _, row := range rows {
		header, code := row.header, row.code
		a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
			rw.Header().Set("Retry-After", header)
			refuse(rw, code, "TooManyRequests", "")
		})
		_, err := get(a.client(t))
		if got := RetryAfter(err); got != row.want {
			t.Errorf("%q with %d: %s, want %s", header, code, got, row.want)
		}
	}
	if got := RetryAfter(nil); got != 0 {
		t.Errorf("no error: %s", got)
	}
}

func TestTimeLimits(t *testing.T) {
	hang := make(chan struct{})
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/body" {
			write(rw, "{")
			_ = http.NewResponseController(rw).Flush()
		}
		select {
		case <-hang:
		case <-req.Context().Done():
		}
	})
	defer close(hang)
	c := a.client(t)
	c.timeout = 100 * time.Millisecond
	for _, path := range []string{"/header", "/body"} {
		start := time.Now()
		_, err := c.Get(context.Background(), path)
		if !unavailable(err, "no answer in time") || time.Since(start) > 3*time.Second {
			t.Errorf("%s: %v after %s", path, err, time.Since(start))
		}
	}
}

// TestEachPartOfARequestHasALimit has a server stop at one part of a request, whose limit alone is
// short.
func TestEachPartOfARequestHasALimit(t *testing.T) {
	const short, long = 100 * time.Millisecond, time.Minute
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	rows := []struct {
		description string
		endpoint    string
		limits      limits
	}{
		{"the connection", a.server.URL, limits{time.Nanosecond, long, long}},
		{"the handshake", "https://" + silent.Addr().String(), limits{long, short, long}},
		{"the header", a.server.URL, limits{long, long, short}},
	}
	for _, row := range rows {
		c := a.clientOf(t, row.endpoint)
		c.timeout = long
		c.credentials.limits = row.limits
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		begin := time.Now()
		_, err := c.Get(ctx, "/")
		took := time.Since(begin)
		if took > 3*time.Second || !unavailable(err, "no answer in time") {
			t.Errorf("%s: %v after %s, want no answer in time", row.description, err, took)
		}
		cancel()
	}
}

// TestLimitsOfAClient makes sure that New sets them all: a request must learn of a dead server
// within its time.
func TestLimitsOfAClient(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { write(rw, "{}") })
	config := Config{Endpoint: a.server.URL}
	config.TokenFile = filepath.Join(a.directory, "token")
	config.CAFile = filepath.Join(a.directory, "ca.crt")
	c, err := New(config, func(name string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	used, err := c.credentials.current()
	if err != nil {
		t.Fatal(err)
	}
	connect, handshake, header := c.credentials.limits.connect,
		used.transport.TLSHandshakeTimeout, used.transport.ResponseHeaderTimeout
	rows := []struct {
		description string
		limit       time.Duration
	}{
		{"connect", connect},
		{"handshake", handshake},
		{"header", header},
		{"all of them", connect + handshake + header},
	}
	for _, row := range rows {
		if row.limit <= 0 || row.limit > c.timeout || c.timeout > time.Minute {
			t.Errorf("%s: %s, want a limit within the %s of a request",
				row.description, row.limit, c.timeout)
		}
	}
}

// TestDeadConnectionsAreLeft has the server behind two connections die without closing them.
func TestDeadConnectionsAreLeft(t *testing.T) {
	var mu sync.Mutex
	known, dead := map[string]bool{}, false
	both := make(chan struct{})
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
		mu.Lock()
		hangs := dead && known[req.RemoteAddr]
		if !dead {
			known[req.RemoteAddr] = true
		}
		if !dead && len(known) == 2 {
			close(both)
		}
		first := !dead
		mu.Unlock()
		if hangs {
			<-req.Context().Done()
			return
		}
		if first {
			<-both
		}
		write(rw, "{}")
	})
	c := a.client(t)
	var all sync.WaitGroup
	all.Add(2)
	for i := 0; i < 2; i++ {
		go func() {
			defer all.Done()
			if _, err := get(c); err != nil {
				t.Errorf("the server lives: %v", err)
			}
		}()
	}
	all.Wait()
	mu.Lock()
	dead = true
	mu.Unlock()
	c.timeout = 200 * time.Millisecond
	if _, err := get(c); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the server behind the connection died: %v", err)
	}
	if _, err := get(c); err != nil {
		t.Errorf("the next request waits for the dead server as well: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { write(rw, "{}") })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	_, err = get(a.clientOf(t, "https://"+closed.Addr().String()))
	if !unavailable(err, "connection refused") {
		t.Errorf("a closed port: %v", err)
	}
	handler := func(rw http.ResponseWriter, req *http.Request) { t.Error("a request without TLS") }
	plain := httptest.NewServer(http.HandlerFunc(handler))
	defer plain.Close()
	_, err = get(a.clientOf(t, strings.Replace(plain.URL, "http:", "https:", 1)))
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("a server without TLS: %v", err)
	}
}

// TestReason has errors of package net/http, of which none may bring a part of an answer into ours,
// nor the client's port, which makes each failure another.
func TestReason(t *testing.T) {
	lookup := &net.DNSError{Name: "api.example.com", IsTimeout: true,
		Err: "read udp 10.0.0.5:41837->10.96.0.10:53: i/o timeout"}
	read := func(port int) error {
		return &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer"),
			Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 5), Port: port},
			Addr:   &net.TCPAddr{IP: net.IPv4(10, 96, 0, 1), Port: 443}}
	}
	const (
		ended   = "the connection ended before the answer did"
		unknown = "what came is not an answer of HTTP over TLS"
	)
	rows := []struct {
		description string
		err         error
		want        string
	}{
		{"no time", context.DeadlineExceeded, "no answer in time"},
		{"a request that ended", context.Canceled, "given up"},
		{"a name", &net.OpError{Op: "dial", Net: "tcp", Err: lookup},
			`the address of "api.example.com" is not found`},
		{"a connection", read(40001), "read tcp 10.96.0.1:443: connection reset by peer"},
		{"the next one", read(40002), "read tcp 10.96.0.1:443: connection reset by peer"},
		{"an answer without an end", io.ErrUnexpectedEOF, ended},
		{"no answer", io.EOF, ended},
		{"TLS", errors.New("tls: internal error"), "tls: internal error"},
		{"a certificate", errors.New("x509: expired"), "x509: expired"},
		{"TLS somewhere", errors.New("malformed tls: x"), unknown},
		{"anything else", errors.New("malformed HTTP status code \"LS0t\""), unknown},
		{"time of another kind", os.ErrDeadlineExceeded, "no answer in time"},
		{"another error of package net", net.UnknownNetworkError("LS0t"), unknown},
	}
	for _, row := range rows {
		for _, err := range []error{row.err, fmt.Errorf("%w", row.err)} {
			if got := reason(err); got != row.want {
				t.Errorf("%s: %q, want %q", row.description, got, row.want)
			}
		}
	}
}

func TestAuthorityMustMatch(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { write(rw, "{}") })
	_, port, _ := net.SplitHostPort(a.server.Listener.Addr().String())
	if _, err := get(a.clientOf(t, "https://localhost:"+port)); !unavailable(err, "x509: ") {
		t.Errorf("a name that the certificate does not carry: %v", err)
	}
	a.write(t, "ca.crt", otherAuthority(t))
	if _, err := get(a.client(t)); !unavailable(err, "x509: ") {
		t.Errorf("another authority: %v", err)
	}
	if a.requests() != 0 {
		t.Errorf("%d requests got through", a.requests())
	}
}

func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { write(rw, "{}") })
	c := a.client(t)
	used, err := c.credentials.current()
	if err != nil || used.transport.Proxy != nil {
		t.Errorf("the transport has a proxy, or %v", err)
	}
}

func TestPageIsBounded(t *testing.T) {
	chunk := strings.Repeat(" ", 1<<20)
	size := 0
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
		for i := 0; i < size; i++ {
			_, _ = rw.Write([]byte(chunk))
		}
	})
	c := a.client(t)
	size = maxPage >> 20
	if _, err := get(c); err != nil {
		t.Errorf("%d MiB: %v", size, err)
	}
	size++
	if _, err := get(c); !errors.Is(err, ErrTooLarge) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("%d MiB: %v", size, err)
	}
}

// TestAnswersLeaveTheirConnections has more large answers than there may be connections.
func TestAnswersLeaveTheirConnections(t *testing.T) {
	rows := []struct {
		description string
		code        int
		mebibytes   int
	}{
		{"a refusal that is longer than is read", http.StatusForbidden, 1},
		{"an answer that is too large", http.StatusOK, maxPage>>20 + 1},
	}
	chunk := []byte(strings.Repeat(" ", 1<<20))
	for _, row := range rows {
		a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/good" {
				return
			}
			rw.WriteHeader(row.code)
			for i := 0; i < row.mebibytes; i++ {
				_, _ = rw.Write(chunk)
			}
		})
		c := a.client(t)
		for i := 0; i < maxConnections; i++ {
			if _, err := get(c); err == nil {
				t.Errorf("%s: no error", row.description)
			}
		}
		c.timeout = time.Second
		if _, err := c.Get(context.Background(), "/good"); err != nil {
			t.Errorf("%s: no connection is free: %v", row.description, err)
		}
		c.Close()
		for i := 0; i < 1000 && a.connections() > 0; i++ {
			time.Sleep(time.Millisecond)
		}
		if got := a.connections(); got != 0 {
			t.Errorf("%s: %d connections after Close", row.description, got)
		}
	}
}
