package papers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvtools/valkeyrie/store"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/config/kv"
	"github.com/traefik/traefik/v3/pkg/config/label"
	"github.com/traefik/traefik/v3/pkg/provider/file"
	"github.com/traefik/traefik/v3/pkg/provider/kubernetes/crd/traefikio/v1alpha1"
	kubernetesyaml "sigs.k8s.io/yaml"
)

// TestForms wants one policy, whatever form an example writes it in.
func TestForms(t *testing.T) {
	policyFile := middleware{"guard@file",
		map[string]any{"policyFile": "/etc/tenantguard/policy.json"}}
	want := effectivePolicy(t, policyFile)
	require.NotNil(t, want.Tenant("acme").Certificates.Roots)
	operator, tenant := exampleMiddlewares(t)
	forms := map[string]middleware{
		"dynamic.yml":               {"guard@file", exampleFile(t, "dynamic.yml")},
		"dynamic.toml":              {"guard@file", exampleFile(t, "dynamic.toml")},
		"kv.txt":                    {"guard@consul", exampleKV(t)},
		"labels.txt":                {"guard@docker", exampleLabels(t)},
		"middleware.yaml, operator": operator,
		"middleware.yaml, tenant":   tenant,
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			got := effectivePolicy(t, form)
			require.Len(t, got.Tenants, len(want.Tenants))
			for i, tenant := range got.Tenants {
				roots := want.Tenants[i].Certificates.Roots
				assert.True(t, tenant.Certificates.Roots.Equal(roots))
			}
			plain := withoutRoots(effectivePolicy(t, policyFile))
			assert.Equal(t, plain, withoutRoots(got))
		})
	}
}

func exampleFile(t *testing.T, name string) map[string]any {
	t.Helper()
	return decodeFile(t, name, string(readFile(t, "examples/"+name)))
}

// decodeFile decodes as the file provider does, and returns the keys of the guard, nil for none.
func decodeFile(t *testing.T, name, content string) map[string]any {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	configuration, err := (&file.Provider{Filename: path}).DecodeConfiguration(path)
	require.NoError(t, err)
	if guard := configuration.HTTP.Middlewares["guard"]; guard != nil {
		return guard.Plugin[lab.PluginName]
	}

	return nil
}

// exampleKV decodes as the key-value providers do.
func exampleKV(t *testing.T) map[string]any {
	t.Helper()
	var pairs []*store.KVPair
	for _, line := range exampleLines(t, "kv.txt") {
		key, value, found := strings.Cut(line, " ")
		require.True(t, found, line)
		pairs = append(pairs, &store.KVPair{Key: key, Value: []byte(value)})
	}
	configuration := &dynamic.Configuration{}
	require.NoError(t, kv.Decode(pairs, configuration, "traefik"))

	return configuration.HTTP.Middlewares["guard"].Plugin[lab.PluginName]
}

// exampleLabels decodes as the Docker provider does.
func exampleLabels(t *testing.T) map[string]any {
	t.Helper()
	labels := map[string]string{}
	for _, line := range exampleLines(t, "labels.txt") {
		key, value, found := strings.Cut(line, "=")
		require.True(t, found, line)
		labels[key] = value
	}
	require.Equal(t, "true", labels["traefik.enable"])
	configuration, err := label.DecodeConfiguration(labels)
	require.NoError(t, err)

	return configuration.HTTP.Middlewares["guard"].Plugin[lab.PluginName]
}

func exampleLines(t *testing.T, name string) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(string(readFile(t, "examples/"+name))), "\n")
}

// exampleMiddlewares returns the operator's Middleware and a tenant's, which its route uses.
func exampleMiddlewares(t *testing.T) (operator, tenant middleware) {
	t.Helper()
	content := string(readFile(t, "examples/middleware.yaml"))
	documents := strings.Split(content, "\n---\n")
	require.Len(t, documents, 3)
	own := decodeMiddleware(t, []byte(documents[1]))
	var route v1alpha1.IngressRoute
	require.NoError(t, kubernetesyaml.UnmarshalStrict([]byte(documents[2]), &route))
	assert.Equal(t, own.Namespace, route.Namespace)
	assert.Equal(t, own.Name, route.Spec.Routes[0].Middlewares[0].Name)

	return crdMiddleware(t, decodeMiddleware(t, []byte(documents[0]))), crdMiddleware(t, own)
}

// crdMiddleware decodes as the Kubernetes CRD provider does, with safe names.
func crdMiddleware(t *testing.T, object v1alpha1.Middleware) middleware {
	t.Helper()
	raw, err := json.Marshal(object.Spec.Plugin)
	require.NoError(t, err)
	var plugins map[string]dynamic.PluginConf
	require.NoError(t, json.Unmarshal(raw, &plugins))
	name := object.Namespace + "_" + object.Name + "@kubernetescrd"

	return middleware{name, plugins[lab.PluginName]}
}
