package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGenerate(t *testing.T) {
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))

		return path
	}
	namespaces := file("namespaces.yaml", `{apiVersion: v1, kind: List, items: [
{apiVersion: v1, kind: Namespace, metadata: {name: acme, creationTimestamp: "2026-01-01T00:00:00Z",
labels: {tenantguard.io/tenant: acme}, annotations: {tenantguard.io/hosts: "*.acme.test"}}}]}`)
	documents := file("documents.yaml", `{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: acme,
labels: {team: acme}, annotations: {tenantguard.io/hosts: "*.acme.test"}}}`)
	tenants := file("policy.yaml", "tenants: [{name: file, namespaces: [x], hosts: [file.test]}]")
	middleware := file("middleware.yaml", `{apiVersion: traefik.io/v1alpha1, kind: Middleware,
spec: {plugin: {tenantguard: {kubernetes: {enabled: true, tenantLabel: team,
hosts: ["{namespace}.apps.test"]}}}}}`)
	none := file("none.yaml", "tenants: []")
	wrong := file("wrong.json", `{"tenants": [{"name": "x"}]}`)
	cases := []struct {
		description string
		args        []string
		code        int
		out, errs   string
		not         string
	}{
		{"the policies, that deny", nil, CodeClean, "validationActions: [Deny]", "",
			"kind: ConfigMap\nmetadata"},
		{"that warn", []string{"--action", "warn"}, CodeClean, "validationActions: [Warn, Audit]",
			"", "tenantguard-owners\n  namespace"},
		{"as one List of JSON", []string{"-o", "json"}, CodeClean,
			`"kind": "ValidatingAdmissionPolicyBinding"`, "", ""},
		{"the owners of Namespaces", []string{"--namespaces", namespaces, "--owners-only"},
			CodeClean, "data:\n  -.acme.test: acme\n", "", "ValidatingAdmissionPolicy"},
		{"of documents, by another label", []string{"--namespaces", documents, "--owners-only",
			"--tenant-label", "team"}, CodeClean, "-.acme.test: acme\n", "", ""},
		{"of a policy file too", []string{"--namespaces", namespaces, "--policy", tenants,
			"--owners-only"}, CodeClean, "file.test: file\n", "", ""},
		{"by the label and the hosts of a Middleware", []string{"--namespaces", documents,
			"--policy", middleware, "--owners"}, CodeClean, "acme.apps.test: acme\n", "",
			"tenantguard.io/tenant'"},
		{"hosts by rule", []string{"--hosts", "{namespace}.apps.test"}, CodeClean,
			"['{namespace}.apps.test']", "", ""},
		{"a policy without tenants", []string{"--policy", none, "--namespaces", namespaces,
			"--owners-only"}, CodeClean, "-.acme.test: acme\n", "", ""},
		{"the webhook", []string{"--webhook"}, CodeClean, "kind: ValidatingWebhookConfiguration",
			"", ""},
		{"owners of nobody", []string{"--owners"}, CodeFailed, "", "the owners come from", ""},
		{"a wrong policy", []string{"--policy", wrong}, CodeFailed, "",
			"wrong.json has errors, see tenantguard check:\n", ""},
		{"wrong hosts", []string{"--hosts", "a.test,b.test"}, CodeFailed, "",
			"all Namespaces would have the same host\nkubernetes.hosts[1]", ""},
		{"a gateway without its namespace", []string{"--gateways", "gateway"}, CodeFailed, "",
			`--gateways "gateway": wanted namespace/name`, ""},
		{"no policy", []string{"--policy", filepath.Join(folder, "none")}, CodeFailed, "",
			"no such file", ""},
		{"a Middleware that is no guard", []string{"--policy", namespaces}, CodeFailed, "",
			"wanted a policy file", ""},
		{"no Namespaces", []string{"--namespaces", tenants}, CodeFailed, "", "wanted Namespaces",
			""},
		{"an action", []string{"--action", "maybe"}, CodeFailed, "", `unknown --action "maybe"`,
			""},
		{"a label", []string{"--tenant-label", "a b"}, CodeFailed, "", "wanted the name of a label",
			""},
		{"a folder that is there", []string{"--folder", folder}, CodeFailed, "", "is there already",
			""},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			got := run(t, append([]string{"tenantguard", "admission", "generate"}, c.args...)...)
			assert.Equal(t, c.code, got.code, got.errs)
			assert.Contains(t, got.out, c.out)
			assert.Contains(t, got.errs, c.errs)
			if c.not != "" {
				assert.NotContains(t, got.out, c.not)
			}
		})
	}
	into := filepath.Join(folder, "new")
	got := run(t, "tenantguard", "admission", "generate", "--folder", into)
	require.Equal(t, CodeClean, got.code, got.errs)
	example, err := os.ReadFile("../../../../examples/kubernetes/admission/policies/secrets.yaml")
	require.NoError(t, err)
	written, err := os.ReadFile(filepath.Join(into, "policies", "secrets.yaml"))
	require.NoError(t, err)
	assert.Equal(t, string(example), string(written))
}

func TestServeFlags(t *testing.T) {
	for description, c := range map[string]struct {
		args []string
		errs string
	}{
		"no certificate": {nil, "at least one of the flags"},
		"two": {[]string{"--self-signed", "--tls-cert", "a", "--tls-key", "b"},
			"none of the others"},
		"no key": {[]string{"--tls-cert", "a"}, "missing"},
		"a policy that is not there": {[]string{"--self-signed", "--policy", "/none"},
			"no such file"},
		"no cluster": {[]string{"--self-signed", "--kubeconfig", "/none"}, "/none"},
	} {
		t.Run(description, func(t *testing.T) {
			got := run(t, append([]string{"tenantguard", "admission", "serve"}, c.args...)...)
			assert.Equal(t, CodeFailed, got.code)
			assert.Contains(t, got.errs, c.errs)
		})
	}
}
