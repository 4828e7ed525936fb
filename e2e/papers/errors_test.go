package papers

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// shownErrors returns the errors that the papers show, as the plugin words them.
func shownErrors(t *testing.T) []string {
	t.Helper()
	host := "acme.example.com"
	errs := policyErrors(t, map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "hosts": host},
		map[string]any{"name": "globex", "hosts": host},
	}})

	var leftOut []string
	policies := newPolicies(func(n policy.Notice) { leftOut = append(leftOut, n.LeftOut...) })
	policies.Cluster = func(policy.Kubernetes) (policy.Cluster, error) { return lateCluster{}, nil }
	require.NotNil(t, policies.Instance("guard@file", map[string]any{
		"kubernetes": map[string]any{"enabled": true},
		"tenants":    []any{map[string]any{"name": "acme", "hosts": host}},
	}).Effective())
	require.NotEmpty(t, leftOut)

	return append(errs, leftOut...)
}

// lateCluster has a Namespace that claims a host of a tenant.
type lateCluster struct{ emptyCluster }

var lateNamespace = &policy.Snapshot{Namespaces: []policy.Namespace{
	{Name: "late", Tenant: "late", Hosts: "acme.example.com"},
}}

func (lateCluster) Snapshot() (*policy.Snapshot, string) { return lateNamespace, "" }
