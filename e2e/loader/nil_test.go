package loader

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

// TestErrorsOfTheInterpreter has something be missing or refused of which the code has an error
// that a user can read. The interpreter makes a panic of many a nil beside it, with a stack.
func TestErrorsOfTheInterpreter(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBERNETES_SERVICE_PORT", "")
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	api := func(endpoint, tokenFile, caFile string) lab.Map {
		return lab.Map{"kubernetes": lab.Map{"enabled": true, "endpoint": endpoint,
			"tokenFile": tokenFile, "caFile": caFile}}
	}
	const roots = testdata + "/certificates/roots-platform.pem"
	const closed, host = "https://127.0.0.1:1", "a.acme.example.com"
	acme := []lab.Map{{"name": "acme", "routers": "acme-*@docker", "hosts": host}}
	rows := []struct {
		description string
		keys        lab.Map
		// status is what a request is answered, and want what the log says.
		status int
		want   string
	}{
		{"no pod", lab.Map{"kubernetes": lab.Map{"enabled": true}}, 503,
			"kubernetes: no endpoint, and KUBERNETES_SERVICE_HOST"},
		{"an endpoint that is no URL", api("https://%zz", "", ""), 503,
			"wanted an https URL, such as"},
		{"an endpoint with a user", api("https://user@example.com", "", ""), 503,
			"kubernetes: the endpoint has a user"},
		{"an endpoint over http", api("http://127.0.0.1:1", "", ""), 503, "kubernetes.endpoint"},
		{"no token", api(closed, "/nonexistent/token", roots), 503, "/nonexistent/token"},
		{"an empty token", api(closed, file(""), roots), 503, "the file of the token"},
		{"no authority", api(closed, file("token"), "/nonexistent/ca"), 503, "/nonexistent/ca"},
		{"an authority that is none", api(closed, file("token"), file("none")), 503,
			"the file of authorities"},
		{"an API that is not there", api(closed, file("token"), roots), 503, "connection refused"},
		{"Secrets without a pod", lab.Map{"tenants": acme,
			"certificates": lab.Map{"secrets": true}}, 503, "KUBERNETES_SERVICE_HOST"},
		{"Secrets without a pod, allowed", lab.Map{"tenants": acme,
			"certificates": lab.Map{"secrets": true, "onError": "allow"}}, 418, ""},
		{"no policy file", lab.Map{"policyFile": "/nonexistent/policy.json"}, 503,
			"/nonexistent/policy.json"},
		{"a policy file that is empty", lab.Map{"policyFile": file("")}, 503, "wanted JSON"},
		{"a policy file that is null", lab.Map{"policyFile": file("null")}, 503, "wanted a map"},
		{"a policy file with nulls", lab.Map{"policyFile": file(`{"tenants": [null]}`)}, 503,
			"tenants[0]"},
		{"no roots", lab.Map{"tenants": acme, "certificates": lab.Map{"roots": "/nonexistent"}},
			503, "/nonexistent"},
		{"roots that are none", lab.Map{"tenants": acme,
			"certificates": lab.Map{"roots": file("none")}}, 503, "wanted a PEM file"},
		{"no keys", nil, 503, "TENANTGUARD_POLICY_FILE"},
		{"keys that are null", lab.Map{"tenants": nil, "shared": nil, "certificates": nil,
			"kubernetes": nil}, 503, "TENANTGUARD_POLICY_FILE"},
		{"tenants that are null", lab.Map{"tenants": []any{nil, nil}}, 503, "tenants[1]"},
		{"sections with nulls", lab.Map{"tenants": acme, "shared": lab.Map{"hosts": nil},
			"certificates": lab.Map{"roots": nil}}, 418, "checked by their names only"},
	}
	plugin := Load(t, "")
	for i, row := range rows {
		t.Run(row.description, func(t *testing.T) {
			name := fmt.Sprintf("guard%d@file", i)
			before := len(plugin.Log.Lines())
			ctx := RouterContext(t.Context(), "websecure", "acme-web@docker")
			guard, err := plugin.New(ctx, teapot, row.keys, name)
			require.NoError(t, err)
			recorder := httptest.NewRecorder()
			guard.ServeHTTP(recorder, request(t, vectors.Case{Host: host, TLS: true,
				ServerName: host, Certificate: "acme-exact"}))
			assert.Equal(t, row.status, recorder.Code)
			said := strings.Join(plugin.Log.Lines()[before:], "\n")
			assert.Contains(t, said, row.want)
			for _, panicked := range []string{"reflect", "panic", "goroutine", "nil pointer"} {
				assert.NotContains(t, said, panicked)
			}
		})
	}
}
