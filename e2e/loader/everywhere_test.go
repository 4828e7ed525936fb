package loader

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry/registrytest"
)

// formRequests distinguish the policy of testdata/forms from any other, key by key.
var formRequests = []struct {
	about  string
	router string
	host   string
	sni    string // "" for a request without TLS
	status int
	reason string
}{
	{"routers pattern, exact host", "acme-web@docker", "acme.example.com", "", http.StatusTeapot,
		""},
	{"namespace, wildcard host", "acme_web_0@kubernetescrd", "x.acme.example.com", "",
		http.StatusTeapot, ""},
	{"namespace prefix", "acme-dev_web_0@kubernetescrd", "acme.example.com", "", http.StatusTeapot,
		""},
	{"second host of the list", "acme-web@docker", "b.acme.example.com", "", http.StatusTeapot, ""},
	{"host of another tenant", "acme-web@docker", "globex.example.com", "", http.StatusForbidden,
		"host-foreign"},
	{"host without an owner", "acme-web@docker", "x.y.acme.example.com", "", http.StatusForbidden,
		"host-unowned"},
	{"router without a tenant", "initech-web@docker", "acme.example.com", "", http.StatusForbidden,
		"router-unbound"},
	{"legacyNames", "acme-web-0123456789abcdef0123@kubernetescrd", "acme.example.com", "",
		http.StatusForbidden, "router-ambiguous"},
	{"certificates.check of the tenant", "acme-web@docker", "acme.example.com", "acme.example.com",
		http.StatusTeapot, ""},
	{"server name of another tenant", "acme-web@docker", "acme.example.com", "globex.example.com",
		http.StatusMisdirectedRequest, "sni-foreign"},
	{"second pattern of routers", "globex-web@docker", "globex.example.com", "", http.StatusTeapot,
		""},
	{"mode of the tenant", "globex@file", "nobody.example.com", "", http.StatusTeapot, ""},
	{"mode of the host's owner", "globex@file", "acme.example.com", "", http.StatusForbidden,
		"host-foreign"},
}

func TestFormsVerdicts(t *testing.T) {
	for name, f := range forms {
		t.Run(name, func(t *testing.T) {
			plugin := Load(t, "")
			config := f.decode(t, readForm(t, f.file))[lab.PluginName]
			for _, r := range formRequests {
				recorder := send(t, plugin, config, r.router, r.host, r.sni)
				assert.Equal(t, r.status, recorder.Code, r.about)
				assert.Equal(t, r.reason, recorder.Header().Get("Tenantguard-Reason"), r.about)
			}
			assert.Contains(t, strings.Join(plugin.Log.Lines(), "\n"),
				`"mode":"report","reason":"host-unowned"`,
				"the denial that the second tenant's mode let pass")
		})
	}
}

func TestFormsPolicy(t *testing.T) {
	want := effective(t, forms["crd"].decode(t, readForm(t, forms["crd"].file))[lab.PluginName])
	require.Len(t, want.Tenants, 2)
	acme := want.Tenant("acme").Certificates
	assert.Equal(t, policy.Certificates{
		TTL: 45 * time.Second, AcrossReloads: true, AllowUnobserved: true,
	}, acme)
	assert.True(t, want.ExposeReason)
	for name, f := range forms {
		t.Run(name, func(t *testing.T) {
			got := effective(t, f.decode(t, readForm(t, f.file))[lab.PluginName])
			assert.Equal(t, want, got)
		})
	}
}

func TestFormsUnknownKey(t *testing.T) {
	for name, f := range forms {
		t.Run(name, func(t *testing.T) {
			plugin := Load(t, "")
			content := f.unknown(readForm(t, f.file))
			require.NotEqual(t, readForm(t, f.file), content)
			config := f.decode(t, content)[lab.PluginName]

			recorder := send(t, plugin, config, "acme-web@docker", "acme.example.com", "")
			assert.Equal(t, http.StatusServiceUnavailable, recorder.Code)
			assert.Contains(t, plugin.Log.String(), "certificates.observed")
			assert.Contains(t, plugin.Log.String(), "surprise")
		})
	}
}

// send sends a request through the middleware of one router.
func send(
	t *testing.T, plugin *Plugin, config map[string]any, router, host, sni string,
) *httptest.ResponseRecorder {
	t.Helper()
	handler, err := plugin.New(RouterContext(t.Context(), "websecure", router), teapot, config,
		"guard@file")
	require.NoError(t, err)
	req := httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil)
	if sni != "" {
		req.TLS = &tls.ConnectionState{ServerName: sni, HandshakeComplete: true}
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, req)
	return recorder
}

// effective returns the policy that the compiled plugin makes of a configuration.
func effective(t *testing.T, config map[string]any) *policy.Effective {
	t.Helper()
	return registrytest.MustPolicy(t, config, nil)
}
