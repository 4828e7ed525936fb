package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvtools/valkeyrie/store"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/command"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/config/kv"
	"github.com/traefik/traefik/v3/pkg/config/label"
	"github.com/traefik/traefik/v3/pkg/provider/file"
)

// odd are configurations with what the forms write in different ways.
var odd = map[string]string{
	"odd.yml": `http:
  routers:
    web: {rule: "Host(` + "`a.test`" + `)", service: web}
  middlewares:
    other: {headers: {customRequestHeaders: {X: "y"}}}
    guard:
      plugin:
        tenantguard:
          mode: report
          exposeReason: true
          trustedProxies: [192.0.2.1, 198.51.100.0/24]
          certificates: {ttl: 5s, secrets: false, pins: []}
          shared: {}
          tenants:
            - {name: 7, namespaces: acme, hosts: [a.test]}
            - name: globex
              hosts: [b.test, "*.b.test"]
              guest: {hosts: ["**"], paths: [/x, /y]}
              certificates: {check: off}
`,
	"odd.toml": `[http.middlewares.guard.plugin.tenantguard]
exposeReason = true
trustedProxies = ["192.0.2.1"]
[http.middlewares.guard.plugin.tenantguard.certificates]
ttl = "5s"
[[http.middlewares.guard.plugin.tenantguard.tenants]]
name = 7
hosts = "a.test, b.test"
[[http.middlewares.guard.plugin.tenantguard.tenants]]
name = "globex"
kubernetesNamespaces = true
hosts = ["c.test"]
guest = {hosts = ["**"]}
`,
	"odd-labels.txt": `traefik.enable=true
traefik.http.routers.web.rule=Host(` + "`a.test`" + `)
traefik.http.middlewares.other.headers.customRequestHeaders.X=y
traefik.http.middlewares.Guard.plugin.tenantguard.exposeReason=true
traefik.http.middlewares.Guard.plugin.tenantguard.tenants[0].name=acme
traefik.http.middlewares.Guard.plugin.tenantguard.tenants[0].hosts=a.test, b.test
traefik.http.middlewares.Guard.plugin.tenantguard.tenants[1].NAME=globex
traefik.http.middlewares.Guard.plugin.tenantguard.tenants[1].guest.hosts=**
traefik.http.middlewares.Guard.plugin.tenantguard.tenants[1].hosts[0]=c.test
traefik.http.middlewares.Guard.plugin.tenantguard.tenants[1].hosts[1]=d.test
`,
	"odd-kv.txt": `traefik/http/routers/web/rule Host(` + "`a.test`" + `)
traefik/http/middlewares/a.b/plugin/tenantguard/mode report
traefik/http/middlewares/a.b/plugin/tenantguard/tenants/0/name acme
traefik/http/middlewares/a.b/plugin/tenantguard/tenants/0/hosts/0 a.test
traefik/http/middlewares/a.b/plugin/tenantguard/tenants/0/hosts/1 b.test
traefik/http/middlewares/a.b/plugin/tenantguard/tenants/1/name globex
traefik/http/middlewares/a.b/plugin/tenantguard/tenants/1/hosts c.test
traefik/http/middlewares/a.b/plugin/tenantguard/tenants/1/guest/hosts d.test
traefik/http/middlewares/a.b/plugin/tenantguard/tenants/1/guest/paths/0 /x
`,
}

// TestForms holds how the command reads each form to how Traefik reads it.
func TestForms(t *testing.T) {
	root, err := repo.Root()
	require.NoError(t, err)
	dir := t.TempDir()
	var paths []string
	for name, content := range odd {
		paths = append(paths, filepath.Join(dir, name))
		require.NoError(t, os.WriteFile(paths[len(paths)-1], []byte(content), 0o600))
	}
	for _, name := range []string{"dynamic.yml", "dynamic.toml", "labels.txt", "kv.txt",
		"file/dynamic.yml"} {
		paths = append(paths, filepath.Join(root, "examples", name))
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want := filepath.Join(dir, "want.json")
			keys := map[string]any{"plugin": map[string]any{"tenantguard": decoded(t, path)}}
			content, err := json.Marshal(keys)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(want, content, 0o600))
			assert.Equal(t, printed(t, want), printed(t, path))
		})
	}
}

// printed is a policy as the command prints it. The files that it names are some that are there.
func printed(t *testing.T, path string) string {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	roots := filepath.Join(root, "testdata", "certificates", "roots-platform.pem")
	result := command.Run(t, "check", path, "--print", "json",
		"--operator-providers", "docker,consul", "--file", "/etc/tenantguard/roots.pem="+roots,
		"--file", "certificates/ca.crt="+roots)
	require.NotEmpty(t, result.Out, result.Errs)

	return result.Out
}

// decoded returns the keys of the guard as Traefik hands them over.
func decoded(t *testing.T, path string) map[string]any {
	t.Helper()
	var configuration *dynamic.Configuration
	var err error
	content, readErr := os.ReadFile(path)
	require.NoError(t, readErr)
	switch {
	case filepath.Ext(path) != ".txt":
		configuration, err = (&file.Provider{Filename: path}).DecodeConfiguration(path)
	case strings.Contains(path, "labels"):
		labels := map[string]string{}
		for line := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n") {
			key, value, _ := strings.Cut(line, "=")
			labels[key] = value
		}
		configuration, err = label.DecodeConfiguration(labels)
	default:
		var pairs []*store.KVPair
		for line := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n") {
			key, value, _ := strings.Cut(line, " ")
			pairs = append(pairs, &store.KVPair{Key: key, Value: []byte(value)})
		}
		configuration = &dynamic.Configuration{}
		err = kv.Decode(pairs, configuration, "traefik")
	}
	require.NoError(t, err)
	for _, middleware := range configuration.HTTP.Middlewares {
		if keys := middleware.Plugin["tenantguard"]; keys != nil {
			return keys
		}
	}
	require.Fail(t, "no guard")

	return nil
}
