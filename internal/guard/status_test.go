package guard

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/status"
)

// TestWhoMayShowTheStatus builds middlewares as Traefik does: what is not the operator's, or asks
// for more than the page, guards and answers 503.
func TestWhoMayShowTheStatus(t *testing.T) {
	rows := []struct {
		description, name string
		keys              map[string]any
		want              int
	}{
		{"the operator's", "status@file", map[string]any{"status": true}, http.StatusOK},
		{"as labels have it", "status@file", map[string]any{"Status": "true"}, http.StatusOK},
		{"a tenant's", "acme_status@kubernetescrd", map[string]any{"status": true},
			http.StatusServiceUnavailable},
		{"a container's", "status@docker", map[string]any{"status": true},
			http.StatusServiceUnavailable},
		{"beside a policy", "both@file", map[string]any{"status": true, "mode": "report"},
			http.StatusServiceUnavailable},
	}
	for _, row := range rows {
		ctx, cancel := context.WithCancel(context.Background())
		handler := New(ctx, http.NotFoundHandler(), row.keys, row.name)
		rw := httptest.NewRecorder()
		handler.ServeHTTP(rw, httptest.NewRequest(http.MethodGet, "/status.json", nil))
		if rw.Code != row.want {
			t.Errorf("%s: %d, want %d", row.description, rw.Code, row.want)
		}
		cancel()
	}
}

// freshState asks the status page of the present reload, made anew.
func freshState(t *testing.T) *status.State {
	t.Helper()
	states.mu.Lock()
	states.full = nil
	states.mu.Unlock()
	return states.get(true)
}

// TestStateHolds has states be gathered that take more or less time.
func TestStateHolds(t *testing.T) {
	rows := []struct {
		description string
		took, want  time.Duration
	}{
		{"a few routers", time.Millisecond, stateHolds},
		{"thousands", time.Second, 4 * time.Second},
	}
	for _, row := range rows {
		if got := holdsFor(row.took); got != row.want {
			t.Errorf("%s: %v, want %v", row.description, got, row.want)
		}
	}
}

// TestStateOfGuard looks at what a guard leaves behind: its policy, its tenants, and the host that
// was asked for with its certificate.
func TestStateOfGuard(t *testing.T) {
	const host = "a.acme.example.com"
	keys := acmeKeys(nil) // middlewares of one policy are shown as one, those of other tests too
	keys["tenants"] = append(keys["tenants"].([]any), map[string]any{
		"name": "seen", "namespaces": "seen", "hosts": "seen.example.com",
	})
	g := acmeGuard("seen@file", keys)
	entryPoint := serving(t, certificateOf(t, "acme-exact"))
	before := freshState(t).Judged
	for i := 0; i < 3; i++ {
		req := at(entryPoint, tlsRequest(host, host))
		if reason := reasonOf(handlerOf(g), req); reason != "pass" {
			t.Fatalf("request %d: %s", i, reason)
		}
	}
	if reason := reasonOf(handlerOf(g), plainRequest("x.globex.example.com")); reason == "pass" {
		t.Fatal("a host of nobody's passes")
	}
	s := freshState(t)
	if got := s.Judged - before; got != 2 {
		t.Errorf("%d requests were judged, want the first and the denied one", got)
	}
	seen := false
	for _, p := range s.Policies {
		if p.Middleware == "seen@file" {
			seen = p.InForce && p.Digest != "" && !p.Since.IsZero() && p.Tenants == 2
		}
	}
	if !seen {
		t.Errorf("policies: %+v", s.Policies)
	}
	seen = false
	for _, tenant := range s.Tenants { // of other tests' guards too
		if tenant.Middleware == "seen@file" && tenant.Name == "acme" {
			seen = len(tenant.Hosts) == 2 && len(tenant.Namespaces) == 1 &&
				tenant.Certificates == "names"
		}
	}
	if !seen {
		t.Errorf("tenants: %+v", s.Tenants)
	}
	found := false
	for _, h := range s.Hosts {
		if h.Host == host && h.Tenant == "acme" && h.Router == "acme_web_0@kubernetescrd" {
			found = h.Verdict == "pass" && h.Owned == "names" && len(h.Fingerprint) == 64
		}
	}
	if !found {
		t.Errorf("hosts: %+v", s.Hosts)
	}
	if !strings.Contains(s.Traefik.Problem, "no router leads to the status page") {
		t.Errorf("Traefik's API: %+v", s.Traefik)
	}
}

// TestFastPathCountsNothing lets a request take the fast path, where nothing may cost anything.
func TestFastPathCountsNothing(t *testing.T) {
	g := acmeGuard("uncounted@file", acmeKeys(nil))
	entryPoint := serving(t, certificateOf(t, "acme-exact"))
	req := at(entryPoint, tlsRequest(hostA, hostA))
	reasonOf(handlerOf(g), req)
	counters = nil // whatever counts panics
	defer func() { counters = status.NewCounters() }()
	if reason := reasonOf(handlerOf(g), req); reason != "pass" {
		t.Error(reason)
	}
}

// TestTraefikIsAskedOnce has a status page whose API counts how often it is asked: never by New,
// and once for a reload.
func TestTraefikIsAskedOnce(t *testing.T) {
	asked := 0
	api := http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		asked++
		if req.URL.Path == "/api/version" {
			_, _ = rw.Write([]byte(`{"Version": "3.7.13"}`))
			return
		}
		_, _ = rw.Write([]byte(`[]`))
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	page := New(ctx, api, map[string]any{"status": true}, "page@file")
	askTraefik()
	if asked != 0 {
		t.Errorf("it was asked %d times while routers are built", asked)
	}
	for i := 0; i < 2; i++ {
		states.mu.Lock()
		states.full = nil
		states.mu.Unlock()
		rw := httptest.NewRecorder()
		page.ServeHTTP(rw, httptest.NewRequest(http.MethodGet, "/status.json", nil))
		var s status.State
		if err := json.Unmarshal(rw.Body.Bytes(), &s); err != nil || s.Traefik.Version != "3.7.13" {
			t.Errorf("%v, Traefik %+v", err, s.Traefik)
		}
	}
	if asked != 4 {
		t.Errorf("it was asked %d times, want once for each of four paths", asked)
	}
}

// TestPollAsksTraefik has no request come after a reload.
func TestPollAsksTraefik(t *testing.T) {
	asked := make(chan bool, 100)
	api := http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		asked <- true
		rw.WriteHeader(http.StatusNotFound)
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	New(ctx, api, map[string]any{"status": true}, "polled@file")
	select {
	case <-asked:
	case <-time.After(10 * time.Second):
		t.Error("nobody asks Traefik's API")
	}
}

// TestWrongRouters finds routers that are no tenant's before a request comes.
func TestWrongRouters(t *testing.T) {
	acmeGuard("wrong@file", acmeKeys(nil))
	inUse := middlewares.States(map[string]bool{"wrong@file": true})
	rows := []struct{ router, namespace, want string }{
		{"acme_web_0@kubernetescrd", "", ""},
		{"evil_web_0@kubernetescrd", "", status.Unbound},
		{"acme-web-0123456789abcdef0123@kubernetescrd", "", status.Ambiguous},
		{"any@docker", "", status.Unbound},
		{"acme-web@kubernetes", "acme", ""},
		{"acme-web@kubernetes", "acme-web", status.Unbound},
		{"acme-web@kubernetes", "", status.Ambiguous}, // Traefik before 3.7
		{"web@kubernetesingressnginx", "evil", status.Unbound},
	}
	for _, row := range rows {
		got := ""
		routers := []status.GuardedRouter{{
			Name: row.router, Namespace: row.namespace, Guard: "wrong@file",
		}}
		for _, wrong := range wrongRouters(routers, inUse) {
			got = wrong.Problem
		}
		if got != row.want {
			t.Errorf("%s in %q: %q, want %q", row.router, row.namespace, got, row.want)
		}
	}
}
