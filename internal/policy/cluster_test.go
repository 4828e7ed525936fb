package policy

import (
	"strings"
	"testing"
)

// withCluster is the policy of a configuration and the Namespaces of a cluster.
func withCluster(t *testing.T, text string, namespaces ...Namespace) (*recorder, *Effective) {
	t.Helper()
	r := newRecorder()
	r.snapshot = &Snapshot{Namespaces: namespaces}
	raw := keys(t, text)
	raw["kubernetes"] = map[string]any{"enabled": true}
	return r, r.Instance("guard@file", raw).Effective()
}

func (r *recorder) leftOut() string {
	var all []string
	for _, notice := range r.notices {
		all = append(all, notice.LeftOut...)
	}
	return strings.Join(all, "\n")
}

const older1, newer2 = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"

func TestNamespacesMakeTenants(t *testing.T) {
	_, p := withCluster(t, `{}`,
		Namespace{Name: "acme", Created: older1, Tenant: "acme", Hosts: "acme.example.com, *.acme.example.com"},
		Namespace{Name: "acme-two", Created: newer2, Tenant: "acme", Mode: "report"},
		Namespace{Name: "kube-system", Created: older1},
	)
	if p == nil {
		t.Fatal("no policy")
	}
	if got := p.NamespaceTenant("acme-two"); got == nil || got.Name != "acme" || got.Mode != "report" {
		t.Errorf("acme-two is %+v's", got)
	}
	if got := p.Hosts.Owner("a.acme.example.com"); got != "acme" {
		t.Errorf("a.acme.example.com is %q's", got)
	}
	if p.NamespaceTenant("kube-system") != nil || !p.Exists("kube-system") || p.Exists("nowhere") {
		t.Error("a namespace without a tenant has one, or does not exist")
	}
	if got := strings.Join(p.NamespacesOf(p.Tenant("acme")), ","); got != "acme,acme-two" {
		t.Errorf("acme's namespaces are %q", got)
	}
	if !p.Tenant("acme").Certificates.Secrets {
		t.Error("certificates.secrets is off with kubernetes.enabled")
	}
}

func TestNamespacesThatAreLeftOut(t *testing.T) {
	configured := `{"tenants":[{"name":"acme","namespaces":["acme","acme-*"],"hosts":["acme.example.com"],"mode":"enforce"},
		{"name":"open","kubernetesNamespaces":true,"hosts":["open.example.com"]}]}`
	cases := []struct {
		description string
		namespace   Namespace
		wants       []string
	}{
		{"another tenant's host", Namespace{Name: "evil", Tenant: "evil", Hosts: "acme.example.com"}, []string{`"evil"`, `"acme.example.com"`, `"acme"`}},
		{"a bad pattern", Namespace{Name: "evil", Tenant: "evil", Hosts: "a.example.com,b..example.com"}, []string{`"evil"`, `"b..example.com"`}},
		{"an empty pattern", Namespace{Name: "evil", Tenant: "evil", Hosts: "a.example.com,"}, []string{`"evil"`, `""`}},
		{"a configured tenant that did not ask for it", Namespace{Name: "evil", Tenant: "acme"}, []string{`"evil"`, "kubernetesNamespaces"}},
		{"a namespace that another tenant lists", Namespace{Name: "acme", Tenant: "evil"}, []string{`"acme"`, `"evil"`, "lists this namespace"}},
		{"a namespace in another tenant's prefix", Namespace{Name: "acme-x", Tenant: "evil"}, []string{`"acme-x"`, `"evil"`}},
		{"a bad mode", Namespace{Name: "evil", Tenant: "evil", Mode: "off"}, []string{`"evil"`, `"off"`}},
		{"another mode than the tenant's", Namespace{Name: "acme", Tenant: "acme", Mode: "report"}, []string{`"acme"`, `"report"`, `"enforce"`}},
		{"annotations without the label", Namespace{Name: "evil", Hosts: "evil.example.com"}, []string{`"evil"`, TenantLabel}},
	}
	for _, c := range cases {
		r, p := withCluster(t, configured, c.namespace)
		if p == nil {
			t.Fatalf("%s: no policy: %q", c.description, r.errors())
		}
		for _, want := range c.wants {
			if !strings.Contains(r.leftOut(), want) {
				t.Errorf("%s: left out %q, want %q in it", c.description, r.leftOut(), want)
			}
		}
		if p.Tenant("evil") != nil || p.Hosts.Owner("a.example.com") != "" || !p.Exists(c.namespace.Name) {
			t.Errorf("%s: the namespace is not left out as a whole", c.description)
		}
	}
}

func TestNamespacesJoinConfiguredTenants(t *testing.T) {
	r, p := withCluster(t, `{"tenants":[{"name":"acme","namespaces":["acme"],"hosts":["acme.example.com"]},{"name":"open","kubernetesNamespaces":true}]}`,
		Namespace{Name: "acme", Created: older1, Tenant: "acme", Hosts: "new.example.com"},
		Namespace{Name: "any", Created: older1, Tenant: "open", Hosts: "any.example.com"},
	)
	if p == nil || r.leftOut() != "" {
		t.Fatalf("left out %q, errors %q", r.leftOut(), r.errors())
	}
	if p.Hosts.Owner("new.example.com") != "acme" || p.NamespaceTenant("any") != p.Tenant("open") {
		t.Error("the namespaces did not join their tenants")
	}
}

// TestOlderClaimStays gives two Namespaces one host, in either order of the list.
func TestOlderClaimStays(t *testing.T) {
	first := Namespace{Name: "b-first", Created: older1, Tenant: "first", Hosts: "x.example.com"}
	second := Namespace{Name: "a-second", Created: newer2, Tenant: "second", Hosts: "x.example.com"}
	same := Namespace{Name: "c-same", Created: older1, Tenant: "same", Hosts: "x.example.com"}
	for _, order := range [][]Namespace{{first, second, same}, {same, second, first}} {
		r, p := withCluster(t, `{}`, order...)
		if got := p.Hosts.Owner("x.example.com"); got != "first" {
			t.Errorf("the host is %q's", got)
		}
		if left := r.leftOut(); !strings.Contains(left, "a-second") || !strings.Contains(left, "c-same") || strings.Contains(left, "b-first") {
			t.Errorf("left out %q", left)
		}
	}
}

func TestPolicyWaitsForTheCluster(t *testing.T) {
	r := newRecorder()
	r.snapshot = nil
	raw := keys(t, acme)
	raw["kubernetes"] = map[string]any{"enabled": true}
	guard := r.Instance("guard@file", raw)
	if guard.Effective() != nil || guard.Awaits() == nil {
		t.Error("a policy is in force before its Namespaces are known")
	}
	if len(r.notices) != 0 {
		t.Errorf("notices %v about a cluster that was not asked yet", r.notices)
	}
	r.snapshot = &Snapshot{}
	r.Refresh()
	if guard.Effective() == nil || guard.Awaits() != nil {
		t.Error("the policy is not in force")
	}
	before := guard.Effective()
	r.snapshot = &Snapshot{Namespaces: []Namespace{{Name: "new", Tenant: "new"}}}
	r.Refresh()
	if guard.Effective() == before || guard.Effective().Tenant("new") == nil {
		t.Error("a new Namespace is not in force")
	}
	if len(r.Clusters()) != 1 {
		t.Error("the cluster is not in use")
	}
	r.Instance("guard@file", keys(t, acme)).Effective()
	if len(r.Clusters()) != 0 {
		t.Error("the cluster is in use after it was switched off")
	}
}
