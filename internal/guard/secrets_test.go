package guard

import (
	"crypto/x509"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// noSecrets is an API server without Secrets. It writes down which namespaces are asked for them.
type noSecrets struct {
	mu    sync.Mutex
	asked []string
}

func (a *noSecrets) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, strings.Split(req.URL.Path, "/")[4])
	_, _ = rw.Write([]byte(`{"kind":"SecretList","metadata":{},"items":[]}`))
}

// TestNamespacesOfACertificate looks for a certificate that is nowhere.
func TestNamespacesOfACertificate(t *testing.T) {
	rows := []struct {
		description string
		router      []string
		want        string
	}{
		{"the router's own, the shared, the tenant's others", []string{"web"},
			"web platform certs api shop"},
		{"a router whose name means several", []string{"shop", "web"},
			"shop web platform certs api"},
		{"a router without namespace", nil, "platform certs api shop web"},
	}
	for _, row := range rows {
		api := &noSecrets{}
		config := kubetest.Start(t, api)
		g := newGuard(nil, "secrets@file", map[string]any{
			"tenants": []any{map[string]any{
				"name": "acme", "namespaces": "web,shop,api", "hosts": "acme.example.com",
			}},
			"shared":       map[string]any{"namespaces": "platform,certs"},
			"certificates": map[string]any{"secrets": true},
			"kubernetes": map[string]any{
				"endpoint": config.Endpoint, "tokenFile": config.TokenFile, "caFile": config.CAFile,
			},
		}, binding.Router{})
		d := decision{policy: g.middleware.Policy(), validFor: time.Minute}
		d.chain = &observe.Chain{Certificates: []*x509.Certificate{{Raw: []byte("leaf")}}}
		d.binding.Namespaces = row.router
		d.binding.Tenant = d.policy.Tenant("acme")
		judged := d.binding.Tenant
		served := verdict.Served{Code: verdict.Pass, Secret: verdict.InTenants,
			Otherwise: verdict.CertificateSecret}
		d = g.checkSecret(plainRequest(""), d, judged, served)
		found := d.code != verdict.CertificateSecret
		if asked := strings.Join(api.asked, " "); found || d.problem != "" || asked != row.want {
			t.Errorf("%s: %t, %q after asking %s, want %s",
				row.description, found, d.problem, asked, row.want)
		}
	}
}
