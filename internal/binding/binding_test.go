package binding_test

import (
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry/registrytest"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// TestDeletedNamespaces has routers that may lie in a Namespace deleted a short while ago.
func TestDeletedNamespaces(t *testing.T) {
	cluster := &registrytest.Cluster{Namespaces: &policy.Snapshot{
		Namespaces: []policy.Namespace{
			{Name: "acme", Tenant: "acme", Hosts: "acme.example.com"},
			{Name: "globex", Tenant: "globex", Hosts: "globex.example.com"},
		},
		Deleted: []policy.Namespace{
			{Name: "acme-web", Tenant: "acme"},
			{Name: "globex-web", Tenant: "acme"},
			{Name: "web-acme", Tenant: "acme"},
			{Name: "web-globex"},
		},
	}}
	enabled := map[string]any{"kubernetes": map[string]any{"enabled": true}}
	p := registrytest.MustPolicy(t, enabled, cluster)
	const crd, hash = "@kubernetescrd", "-0123456789abcdef0123"
	cases := []struct {
		description, router string
		want                verdict.Code
		namespaces          string
	}{
		{"a tenant's own, beside its other", "acme-web-site" + hash + crd, verdict.Pass,
			"acme,acme-web"},
		{"a tenant's, beside another's", "globex-web-site" + hash + crd, verdict.RouterAmbiguous,
			"globex,globex-web"},
		{"on several entry points, a tenant's own", "web-acme_site_0" + crd, verdict.Pass,
			"acme,web-acme"},
		{"on several entry points, unowned", "web-globex_site_0" + crd, verdict.RouterAmbiguous,
			"globex,web-globex"},
		{"by an exact name", "acme-web_site_0" + crd, verdict.RouterUnbound, "acme-web"},
		{"nothing else that it can be", "web-web-acme_site_0" + crd, verdict.RouterUnbound,
			"web-acme"},
	}
	for _, c := range cases {
		got := binding.Bind(p.Policy, binding.Parse(c.router, "web"), "", false)
		if got.Code != c.want || strings.Join(got.Namespaces, ",") != c.namespaces {
			t.Errorf("%s: %q of %q, want %q of %q",
				c.description, got.Code, got.Namespaces, c.want, c.namespaces)
		}
	}
}

func TestKnownNamespaces(t *testing.T) {
	rows := []struct {
		description string
		namespaces  []string
		want        string
	}{
		{"none", nil, ""},
		{"one", []string{"acme"}, "acme"},
		{"a prefix", []string{"acme-*"}, ""},
		{"a prefix between others", []string{"acme", "acme-*", "acme-two"}, "acme acme-two"},
	}
	for _, row := range rows {
		known := binding.Binding{Namespaces: row.namespaces}.KnownNamespaces()
		if got := strings.Join(known, " "); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestPrefixesAmongNamespaces has a legacy name begin with what a tenant lists.
func TestPrefixesAmongNamespaces(t *testing.T) {
	rows := []struct {
		description, namespaces, want string
	}{
		{"a namespace", "acme", "acme"},
		{"a prefix", "acme-*", "acme-*"},
		{"both, and others", "acme,acme-*,acme-x,globex", "acme,acme-*"},
	}
	for _, row := range rows {
		p := registrytest.MustPolicy(t, map[string]any{"tenants": []any{
			map[string]any{"name": "acme", "namespaces": row.namespaces},
		}}, nil)
		router := binding.Parse("acme-web-0123456789abcdef0123@kubernetescrd", "")
		got := binding.Bind(p.Policy, router, "", true)
		namespaces := strings.Join(got.Namespaces, ",")
		if got.Code != verdict.Pass || namespaces != row.want {
			t.Errorf("%s: %q of %q, want a pass of %q",
				row.description, got.Code, namespaces, row.want)
		}
	}
}

// TestNamesOfNoRouter gives names without a provider, or with nothing before it, to a policy that
// lists every router of Docker and every namespace.
func TestNamesOfNoRouter(t *testing.T) {
	p := registrytest.MustPolicy(t, map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "namespaces": "*", "routers": "*@docker"},
	}}, nil)
	rows := []struct {
		description, name, entryPoint string
	}{
		{"nothing", "", ""},
		{"no provider", "web", ""},
		{"an empty provider", "web@", ""},
		{"no name of Docker's", "@docker", ""},
		{"no name of Traefik's own", "@internal", ""},
		{"no name of a CRD's", "@kubernetescrd", ""},
		{"only an entry point", "my_web-@kubernetescrd", "my_web"},
	}
	for _, row := range rows {
		got := binding.Bind(p.Policy, binding.Parse(row.name, row.entryPoint), "", true)
		if got.Code != verdict.RouterUnknown || got.Internal {
			t.Errorf("%s: %q, want router-unknown", row.description, got.Code)
		}
	}
}

func TestRouterPatterns(t *testing.T) {
	p := registrytest.MustPolicy(t, map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "routers": "acme-*@docker,*-shop@docker"},
		map[string]any{"name": "globex", "routers": "globex-*@docker"},
	}}, nil)
	rows := []struct {
		description, name string
		want              verdict.Code
		tenant            string
	}{
		{"one pattern", "acme-web@docker", verdict.Pass, "acme"},
		{"two of one tenant", "acme-shop@docker", verdict.Pass, "acme"},
		{"two tenants'", "globex-shop@docker", verdict.RouterAmbiguous, ""},
		{"none", "initech-web@docker", verdict.RouterUnbound, ""},
		{"another provider", "acme-web@file", verdict.RouterUnbound, ""},
		{"on several entry points", "web-globex-web@docker", verdict.Pass, "globex"},
	}
	for _, row := range rows {
		got := binding.Bind(p.Policy, binding.Parse(row.name, "web"), "", false)
		tenant := ""
		if got.Tenant != nil {
			tenant = got.Tenant.Name
		}
		if got.Code != row.want || tenant != row.tenant {
			t.Errorf("%s: %q of %q, want %q of %q",
				row.description, got.Code, tenant, row.want, row.tenant)
		}
	}
}

func TestFromMiddleware(t *testing.T) {
	p := registrytest.MustPolicy(t, map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "namespaces": "acme", "routers": "*@docker"},
	}}, nil)
	rows := []struct {
		description, name string
		want              verdict.Code
	}{
		{"a safe name", "acme_guard@kubernetescrd", verdict.Pass},
		{"a safe name, unowned", "x_guard@kubernetescrd", verdict.RouterUnbound},
		{"the safe name of a router", "acme_guard_0@kubernetescrd", verdict.RouterUnknown},
		{"a legacy name", "acme-guard@kubernetescrd", verdict.RouterAmbiguous},
		{"another provider", "acme_guard@docker", verdict.RouterUnknown},
		{"a provider imitated", "acme_guard@kubernetescrd@docker", verdict.RouterUnknown},
	}
	for _, row := range rows {
		router := binding.FromMiddleware(row.name)
		if got := binding.Bind(p.Policy, router, "", false); got.Code != row.want {
			t.Errorf("%s: %q, want %q", row.description, got.Code, row.want)
		}
	}
}

// TestWhoElse names who else an ambiguous router may be of.
func TestWhoElse(t *testing.T) {
	p := policyOf(t, map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "routers": "acme-*@docker", "namespaces": "acme"},
		map[string]any{"name": "globex", "routers": "*-web@docker", "namespaces": "acme-web"},
	}})
	const legacy = "acme-web-x-0123456789abcdef0123@kubernetescrd"
	rows := []struct {
		description, router string
		legacyNames         bool
		want                string
	}{
		{"one tenant", "acme-x@docker", false, ""},
		{"patterns of two", "acme-web@docker", false, "acme,globex"},
		{"nobody's", "x@docker", false, ""},
		{"namespaces of two", legacy, true, "acme,globex"},
		{"namespaces of two, and perhaps others", legacy, false, "acme,globex"},
	}
	for _, row := range rows {
		got := binding.Bind(p, binding.Parse(row.router, "web"), "", row.legacyNames)
		if got.Other != row.want {
			t.Errorf("%s: %q, want %q", row.description, got.Other, row.want)
		}
	}
}

// TestBindAll binds a router with others below it.
func TestBindAll(t *testing.T) {
	p := policyOf(t, map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "routers": "acme-*@docker", "namespaces": "acme"},
		map[string]any{"name": "globex", "routers": "globex-*@docker", "namespaces": "globex"},
	}})
	rows := []struct {
		description, router string
		children            []string
		want                verdict.Code
		other, namespaces   string
	}{
		{"none", "acme-a@docker", nil, verdict.Pass, "", ""},
		{"the tenant's", "acme-a@docker", []string{"acme-b@docker", "acme_b_0@kubernetescrd"},
			verdict.Pass, "", ""},
		{"another tenant's", "acme_a_0@kubernetescrd",
			[]string{"acme-b@docker", "globex_b_0@kubernetescrd"}, verdict.RouterAmbiguous,
			"globex_b_0@kubernetescrd", "acme,globex"},
		{"unowned", "acme-a@docker", []string{"x@docker"}, verdict.RouterAmbiguous, "x@docker", ""},
		{"below one that is unowned", "x@docker", []string{"acme-b@docker"}, verdict.RouterUnbound,
			"", ""},
		{"below Traefik's own", "api@internal", []string{"acme-b@docker"},
			verdict.RouterAmbiguous, "acme-b@docker", ""},
	}
	for _, row := range rows {
		var children []binding.Router
		for _, name := range row.children {
			children = append(children, binding.Parse(name, "web"))
		}
		got := binding.BindAll(p, binding.Parse(row.router, "web"), children, "", false)
		namespaces := strings.Join(got.Namespaces, ",")
		if got.Code != row.want || got.Other != row.other ||
			(row.namespaces != "" && namespaces != row.namespaces) {
			t.Errorf("%s: %q of %q in %q, want %q of %q in %q", row.description,
				got.Code, got.Other, namespaces, row.want, row.other, row.namespaces)
		}
	}
}
