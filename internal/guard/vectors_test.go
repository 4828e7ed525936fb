package guard

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/registry"
	"github.com/tenantguard/tenantguard/internal/vectors"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const testdata = "../../testdata"

// TestVectors runs every decision vector through a guard: it observes the certificate with a real
// handshake.
func TestVectors(t *testing.T) {
	for _, topic := range vectors.Topics {
		cases, err := vectors.Load(testdata, topic)
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
		entryPoint := listen(t, c)
		defer entryPoint.Close()
		passed := false
		next := http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) { passed = true })
		name := topic + strconv.Itoa(i) + "@file"
		guard := handlerOf(newGuard(next, name, c.Configuration(t), routerOf(c)))
		// The second request finds what the first one left behind: observations and what was
		// allowed.
		for attempt := 0; attempt < 2; attempt++ {
			passed = false
			rw := httptest.NewRecorder()
			guard.ServeHTTP(rw, c.RequestAt(entryPoint))
			if passed != (c.Want == "pass" || c.Reported) {
				t.Errorf("request %d: passed is %t, reason %q, want %q",
					attempt, passed, rw.Header().Get(reasonHeader), c.Want)
			}
			reason, status := rw.Header().Get(reasonHeader), vectors.Statuses[c.Want]
			if !passed && (reason != c.Want || rw.Code != status) {
				t.Errorf("request %d: %d %q, want %d %q", attempt, rw.Code, reason, status, c.Want)
			}
		}
	})
}

// newGuard returns the guard of a router in a reload of its own. In the interpreter a test can't
// make a context in which New would find the router.
func newGuard(
	next http.Handler, name string, keys map[string]any, router binding.Router,
) *Guard {
	return newGuardIn(middlewares, next, name, keys, router)
}

// newGuardIn returns a guard whose policy is of a registry.
func newGuardIn(
	all *registry.Registry, next http.Handler, name string, keys map[string]any,
	router binding.Router,
) *Guard {
	// Another test's listener may have had a port that this one's gets.
	lasting = observe.NewLastingCache(chains, counters)
	reloads.Lock()
	r := beginReload(nil)
	r.middlewares[name] = all.Middleware(name, keys)
	reloads.Unlock()
	g := &Guard{next: next, reload: r, middleware: r.middlewares[name], name: name}
	g.ctx = context.Background()
	g.known.lock = &sync.RWMutex{}
	withLocalCertificate(g, hasLocalCertificate)
	g.look()
	g.router = router
	return g
}

func listen(t *testing.T, c vectors.Case) *vectors.EntryPoint {
	var certificate *tls.Certificate
	if c.Certificate != "" {
		loaded, err := vectors.Certificate(testdata, c.Certificate)
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

func routerOf(c vectors.Case) binding.Router {
	if c.Router == "" {
		return binding.FromMiddleware(c.Middleware)
	}
	return binding.Parse(c.Router, c.EntryPoint)
}

// TestAllowedRequestIsNotJudgedAgain takes the guard's policy away after the first request: what
// asked for it would panic.
func TestAllowedRequestIsNotJudgedAgain(t *testing.T) {
	policies := map[string]any{"tenants": []any{map[string]any{
		"name": "acme", "namespaces": "acme", "hosts": "a.acme.example.com,b.acme.example.com",
	}}}
	requests := []struct {
		description string
		c           vectors.Case
	}{
		{"TLS", vectors.Case{Host: "a.acme.example.com", TLS: true,
			ServerName: "a.acme.example.com", Certificate: "acme-two"}},
		{"another server name of the tenant", vectors.Case{Host: "a.acme.example.com", TLS: true,
			ServerName: "b.acme.example.com", Certificate: "acme-two"}},
		{"plaintext", vectors.Case{Host: "a.acme.example.com"}},
		{"a port", vectors.Case{Host: "a.acme.example.com:8443", TLS: true,
			ServerName: "a.acme.example.com", Certificate: "acme-two"}},
	}
	for _, r := range requests {
		entryPoint := listen(t, r.c)
		passed := 0
		next := http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) { passed++ })
		g := newGuard(next, "fast@file", policies, binding.Parse("acme_web_0@kubernetescrd", ""))
		handler := handlerOf(g)
		g.middleware.Policy() // reads the keys
		req := r.c.RequestAt(entryPoint)
		handler.ServeHTTP(httptest.NewRecorder(), req)
		g.middleware = nil
		handler.ServeHTTP(httptest.NewRecorder(), req)
		if passed != 2 {
			t.Errorf("%s: %d of 2 requests passed", r.description, passed)
		}
		entryPoint.Close()
	}
}

// twoTenants is a policy with an owner for each of the hosts below.
var twoTenants = map[string]any{"exposeReason": true, "tenants": []any{
	map[string]any{"name": "acme", "namespaces": "acme", "hosts": "**.acme.example.com"},
	map[string]any{"name": "globex", "namespaces": "globex", "hosts": "**.globex.example.com"},
}}

// TestLocalCertificate has a connection say which certificate was served, as from Go 1.27 on:
// nothing is observed.
func TestLocalCertificate(t *testing.T) {
	certificates := []struct {
		description, name string
		want              verdict.Code
	}{
		{"the tenant's", "acme-exact", verdict.Pass},
		{"a hijacker's", "hijack-sorts-last", verdict.CertificateForeign},
		{"another tenant's", "globex-exact", verdict.CertificateName},
	}
	for _, c := range certificates {
		certificate, err := vectors.Certificate(testdata, c.name)
		if err != nil {
			t.Fatal(err)
		}
		g := newGuard(nil, "local@file", twoTenants, binding.Parse("acme_web_0@kubernetescrd", ""))
		chain := chains.Of(certificate.Certificate)
		r := read(tlsRequest("a.acme.example.com", "a.acme.example.com"), chain)
		d := g.check(plainRequest(""), r)
		if d.code != c.want {
			t.Errorf("%s: %q (%s), want %q", c.description, d.code, d.problem, c.want)
		}
		if d.validFor != 30*time.Second {
			t.Errorf("%s: it holds for %s, want the ttl", c.description, d.validFor)
		}
	}
}

// TestDenial looks at what a client is told.
func TestDenial(t *testing.T) {
	g := newGuard(nil, "denial@file", twoTenants, binding.Parse("acme_web_0@kubernetescrd", ""))
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Host = "a.globex.example.com"
	req.Header.Set("X-Forwarded-Host", "a.acme.example.com")
	rw := httptest.NewRecorder()
	g.ServeHTTP(rw, req)
	want := http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"},
		"Cache-Control": {"no-store"}, reasonHeader: {"host-foreign"},
	}
	if rw.Code != http.StatusForbidden || !reflect.DeepEqual(rw.Header(), want) {
		t.Errorf("%d %v, want 403 %v", rw.Code, rw.Header(), want)
	}
	if got := rw.Body.String(); got != "Forbidden\n" {
		t.Errorf("body %q, want one that names no tenant", got)
	}
}

// TestRoutersOfOneReloadShareIt builds routers as Traefik does.
func TestRoutersOfOneReloadShareIt(t *testing.T) {
	first, cancel := context.WithCancel(context.Background())
	second, cancelSecond := context.WithCancel(context.Background())
	defer cancelSecond()
	build := func(ctx context.Context) *reload {
		New(ctx, nil, twoTenants, "shared@file")
		return reloads.current
	}
	one := build(first)
	if build(context.WithValue(first, new(int), "router")) != one {
		t.Error("two routers of one reload have two")
	}
	cancel()
	if build(second) == one {
		t.Error("a router of the next reload is in the same one")
	}
}
