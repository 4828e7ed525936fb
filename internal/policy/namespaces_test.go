package policy

import (
	"fmt"
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
		{"a mode without the label", Namespace{Name: "evil", Mode: "report"},
			[]string{`"evil"`, TenantLabel}},
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
	p.EachFlattened("acme--old", func(namespace string) {
		t.Errorf("a legacy name with two hyphens in a row is of %q", namespace)
	})
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

// TestNamespacesOf looks at which namespaces a tenant has, with and without a cluster.
func TestNamespacesOf(t *testing.T) {
	const text = `{"shared":{"namespaces":["platform","certs"]},"tenants":[
		{"name":"acme","namespaces":["acme","acme-*","b"]},
		{"name":"globex","namespaces":["globex","team-*"]}]}`
	made := parsed(t, text)
	namespaces := []Namespace{
		{Name: "acme"}, {Name: "acme-x"}, {Name: "acme-web"}, {Name: "other"}, {Name: "team-x"},
	}
	rows := []struct {
		description  string
		policy       *Policy
		acme, globex string
	}{
		{"no cluster", made.Policy, "acme b", "globex"},
		{"a cluster", made.Over(&Snapshot{Namespaces: namespaces}), "acme acme-web acme-x b",
			"globex team-x"},
		{"an empty one", made.Over(&Snapshot{}), "acme b", "globex"},
	}
	for _, row := range rows {
		for name, want := range map[string]string{"acme": row.acme, "globex": row.globex} {
			got := strings.Join(row.policy.NamespacesOf(row.policy.Tenant(name)), " ")
			if got != want {
				t.Errorf("%s, %s: %q, want %q", row.description, name, got, want)
			}
		}
		if got := strings.Join(row.policy.SharedNamespaces, " "); got != "platform certs" {
			t.Errorf("%s: shared namespaces %q", row.description, got)
		}
	}
}

// TestModesOfOneTenant has Namespaces of a tenant say its mode one after the other.
func TestModesOfOneTenant(t *testing.T) {
	rows := []struct {
		description, first, second, want string
		leftOut                          bool
	}{
		{"none", "", "", "", false},
		{"the first", "report", "", "report", false},
		{"the second", "", "report", "report", false},
		{"the same", "report", "report", "report", false},
		{"another", "report", "enforce", "report", true},
	}
	for _, row := range rows {
		p := over(t, `{}`,
			Namespace{Name: "acme", Created: older1, Tenant: "acme", Mode: row.first},
			Namespace{Name: "acme-two", Created: newer2, Tenant: "acme", Mode: row.second})
		isLeftOut := p.NamespaceTenant("acme-two") == nil
		if got := p.Tenant("acme").Mode; got != row.want || isLeftOut != row.leftOut {
			t.Errorf("%s: %q, left out %t, want %q, %t",
				row.description, got, isLeftOut, row.want, row.leftOut)
		}
	}
}

// TestPrefixesOfNamespaces has prefixes of several lengths, and one within another.
func TestPrefixesOfNamespaces(t *testing.T) {
	p := parsed(t, `{"tenants":[
		{"name":"acme","namespaces":["acme*","acme-x-*","acme"]},
		{"name":"globex","namespaces":["g*"]},
		{"name":"initech","namespaces":["team-i-*","team-j"]}]}`).Policy
	rows := map[string]string{
		"acme": "acme", "acme-x-y": "acme", "acmeister": "acme", "acm": "",
		"g": "globex", "globex": "globex", "x-g": "",
		"team-i-": "initech", "team-i-x": "initech", "team-i": "", "team-j": "initech",
		"team-j-x": "", "": "",
	}
	for namespace, want := range rows {
		got := ""
		if tenant := p.NamespaceTenant(namespace); tenant != nil {
			got = tenant.Name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", namespace, got, want)
		}
	}
}

// TestBoundsOfClaims has an annotation be as long as it may be, and as many errors as are said.
func TestBoundsOfClaims(t *testing.T) {
	for size, want := range map[int]bool{maxKeys: true, maxKeys + 1: false} {
		list := "a.example.com" + strings.Repeat(" ", size-len("a.example.com"))
		p := over(t, `{}`, Namespace{Name: "acme", Tenant: "acme", Hosts: list})
		if got := p.Tenant("acme") != nil; got != want {
			t.Errorf("%d bytes: taken %t, want %t", size, got, want)
		}
	}
	for many, want := range map[int]int{maxErrors: maxErrors, maxErrors + 1: maxErrors + 1} {
		var wrong []Namespace
		for i := 0; i < many; i++ {
			wrong = append(wrong, Namespace{Name: fmt.Sprint("n", i), Mode: "report"})
		}
		p := over(t, `{}`, wrong...)
		said := strings.Contains(leftOut(p), "more errors")
		if len(p.LeftOut) != want || said != (many > maxErrors) {
			t.Errorf("%d errors: %d are said, and that there are more: %t",
				many, len(p.LeftOut), said)
		}
	}
}
