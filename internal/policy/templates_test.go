package policy

import (
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

// ruled returns the policy of templates of hosts and of Namespaces, beside a configured tenant.
func ruled(t *testing.T, templates string, namespaces ...Namespace) *Policy {
	t.Helper()
	return over(t, `{"kubernetes":{"enabled":true,"tenantLabel":"team","hosts":"`+templates+`"},
		"tenants":[{"name":"acme","hosts":["acme.example.com","*.b.example.com",
			"**.d.example.com","c.example.com"]}]}`, namespaces...)
}

// TestTemplates has one Namespace, of the tenant evil.
func TestTemplates(t *testing.T) {
	const error0 = `namespace "acme": kubernetes.hosts: `
	long := strings.Repeat("x", 60)
	rows := []struct {
		description, templates, namespace, tenant string
		// owned is the pattern that the Namespace has, and wrong begins what is said.
		owned, wrong string
	}{
		{"its name", "{namespace}.apps.test", "acme", "evil", "acme.apps.test", ""},
		{"its tenant", "*.{tenant}.test", "acme", "evil", "*.evil.test", ""},
		{"both", "**.x-{namespace}.{tenant}-y.test", "acme", "evil", "**.x-acme.evil-y.test", ""},
		{"none of the labels of a name", "{namespace}.test", "a-b", "evil", "a-b.test", ""},
		{"what is configured", "{namespace}.example.com", "acme", "evil", "",
			error0 + `"{namespace}.example.com": "acme.example.com": tenant "acme" has this host`},
		{"a wildcard that is configured", "*.{namespace}.example.com", "b", "evil", "",
			`namespace "b": kubernetes.hosts: "*.{namespace}.example.com": "*.b.example.com": ` +
				`tenant "acme" has this host`},
		{"below a wildcard that is configured", "{namespace}.b.example.com", "acme", "evil", "",
			error0 + `"{namespace}.b.example.com": "acme.b.example.com": tenant "acme" has`},
		{"a wildcard beside one for any depth", "*.{namespace}.example.com", "d", "evil", "",
			`namespace "d": kubernetes.hosts: "*.{namespace}.example.com": "*.d.example.com": ten`},
		{"a wildcard below one for any depth", "*.{namespace}.d.example.com", "acme", "evil", "",
			error0 + `"*.{namespace}.d.example.com": "*.acme.d.example.com": tenant "acme" has`},
		{"any depth below one for any depth", "**.{namespace}.d.example.com", "acme", "evil", "",
			error0 + `"**.{namespace}.d.example.com": "**.acme.d.example.com": tenant "acme" has`},
		{"names below a configured one", "*.{namespace}.example.com", "c", "evil",
			"*.c.example.com", ""},
		{"a tenant with a dot", "{tenant}.test", "acme", "a.b", "",
			error0 + `"{tenant}.test": the tenant "a.b" is no single label of a host, in lower c`},
		{"a tenant with a dot, by the name of the Namespace", "{namespace}.test", "acme", "a.b",
			"acme.test", ""},
		{"a tenant in upper case", "{tenant}.test", "acme", "Evil", "",
			error0 + `"{tenant}.test": the tenant "Evil" is no single label`},
		{"a tenant with an underscore", "{tenant}.test", "acme", "e_l", "",
			error0 + `"{tenant}.test": the tenant "e_l" is no single label`},
		{"a label that is too long", "preview-{namespace}.test", long, "evil", "",
			`namespace "` + long + `": kubernetes.hosts: "preview-{namespace}.test": "preview-xx`},
	}
	for _, row := range rows {
		made := Namespace{Name: row.namespace, Created: older1, Tenant: row.tenant}
		p := ruled(t, row.templates, made)
		got := ""
		p.Hosts.Each(func(pattern hosts.Pattern, owner string) {
			if owner == row.tenant {
				got += pattern.String()
			}
		})
		if got != row.owned || p.NamespaceTenant(row.namespace) == nil || leftOut(p) != "" {
			t.Errorf("%s: it has %q, want %q", row.description, got, row.owned)
		}
		wrong := wrongMarks(p)
		if (wrong == "") != (row.wrong == "") || !strings.HasPrefix(wrong, row.wrong) {
			t.Errorf("%s: wrong marks %q, want %q", row.description, wrong, row.wrong)
		}
	}
}

// TestTemplatesOfOneTenant has rules give what the tenant has already, by its annotation or by
// another of its Namespaces.
func TestTemplatesOfOneTenant(t *testing.T) {
	p := ruled(t, "{namespace}.apps.test,{tenant}.test",
		Namespace{Name: "one", Created: older1, Tenant: "evil", Hosts: "*.apps.test, evil.test"},
		Namespace{Name: "two", Created: newer2, Tenant: "evil"})
	if wrongMarks(p) != "" || p.Hosts.Owner("two.apps.test") != "evil" {
		t.Errorf("wrong marks %q", wrongMarks(p))
	}
}

// TestTenantLabel reads another label than ours, and says so.
func TestTenantLabel(t *testing.T) {
	unlabelled := NewNamespace("a", older1, "team", map[string]string{TenantLabel: "x"},
		map[string]string{HostsAnnotation: "a.test"})
	p := ruled(t, "{namespace}.test", unlabelled,
		Namespace{Name: "b", Created: older1, Tenant: "acme"})
	const wantLeftOut = `namespace "a": it has annotations of tenantguard.io, wanted the label ` +
		"team as well\n" + `namespace "b": team: "acme": the tenant neither lists`
	if got := leftOut(p); !strings.HasPrefix(got, wantLeftOut) {
		t.Errorf("left out %q, want %q", got, wantLeftOut)
	}
	const wantWrong = `namespace "a": label "tenantguard.io/tenant": unknown, wanted the label team`
	if got := wrongMarks(p); !strings.HasPrefix(got, wantWrong) {
		t.Errorf("wrong marks %q, want %q", got, wantWrong)
	}
}

// TestBroadTemplates warns of a rule by which a Namespace has all names below a public suffix.
func TestBroadTemplates(t *testing.T) {
	p := ruled(t, "*.{namespace}.uk", Namespace{Name: "co", Created: older1, Tenant: "evil"})
	const want = `namespace "co": kubernetes.hosts: "*.co.uk": a wildcard right below`
	if got := strings.Join(p.Broad, "\n"); !strings.HasPrefix(got, want) {
		t.Errorf("warnings %q, want %q", got, want)
	}
}
