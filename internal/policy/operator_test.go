package policy

import (
	"strings"
	"testing"
)

// environment is one with both variables.
func environment(namespaces, providers string) func(name string) string {
	return func(name string) string {
		if name == OperatorNamespacesVariable {
			return namespaces
		}
		if name == OperatorProvidersVariable {
			return providers
		}
		return ""
	}
}

func TestIsOperators(t *testing.T) {
	rows := []struct {
		description, middleware, namespaces, providers string
		operator                                       bool
	}{
		{"a file", "guard@file", "", "", true},
		{"Traefik's own", "guard@internal", "", "", true},
		{"Docker's", "guard@docker", "", "", false},
		{"a key-value store's", "guard@redis", "", "", false},
		{"an HTTP endpoint's", "guard@http", "", "", false},
		{"the REST API's", "guard@rest", "", "", false},
		{"another plugin's", "guard@plugin-names", "", "", false},
		{"one that names a file's", "guard@file@docker", "", "", false},
		{"no provider", "guard", "", "guard", false},
		{"an empty provider", "guard@", "", ",", false},
		{"in another case", "guard@File", "", "", false},
		{"Docker's, listed", "guard@docker", "", "docker", true},
		{"Docker's, the second of two", "guard@docker", "", "consul, docker ", true},
		{"Docker's, another listed", "guard@docker", "", "consul", false},
		{"Docker's, a longer one listed", "guard@docker", "", "docker2", false},
		{"Docker's, a shorter one listed", "guard@docker", "", "dock", false},
		{"Docker's, as a namespace", "guard@docker", "docker", "", false},
		{"a CRD, all CRDs listed", "acme_guard@kubernetescrd", "traefik", "kubernetescrd", false},
		{"a CRD, its namespace listed as a provider", "acme_guard@kubernetescrd", "", "acme",
			false},

		{"a CRD while nobody is the operator", "traefik_guard@kubernetescrd", "", "", false},
		{"the operator's namespace", "traefik_guard@kubernetescrd", "traefik", "", true},
		{"the first of two", "traefik_guard@kubernetescrd", "traefik,platform", "", true},
		{"the second of two", "platform_guard@kubernetescrd", "traefik,platform", "", true},
		{"spaces around commas", "platform_guard@kubernetescrd", " traefik , platform ", "", true},
		{"another's namespace", "acme_guard@kubernetescrd", "traefik,platform", "", false},
		{"a beginning of the operator's", "traef_guard@kubernetescrd", "traefik", "", false},
		{"more than the operator's", "traefik-x_guard@kubernetescrd", "traefik", "", false},
		{"a name with an underscore", "acme_traefik_guard@kubernetescrd", "traefik", "", false},
		{"the namespaces as they are listed", "traefik,platform_guard@kubernetescrd",
			"traefik,platform", "", false},
		{"a legacy name", "traefik-guard@kubernetescrd", "traefik", "", false},
		{"a legacy name that is the namespace", "traefik-system@kubernetescrd", "traefik-system",
			"", false},
		{"no namespace", "_guard@kubernetescrd", "traefik,", "", false},
		{"no name at all", "@kubernetescrd", "traefik,", "", false},
	}
	for _, row := range rows {
		getenv := environment(row.namespaces, row.providers)
		if got := IsOperators(row.middleware, getenv); got != row.operator {
			t.Errorf("%s: the operator's %t, want %t", row.description, got, row.operator)
		}
	}
}

// TestRefusals looks for the way out in what is said of a key that is the operator's alone.
func TestRefusals(t *testing.T) {
	const path = "/etc/tenantguard/policy.json"
	rows := []struct{ description, middleware, want string }{
		{"Docker's", "guard@docker", `define the middleware in a file, or list "docker" in ` +
			OperatorProvidersVariable},
		{"a safe name", "acme_guard@kubernetescrd", `list the namespace "acme" in ` +
			OperatorNamespacesVariable},
		{"a legacy name", "acme-guard@kubernetescrd", `the name "acme-guard" proves no ` +
			`namespace, set providers.kubernetesCRD.safeNaming and list the namespace in ` +
			OperatorNamespacesVariable},
		{"a legacy name that begins like an operator's", "traefik2-guard@kubernetescrd",
			`"traefik2-guard" proves no namespace, set`},
		{"a legacy name that is an operator's namespace", "traefik@kubernetescrd",
			`"traefik" proves no namespace, set`},
		{"no provider", "guard", "define it in a file"},
		{"a long name", strings.Repeat("x", 10000) + "@kubernetescrd", `xxx…" proves`},
	}
	for _, row := range rows {
		refusal := Refusal(row.middleware, environment(" ,traefik", ""))
		errs := ParseKeys(map[string]any{"policyFile": path}, refusal, "").Errors
		if len(errs) != 1 || len(errs[0]) > 600 ||
			!strings.HasPrefix(errs[0], `policyFile: "`+path+`": only the operator`) ||
			!strings.Contains(errs[0], row.want) {
			t.Errorf("%s: errors %q, want one with %q", row.description, errs, row.want)
		}
	}
}

// TestRefusalOfTheOperators has the operator's Middleware under its legacy name: the refusal must
// not say that only the operator may set the keys.
func TestRefusalOfTheOperators(t *testing.T) {
	refusal := Refusal("traefik-guard@kubernetescrd", environment("platform, traefik", ""))
	keys := map[string]any{"kubernetes": map[string]any{"enabled": true}}
	errs := ParseKeys(keys, refusal, "").Errors
	const want = `the middleware's name "traefik-guard" proves no namespace: turn ` +
		`providers.kubernetesCRD.safeNaming on and name "traefik_guard@kubernetescrd"`
	if len(errs) != 1 || errs[0] != "kubernetes: "+want {
		t.Errorf("errors %q, want one with %q", errs, want)
	}
}
