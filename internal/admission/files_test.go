package admission_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/admission"
)

const folder = "../../examples/kubernetes/admission"

// TestFilesAreGenerated holds the folder against the generator: go generate ./internal/admission
// writes it anew.
func TestFilesAreGenerated(t *testing.T) {
	want := admission.Defaults().Files()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if string(content) != want[filepath.ToSlash(name)] {
			t.Errorf("%s is not what go generate writes", name)
		}
		delete(want, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("%s is not there; run go generate", name)
	}
}

// TestPoliciesUseOldFunctions keeps the policies to what Kubernetes 1.31 has already, for a server
// takes new policies with the functions of the release before its own.
func TestPoliciesUseOldFunctions(t *testing.T) {
	newer := regexp.MustCompile(`\b(transformList|transformMap|transformMapEntry|existsOne|` +
		`semver|isSemver|slice|flatten|distinct|reverse|sortBy|range)\(|\(\w+, \w+, `)
	for name, content := range admission.Defaults().Files() {
		if found := newer.FindString(content); found != "" {
			t.Errorf("%s has %q, which older servers do not know", name, found)
		}
	}
}

func TestCheck(t *testing.T) {
	rows := []struct {
		description string
		label       string
		hosts       []string
		want        string
	}{
		{"another platform's label", "capsule.clastix.io/tenant", nil, ""},
		{"a label without a prefix", "team", nil, ""},
		{"both placeholders", "team", []string{"{namespace}.{tenant}.test"}, ""},
		{"a wildcard", "team", []string{"*.{tenant}.test", "**.x-{namespace}.test"}, ""},
		{"no label", "", nil, `kubernetes.tenantLabel: wanted`},
		{"a label that ends a string in CEL", "a'b", nil, `kubernetes.tenantLabel: "a'b"`},
		{"no placeholder", "team", []string{"a.test"}, `kubernetes.hosts[0]: "a.test"`},
		{"an unknown placeholder", "team", []string{"{tenant}.test", "{name}.{tenant}.test"},
			`kubernetes.hosts[1]: "{name}.{tenant}.test"`},
		{"two placeholders in a label", "team", []string{"{tenant}-{namespace}.test"},
			`kubernetes.hosts[0]: "{tenant}-{namespace}.test"`},
		{"a wildcard inside", "team", []string{"{tenant}.*.test"},
			`kubernetes.hosts[0]: "{tenant}.*.test"`},
	}
	for _, row := range rows {
		err := admission.Options{Label: row.label, Hosts: row.hosts}.Check()
		got := ""
		if err != nil {
			got = err.Error()
		}
		if (row.want == "") != (got == "") || !strings.HasPrefix(got, row.want) {
			t.Errorf("%s: %v, want %q", row.description, err, row.want)
		}
	}
	if err := admission.Defaults().Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

// TestLabelByPlatform wants the label to be protected unless the platform does so.
func TestLabelByPlatform(t *testing.T) {
	for _, byPlatform := range []bool{false, true} {
		options := admission.Defaults()
		options.LabelByPlatform = byPlatform
		content := options.Files()["policies/namespaces.yaml"]
		if strings.Contains(content, options.Label) == byPlatform {
			t.Errorf("label by platform %t: %s", byPlatform, content)
		}
		if !strings.Contains(content, "annotations[?'tenantguard.io/hosts']") {
			t.Errorf("label by platform %t: the hosts are not protected", byPlatform)
		}
	}
}

func TestOptionsReplaceEveryDefault(t *testing.T) {
	options := admission.Options{
		Label: "example.org/team", Prefix: "example.net", Gateways: []string{"infra/public"},
		OperatorNamespaces: []string{"infra"}, Plugin: "guard",
		OwnersNamespace: "infra", OwnersName: "hosts",
	}
	allowed := regexp.MustCompile(`name: tenantguard-[a-z-]+|Name: tenantguard-[a-z-]+|` +
		`group\('tenantguard.io'\)|apiGroups: \[tenantguard.io\]`)
	defaults := regexp.MustCompile(`tenantguard|traefik/|kube-system, `)
	all := ""
	for name, content := range options.Files() {
		all += content
		if found := defaults.FindString(allowed.ReplaceAllString(content, "")); found != "" {
			t.Errorf("%s has %q in spite of the options", name, found)
		}
	}
	for _, want := range []string{
		"labels[?'example.org/team']", "annotations[?'example.net/hosts']",
		"annotations[?'example.net/mode']", "annotations[?'example.net/allow']",
		"['infra/public']", "values: [infra]", "'guard' in variables.plugins",
		"namespace: infra", "name: hosts", "key: example.org/team",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no file has %q", want)
		}
	}
}
