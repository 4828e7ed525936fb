package guard

import (
	"net/http"
	"os"
	"testing"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// TestNoCluster has a configuration of which no cluster can be made. What the interpreter makes of
// a nil pointer in an interface is a panic.
func TestNoCluster(t *testing.T) {
	const variable = "KUBERNETES_SERVICE_HOST"
	before, isSet := os.LookupEnv(variable)
	if err := os.Unsetenv(variable); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if isSet {
			_ = os.Setenv(variable, before)
		}
	}()
	for _, endpoint := range []string{"", "https://%zz"} {
		found, err := clusterOf(policy.Kubernetes{Endpoint: endpoint})
		if found != nil || err == nil {
			t.Errorf("endpoint %q: error %v, want nothing but one", endpoint, err)
		}
		keys := map[string]any{"exposeReason": true, "kubernetes": map[string]any{
			"enabled": true, "endpoint": endpoint,
		}}
		g := newGuard(http.NotFoundHandler(), "no-cluster"+endpoint+"@file", keys, binding.Router{})
		if got := reasonOf(g, plainRequest(hostA)); got != "policy-invalid" {
			t.Errorf("endpoint %q: %q, want policy-invalid", endpoint, got)
		}
	}
}
