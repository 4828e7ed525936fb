package routers

import (
	"testing"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// policyOf is the policy of a cluster's Namespaces and of a middleware's keys.
func policyOf(t *testing.T, keys map[string]any, namespaces ...policy.Namespace) *policy.Policy {
	t.Helper()
	store := policy.NewStore(func(n policy.Notice) { t.Error(n) }, func() {})
	store.Cluster = func(k policy.Kubernetes) (policy.Cluster, error) {
		return &cluster{&policy.Snapshot{Namespaces: namespaces}}, nil
	}
	effective := store.Instance("guard@file", keys).Effective()
	if effective == nil {
		t.Fatal("no policy")
	}
	return effective.Policy
}

// TestWhatRestsOnTheCluster tells which answers are only as good as the list of Namespaces: another
// one may be what makes the router's name ambiguous.
func TestWhatRestsOnTheCluster(t *testing.T) {
	acme := policy.Namespace{Name: "acme", Tenant: "acme", Hosts: "a.acme.example.com"}
	listed := map[string]any{"legacyNames": "allow", "tenants": []any{
		map[string]any{"name": "acme", "namespaces": "acme", "routers": "acme-*@docker",
			"hosts": "a.acme.example.com", "certificates": map[string]any{"check": "off"}},
	}}
	enabled := map[string]any{"kubernetes": map[string]any{"enabled": true}}
	const legacy = "acme-web-0123456789abcdef0123"
	rows := []struct {
		description, router, namespace string
		want                           verdict.Code
		rests                          bool
	}{
		{"one safe reading", "acme_web_0@kubernetescrd", "", verdict.Pass, false},
		{"two safe readings", "web-acme_web_0@kubernetescrd", "", verdict.Pass, true},
		{"two safe readings of nobody", "web-x_web_0@kubernetescrd", "", verdict.RouterUnbound,
			true},
		{"a legacy name", legacy + "@kubernetescrd", "", verdict.Pass, true},
		{"a legacy name of nobody", "x-web-0123456789abcdef0123@kubernetescrd", "",
			verdict.RouterUnbound, true},
		{"an Ingress whose namespace is told", "x@kubernetes", "acme", verdict.Pass, false},
		{"an Ingress whose namespace is not told", "acme-web@kubernetes", "", verdict.Pass, true},
		{"a route of the Gateway API", "httproute-acme-web-0@kubernetesgateway", "", verdict.Pass,
			true},
		{"no name that there is", "a_b_c_d@kubernetescrd", "", verdict.RouterUnknown, false},
		{"Traefik's own", "ping@internal", "", verdict.Pass, false},
	}
	for _, row := range rows {
		router := Router{Name: row.router, EntryPoint: "web"}
		got := Bind(policyOf(t, enabled, acme), router, row.namespace, false)
		if got.Code != row.want || got.FromCluster != row.rests {
			t.Errorf("%s: %q, rests on the cluster %t, want %q, %t",
				row.description, got.Code, got.FromCluster, row.want, row.rests)
		}
		if got := Bind(policyOf(t, listed), router, row.namespace, true); got.FromCluster {
			t.Errorf("%s: rests on a cluster that is not asked", row.description)
		}
	}
}
