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

const twoConfigured = `{"tenants":[
	{"name":"acme","mode":"enforce","namespaces":["acme","acme-*"],"hosts":["acme.example.com"]},
	{"name":"open","kubernetesNamespaces":true,"hosts":["open.example.com"]}]}`

func TestNamespacesThatAreLeftOut(t *testing.T) {
	const host = "a.example.com"
	cases := []struct {
		description string
		namespace   Namespace
		wants       []string
	}{
		{"a configured tenant that did not ask for it",
			Namespace{Name: "evil", Tenant: "acme", Hosts: host},
			[]string{`"evil"`, "kubernetesNamespaces"}},
		{"a namespace that another tenant lists",
			Namespace{Name: "acme", Tenant: "evil", Hosts: host},
			[]string{`"acme"`, `"evil"`, "lists this namespace"}},
		{"a namespace in another tenant's prefix",
			Namespace{Name: "acme-x", Tenant: "evil", Hosts: host}, []string{`"acme-x"`, `"evil"`}},
		{"a mode without the label", Namespace{Name: "evil", Mode: "report"},
			[]string{`"evil"`, TenantLabel}},
		{"annotations without the label", Namespace{Name: "evil", Hosts: host},
			[]string{`"evil"`, TenantLabel}},
	}
	for _, c := range cases {
		p := over(t, twoConfigured, c.namespace)
		for _, want := range c.wants {
			if !strings.Contains(leftOut(p), want) {
				t.Errorf("%s: left out %q, want %q in it", c.description, leftOut(p), want)
			}
		}
		owned := p.Hosts.Owner(host) != ""
		if p.Tenant("evil") != nil || owned || !p.Exists(c.namespace.Name) {
			t.Errorf("%s: the namespace is not left out as a whole", c.description)
		}
		if wrongMarks(p) != "" {
			t.Errorf("%s: wrong marks %q as well", c.description, wrongMarks(p))
		}
	}
}

// TestWrongMarks has one thing wrong in a Namespace, whose tenant and whose other host stay.
func TestWrongMarks(t *testing.T) {
	const host = "a.example.com"
	cases := []struct {
		description string
		namespace   Namespace
		want        string
	}{
		{"another tenant's host", Namespace{Hosts: "acme.example.com," + host},
			`namespace "x": tenantguard.io/hosts: "acme.example.com": tenant "acme" has this host`},
		{"a bad pattern", Namespace{Hosts: host + ",b..example.com"},
			`namespace "x": tenantguard.io/hosts: "b..example.com": wanted a host name, "*." or ` +
				`"**." and a host name, or an IP address`},
		{"a bad mode", Namespace{Hosts: host, Mode: "off"},
			`namespace "x": tenantguard.io/mode: "off": wanted enforce or report`},
		{"an unknown key", Namespace{Hosts: host, Unknown: `label "tenantguard.io/x"`},
			`namespace "x": label "tenantguard.io/x": unknown, wanted the label ` +
				`tenantguard.io/tenant and the annotations tenantguard.io/hosts, ` +
				`tenantguard.io/mode and tenantguard.io/allow`},
		{"a comma at the end", Namespace{Hosts: host + ","}, ""},
		{"nothing but commas", Namespace{Hosts: host + ", , ,,"}, ""},
		{"its own host twice", Namespace{Hosts: host + "," + host}, ""},
	}
	for _, c := range cases {
		c.namespace.Name = "x"
		c.namespace.Tenant = "new"
		p := over(t, twoConfigured, c.namespace)
		if got := wrongMarks(p); got != c.want || leftOut(p) != "" {
			t.Errorf("%s: wrong marks %q, left out %q, want %q",
				c.description, got, leftOut(p), c.want)
		}
		tenant := p.Tenant("new")
		bound := tenant != nil && p.NamespaceTenant("x") == tenant && tenant.Mode == ""
		if !bound || p.Hosts.Owner(host) != "new" || p.Hosts.Owner("acme.example.com") != "acme" {
			t.Errorf("%s: the rest of the Namespace does not stay", c.description)
		}
	}
}

// TestUnknownMarks reads the keys of labels and annotations.
func TestUnknownMarks(t *testing.T) {
	const our = "tenantguard.io/"
	many := ""
	for i := 0; i < maxUnknown+1; i++ {
		many += fmt.Sprint(" ", our, "x", i)
	}
	rows := []struct{ description, labels, annotations, want string }{
		{"none", "", "", ""},
		{"all that are known", our + "tenant", our + "hosts " + our + "mode " + our + "allow", ""},
		{"misspelt", our + "tenants", our + "host",
			`annotation "tenantguard.io/host", label "tenantguard.io/tenants"`},
		{"in another case", our + "Tenant", "TenantGuard.io/hosts",
			`annotation "TenantGuard.io/hosts", label "tenantguard.io/Tenant"`},
		{"in the wrong place", our + "hosts", our + "tenant",
			`annotation "tenantguard.io/tenant", label "tenantguard.io/hosts"`},
		{"others'", "team tenantguard.iox/y", "tenantguard x.tenantguard.io/hosts", ""},
		{"one more than are named", many, "", `label "tenantguard.io/x0", ` +
			`label "tenantguard.io/x1", label "tenantguard.io/x10", label "tenantguard.io/x2", ` +
			`label "tenantguard.io/x3", label "tenantguard.io/x4", label "tenantguard.io/x5", ` +
			`label "tenantguard.io/x6", label "tenantguard.io/x7", label "tenantguard.io/x8"`},
	}
	for _, row := range rows {
		labels, annotations := map[string]string{}, map[string]string{}
		for _, key := range strings.Fields(row.labels) {
			labels[key] = "a"
		}
		for _, key := range strings.Fields(row.annotations) {
			annotations[key] = "b"
		}
		for try := 0; try < 3; try++ { // maps have no order
			n := NewNamespace("acme", older1, TenantLabel, labels, annotations)
			if n.Unknown != row.want {
				t.Errorf("%s: %q, want %q", row.description, n.Unknown, row.want)
			}
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
		wrong := wrongMarks(p)
		later := strings.Contains(wrong, "a-second") && strings.Contains(wrong, "c-same")
		if !later || strings.Contains(wrong, "b-first") || leftOut(p) != "" {
			t.Errorf("wrong marks %q, left out %q", wrong, leftOut(p))
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

// TestClaimsAreBounded has an annotation as large as the API takes one.
func TestClaimsAreBounded(t *testing.T) {
	const last = "last.example.com"
	cases := []struct {
		description, hosts string
		errors             int
		isRead             bool
	}{
		{"as many errors as are said", strings.Repeat("!,", maxClaimErrors) + last, maxClaimErrors,
			true},
		{"one more", strings.Repeat("!,", maxClaimErrors+1) + last, maxClaimErrors + 1, true},
		{"nearly as many as are read", strings.Repeat("!,", maxErrors-1) + last,
			maxClaimErrors + 1, true},
		{"as many as are read", strings.Repeat("!,", maxErrors) + last, maxClaimErrors + 1, false},
		{"many errors", strings.Repeat("!,", 30000) + last, maxClaimErrors + 1, false},
		{"one long pattern", strings.Repeat("!", 60000) + "," + last, 1, true},
		{"a large one without errors", strings.Repeat("a.example.com,", 10000) + last, 1, false},
	}
	for _, c := range cases {
		p := over(t, `{}`,
			Namespace{Name: "acme", Created: older1, Tenant: "acme", Hosts: c.hosts},
			Namespace{Name: "globex", Created: newer2, Tenant: "globex",
				Hosts: "globex.example.com"})
		if p.Tenant("acme") == nil || p.Tenant("globex") == nil {
			t.Errorf("%s: tenants %v", c.description, p.Tenants)
		}
		if got := p.Hosts.Owner(last) != ""; got != c.isRead {
			t.Errorf("%s: what follows is read %t, want %t", c.description, got, c.isRead)
		}
		wrong := wrongMarks(p)
		if strings.Count(wrong, "\n")+1 != c.errors || len(wrong) > 10000 {
			t.Errorf("%s: %d bytes, %.300q", c.description, len(wrong), wrong)
		}
		if got := strings.Contains(wrong, "more errors"); got != (c.errors > maxClaimErrors) {
			t.Errorf("%s: it says that there are more: %t", c.description, got)
		}
	}
	var many []Namespace
	for i := 0; i < 2*maxErrors; i++ {
		name := "x" + strings.Repeat("y", i%50)
		many = append(many, Namespace{Name: name, Created: older1, Tenant: "x", Hosts: "!"})
	}
	p := over(t, `{}`, many...)
	if wrong := wrongMarks(p); strings.Count(wrong, "\n") != maxErrors {
		t.Errorf("%d errors of many Namespaces", strings.Count(wrong, "\n"))
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
	const asWell = `namespace "acme-two": tenantguard.io/mode: %q: tenant "acme" has the mode ` +
		`%q as well, the stricter one counts`
	rows := []struct{ description, first, second, want, wrong string }{
		{"none", "", "", "", ""},
		{"the first", "report", "", "report", ""},
		{"the second", "", "report", "report", ""},
		{"the same", "report", "report", "report", ""},
		{"the second is stricter", "report", "enforce", "enforce",
			fmt.Sprintf(asWell, "enforce", "report")},
		{"the first is stricter", "enforce", "report", "enforce",
			fmt.Sprintf(asWell, "report", "enforce")},
		{"the second is wrong", "report", "off", "report",
			`namespace "acme-two": tenantguard.io/mode: "off": wanted enforce or report`},
	}
	for _, row := range rows {
		p := over(t, `{}`,
			Namespace{Name: "acme", Created: older1, Tenant: "acme", Mode: row.first},
			Namespace{Name: "acme-two", Created: newer2, Tenant: "acme", Mode: row.second})
		if got := p.Tenant("acme").Mode; got != row.want || wrongMarks(p) != row.wrong {
			t.Errorf("%s: %q, wrong marks %q, want %q, %q",
				row.description, got, wrongMarks(p), row.want, row.wrong)
		}
		if p.NamespaceTenant("acme-two") == nil || leftOut(p) != "" {
			t.Errorf("%s: left out %q", row.description, leftOut(p))
		}
	}
}

// TestConfiguredModes has a Namespace say another mode than its tenant's configuration.
func TestConfiguredModes(t *testing.T) {
	for _, configured := range []string{"enforce", "report"} {
		for _, said := range []string{"enforce", "report"} {
			made := parsed(t, `{"tenants":[{"name":"acme","namespaces":["acme"],"mode":"`+
				configured+`"}]}`)
			p := made.Over(&Snapshot{Namespaces: []Namespace{
				{Name: "acme", Tenant: "acme", Mode: said}}})
			want := "report"
			if configured == "enforce" || said == "enforce" {
				want = "enforce"
			}
			got := p.Tenant("acme").Mode
			if got != want || (wrongMarks(p) != "") != (said != configured) {
				t.Errorf("%s, %s: %q, wrong marks %q", configured, said, got, wrongMarks(p))
			}
			if before := made.Policy.Tenant("acme").Mode; before != configured {
				t.Errorf("%s, %s: the configuration says %q", configured, said, before)
			}
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
		if got := p.Hosts.Owner("a.example.com") != ""; got != want {
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
