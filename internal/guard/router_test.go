package guard

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// nested wraps handlers into each other, as many as wanted with the innermost, which answers 404.
func nested(handlers int) http.Handler {
	handler := http.NotFoundHandler()
	for i := 1; i < handlers; i++ {
		handler = http.TimeoutHandler(handler, time.Minute, "")
	}
	return handler
}

// TestRouterWithoutAName has New find no router in its context: the name of a tenant's own
// middleware tells the namespace, that of the operator's, which is in front of everybody's, does
// not.
func TestRouterWithoutAName(t *testing.T) {
	if err := os.Setenv(policy.OperatorNamespacesVariable, "traefik, platform"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Unsetenv(policy.OperatorNamespacesVariable) }()
	keys := map[string]any{
		"exposeReason": true, "certificates": map[string]any{"check": "off"},
		"tenants": []any{map[string]any{"name": "acme", "namespaces": "acme,traefik,platform",
			"hosts": "a.acme.example.com"}},
	}
	rows := []struct{ description, middleware, want string }{
		{"a tenant's own", "acme_own@kubernetescrd", "pass"},
		{"a tenant's own, of a namespace of nobody", "x_own@kubernetescrd", "router-unbound"},
		{"the operator's by a CRD", "traefik_own@kubernetescrd", "router-unknown"},
		{"the operator's by a CRD, second namespace", "platform_own@kubernetescrd",
			"router-unknown"},
		{"one under a legacy name", "acme-own@kubernetescrd", "router-ambiguous"},
		{"the operator's by a file", "own@file", "router-unknown"},
		{"one of Docker", "acme_own@docker", "router-unknown"},
	}
	for _, row := range rows {
		guard := New(context.Background(), http.NotFoundHandler(), keys, row.middleware)
		if got := reasonOf(guard, plainRequest("a.acme.example.com")); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestRouterWithManyHandlers has a router lead to more handlers than are looked at for children.
func TestRouterWithManyHandlers(t *testing.T) {
	keys := map[string]any{
		"exposeReason": true, "certificates": map[string]any{"check": "off"},
		"tenants": []any{map[string]any{"name": "acme", "namespaces": "acme",
			"hosts": "a.acme.example.com"}},
	}
	rows := []struct {
		description string
		handlers    int
		want        string
	}{
		{"a few", 10, "pass"},
		{"one too many", 1025, "router-ambiguous"},
	}
	for _, row := range rows {
		next := nested(row.handlers)
		guard := New(context.Background(), next, keys, "acme_many@kubernetescrd")
		if got := reasonOf(guard, plainRequest("a.acme.example.com")); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
	ping := newGuard(nested(1025), "many@file", twoTenants, binding.Parse("ping@internal", ""))
	ping.next = http.NotFoundHandler()
	if got := reasonOf(ping, plainRequest("any.example.net")); got != "pass" {
		t.Errorf("one of Traefik's own: %q, want a pass", got)
	}
}

// TestChildRouters has a router lead to others, which nobody guards.
func TestChildRouters(t *testing.T) {
	const acme, globex, nobodys = "acme_web_0@kubernetescrd", "globex_web_0@kubernetescrd",
		"initech_web_0@kubernetescrd"
	rows := []struct {
		description, router string
		children            []string
		want                string
	}{
		{"none", acme, nil, "pass"},
		{"its tenant's", acme, []string{"acme_api_0@kubernetescrd", acme}, "pass"},
		{"its tenant's on several entry points", acme, []string{"web-" + acme}, "pass"},
		{"its tenant's on an entry point that is not this one", acme, []string{"ssl-" + acme},
			"router-ambiguous"},
		{"another tenant's", acme, []string{globex}, "router-ambiguous"},
		{"another tenant's last", acme, []string{acme, globex}, "router-ambiguous"},
		{"another tenant's first", acme, []string{globex, acme}, "router-ambiguous"},
		{"nobody's", acme, []string{nobodys}, "router-ambiguous"},
		{"one without a name", acme, []string{""}, "router-ambiguous"},
		{"one of a legacy name", acme, []string{"acme-web-0123456789abcdef0123@kubernetescrd"},
			"router-ambiguous"},
		{"a tenant's below nobody's", nobodys, []string{acme}, "router-unbound"},
		{"nobody's below Traefik's own", "ping@internal", []string{nobodys}, "router-ambiguous"},
		{"a tenant's below another's", globex, []string{acme}, "router-ambiguous"},
	}
	for _, row := range rows {
		router := binding.Parse(row.router, "web")
		g := newGuard(http.NotFoundHandler(), "children@file", twoTenants, router)
		below(g, row.children...)
		if got := reasonOf(g, plainRequest("a.acme.example.com")); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestMiddlewaresOfOneReload has two middlewares in one reload, and one of them changed in the
// next.
func TestMiddlewaresOfOneReload(t *testing.T) {
	keysOf := func(host string) map[string]any {
		return map[string]any{
			"exposeReason": true, "certificates": map[string]any{"check": "off"},
			"tenants": []any{map[string]any{"name": "acme", "namespaces": "acme", "hosts": host}},
		}
	}
	const one, two = "acme_one@kubernetescrd", "acme_two@kubernetescrd"
	first, cancel := context.WithCancel(context.Background())
	second, cancelSecond := context.WithCancel(context.Background())
	defer cancelSecond()
	guardOf := func(ctx context.Context, host, middleware string) http.Handler {
		return New(ctx, http.NotFoundHandler(), keysOf(host), middleware)
	}
	expect := func(guard http.Handler, description, host, want string) {
		t.Helper()
		if got := reasonOf(guard, plainRequest(host)); got != want {
			t.Errorf("%s, %s: %q, want %q", description, host, got, want)
		}
	}
	ofOne := guardOf(first, "one.example.com", one)
	ofTwo := guardOf(first, "two.example.com", two)
	again := guardOf(first, "one.example.com", one)
	expect(ofOne, "the first", "one.example.com", "pass")
	expect(ofOne, "the first", "two.example.com", "host-unowned")
	expect(ofTwo, "the second", "two.example.com", "pass")
	expect(ofTwo, "the second", "one.example.com", "host-unowned")
	expect(again, "another router of the first", "one.example.com", "pass")
	cancel()
	changed := guardOf(second, "new.example.com", one)
	expect(changed, "the first, changed", "new.example.com", "pass")
	expect(changed, "the first, changed", "one.example.com", "host-unowned")
	expect(ofOne, "a router of the reload before", "one.example.com", "host-unowned")
}
