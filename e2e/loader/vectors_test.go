package loader

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

const testdata = "../../testdata"

// TestVectors runs every decision vector through the plugin in Traefik's loader, with contexts like
// Traefik's. Then it looks at what the plugin says of them.
func TestVectors(t *testing.T) {
	plugin := Load(t, "")
	codes, denied, recent := map[string]bool{}, map[string]int{}, 0
	for _, topic := range vectors.Topics {
		cases, err := vectors.Load(testdata, topic)
		require.NoError(t, err)
		for i, c := range cases {
			codes[c.Want] = true
			t.Run(topic+"/"+c.Description, func(t *testing.T) {
				if c.Want != "pass" {
					denied[c.Want]++
					recent++
				}
				runVector(t, plugin, fmt.Sprintf("%s%d@file", topic, i), c)
			})
			if recent == maxKinds {
				time.Sleep(window)
				recent = 0
			}
		}
	}
	for code := range vectors.Statuses {
		assert.True(t, codes[code], "no vector has the verdict %q", code)
	}
	assertStatusAgrees(t, plugin, denied)
}

func runVector(t *testing.T, plugin *Plugin, middleware string, c vectors.Case) {
	if c.Router == "" {
		middleware = c.Middleware
	}
	guard, err := plugin.New(constructorContext(t, c), teapot, c.Configuration(t), middleware)
	require.NoError(t, err)
	recorder := httptest.NewRecorder()
	guard.ServeHTTP(recorder, request(t, c))
	if c.Want == "pass" || c.Reported {
		reason := recorder.Header().Get("Tenantguard-Reason")
		assert.Equal(t, http.StatusTeapot, recorder.Code, reason)
		return
	}
	assert.Equal(t, c.Want, recorder.Header().Get("Tenantguard-Reason"))
	assert.Equal(t, vectors.Statuses[c.Want], recorder.Code)
	assert.Equal(t, "no-store", recorder.Header().Get("Cache-Control"))
}

func constructorContext(t *testing.T, c vectors.Case) context.Context {
	t.Helper()
	reload, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	if c.Router == "" {
		return reload
	}
	return RouterContext(reload, c.EntryPoint, c.Router)
}

func request(t *testing.T, c vectors.Case) *http.Request {
	t.Helper()
	var served *tls.Certificate
	if c.Certificate != "" {
		certificate, err := vectors.Certificate(testdata, c.Certificate)
		require.NoError(t, err)
		served = certificate
	}
	entryPoint, err := vectors.Listen(served)
	require.NoError(t, err)
	t.Cleanup(entryPoint.Close)
	return c.RequestAt(entryPoint)
}

// TestConfigurationVectors checks which configurations the plugin in Traefik's loader refuses and
// accepts.
func TestConfigurationVectors(t *testing.T) {
	all, err := vectors.LoadConfigurations(testdata)
	require.NoError(t, err)
	plugins := map[string]*Plugin{}
	for i, c := range all {
		operators := c.OperatorNamespaces + "/" + c.OperatorProviders
		plugin := plugins[operators]
		if plugin == nil {
			t.Setenv(policy.OperatorNamespacesVariable, c.OperatorNamespaces)
			t.Setenv(policy.OperatorProvidersVariable, c.OperatorProviders)
			plugin = Load(t, "")
			plugins[operators] = plugin
		}
		t.Run(c.Description, func(t *testing.T) { runConfiguration(t, plugin, i, c) })
	}
}

func runConfiguration(t *testing.T, plugin *Plugin, i int, c vectors.Configuration) {
	// Each case is a middleware of its own in the same namespace.
	name, provider, qualified := strings.Cut(c.Middleware, "@")
	middleware := fmt.Sprintf("%s%d", name, i)
	if qualified {
		middleware += "@" + provider
	}
	before := len(plugin.Log.Lines())
	guard, err := plugin.New(RouterContext(t.Context(), "websecure", "unbound@docker"), teapot,
		c.Policy, middleware)
	require.NoError(t, err, "an error drops the router, and a broader one catches its requests")
	recorder := httptest.NewRecorder()
	guard.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	lines := plugin.Log.Lines()[before:]
	if len(c.Errors) == 0 {
		assert.NotEqual(t, http.StatusServiceUnavailable, recorder.Code)
		assertSaid(t, lines, "warning", c.Warnings)
		return
	}
	assert.Equal(t, http.StatusServiceUnavailable, recorder.Code)
	assert.Contains(t, strings.Join(lines, "\n"), "503")
	if c.Stage == "" {
		assertSaid(t, lines, "policy", c.Errors)
	}
}

// assertSaid wants all of the fragments of each list in one text of the lines of an event.
func assertSaid(t *testing.T, lines []string, event string, wants [][]string) {
	t.Helper()
	var said []string
	for _, line := range lines {
		var notice struct {
			Event  string
			Errors []string
		}
		if json.Unmarshal([]byte(line), &notice) == nil && notice.Event == event {
			said = append(said, notice.Errors...)
		}
	}
	for _, fragments := range wants {
		has := func(text string) bool {
			for _, fragment := range fragments {
				if !strings.Contains(text, fragment) {
					return false
				}
			}
			return true
		}
		assert.True(t, slices.ContainsFunc(said, has), "%q: none has all of %q", said, fragments)
	}
}
