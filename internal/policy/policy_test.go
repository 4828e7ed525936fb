package policy

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/vectors"
)

// parseRaw returns what an operator's keys make, and what is wrong with them.
func parseRaw(raw map[string]any) (*Parsed, []string) {
	keys := ParseKeys(raw, "", "")
	if len(keys.Errors) > 0 {
		return nil, keys.Errors
	}
	source := keys.Source("")
	source.Clustered = keys.Settings.Kubernetes.Enabled
	return source.Parse(readText)
}

func readText(path string) (string, error) {
	content, err := os.ReadFile(path)
	return string(content), err
}

// parsed returns what keys in JSON make with a cluster to be laid over it.
func parsed(t *testing.T, text string) *Parsed {
	t.Helper()
	var raw map[string]any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	if raw["kubernetes"] == nil {
		raw["kubernetes"] = map[string]any{"enabled": true}
	}
	made, errs := parseRaw(raw)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return made
}

// over returns the policy of keys in JSON and of Namespaces.
func over(t *testing.T, text string, namespaces ...Namespace) *Policy {
	t.Helper()
	return parsed(t, text).Over(&Snapshot{Namespaces: namespaces})
}

func leftOut(p *Policy) string {
	return strings.Join(p.LeftOut, "\n")
}

func wrongMarks(p *Policy) string {
	return strings.Join(p.WrongMarks, "\n")
}

func anyContains(errs, fragments []string) bool {
	for _, text := range errs {
		all := true
		for _, fragment := range fragments {
			all = all && strings.Contains(text, fragment)
		}
		if all {
			return true
		}
	}
	return false
}

// TestConfigurationVectors holds the errors of each configuration to the vectors.
func TestConfigurationVectors(t *testing.T) {
	all, err := vectors.LoadConfigurations("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		checkConfiguration(t, c)
	}
}

func checkConfiguration(t *testing.T, c vectors.Configuration) {
	t.Helper()
	errs := configurationErrors(c)
	if (len(errs) > 0) != (len(c.Errors) > 0) {
		t.Errorf("%s: errors %q, want %q", c.Description, errs, c.Errors)
	}
	for _, fragments := range c.Errors {
		if !anyContains(errs, fragments) {
			t.Errorf("%s: errors %q, want one with all of %q", c.Description, errs, fragments)
		}
	}
}

// configurationErrors returns what is wrong with the keys of a middleware and with their policy.
func configurationErrors(c vectors.Configuration) []string {
	refusal := Refusal(c.Middleware, func(name string) string {
		if name == OperatorNamespacesVariable {
			return c.OperatorNamespaces
		}
		return c.OperatorProviders
	})
	keys := ParseKeys(c.Policy, refusal, "")
	source := keys.Source(refusal)
	source.Clustered = refusal == "" && keys.Settings.Kubernetes.Enabled
	all := keys.Errors
	if keys.File != "" {
		_, errs := source.Parse(readText)
		all = append(all, errs...)
		source.File = ""
	}
	if keys.File == "" || keys.HasInline() {
		_, errs := source.Parse(readText)
		all = append(all, errs...)
	}
	return all
}

const older1, newer2 = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"

// TestForms restates one configuration as the forms of Traefik's providers hand it over.
func TestForms(t *testing.T) {
	tenant := map[string]any{"name": "acme", "namespaces": "acme,acme-two",
		"hosts": "acme.example.com, *.acme.example.com"}
	forms := []struct {
		description string
		raw         map[string]any
	}{
		{"lists of any", map[string]any{"tenants": []any{map[string]any{
			"name": "acme", "namespaces": []any{"acme", "acme-two"},
			"hosts": []any{"acme.example.com", "*.acme.example.com"},
		}}}},
		{"comma-separated", map[string]any{"tenants": []any{tenant}}},
		{"lists of maps", map[string]any{"tenants": []map[string]any{tenant}}},
		{"maps of any", map[string]any{"tenants": []any{map[any]any{
			"name": "acme", "namespaces": "acme,acme-two",
			"hosts": "acme.example.com,*.acme.example.com",
		}}}},
		{"numbered maps", map[string]any{"tenants": map[string]any{"0": tenant}}},
		{"other case", map[string]any{"TENANTS": []any{map[string]any{
			"Name": "acme", "NAMESPACES": "acme,acme-two",
			"Hosts": "acme.example.com,*.acme.example.com",
		}}}},
		{"empty sections", map[string]any{
			"tenants": []any{tenant}, "shared": "", "certificates": "",
		}},
	}
	for _, form := range forms {
		made, errs := parseRaw(form.raw)
		if len(errs) > 0 {
			t.Errorf("%s: %q", form.description, errs)
			continue
		}
		p := made.Policy
		if p.NamespaceTenant("acme-two") == nil || p.Hosts.Owner("b.acme.example.com") != "acme" {
			t.Errorf("%s: another policy", form.description)
		}
	}
}
