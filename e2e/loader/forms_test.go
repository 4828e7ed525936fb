package loader

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvtools/valkeyrie/store"
	"github.com/stretchr/testify/require"
	"github.com/traefik/paerser/env"
	"github.com/traefik/paerser/flag"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/config/kv"
	"github.com/traefik/traefik/v3/pkg/config/label"
	"github.com/traefik/traefik/v3/pkg/provider/file"
	"github.com/traefik/traefik/v3/pkg/provider/kubernetes/crd/traefikio/v1alpha1"
	"sigs.k8s.io/yaml"
)

// form is one way to write the configuration of a middleware.
type form struct {
	file   string
	decode func(t *testing.T, content string) map[string]dynamic.PluginConf
	// unknown adds a nested key that the plugin does not know, with the value "surprise".
	unknown func(content string) string
}

var forms = map[string]form{
	"yaml": {"policy.yaml", fileForm(".yaml"),
		replace("observe: ttl", "observed: surprise")},
	"toml": {"policy.toml", fileForm(".toml"),
		replace(`observe = "ttl"`, `observed = "surprise"`)},
	"labels":    {"labels.txt", labelsForm, replace("observe=ttl", "observed=surprise")},
	"key-value": {"kv.json", kvForm, replace(`observe": "ttl"`, `observed": "surprise"`)},
	"flags":     {"flags.txt", flagsForm, replace("observe=ttl", "observed=surprise")},
	"environment": {"environment.txt", environmentForm,
		replace("OBSERVE=ttl", "OBSERVED=surprise")},
	"crd": {"middleware-crd.yaml", crdForm, replace("observe: ttl", "observed: surprise")},
}

func replace(before, after string) func(string) string {
	return func(content string) string { return strings.Replace(content, before, after, 1) }
}

// fileForm decodes as the file provider does.
func fileForm(extension string) func(*testing.T, string) map[string]dynamic.PluginConf {
	return func(t *testing.T, content string) map[string]dynamic.PluginConf {
		t.Helper()
		path := filepath.Join(t.TempDir(), "dynamic"+extension)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		configuration, err := (&file.Provider{Filename: path}).DecodeConfiguration(path)
		require.NoError(t, err)
		return configuration.HTTP.Middlewares["guard"].Plugin
	}
}

// labelsForm decodes as the Docker, Swarm, Nomad, ECS and Consul Catalog providers do.
func labelsForm(t *testing.T, content string) map[string]dynamic.PluginConf {
	t.Helper()
	labels := map[string]string{}
	for line := range strings.Lines(content) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		labels[key] = value
	}
	configuration, err := label.DecodeConfiguration(labels)
	require.NoError(t, err)
	return configuration.HTTP.Middlewares["guard"].Plugin
}

// kvForm decodes as the Consul, etcd, Redis and ZooKeeper providers do.
func kvForm(t *testing.T, content string) map[string]dynamic.PluginConf {
	t.Helper()
	values := map[string]string{}
	require.NoError(t, json.Unmarshal([]byte(content), &values))
	var pairs []*store.KVPair
	for key, value := range values {
		pairs = append(pairs, &store.KVPair{Key: key, Value: []byte(value)})
	}
	configuration := &dynamic.Configuration{}
	require.NoError(t, kv.Decode(pairs, configuration, "traefik"))
	return configuration.HTTP.Middlewares["guard"].Plugin
}

// flagsForm decodes like Traefik's command line, which itself accepts only the static
// configuration.
func flagsForm(t *testing.T, content string) map[string]dynamic.PluginConf {
	t.Helper()
	configuration := &dynamic.Configuration{}
	require.NoError(t, flag.Decode(strings.Fields(content), configuration))
	return configuration.HTTP.Middlewares["guard"].Plugin
}

// environmentForm decodes like Traefik's environment variables. All keys become lower case.
func environmentForm(t *testing.T, content string) map[string]dynamic.PluginConf {
	t.Helper()
	configuration := &dynamic.Configuration{}
	require.NoError(t, env.Decode(strings.Fields(content), env.DefaultNamePrefix, configuration))
	return configuration.HTTP.Middlewares["guard"].Plugin
}

// crdForm decodes as the Kubernetes CRD provider does: the raw JSON of each plugin into a
// PluginConf.
func crdForm(t *testing.T, content string) map[string]dynamic.PluginConf {
	t.Helper()
	var middleware v1alpha1.Middleware
	require.NoError(t, yaml.UnmarshalStrict([]byte(content), &middleware))
	raw, err := json.Marshal(middleware.Spec.Plugin)
	require.NoError(t, err)
	var plugin map[string]dynamic.PluginConf
	require.NoError(t, json.Unmarshal(raw, &plugin))
	return plugin
}

func readForm(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "forms", name))
	require.NoError(t, err)
	return string(content)
}
