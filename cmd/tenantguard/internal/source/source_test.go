package source

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

const repository = "../../../.."

var options = Options{Plugin: "tenantguard"}

func TestRead(t *testing.T) {
	const keys = `{"tenants":[{"name":"acme","hosts":["a.test","b.test"]}]}`
	cases := []struct {
		description, name, content string
		form, middleware           string
		keys                       string // "" where they are keys above
		place                      string // of tenants[0].hosts[1]
	}{
		{"a policy file", "p.json", keys, FormFile, "guard@file", `{"policyFile":"p.json"}`,
			"p.json:1"},
		{"a policy file in YAML", "p.yaml", "tenants:\n- name: acme\n  hosts:\n  - a.test\n" +
			"  - b.test\n", FormFile, "guard@file", `{"policyFile":"p.yaml"}`, "p.yaml:5"},
		{"a policy file that is no JSON is left to the plugin", "p.json", `{"tenants":[}`, FormFile,
			"guard@file", `{"policyFile":"p.json"}`, "p.json"},
		{"keys of the plugin", "p.yaml", "mode: report\ncertificates: &c\n  roots: none\n" +
			"tenants:\n- name: acme\n  certificates: *c\n", FormKeys, "guard@file",
			`{"mode":"report","certificates":{"roots":"none"},` +
				`"tenants":[{"name":"acme","certificates":{"roots":"none"}}]}`, "p.yaml:5"},
		{"a plugin of a middleware", "p.yaml",
			"plugin:\n  tenantguard:\n    tenants:\n" +
				"    - {name: acme, hosts: [a.test, b.test]}\n",
			FormKeys, "guard@file", "", "p.yaml:4"},
		{"a Middleware", "p.yaml", "kind: Secret\napiVersion: v1\n---\nkind: Middleware\n" +
			"apiVersion: traefik.io/v1alpha1\nmetadata:\n  name: guard\n  namespace: ops\n" +
			"spec:\n  plugin:\n    tenantguard:\n      tenants:\n      - name: acme\n" +
			"        hosts:\n        - a.test\n        - b.test\n",
			FormMiddleware, "ops_guard@kubernetescrd", "", "p.yaml:16"},
		{"a list of objects", "p.json", `{"kind":"List","apiVersion":"v1","items":[{"kind":` +
			`"Middleware","apiVersion":"traefik.io/v1alpha1","metadata":{"name":"guard"},"spec":` +
			`{"plugin":{"tenantguard":` + keys + `}}}]}`, FormMiddleware,
			"default_guard@kubernetescrd", "", "p.json:1"},
		{"a file in a ConfigMap", "p.yaml", "kind: ConfigMap\napiVersion: v1\ndata:\n" +
			"  policy.json: |\n    {\"tenants\": [{\"name\": \"acme\",\n    \"hosts\":\n" +
			"    [\"a.test\", \"b.test\"]}]}\n", FormFile, "guard@file",
			`{"policyFile":"policy.json"}`, "p.yaml:7"},
		{"dynamic configuration", "p.yaml", "http:\n  routers:\n    a: {rule: Host(`a.test`)}\n" +
			"  middlewares:\n    other:\n      headers: {}\n    guard:\n      plugin:\n" +
			"        tenantguard:\n          tenants:\n          - name: acme\n" +
			"            hosts:\n            - a.test\n            - b.test\n",
			FormDynamic, "guard@file", "", "p.yaml:14"},
		{"dynamic configuration in TOML", "p.toml",
			"[[http.middlewares.guard.plugin.tenantguard.tenants]]\nname = \"acme\"\nhosts = [\n" +
				"\"a.test\",\n\"b.test\"]\n", FormDynamic, "guard@file", "", "p.toml:5"},
		{"a policy file in TOML", "p.toml", "[[tenants]]\nname = \"acme\"\nhosts = [\n" +
			"\"a.test\",\n\"b.test\"]\n", FormFile, "guard@file",
			`{"policyFile":"p.toml"}`, "p.toml:5"},
		{"keys of the plugin in TOML", "p.toml", "mode = \"enforce\"\n[[tenants]]\n" +
			"name = \"acme\"\nhosts = [\n\"a.test\",\n\"b.test\"]\n", FormKeys, "guard@file",
			`{"mode":"enforce",` + keys[1:], "p.toml:6"},
		{"TOML by its look", "-", "# a policy\n[http]\n" +
			"[[http.middlewares.guard.plugin.tenantguard.tenants]]\nname = \"acme\"\n" +
			"hosts = [\"a.test\", \"b.test\"]\n", FormDynamic, "guard@file", "", "-:5"},
		{"labels", "p.txt", "# mine\ntraefik.enable=true\n" +
			"traefik.http.middlewares.guard.plugin.tenantguard.tenants[0].name=acme\n" +
			"traefik.http.middlewares.guard.plugin.tenantguard.tenants[0].hosts=a.test,b.test\n",
			FormLabels, "guard@docker", `{"tenants":[{"name":"acme","hosts":"a.test,b.test"}]}`,
			"p.txt:4"},
		{"labels, as a map", "p.yaml",
			"traefik.http.middlewares.guard.plugin.tenantguard.tenants[0].name: acme\n" +
				"traefik.http.middlewares.guard.plugin.tenantguard.tenants[0].hosts: a.test\n",
			FormLabels, "guard@docker", `{"tenants":[{"name":"acme","hosts":"a.test"}]}`,
			"p.yaml:2"},
		{"labels of a compose file, as a list", "compose.yml", "services:\n  a:\n    labels:\n" +
			"    - traefik.http.middlewares.guard.plugin.tenantguard.tenants[0].name=acme\n" +
			"    - traefik.http.middlewares.guard.plugin.tenantguard.tenants[0].hosts=$$a\n",
			FormLabels, "guard@docker", `{"tenants":[{"name":"acme","hosts":"$a"}]}`,
			"compose.yml:5"},
		{"labels of a service of a swarm, as a map", "compose.yml", "services:\n  a:\n" +
			"    deploy:\n      labels:\n" +
			"        traefik.http.middlewares.guard.plugin.tenantguard.tenants[0].name: acme\n",
			FormLabels, "guard@docker", `{"tenants":[{"name":"acme"}]}`, "compose.yml:5"},
		{"pairs of a key-value store", "p.txt",
			"traefik/http/middlewares/guard/plugin/tenantguard/tenants/0/name acme\n" +
				"traefik/http/middlewares/guard/plugin/tenantguard/tenants/0/hosts/0 a.test\n" +
				"traefik/http/middlewares/guard/plugin/tenantguard/tenants/0/hosts/1 b.test\n",
			FormKeyValue, "guard@consul", `{"tenants":[{"name":"acme","hosts":"a.test,b.test"}]}`,
			"p.txt:3"},
		{"pairs as Consul exports them", "p.json", `[{"flags":0,"value":"YWNtZQ==","key":` +
			`"traefik/http/middlewares/guard/plugin/tenantguard/tenants/0/name"}]`,
			FormKeyValue, "guard@consul", `{"tenants":[{"name":"acme"}]}`, "p.json:1"},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			found, err := Read(c.name, []byte(c.content), options)
			require.NoError(t, err)
			require.Len(t, found, 1)
			assert.Equal(t, c.form, found[0].Form)
			assert.Equal(t, c.middleware, found[0].Middleware)
			if c.keys == "" {
				c.keys = keys
			}
			got, err := json.Marshal(found[0].Keys)
			require.NoError(t, err)
			assert.JSONEq(t, c.keys, string(got))
			assert.Equal(t, c.place, found[0].Place("tenants[0].hosts[1]", "b.test"))
		})
	}
}

func TestReadErrors(t *testing.T) {
	cases := []struct{ description, name, content, want string }{
		{"nothing", "p.yaml", " \n", "p.yaml: the file is empty"},
		{"something else", "p.yaml", "groups: {}\n",
			"p.yaml: wanted a policy file, keys of the plugin, a Middleware, Traefik's dynamic " +
				"configuration, labels or key-value pairs, found the keys groups"},
		{"the static configuration", "p.yaml", "entryPoints: {}\n",
			"found Traefik's static configuration: the policy is in a file that its providers " +
				"name"},
		{"another plugin", "p.yaml", "http: {middlewares: {a: {plugin: {geoip: {x: y}}}}}\n",
			"found a middleware of the plugin geoip"},
		{"a template", "p.yaml", "http:\n  {{ range }}\n", "the file has templates"},
		{"a text", "p.yaml", "tenants\n", "p.yaml: wanted a policy file"},
		{"TOML with a mistake", "p.toml", "[http\n", "p.toml: toml: line 2: "},
		{"a label without a value", "p.yaml", "- traefik.enable\n", "line 1: wanted a label"},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			_, err := Read(c.name, []byte(c.content), options)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// TestLoadVectors holds the errors of every configuration to the vectors.
func TestLoadVectors(t *testing.T) {
	all, err := vectors.LoadConfigurations(filepath.Join(repository, "testdata"))
	require.NoError(t, err)
	for _, c := range all {
		t.Run(c.Description, func(t *testing.T) {
			l := (&Policy{Middleware: c.Middleware, Keys: c.Policy}).Load(Environment{
				Getenv: func(name string) string {
					return map[string]string{
						policy.OperatorNamespacesVariable: c.OperatorNamespaces,
						policy.OperatorProvidersVariable:  c.OperatorProviders,
					}[name]
				},
			})
			assert.Equal(t, len(c.Errors) > 0, len(l.Errors) > 0, l.Errors)
			assert.Equal(t, len(l.Errors) == 0, l.Effective != nil)
			for _, fragments := range c.Errors {
				assert.True(t, slices.ContainsFunc(l.Errors, func(text string) bool {
					return containsAll(text, fragments)
				}), "%q has none with all of %q", l.Errors, fragments)
			}
			if l.Effective != nil {
				assertMergedIsSame(t, l)
			}
		})
	}
}

// assertMergedIsSame wants the merged policy to be in force as the policy itself is.
func assertMergedIsSame(t *testing.T, l *Loaded) {
	t.Helper()
	content, err := json.Marshal(l.Merged())
	require.NoError(t, err)
	var keys map[string]any
	require.NoError(t, json.Unmarshal(content, &keys))
	again := (&Policy{Middleware: "guard@file", Keys: keys}).Load(Environment{})
	require.Empty(t, again.Errors)
	assert.Equal(t, l.Effective.Settings, again.Effective.Settings)
	for i, tenant := range l.Effective.Tenants {
		got := again.Effective.Tenants[i]
		assert.True(t, tenant.Certificates.Roots.Equal(got.Certificates.Roots))
		tenant.Certificates.Roots, got.Certificates.Roots = nil, nil
	}
	assert.Equal(t, l.hosts(), again.hosts())
	assert.Equal(t, l.namespaces(), again.namespaces())
	assert.Equal(t, l.Effective.Policy, again.Effective.Policy)
}

func containsAll(text string, fragments []string) bool {
	for _, fragment := range fragments {
		if !strings.Contains(text, fragment) {
			return false
		}
	}

	return true
}

// TestLoadDecisions loads the policies of all decisions, with their Namespaces.
func TestLoadDecisions(t *testing.T) {
	seen := map[string]bool{}
	for _, topic := range vectors.Topics {
		cases, err := vectors.Load(filepath.Join(repository, "testdata"), topic)
		require.NoError(t, err)
		for _, c := range cases {
			if seen[topic+c.PolicyName] {
				continue
			}
			seen[topic+c.PolicyName] = true
			t.Run(topic+"/"+c.PolicyName, func(t *testing.T) {
				l := (&Policy{Middleware: "guard@file", Keys: c.Policy}).Load(Environment{})
				assert.Equal(t, c.Want == "policy-invalid", l.Effective == nil)
				if l.Effective != nil {
					assertMergedIsSame(t, l)
				}
			})
		}
	}
	assert.Greater(t, len(seen), 50)
}

// TestMerged lays a policy file and Namespaces over each other.
func TestMerged(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "here.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"TENANTS":[
		{"name":"acme","hosts":"A.test, b.test","kubernetesNamespaces":"true"}],"shared":{}}`),
		0o600))
	namespaces, err := ReadNamespaces("ns", []byte(`kind: List
items:
- kind: Namespace
  metadata: {name: acme, labels: {team: acme}, annotations: {tenantguard.io/hosts: c.test}}
- kind: Namespace
  metadata: {name: new, labels: {team: new}, annotations: {tenantguard.io/mode: report}}
- kind: Pod
  metadata: {name: x}
`))
	require.NoError(t, err)
	l := (&Policy{Middleware: "guard@file", Keys: map[string]any{
		"policyFile": "/etc/there.json", "Mode": "report",
		"kubernetes": map[string]any{"enabled": "true", "tenantLabel": "team"},
	}}).Load(Environment{
		Files: map[string]string{"/etc/there.json": file}, Namespaces: namespaces,
	})
	require.Empty(t, l.Errors)
	content, err := json.Marshal(l.Merged())
	require.NoError(t, err)
	assert.JSONEq(t, `{"mode":"report","kubernetes":{"enabled":true,"tenantLabel":"team"},
		"tenants":[{"name":"acme","namespaces":["acme"],"hosts":["A.test","b.test","c.test"],
		"kubernetesNamespaces":true},{"name":"new","mode":"report","namespaces":["new"]}],
		"shared":{}}`, string(content))
	assert.Equal(t, file+":2", l.Place("tenants[0].hosts[0]", "A.test"))
}

// TestReadNamespaces reads all forms.
func TestReadNamespaces(t *testing.T) {
	const one = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {x: z}}\n"
	for _, c := range []struct{ description, content string }{
		{"a list", "kind: NamespaceList\nitems: [{metadata: {name: a, labels: {x: z}}}]\n"},
		{"JSON", `{"kind": "List", "items": [{"kind": "Namespace", "metadata": {"name": "a",
			"labels": {"x": "z"}}}]}`},
		{"a manifest", one},
		{"one among others", "---\n# nothing\n---\nkind: Pod\nmetadata: {name: b}\n---\n" + one},
	} {
		all, err := ReadNamespaces("ns", []byte(c.content))
		require.NoError(t, err, c.description)
		require.Len(t, all, 1, c.description)
		assert.Equal(t, "a", all[0].Metadata.Name, c.description)
		assert.Equal(t, "z", all[0].Metadata.Labels["x"], c.description)
	}
}

func TestReadNamespacesErrors(t *testing.T) {
	for _, content := range []string{"{", "kind: PodList\nitems: [{metadata: {name: a}}]\n", ""} {
		_, err := ReadNamespaces("ns", []byte(content))
		assert.ErrorContains(t, err, "ns: ", content)
	}
}

// TestPlaceOfPairs wants the first of the pairs that a path leads to.
func TestPlaceOfPairs(t *testing.T) {
	found, err := Read("p.txt", []byte("traefik.enable=true\n"+
		"traefik.http.middlewares.a.plugin.tenantguard.tenants[0].name=x\n"+
		"traefik.http.middlewares.b.plugin.tenantguard.tenants[0].name=x\n"+
		"traefik.http.middlewares.b.plugin.tenantguard.tenants[0].hosts=x\n"), options)
	require.NoError(t, err)
	require.Len(t, found, 2)
	assert.Equal(t, "p.txt:2", found[0].Place("tenants[0]", ""))
	assert.Equal(t, "p.txt:3", found[1].Place("tenants[0]", ""))
	assert.Equal(t, "p.txt:4", found[1].Place("tenants[0].hosts[3]", ""))
}

// TestDocumentOf reads what forms write in different ways.
func TestDocumentOf(t *testing.T) {
	yes := true
	for _, c := range []struct {
		description string
		keys        map[string]any
		want        Document
	}{
		{"off, as YAML reads it", map[string]any{"certificates": map[string]any{"check": false}},
			Document{Certificates: &Certificates{Check: "off"}}},
		{"true as text", map[string]any{"exposeReason": "true"}, Document{ExposeReason: &yes}},
		{"an empty section as text", map[string]any{"shared": ""}, Document{}},
		{"maps for lists", map[string]any{"Tenants": map[any]any{"0": map[string]any{"name": 7}}},
			Document{Tenants: []Tenant{{Name: "7"}}}},
	} {
		assert.Equal(t, c.want, *DocumentOf(c.keys), c.description)
	}
}
