package tenantguard

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/tenantguard/tenantguard/internal/routers"
	"github.com/tenantguard/tenantguard/internal/vectors"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// TestVectors runs every decision vector through a guard: it observes the certificate with a real handshake.
func TestVectors(t *testing.T) {
	for _, topic := range vectors.Topics {
		cases, err := vectors.Load("testdata", topic)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range cases {
			runVector(t, topic, i, c)
		}
	}
}

func runVector(t *testing.T, topic string, i int, c vectors.Case) {
	t.Run(topic+"/"+c.Description, func(t *testing.T) {
		c.Policy["exposeReason"] = true
		entryPoint := listen(t, c)
		defer entryPoint.Close()
		passed := false
		next := http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) { passed = true })
		guard := fast(newGuard(next, topic+strconv.Itoa(i), c.Policy, routerOf(c)))
		want := verdict.Code(c.Want)
		if c.Want == "pass" {
			want = verdict.Pass
		}
		// The second request finds what the first one left behind: observations and what was allowed.
		for attempt := 0; attempt < 2; attempt++ {
			passed = false
			rw := httptest.NewRecorder()
			guard.ServeHTTP(rw, newRequest(c, entryPoint))
			if passed != (want == verdict.Pass || c.Reported) {
				t.Errorf("request %d: passed is %t, reason %q, want %q", attempt, passed, rw.Header().Get(reasonHeader), c.Want)
			}
			if !passed && (rw.Header().Get(reasonHeader) != string(want) || rw.Code != verdict.Status(want)) {
				t.Errorf("request %d: %d %q, want %d %q", attempt, rw.Code, rw.Header().Get(reasonHeader), verdict.Status(want), want)
			}
		}
	})
}

// newGuard is the guard of a router in a generation of its own. In the interpreter a test can't make a context in which New
// would find the router.
func newGuard(next http.Handler, name string, policies map[string]any, router routers.Router) *Guard {
	g := &Guard{
		next: next, instance: store.Instance(name, policies), generation: tracker.Begin(nil),
		lock: &sync.RWMutex{}, names: map[string]string{}, ctx: context.Background(),
	}
	g.identify.Do(func() { g.findRouter() })
	g.router = router
	return g
}

func listen(t *testing.T, c vectors.Case) *vectors.EntryPoint {
	var certificate *tls.Certificate
	if c.Certificate != "" {
		loaded, err := vectors.Certificate("testdata", c.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		certificate = loaded
	}
	entryPoint, err := vectors.Listen(certificate)
	if err != nil {
		t.Fatal(err)
	}
	return entryPoint
}

func routerOf(c vectors.Case) routers.Router {
	if c.Router == "" {
		return routers.FromMiddleware(c.Middleware)
	}
	return routers.Router{Name: c.Router, EntryPoint: c.EntryPoint}
}

func newRequest(c vectors.Case, entryPoint *vectors.EntryPoint) *http.Request {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Host = c.Host
	ctx := entryPoint.Context()
	if c.IngressNamespace != "" {
		ctx = vectors.WithIngress(ctx, c.IngressNamespace)
	}
	if c.TLS {
		req.TLS = &tls.ConnectionState{ServerName: c.ServerName}
	}
	return req.WithContext(ctx)
}

// TestAllowedRequestIsNotJudgedAgain takes the guard's policy away after the first request: what asked for it would panic.
func TestAllowedRequestIsNotJudgedAgain(t *testing.T) {
	policies := map[string]any{"tenants": []any{map[string]any{
		"name": "acme", "namespaces": "acme", "hosts": "a.acme.example.com,b.acme.example.com",
	}}}
	requests := []struct {
		description string
		c           vectors.Case
	}{
		{"TLS", vectors.Case{Host: "a.acme.example.com", TLS: true, ServerName: "a.acme.example.com", Certificate: "acme-two"}},
		{"another server name of the tenant", vectors.Case{Host: "a.acme.example.com", TLS: true, ServerName: "b.acme.example.com", Certificate: "acme-two"}},
		{"plaintext", vectors.Case{Host: "a.acme.example.com"}},
		{"a port", vectors.Case{Host: "a.acme.example.com:8443", TLS: true, ServerName: "a.acme.example.com", Certificate: "acme-two"}},
	}
	for _, r := range requests {
		entryPoint := listen(t, r.c)
		passed := 0
		next := http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) { passed++ })
		g := newGuard(next, "fast@file", policies, routers.Router{Name: "acme_web_0@kubernetescrd"})
		handler := fast(g)
		store.Refresh() // reads the configuration, which changes the policy
		handler.ServeHTTP(httptest.NewRecorder(), newRequest(r.c, entryPoint))
		g.instance = nil
		handler.ServeHTTP(httptest.NewRecorder(), newRequest(r.c, entryPoint))
		if passed != 2 {
			t.Errorf("%s: %d of 2 requests passed", r.description, passed)
		}
		entryPoint.Close()
	}
}
