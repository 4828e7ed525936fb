package loader

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/traefik/traefik/v3/pkg/ping"
	"github.com/traefik/traefik/v3/pkg/server/service/loadbalancer/wrr"
)

// failed is the beginning of what is said of a check that failed, and good of one that is good
// again.
func failed(check string) string { return `"check":"` + check + `","state":"failed"` }
func good(check string) string   { return `"check":"` + check + `","state":"ok"` }

// pool is a service as no Traefik has it.
type pool struct{ next http.Handler }

func (p *pool) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	rw.WriteHeader(http.StatusTeapot)
}

// ownLines returns the plugin's own lines.
func ownLines(plugin *Plugin) string { return strings.Join(plugin.Log.Lines(), "\n") }

// says waits until the plugin has said something.
func says(t *testing.T, plugin *Plugin, text string) {
	t.Helper()
	said := func(c *assert.CollectT) { assert.Contains(c, ownLines(plugin), text) }
	require.EventuallyWithT(t, said, 20*time.Second, 50*time.Millisecond)
}

// TestSelfCheckWithoutARequest has routers be built that nobody asks for, by a Traefik that gives
// the router's name no more, and by one whose services are others. The next reload is good.
func TestSelfCheckWithoutARequest(t *testing.T) {
	rows := []struct {
		check string
		ctx   func(ctx context.Context) context.Context
		next  http.Handler
	}{
		{"router-name", func(ctx context.Context) context.Context { return ctx }, teapot},
		{"handler-tree", func(ctx context.Context) context.Context {
			return RouterContext(ctx, "websecure", "acme-web@docker")
		}, &pool{}},
	}
	for _, row := range rows {
		t.Run(row.check, func(t *testing.T) {
			plugin := Load(t, "")
			for _, name := range []string{"guard@file", "other@file"} {
				_, err := plugin.New(row.ctx(t.Context()), row.next, map[string]any{}, name)
				require.NoError(t, err)
			}
			says(t, plugin, failed(row.check))
			reload, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := plugin.New(RouterContext(reload, "websecure", "acme-web@docker"),
				wrr.New(nil, false), map[string]any{}, "guard@file")
			require.NoError(t, err)
			says(t, plugin, good(row.check))
		})
	}
}

// TestOwnHandlers has a Traefik give no router's name: its own ping and challenges pass, unless
// something is in front of them, or a tenant has attached the guard.
func TestOwnHandlers(t *testing.T) {
	pings := &ping.Handler{}
	config := map[string]any{"exposeReason": true,
		"tenants": []any{map[string]any{"name": "a", "namespaces": "a", "hosts": "a.test"}}}
	rows := []struct {
		description, middleware string
		next                    http.Handler
		reason                  string
	}{
		{"ping", "guard@file", pings, ""},
		{"ping behind a middleware", "guard@file", http.StripPrefix("/x", pings),
			"router-unknown"},
		{"ping behind a handler", "guard@file", &pool{next: pings}, "router-unknown"},
		{"a service", "guard@file", teapot, "router-unknown"},
		{"ping, and a tenant's middleware", "b_guard@kubernetescrd", pings, "router-unbound"},
	}
	for _, row := range rows {
		t.Run(row.description, func(t *testing.T) {
			plugin := Load(t, "")
			handler, err := plugin.New(t.Context(), row.next, config, row.middleware)
			require.NoError(t, err)
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet,
				"http://nobody.test/.well-known/acme-challenge/x", nil))
			assert.Equal(t, row.reason, recorder.Header().Get("Tenantguard-Reason"))
			assert.Contains(t, ownLines(plugin), failed("router-name"))
		})
	}
}
