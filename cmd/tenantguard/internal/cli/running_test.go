package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// apiFolder writes the answers of a Traefik whose entry point has the guard, with a policy for one
// router.
func apiFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"entrypoints": `[{"name": "websecure", "address": ":443",
			"http": {"middlewares": ["guard@file"], "tls": {}}}]`,
		"http-middlewares": `[
			{"name": "a-guard@file", "provider": "file", "plugin": {"tenantguard": {
				"tenants": [{"name": "other", "hosts": ["x.test"], "routers": ["*@docker"]}]}}},
			{"name": "guard@file", "provider": "file", "plugin": {"tenantguard": {
				"tenants": [{"name": "acme", "hosts": ["a.test"],
					"routers": ["acme-*@docker"]}]}}}]`,
		"http-routers": `[{"name": "acme-web@docker", "provider": "docker", "status": "enabled",
			"rule": "Host(` + "`a.test`" + `)", "entryPoints": ["websecure"],
			"middlewares": ["guard@file"], "tls": {}}]`,
	} {
		write(t, filepath.Join(dir, name+".json"), content)
	}

	return dir
}

func write(t *testing.T, file, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
}

func TestAuditInitDiff(t *testing.T) {
	api := apiFolder(t)
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, policy, `tenants: [{name: a, hosts: [b.test], routers: ["acme-*@docker"]}]`)
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	write(t, broken, "tenants: [{name: acme, hosts: [b.test:80]}]")
	clustered := filepath.Join(t.TempDir(), "clustered.yaml")
	write(t, clustered, "kubernetes: {enabled: true}")
	example := "../../../../examples/kubernetes/"
	legacy := filepath.Join(t.TempDir(), "legacy.yaml")
	write(t, legacy, `{apiVersion: traefik.io/v1alpha1, kind: IngressRoute,
metadata: {name: a, namespace: acme}, spec: {routes: [{match: "PathPrefix(`+"`/`"+`)"}]}}`)
	cases := []struct {
		description string
		args        []string
		code        int
		out, errs   string // what each contains
	}{
		{"by the policy of the guard at the entry point", []string{"audit", "--api", api},
			CodeClean, "Nothing found", ""},
		{"by another policy", []string{"audit", "--api", api, "--policy", policy}, CodeFound,
			"host-unowned", ""},
		{"everything", []string{"audit", "--api", api, "--all"}, CodeClean, "VERDICT", ""},
		{"as SARIF", []string{"audit", "--api", api, "--policy", policy, "-o", "sarif"}, CodeFound,
			`"ruleId": "host-unowned"`, ""},
		{"no other command has SARIF", []string{"diff", "--api", api, "-o", "sarif"}, CodeFailed,
			"", `unknown --output "sarif"`},
		{"manifests, by their Namespaces", []string{"audit", "-f", example}, CodeClean,
			"Nothing found", ""},
		{"nothing to look at", []string{"audit", "--policy", policy}, CodeFailed, "",
			"wanted --api, --kube or --filename"},
		{"two clusters", []string{"audit", "--kube", "-f", example}, CodeFailed, "",
			"wanted --kube or --filename, not both"},
		{"a policy with errors", []string{"audit", "--api", api, "-p", broken}, CodeFailed, "",
			"see tenantguard check"},
		{"a policy that needs Namespaces", []string{"audit", "--api", api, "-p", clustered},
			CodeFailed, "", "the policy takes tenants from Namespaces"},
		{"no tenants at all", []string{"audit", "-f", legacy}, CodeFailed, "",
			"the Namespaces: nothing says who the tenants are"},
		{"a file that is not there", []string{"audit", "--api", api, "-p", "nowhere.yaml"},
			CodeFailed, "", "nowhere.yaml"},
		{"no API", []string{"audit", "--api", t.TempDir()}, CodeFailed, "",
			"no file entrypoints.json"},
		{"no cluster", []string{"audit", "--kubeconfig", "nowhere"}, CodeFailed, "", "nowhere"},
		{"a policy of what runs", []string{"init", "--api", api}, CodeClean,
			"mode: report\ntenants:\n  - name: acme\n    routers:\n      - acme-web@docker\n", ""},
		{"as a policy file", []string{"init", "--api", api, "-o", "json"}, CodeClean,
			"{\n  \"tenants\": [", ""},
		{"what can't be told", []string{"init", "-f", legacy}, CodeFound, "# - IngressRoute acme/a",
			"rule-unclear"},
		{"labels", []string{"init", "-f", example, "--labels"}, CodeClean,
			"kubectl label namespace acme --overwrite tenantguard.io/tenant=acme", ""},
		{"labels without Namespaces", []string{"init", "--api", api, "--labels"}, CodeFailed, "",
			"--labels: wanted --kube or --filename"},
		{"a label without Namespaces", []string{"init", "--api", api, "--by-label", "team"},
			CodeFailed, "", "--by-label: wanted --kube or --filename"},
		{"no difference", []string{"diff", "--api", api}, CodeClean, "Nothing found", ""},
		{"a difference", []string{"diff", "--api", api, "-p", policy}, CodeFound,
			"policy-host-missing", ""},
		{"tenants from Namespaces too", []string{"audit", "-f", example, "-p", policy,
			"--from-namespaces"}, CodeClean, "Nothing found", ""},
		{"not from Namespaces", []string{"audit", "-f", example, "-p", policy}, CodeFound,
			"router-unbound", ""},
		{"hosts of a rule", []string{"rules", "Host(`a.test`) && Path(`/x`)"}, CodeClean,
			"a.test\n", ""},
		{"a rule that Traefik does not take", []string{"rules", "Host("}, CodeFound, "error: ", ""},
		{"no cluster is known", []string{"audit", "--kube"}, CodeFailed, "",
			"no cluster is known: wanted --kubeconfig FILE"},
		{"a file that is not here", []string{"audit", "--api", api, "-p", policy, "--file",
			"/roots.pem=none.pem"}, CodeFailed, "", `--file "/roots.pem=none.pem": stat none.pem`},
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for _, c := range cases {
		got := run(t, append([]string{"tenantguard"}, c.args...)...)
		assert.Equal(t, c.code, got.code, "%s: %s%s", c.description, got.out, got.errs)
		assert.Contains(t, got.out, c.out, c.description)
		assert.Contains(t, got.errs, c.errs, c.description)
	}
}

// TestStandardInput reads what others write.
func TestStandardInput(t *testing.T) {
	api := apiFolder(t)
	manifests := `{apiVersion: v1, kind: Namespace, metadata: {name: acme}}
---
{apiVersion: traefik.io/v1alpha1, kind: IngressRoute, metadata: {name: x, namespace: acme},
spec: {routes: [{match: "Host(` + "`a.test`" + `)"}]}}`
	policy := `tenants: [{name: a, hosts: [b.test], routers: ["acme-*@docker"]}]`
	for _, c := range []struct {
		description, input string
		args               []string
		out                string
	}{
		{"manifests", manifests, []string{"init", "-f", "-"}, "namespaces:\n      - acme\n"},
		{"a policy", policy, []string{"audit", "--api", api, "-p", "-"}, "host-unowned"},
		{"a policy for admission", policy, []string{"admission", "generate", "-p", "-",
			"--owners-only"}, "b.test: a\n"},
	} {
		got := runWith(t, c.input, append([]string{"tenantguard"}, c.args...)...)
		assert.Contains(t, got.out, c.out, c.description+got.errs)
	}
}

// TestInitThenAudit audits what runs by the policy that init makes of it.
func TestInitThenAudit(t *testing.T) {
	api := apiFolder(t)
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, policy, run(t, "tenantguard", "init", "--api", api).out)
	got := run(t, "tenantguard", "audit", "--api", api, "--policy", policy)
	assert.Equal(t, CodeClean, got.code, got.out)
	assert.True(t, strings.HasPrefix(got.out, "1 router, 1 host, 0 certificates; 0 with"), got.out)
}
