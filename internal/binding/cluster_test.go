package binding_test

import (
	"testing"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry/registrytest"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// policyOf is the policy of a cluster's Namespaces and of a middleware's keys.
func policyOf(t *testing.T, keys map[string]any, namespaces ...policy.Namespace) *policy.Policy {
	t.Helper()
	cluster := &registrytest.Cluster{Namespaces: &policy.Snapshot{Namespaces: namespaces}}
	return registrytest.MustPolicy(t, keys, cluster).Policy
}

// TestFromCluster looks at which bindings are only as good as the list of Namespaces: another
// one may be what makes the router's name ambiguous.
func TestFromCluster(t *testing.T) {
	cluster := &registrytest.Cluster{Namespaces: &policy.Snapshot{
		Namespaces: []policy.Namespace{
			{Name: "acme", Tenant: "acme", Hosts: "a.acme.example.com"}, {Name: "free"},
		},
		Deleted: []policy.Namespace{{Name: "old", Tenant: "acme"}},
	}}
	listed := map[string]any{"legacyNames": "allow", "tenants": []any{
		map[string]any{"name": "acme", "namespaces": "acme", "routers": "acme-*@docker",
			"hosts": "a.acme.example.com", "certificates": map[string]any{"check": "off"}},
	}}
	p := registrytest.MustPolicy(t, map[string]any{
		"kubernetes": map[string]any{"enabled": true},
		"tenants":    []any{map[string]any{"name": "open", "namespaces": "open"}},
	}, cluster)
	const legacy = "acme-web-0123456789abcdef0123"
	rows := []struct {
		description, router, namespace string
		want                           verdict.Code
		fromCluster                    bool
	}{
		{"one safe name", "acme_web_0@kubernetescrd", "", verdict.Pass, false},
		{"one safe name, unowned", "free_web_0@kubernetescrd", "", verdict.RouterUnbound, false},
		{"one safe name that is not listed", "new_web_0@kubernetescrd", "", verdict.RouterUnbound,
			true},
		{"one safe name that is deleted", "old_web_0@kubernetescrd", "", verdict.RouterUnbound,
			true},
		{"one safe name that is configured and not listed", "open_web_0@kubernetescrd", "",
			verdict.Pass, false},
		{"an Ingress whose namespace is not listed", "x@kubernetes", "new", verdict.RouterUnbound,
			true},
		{"two safe names", "web-acme_web_0@kubernetescrd", "", verdict.Pass, true},
		{"two safe names, both unowned", "web-x_web_0@kubernetescrd", "", verdict.RouterUnbound,
			true},
		{"a legacy name", legacy + "@kubernetescrd", "", verdict.Pass, true},
		{"an unowned legacy name", "x-web-0123456789abcdef0123@kubernetescrd", "",
			verdict.RouterUnbound, true},
		{"an Ingress whose namespace Traefik says", "x@kubernetes", "acme", verdict.Pass, false},
		{"an Ingress whose namespace Traefik does not say", "acme-web@kubernetes", "", verdict.Pass,
			true},
		{"a route of the Gateway API", "httproute-acme-web-0@kubernetesgateway", "", verdict.Pass,
			true},
		{"a route of the Gateway API of a kind that is not known", "acme-web-0@kubernetesgateway",
			"", verdict.Pass, true},
		{"no name that there is", "a_b_c_d@kubernetescrd", "", verdict.RouterUnknown, false},
		{"Traefik's own", "ping@internal", "", verdict.Pass, false},
	}
	for _, row := range rows {
		router := binding.Parse(row.router, "web")
		got := binding.Bind(p.Policy, router, row.namespace, false)
		if got.Code != row.want || got.FromCluster != row.fromCluster {
			t.Errorf("%s: %q, from the cluster %t, want %q, %t",
				row.description, got.Code, got.FromCluster, row.want, row.fromCluster)
		}
		if got := binding.Bind(policyOf(t, listed), router, row.namespace, true); got.FromCluster {
			t.Errorf("%s: depends on a cluster that is not asked", row.description)
		}
	}
}

// TestUnownedNamespaces has a router on several entry points: its name may be that of one of two
// Namespaces.
func TestUnownedNamespaces(t *testing.T) {
	enabled := map[string]any{"kubernetes": map[string]any{"enabled": true}}
	rows := []struct {
		description string
		namespaces  []policy.Namespace
		want        verdict.Code
	}{
		{"neither exists", nil, verdict.RouterUnbound},
		{"one exists", []policy.Namespace{{Name: "x"}}, verdict.RouterUnbound},
		{"both exist", []policy.Namespace{{Name: "x"}, {Name: "web-x"}}, verdict.RouterAmbiguous},
	}
	for _, row := range rows {
		p := policyOf(t, enabled, row.namespaces...)
		got := binding.Bind(p, binding.Parse("web-x_site_0@kubernetescrd", "web"), "", false)
		if got.Code != row.want {
			t.Errorf("%s: %q, want %q", row.description, got.Code, row.want)
		}
	}
}

// TestDefaultBackends has Ingresses whose routers are called the same in every namespace, while
// there is a Namespace that their names begin with.
func TestDefaultBackends(t *testing.T) {
	enabled := map[string]any{"kubernetes": map[string]any{"enabled": true}}
	p := policyOf(t, enabled, policy.Namespace{Name: "default", Tenant: "acme"})
	rows := []struct {
		name, namespace string
		want            verdict.Code
	}{
		{"default-router", "", verdict.RouterAmbiguous},
		{"default-backend", "", verdict.RouterAmbiguous},
		{"default-backend-tls", "", verdict.RouterAmbiguous},
		{"web-default-router", "", verdict.RouterAmbiguous},
		{"default-router", "default", verdict.Pass},
		{"default-shop", "", verdict.Pass},
	}
	for _, row := range rows {
		router := binding.Parse(row.name+"@kubernetes", "web")
		got := binding.Bind(p, router, row.namespace, false)
		if got.Code != row.want {
			t.Errorf("%s in %q: %q, want %q", row.name, row.namespace, got.Code, row.want)
		}
	}
}

// TestListedNamespaces has a router on several entry points, and no cluster.
func TestListedNamespaces(t *testing.T) {
	rows := []struct {
		description, namespaces string
		want                    verdict.Code
	}{
		{"one is listed", "acme", verdict.Pass},
		{"both are", "acme,web-acme", verdict.Pass},
		{"neither is", "globex", verdict.RouterUnbound},
	}
	for _, row := range rows {
		p := registrytest.MustPolicy(t, map[string]any{"tenants": []any{
			map[string]any{"name": "acme", "namespaces": row.namespaces},
		}}, nil)
		router := binding.Parse("web-acme_site_0@kubernetescrd", "web")
		if got := binding.Bind(p.Policy, router, "", false); got.Code != row.want {
			t.Errorf("%s: %q, want %q", row.description, got.Code, row.want)
		}
	}
}
