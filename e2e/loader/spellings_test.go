package loader

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
)

// spellings are unusual ways to write a policy in which "acme" owns acme.example.com and the
// routers acme-*@docker.
var spellings = map[string]struct {
	decode func(*testing.T, string) map[string]dynamic.PluginConf
	text   string
}{
	"empty sections": {pluginYAML, `
tenants:
  - name: acme
    routers: [acme-*@docker]
    hosts: [acme.example.com]
    namespaces: []
    certificates: {}
shared: {}
certificates: {pins: []}`},
	"null keys": {pluginYAML, `
tenants: [{name: acme, routers: acme-*@docker, hosts: acme.example.com, mode: null}]
shared: null
mode:`},
	"a lone string": {pluginYAML, `
tenants:
  - name: acme
    routers: acme-*@docker
    hosts: 'b.acme.example.com, acme.example.com'`},
	"upper case": {pluginYAML,
		"TENANTS: [{NAME: acme, Routers: [acme-*@docker], Hosts: [acme.example.com]}]"},
	"items of a label": {pluginLabels, `
tenants[0].name=acme
tenants[0].routers[0]=acme-*@docker
tenants[0].hosts[0]=acme.example.com
tenants[0].hosts[1]=b.acme.example.com`},
	"indices without brackets": {pluginLabels, `
tenants.0.name=acme
tenants.0.routers.0=acme-*@docker
tenants.0.hosts=acme.example.com`},
	"spaces in a label": {pluginLabels, `
tenants[0].name=acme
tenants[0].routers=acme-*@docker
tenants[0].hosts=b.acme.example.com, acme.example.com`},
	"empty label": {pluginLabels, `
tenants[0].name=acme
tenants[0].routers=acme-*@docker
tenants[0].hosts=acme.example.com
shared.pins=`},
	"off without quotes, false in a CRD": {pluginCRD, `
tenants:
  - name: acme
    routers: [acme-*@docker]
    hosts: [acme.example.com]
    certificates: {check: off}`},
	"empty lists in a CRD": {pluginCRD, `
tenants:
  - name: acme
    routers: [acme-*@docker]
    hosts: [acme.example.com]
    namespaces: []
    certificates: {}
shared: {hosts: [], pins: null}`},
	"indices in a CRD": {pluginCRD,
		`tenants: {"0": {name: acme, routers: [acme-*@docker], hosts: [acme.example.com]}}`},
}

func TestSpellings(t *testing.T) {
	for name, spelling := range spellings {
		t.Run(name, func(t *testing.T) {
			plugin := Load(t, "")
			config := spelling.decode(t, strings.TrimSpace(spelling.text))[lab.PluginName]
			allowed := send(t, plugin, config, "acme-web@docker", "acme.example.com", "")
			assert.Equal(t, http.StatusTeapot, allowed.Code, "%s", plugin.Log)
			denied := send(t, plugin, config, "acme-web@docker", "globex.example.com", "")
			assert.Equal(t, http.StatusForbidden, denied.Code)
		})
	}
}

// TestEmptyConfiguration attaches the middleware as a tenant does: the operator's policy applies.
func TestEmptyConfiguration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.json")
	text := `{"tenants": [
		{"name": "acme", "routers": ["acme-*@docker"], "hosts": ["acme.example.com"]}
	]}`
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	t.Setenv(policy.PolicyFileVariable, path)
	empty := map[string]map[string]dynamic.PluginConf{
		"yaml":   pluginYAML(t, "{}"),
		"labels": labelsForm(t, "traefik.http.middlewares.guard.plugin.tenantguard=true"),
		"crd":    pluginCRD(t, "{}"),
		"null":   pluginCRD(t, "null"),
	}
	for name, plugins := range empty {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, plugins, lab.PluginName)
			plugin := Load(t, "")
			allowed := send(t, plugin, plugins[lab.PluginName], "acme-web@docker",
				"acme.example.com", "")
			assert.Equal(t, http.StatusTeapot, allowed.Code, "%s", plugin.Log)
			denied := send(t, plugin, plugins[lab.PluginName], "acme-web@docker",
				"globex.example.com", "")
			assert.Equal(t, http.StatusForbidden, denied.Code)
		})
	}
}

func pluginYAML(t *testing.T, text string) map[string]dynamic.PluginConf {
	t.Helper()
	return fileForm(".yaml")(t, "http:\n middlewares:\n  guard:\n   plugin:\n"+nest(text))
}

func pluginCRD(t *testing.T, text string) map[string]dynamic.PluginConf {
	t.Helper()
	const head = `
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: guard}
spec:
  plugin:
`
	return crdForm(t, head+nest(text))
}

func pluginLabels(t *testing.T, text string) map[string]dynamic.PluginConf {
	t.Helper()
	prefix := "traefik.http.middlewares.guard.plugin.tenantguard."
	return labelsForm(t, prefix+strings.ReplaceAll(text, "\n", "\n"+prefix))
}

// nest indents a plugin's keys under its name.
func nest(text string) string {
	return "    " + lab.PluginName + ":\n      " + strings.ReplaceAll(text, "\n", "\n      ") + "\n"
}
