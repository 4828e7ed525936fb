package tenantguard

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strconv"
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
		now, _ := tracker.Of(context.Background())
		instance := store.Instance(topic+strconv.Itoa(i), c.Policy)
		guard := newGuard(now, next, routerOf(c), instance)
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

// routerOf is the router that New would have found in its context; in the interpreter a test can't make such a context.
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
