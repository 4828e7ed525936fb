package papers

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry/registrytest"
)

// shownErrors returns the errors that the papers show, as the plugin words them.
func shownErrors(t *testing.T) []string {
	t.Helper()
	host := "acme.example.com"
	errs := policyErrors(t, map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "hosts": host},
		map[string]any{"name": "globex", "hosts": host},
	}})

	late := &registrytest.Cluster{Namespaces: &policy.Snapshot{Namespaces: []policy.Namespace{
		{Name: "late", Tenant: "late", Hosts: host},
	}}}
	effective := registrytest.MustPolicy(t, map[string]any{
		"kubernetes": map[string]any{"enabled": true},
		"tenants":    []any{map[string]any{"name": "acme", "hosts": host}},
	}, late)
	require.NotEmpty(t, effective.WrongMarks)

	broad := registrytest.MustPolicy(t, map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "routers": "*@docker", "hosts": "*.com"},
	}}, nil)
	require.NotEmpty(t, broad.Broad)

	return slices.Concat(errs, effective.WrongMarks, broad.Broad)
}
