package policy

import (
	"strings"
	"testing"
)

func TestNamespacesMakeTenants(t *testing.T) {
	p := over(t, `{}`,
		Namespace{Name: "acme", Created: older1, Tenant: "acme",
			Hosts: "acme.example.com, *.acme.example.com"},
		Namespace{Name: "acme-two", Created: newer2, Tenant: "acme", Mode: "report"},
		Namespace{Name: "kube-system", Created: older1},
	)
	got := p.NamespaceTenant("acme-two")
	if got == nil || got.Name != "acme" || got.Mode != "report" {
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
	configured := `{"tenants":[
		{"name":"acme","mode":"enforce","namespaces":["acme","acme-*"],
			"hosts":["acme.example.com"]},
		{"name":"open","kubernetesNamespaces":true,"hosts":["open.example.com"]}]}`
	cases := []struct {
		description string
		namespace   Namespace
		wants       []string
	}{
		{"another tenant's host",
			Namespace{Name: "evil", Tenant: "evil", Hosts: "acme.example.com"},
			[]string{`"evil"`, `"acme.example.com"`, `"acme"`}},
		{"a bad pattern",
			Namespace{Name: "evil", Tenant: "evil", Hosts: "a.example.com,b..example.com"},
			[]string{`"evil"`, `"b..example.com"`}},
		{"an empty pattern", Namespace{Name: "evil", Tenant: "evil", Hosts: "a.example.com,"},
			[]string{`"evil"`, `""`}},
		{"a configured tenant that did not ask for it", Namespace{Name: "evil", Tenant: "acme"},
			[]string{`"evil"`, "kubernetesNamespaces"}},
		{"a namespace that another tenant lists", Namespace{Name: "acme", Tenant: "evil"},
			[]string{`"acme"`, `"evil"`, "lists this namespace"}},
		{"a namespace in another tenant's prefix", Namespace{Name: "acme-x", Tenant: "evil"},
			[]string{`"acme-x"`, `"evil"`}},
		{"a bad mode", Namespace{Name: "evil", Tenant: "evil", Mode: "off"},
			[]string{`"evil"`, `"off"`}},
		{"another mode than the tenant's", Namespace{Name: "acme", Tenant: "acme", Mode: "report"},
			[]string{`"acme"`, `"report"`, `"enforce"`}},
		{"annotations without the label", Namespace{Name: "evil", Hosts: "evil.example.com"},
			[]string{`"evil"`, TenantLabel}},
	}
	for _, c := range cases {
		p := over(t, configured, c.namespace)
		for _, want := range c.wants {
			if !strings.Contains(leftOut(p), want) {
				t.Errorf("%s: left out %q, want %q in it", c.description, leftOut(p), want)
			}
		}
		owned := p.Hosts.Owner("a.example.com") != ""
		if p.Tenant("evil") != nil || owned || !p.Exists(c.namespace.Name) {
			t.Errorf("%s: the namespace is not left out as a whole", c.description)
		}
	}
}

func TestNamespacesJoinConfiguredTenants(t *testing.T) {
	p := over(t, `{"tenants":[
		{"name":"acme","namespaces":["acme"],"hosts":["acme.example.com"]},
		{"name":"open","kubernetesNamespaces":true}]}`,
		Namespace{Name: "acme", Created: older1, Tenant: "acme", Hosts: "new.example.com"},
		Namespace{Name: "any", Created: older1, Tenant: "open", Hosts: "any.example.com"},
	)
	if leftOut(p) != "" {
		t.Fatalf("left out %q", leftOut(p))
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
		p := over(t, `{}`, order...)
		if got := p.Hosts.Owner("x.example.com"); got != "first" {
			t.Errorf("the host is %q's", got)
		}
		left := leftOut(p)
		later := strings.Contains(left, "a-second") && strings.Contains(left, "c-same")
		if !later || strings.Contains(left, "b-first") {
			t.Errorf("left out %q", left)
		}
	}
}

// TestDeletedNamespaces looks at what is left of a deleted Namespace.
func TestDeletedNamespaces(t *testing.T) {
	snapshot := &Snapshot{
		Namespaces: []Namespace{
			{Name: "acme", Created: older1, Tenant: "acme", Hosts: "acme.example.com"},
			{Name: "back", Created: newer2},
		},
		Deleted: []Namespace{
			{Name: "acme--old", Tenant: "acme", Hosts: "old.example.com"},
			{Name: "back", Tenant: "acme"},
			{Name: "unowned"},
			{Name: "unknown", Tenant: "unknown"},
			{Name: "shut", Tenant: "shut"},
		},
	}
	made := parsed(t, `{"tenants":[{"name":"shut","hosts":["shut.example.com"]}]}`)
	p := made.Over(snapshot)
	cases := []struct {
		description, namespace, candidate string
		deleted                           bool
	}{
		{"one of a tenant that has others", "acme--old", "acme", true},
		{"one that is back without a label", "back", "", false},
		{"an unowned one", "unowned", "", true},
		{"the last one of its tenant", "unknown", "", true},
		{"one of a tenant that takes none", "shut", "", true},
		{"one that is there", "acme", "acme", false},
	}
	for _, c := range cases {
		tenant, deleted := p.Candidate(c.namespace)
		name := ""
		if tenant != nil {
			name = tenant.Name
		}
		if name != c.candidate || deleted != c.deleted || !p.Exists(c.namespace) {
			t.Errorf("%s: a candidate of %q's, deleted %t", c.description, name, deleted)
		}
		if deleted && p.NamespaceTenant(c.namespace) != nil {
			t.Errorf("%s: it has a tenant where a name is exact", c.description)
		}
	}
	if p.Hosts.Owner("old.example.com") != "" {
		t.Error("a deleted Namespace has a host")
	}
	flat := ""
	p.EachFlattened("acme-old", func(namespace string) { flat += namespace })
	if flat != "acme--old" {
		t.Errorf("a legacy name with acme-old is of %q", flat)
	}
}

// TestClaimsAreBounded has a Namespace with an annotation as large as the API takes one.
func TestClaimsAreBounded(t *testing.T) {
	cases := []struct {
		description, hosts string
		errors             int
	}{
		{"many errors", strings.Repeat("!,", 30000), maxClaimErrors},
		{"one long pattern", strings.Repeat("!", 60000), 1},
		{"a large one without errors",
			strings.Repeat("a.example.com,", 10000) + "a.example.com", 1},
	}
	for _, c := range cases {
		p := over(t, `{}`,
			Namespace{Name: "acme", Created: older1, Tenant: "acme", Hosts: c.hosts},
			Namespace{Name: "globex", Created: newer2, Tenant: "globex",
				Hosts: "globex.example.com"})
		if p.Tenant("acme") != nil || p.Tenant("globex") == nil {
			t.Errorf("%s: tenants %v", c.description, p.Tenants)
		}
		if left := leftOut(p); strings.Count(left, "\n")+1 != c.errors || len(left) > 10000 {
			t.Errorf("%s: %d bytes, %.300q", c.description, len(left), left)
		}
	}
	var many []Namespace
	for i := 0; i < 2*maxErrors; i++ {
		name := "x" + strings.Repeat("y", i%50)
		many = append(many, Namespace{Name: name, Created: older1, Tenant: "x", Hosts: "!"})
	}
	p := over(t, `{}`, many...)
	if left := leftOut(p); strings.Count(left, "\n") != maxErrors {
		t.Errorf("%d errors of many Namespaces", strings.Count(left, "\n"))
	}
}
