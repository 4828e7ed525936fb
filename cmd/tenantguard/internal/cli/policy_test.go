package cli

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/explain"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

const testdata = "../../../../testdata"

// inFolder writes files into a folder that becomes the working directory.
func inFolder(t *testing.T, contents map[string]string) {
	t.Helper()
	certificates, err := filepath.Abs(filepath.Join(testdata, "certificates"))
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	for name, content := range contents {
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	}
	require.NoError(t, os.Symlink(certificates, "certificates"))
}

var written = map[string]string{
	"policy.json": `{"certificates":{"roots":"/roots.pem"},"tenants":[{"name":"acme",
		"namespaces":["acme"],"hosts":["a.acme.example.com"]}]}`,
	"policy.yaml": "tenants:\n- name: acme\n  namespaces: acme\n  hosts: a.test, b.test\n",
	"wrong.yaml":  "mode: of\ntenants:\n- name: acme\n  hosts:\n  - a b\n",
	"two.yml": "http: {middlewares: {a: {plugin: {tenantguard: {policyFile: /p.json}}}, " +
		"b: {plugin: {tenantguard: {mode: report, policyFile: /p.json}}}}}\n",
	"ns.yaml": "kind: NamespaceList\nitems:\n- metadata: {name: new, labels: " +
		"{tenantguard.io/tenant: new}, annotations: {tenantguard.io/hosts: new.test}}\n",
	"cluster.yaml": "kubernetes: {enabled: true}\n",
	"tenants.yaml": "kind: Middleware\napiVersion: traefik.io/v1alpha1\n" +
		"metadata: {name: m, namespace: acme}\nspec: {plugin: {tenantguard: {}}}\n",
	"other.yaml": "spec: {}\n",
	"map.yaml": "kind: ConfigMap\napiVersion: v1\ndata:\n  policy.json: |\n" +
		"    {\"tenants\": [{\"name\": \"acme\", \"namespaces\": [\"acme\"],\n" +
		"    \"hosts\": [\"a.test\"]}]}\n",
	"wrong-map.yaml": "kind: ConfigMap\napiVersion: v1\ndata:\n  policy.json: |\n" +
		"    {\"tenants\": [{\"name\": \"acme\"},\n    ]}\n",
	"errors.json": "{\"tenants\":\n[{\"name\": \"acme\"}]}\n",
	"no.json":     "{\"tenants\": [{},\n]}\n",
}

func TestCheck(t *testing.T) {
	roots := "/roots.pem=certificates/roots-platform.pem"
	cases := []struct {
		description string
		args        []string
		code        int
		out, errs   []string // what each contains, alone if it is ""
	}{
		{"nothing to say", []string{"policy.json", "--file", roots}, CodeClean,
			[]string{"Nothing found.\n"}, []string{""}},
		{"errors with their places", []string{"wrong.yaml"}, CodeFound, []string{
			"wrong.yaml:1", "wrong.yaml:5", `mode: "of": wanted enforce or report`,
			`tenants[0].hosts[0] of "acme": "a b": wanted one host name`, "2 errors."},
			[]string{""}},
		{"several files", []string{"policy.yaml", "wrong.yaml", "-o", "json"}, CodeFound,
			[]string{`"where": "wrong.yaml:1"`, `"id": "certificates-by-name-only"`}, []string{""}},
		{"a file that Traefik has elsewhere", []string{"policy.json"}, CodeFound,
			[]string{"stat /roots.pem: no such file", "--file PATH=FILE"}, []string{""}},
		{"a certificate", []string{"policy.json", "--file", roots, "--cert",
			"certificates/acme-exact.pem", "--cert", "certificates/acme-other-ca.pem"}, CodeFound,
			[]string{"certificate-refused", "certificate-untrusted.", "1 error."}, []string{""}},
		{"a Middleware of a tenant's", []string{"tenants.yaml", "--policy-file", "/p.json",
			"--file", "/p.json=policy.json", "--file", roots}, CodeClean,
			[]string{"Nothing found."}, []string{""}},
		{"a Middleware without a policy", []string{"tenants.yaml"}, CodeFound,
			[]string{"say what it has with --policy-file"}, []string{""}},
		{"another name of the plugin", []string{"tenants.yaml", "--plugin", "guard"}, CodeFailed,
			[]string{""},
			[]string{"a middleware acme_m@kubernetescrd of other plugins: tenantguard"}},
		{"converted", []string{"policy.yaml", "--print", "json"}, CodeFound, []string{
			`"hosts": [` + "\n" + `        "a.test",` + "\n" + `        "b.test"`},
			[]string{"certificates-by-name-only"}},
		{"what is written", []string{"two.yml", "--middleware", "b", "--print", "yaml", "--file",
			"/p.json=policy.json", "--file", roots}, CodeClean,
			[]string{"mode: report\npolicyFile: /p.json\n"}, []string{"report-mode"}},
		{"merged", []string{"two.yml", "--middleware", "b@file", "--print", "merged", "--file",
			"/p.json=policy.json", "--file", roots}, CodeClean,
			[]string{"mode: report\ntenants:\n  - name: acme\n    namespaces:\n      - acme\n"},
			[]string{"report-mode"}},
		{"merged as JSON, with Namespaces", []string{"cluster.yaml", "--print", "merged",
			"--namespaces", "ns.yaml", "-o", "json"}, CodeClean,
			[]string{`"tenants": [` + "\n" + `    {` + "\n" + `      "name": "new"`}, []string{""}},
		{"nothing is printed of a policy with errors",
			[]string{"wrong.yaml", "--print", "json"}, CodeFound, []string{""},
			[]string{"2 errors."}},
		{"two policies are not printed", []string{"two.yml", "--print", "json"}, CodeFailed,
			[]string{""}, []string{"choose one with --middleware"}},
		{"no such middleware", []string{"two.yml", "--middleware", "c"}, CodeFailed, []string{""},
			[]string{`--middleware "c": there are a@file, b@file`}},
		{"a name for what has none", []string{"policy.json", "--middleware", "m@docker",
			"--operator-providers", "redis"}, CodeFound, []string{"only the operator may set this",
			"--operator-providers"}, []string{""}},
		{"no such file", []string{"none.yaml"}, CodeFailed, []string{""},
			[]string{"none.yaml: no such file"}},
		{"no certificate", []string{"policy.json", "--cert", "policy.json"}, CodeFailed,
			[]string{""}, []string{"policy.json: wanted a PEM file with a certificate"}},
		{"no policy", []string{"other.yaml"}, CodeFailed, []string{""},
			[]string{"other.yaml: wanted a policy file", "found the keys spec"}},
		{"nothing to check", nil, CodeFailed, []string{""},
			[]string{"wanted the file of a policy, or - for"}},
		{"an unknown form", []string{"policy.yaml", "--print", "toml"}, CodeFailed, []string{""},
			[]string{`unknown --print "toml", want merged, json or yaml`}},
		{"a file without a path", []string{"policy.yaml", "--file", "x"}, CodeFailed, []string{""},
			[]string{`--file "x": wanted PATH=FILE`}},
		{"a file that is not here", []string{"policy.json", "--file", "/roots.pem=none.pem"},
			CodeFailed, []string{""},
			[]string{`--file "/roots.pem=none.pem": stat none.pem: no such file`}},
		{"a policy file in a ConfigMap", []string{"map.yaml"}, CodeFound,
			[]string{"certificates-by-name-only", "map.yaml:5", "1 warning."}, []string{""}},
		{"one that is no JSON", []string{"wrong-map.yaml"}, CodeFound,
			[]string{"policy-error policyFile wrong-map.yaml:6", "line 2, column 1"},
			[]string{""}},
		{"the error is in the file that is here", []string{"two.yml", "--middleware", "a",
			"--file", "/p.json=errors.json"}, CodeFound, []string{"errors.json:2"},
			[]string{""}},
		{"no JSON in the file that is here", []string{"two.yml", "--middleware", "a",
			"--file", "/p.json=no.json"}, CodeFound, []string{"policyFile no.json:2"},
			[]string{""}},
	}
	inFolder(t, written)
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			got := run(t, append([]string{"tenantguard", "check"}, c.args...)...)
			assert.Equal(t, c.code, got.code)
			assertContains(t, got.out, c.out)
			assertContains(t, got.errs, c.errs)
		})
	}
}

func assertContains(t *testing.T, text string, fragments []string) {
	t.Helper()
	for _, fragment := range fragments {
		if fragment == "" {
			assert.Empty(t, text)
		}
		assert.Contains(t, oneLine(text), oneLine(fragment))
	}
}

// oneLine is a text without the places where it was wrapped.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

// TestCheckPrinted checks again what was printed.
func TestCheckPrinted(t *testing.T) {
	inFolder(t, written)
	for _, form := range []string{"json", "yaml", "merged"} {
		printed := run(t, "tenantguard", "check", "policy.yaml", "--print", form)
		again := runWith(t, printed.out, "tenantguard", "check", "-", "--print", "merged")
		assert.Contains(t, again.out, "hosts:\n      - a.test\n      - b.test\n", form)
		assert.Equal(t, form != "json", strings.Contains(again.errs, "policy-not-json"), form)
	}
}

func TestExplain(t *testing.T) {
	route := []string{"--router", "acme_web_0@kubernetescrd", "--host", "a.acme.example.com"}
	policyArgs := []string{"-p", "policy.json", "--file",
		"/roots.pem=certificates/roots-platform.pem"}
	cases := []struct {
		description string
		args        []string
		code        int
		verdict     string
		errs        string
	}{
		{"it passes", append(route, "--cert", "certificates/acme-exact.pem"), CodeClean, "pass",
			""},
		{"it is denied", append(route, "--cert", "certificates/acme-other-ca.pem"), CodeFound,
			"certificate-untrusted", ""},
		{"without TLS", append(route, "--plaintext"), CodeClean, "pass", ""},
		{"without a server name", append(route, "--sni", ""), CodeFound, "sni-missing", ""},
		{"with another server name", append(route, "--sni", "b.test"), CodeFound, "sni-foreign",
			""},
		{"the certificate is not known", route, CodeFailed, "undecided",
			"the certificate decides: say which one with --cert"},
		{"a challenge", append(route, "--path", "/.well-known/acme-challenge/x"), CodeClean, "pass",
			""},
		{"no host", route[:2], CodeFailed, "", "wanted --host or --request"},
		{"no router of a URL", []string{"--request", "https://a.test"}, CodeFailed, "",
			"wanted --router, or --api to find it"},
		{"no URL", []string{"--request", "a.test"}, CodeFailed, "",
			"wanted a URL of http or https"},
		{"a URL and a host", append(route, "--request", "https://a.test"), CodeFailed, "",
			"none of the others can be"},
		{"no certificate", append(route, "--cert", "none.pem"), CodeFailed, "", "no such file"},
		{"a server that is not there", append(route, "--cert", "127.0.0.1:1"), CodeFailed,
			"undecided", "connection refused. --connect says where Traefik listens."},
		{"a server that is not there, and need not be", append(route, "--cert", "127.0.0.1:1",
			"--sni", "b.test"), CodeFound, "sni-foreign", "connection refused"},
		{"no router", []string{"--host", "a.acme.example.com"}, CodeFailed, "",
			"wanted --router, or --request and --api to find it"},
		{"a peer", append(route, "--plaintext", "--client", "[2001:db8::1]:1234"), CodeClean,
			"pass", ""},
		{"no address", append(route, "--client", "here"), CodeFailed, "",
			`--client "here": wanted an IP address`},
		{"no path", append(route, "--path", "login"), CodeFailed, "",
			`--path "login": wanted a path that begins with /`},
	}
	inFolder(t, written)
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			args := append([]string{"tenantguard", "explain", "-o", "json"}, policyArgs...)
			got := run(t, append(args, c.args...)...)
			assert.Equal(t, c.code, got.code)
			assertContains(t, got.errs, []string{c.errs})
			if c.verdict == "" {
				assert.Empty(t, got.out)

				return
			}
			var e explain.Explanation
			require.NoError(t, json.Unmarshal([]byte(got.out), &e))
			assert.Equal(t, c.verdict, e.Verdict)
		})
	}
}

func TestExplainPolicies(t *testing.T) {
	inFolder(t, written)
	route := []string{"--router", "acme_web_0@kubernetescrd", "--host", "new.test", "--plaintext"}
	cases := []struct {
		description string
		args        []string
		code        int
		out, errs   string
	}{
		{"without one", nil, CodeFailed, "", `required flag(s) "policy" not set`},
		{"with errors", []string{"-p", "wrong.yaml"}, CodeFound, "policy-invalid (status 503)", ""},
		{"one of two", []string{"-p", "two.yml"}, CodeFailed, "",
			"two.yml has the middlewares a@file, b@file: choose one with --middleware"},
		{"of a cluster that is not known", []string{"-p", "cluster.yaml"}, CodeFound,
			"router-unbound",
			"The policy takes tenants from Namespaces, and --namespaces gives none"},
		{"of a cluster", []string{"-p", "cluster.yaml", "--namespaces", "ns.yaml", "--router",
			"new_web_0@kubernetescrd"}, CodeClean, "pass\n\npolicy      In force with 1 tenant",
			""},
		{"in report mode", []string{"-p", "two.yml", "--middleware", "b", "--file",
			"/p.json=policy.json", "--file", "/roots.pem=certificates/roots-platform.pem"},
			CodeFound, "host-unowned (reported, and let pass)", ""},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			args := append([]string{"tenantguard", "explain"}, route...)
			got := run(t, append(args, c.args...)...)
			assert.Equal(t, c.code, got.code)
			assert.Contains(t, got.out, c.out)
			assertContains(t, got.errs, []string{c.errs})
		})
	}
}

// TestExplainWrapped wants no line longer than a terminal, whatever there is to say.
func TestExplainWrapped(t *testing.T) {
	inFolder(t, written)
	got := run(t, "tenantguard", "explain", "-p", "policy.yaml", "--router",
		"acme_web_0@kubernetescrd", "--host", "a.test", "--sni", "b.test.example.com",
		"--cert", "certificates/acme-other-ca.pem")
	assert.Contains(t, got.out, "sni-foreign")
	for _, line := range strings.Split(got.out, "\n") {
		assert.LessOrEqual(t, len([]rune(line)), 100, line)
	}
}

// TestExplainURL explains the request of a URL: the certificate is a server's, and the router is
// found by an API.
func TestExplainURL(t *testing.T) {
	certificate, err := vectors.Certificate(testdata, "acme-exact")
	require.NoError(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{*certificate},
	})
	require.NoError(t, err)
	defer listener.Close()
	go vectors.Handshake(listener)
	address := listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		answers := map[string]string{
			"/api/entrypoints": `[{"name":"websecure","address":":` + port + `"}]`,
			"/api/http/routers": `[{"name":"websecure-acme-web@docker","provider":"docker",` +
				`"entryPoints":["websecure"],"rule":"Host(` + "`a.acme.example.com`" + `)",` +
				`"status":"enabled","tls":{}}]`,
			"/api/version": `{"Version":"3.7.13"}`,
		}
		if answers[req.URL.Path] == "" {
			answers[req.URL.Path] = "[]"
		}
		_, _ = rw.Write([]byte(answers[req.URL.Path]))
	}))
	defer api.Close()
	inFolder(t, map[string]string{"policy.json": `{"tenants":[{"name":"acme",
		"routers":["acme-*@docker"],"hosts":["a.acme.example.com"]}]}`})
	got := run(t, "tenantguard", "explain", "-p", "policy.json", "--request",
		"https://a.acme.example.com/x", "--connect", address, "--api", api.URL)
	assert.Equal(t, CodeClean, got.code, got.errs)
	assert.Contains(t, got.out, "websecure-acme-web@docker matches a pattern of routers of tenant")
	assert.Contains(t, got.out, address+" serves sha256/")
	got = run(t, "tenantguard", "explain", "-p", "policy.json", "--request",
		"https://b.acme.example.com/x", "--connect", address, "--api", api.URL)
	assert.Equal(t, CodeFailed, got.code)
	assert.Contains(t, got.errs, "no router of Traefik's matches b.acme.example.com/x")
}

// TestOutputs wants what every command says as JSON to be no table.
func TestOutputs(t *testing.T) {
	inFolder(t, written)
	for _, args := range [][]string{
		{"check", "policy.yaml"}, {"findings"}, {"version"},
		{"explain", "-p", "policy.yaml", "--router", "a@b", "--host", "a.test", "--plaintext"},
	} {
		got := run(t, append([]string{"tenantguard", "--output", finding.JSON}, args...)...)
		assert.True(t, json.Valid([]byte(got.out)), got.out)
	}
}
