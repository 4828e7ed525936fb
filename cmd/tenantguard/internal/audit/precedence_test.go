package audit_test

import (
	"strings"
	"testing"
)

// TestWinner says which of two routers gets the requests, and why.
func TestWinner(t *testing.T) {
	const longer, shorter = "Host(`acme.test`) && PathPrefix(`/`)", "Host(`acme.test`)"
	rows := []struct {
		description, acme, globex, priority, says string
	}{
		{"a longer rule", shorter, longer, "0",
			"takes router globex-x@docker: its rule is longer (36 to 17)"},
		{"a shorter rule", longer, shorter, "0",
			"takes router acme-web@docker: its rule is longer (36 to 17)"},
		{"a priority", longer, shorter, "100", "takes router globex-x@docker: its priority is " +
			"higher (100 to 36)"},
		{"the priority that the API has of every router", shorter, longer, "36",
			"its rule is longer (36 to 17)"},
		{"the same", shorter, shorter, "0", "both have the same precedence"},
	}
	for _, row := range rows {
		report := run(t, tenants, traefikOf(t, routers(router("acme-web@docker", row.acme),
			router("globex-x@docker", row.globex, `"priority": `+row.priority))), nil)
		found := false
		for _, f := range report.Findings {
			found = found || f.ID == "host-claimed-twice" && strings.Contains(f.Message, row.says)
		}
		if !found {
			t.Errorf("%s: %q is not said: %+v", row.description, row.says, report.Findings)
		}
	}
}

// TestGuests has a tenant that may serve a path of another one's host.
func TestGuests(t *testing.T) {
	keys := map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "routers": "acme-*@docker", "hosts": "acme.test"},
		map[string]any{"name": "globex", "routers": "globex-*@docker", "hosts": "globex.test",
			"guest": map[string]any{"hosts": "acme.test", "paths": "/api"}},
	}}
	rows := []struct{ description, rule, want string }{
		{"its path", "Host(`acme.test`) && PathPrefix(`/api`)", ""},
		{"another one", "Host(`acme.test`) && PathPrefix(`/web`)",
			"host-claimed-twice host-foreign"},
		{"every path", "Host(`acme.test`)", "host-claimed-twice host-foreign"},
	}
	for _, row := range rows {
		globex := router("globex-x@docker", row.rule)
		report := run(t, keys, traefikOf(t, routers(acme, globex)), nil)
		if got := sortedIDs(report.Findings); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}
