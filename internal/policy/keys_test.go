package policy

import "testing"

func TestIsOperators(t *testing.T) {
	rows := []struct {
		description, middleware, namespaces string
		operator                            bool
	}{
		{"a file", "guard@file", "", true},
		{"a CRD while nobody is the operator", "traefik_guard@kubernetescrd", "", false},
		{"the operator's namespace", "traefik_guard@kubernetescrd", "traefik", true},
		{"the first of two", "traefik_guard@kubernetescrd", "traefik,platform", true},
		{"the second of two", "platform_guard@kubernetescrd", "traefik,platform", true},
		{"spaces around commas", "platform_guard@kubernetescrd", " traefik , platform ", true},
		{"another's namespace", "acme_guard@kubernetescrd", "traefik,platform", false},
		{"a beginning of the operator's", "traef_guard@kubernetescrd", "traefik", false},
		{"more than the operator's", "traefik-x_guard@kubernetescrd", "traefik", false},
		{"a name with an underscore", "acme_traefik_guard@kubernetescrd", "traefik", false},
		{"the namespaces as they are listed", "traefik,platform_guard@kubernetescrd",
			"traefik,platform", false},
		{"a legacy name", "traefik-guard@kubernetescrd", "traefik", false},
		{"a legacy name that is the namespace", "traefik-system@kubernetescrd", "traefik-system",
			false},
		{"no namespace", "_guard@kubernetescrd", "traefik,", false},
		{"no name at all", "@kubernetescrd", "traefik,", false},
	}
	for _, row := range rows {
		if got := IsOperators(row.middleware, row.namespaces); got != row.operator {
			t.Errorf("%s: the operator's %t, want %t", row.description, got, row.operator)
		}
	}
}
