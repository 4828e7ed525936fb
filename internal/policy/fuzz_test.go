package policy

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

// maxSaid is more than any error has, which repeats a value and where it stands.
const maxSaid = 2000

// FuzzPolicy reads the file of a policy, which is either in force or wrong, and says why in texts
// of bounded length.
func FuzzPolicy(f *testing.F) {
	all, err := vectors.LoadConfigurations("../../testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range all {
		keys := map[string]any{} // but for those that only a middleware has
		for _, key := range policyKeys {
			keys[key] = c.Policy[key]
		}
		text, err := json.Marshal(keys)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), false)
	}
	f.Add(`{"tenants": [{"name": "a", "namespaces": "a, b-*"}], "shared": {"pins": [1]}}`, true)
	long := strings.Repeat("long ", 1000)
	f.Add(`{"certificates": {"ttl": "`+long+`"}, "shared": {"hosts": "`+long+`"}}`, true)
	f.Add(`{"tenants": [{"`+long+`": 1, "name": "`+long+`", "hosts": "`+long+`"}]}`, true)
	f.Fuzz(func(t *testing.T, text string, clustered bool) {
		readFile := func(path string) (string, error) {
			if path == "policy" {
				return text, nil
			}
			return readText("../../testdata/certificates/roots-platform.pem")
		}
		parsed, errs := ParseFile("policy", readFile, clustered)
		if (parsed == nil) != (len(errs) > 0) {
			t.Fatalf("a policy is in force: %t, with %q", parsed != nil, errs)
		}
		again, errsAgain := ParseFile("policy", readFile, clustered)
		if (again == nil) != (parsed == nil) || !reflect.DeepEqual(errs, errsAgain) {
			t.Errorf("read again it is %q, and was %q", errsAgain, errs)
		}
		requireBounded(t, errs)
		if parsed == nil {
			return
		}
		requireBounded(t, parsed.Policy.Broad)
		parsed.Policy.Hosts.Each(func(pattern hosts.Pattern, owner string) {
			if parsed.Policy.Tenant(owner) == nil {
				t.Errorf("%q is %q's, who is no tenant", pattern, owner)
			}
		})
		for _, tenant := range parsed.Policy.Tenants {
			if tenant.Name == "" || tenant.Certificates.TTL <= 0 {
				t.Errorf("the tenant is %+v", tenant)
			}
		}
	})
}

// requireBounded wants no more texts than are kept, and no longer ones.
func requireBounded(t *testing.T, texts []string) {
	t.Helper()
	if len(texts) > maxErrors+1 {
		t.Errorf("%d texts, want at most %d", len(texts), maxErrors+1)
	}
	for _, text := range texts {
		if len(text) > maxSaid {
			t.Errorf("a text of %d bytes: %.300q", len(text), text)
		}
	}
}

// FuzzKeys reads the keys of a middleware of somebody who is not the operator, who must not reach
// the disk, Traefik's token or the cluster.
func FuzzKeys(f *testing.F) {
	all, err := vectors.LoadConfigurations("../../testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range all {
		text, err := json.Marshal(c.Policy)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var raw map[string]any
		if json.Unmarshal([]byte(text), &raw) != nil {
			return
		}
		keys := ParseKeys(raw, "a stranger", "/operators.json")
		requireBounded(t, keys.Errors)
		if len(keys.Errors) > 0 {
			return
		}
		if keys.Settings.Kubernetes.Enabled || (keys.File != "" && keys.File != "/operators.json") {
			t.Fatalf("a stranger's keys have %+v", keys)
		}
		if keys.File != "" {
			return
		}
		readFile := func(path string) (string, error) {
			t.Errorf("a stranger reads %q", path)
			return "", nil
		}
		parsed, errs := keys.Source("a stranger").Parse(readFile)
		requireBounded(t, errs)
		if parsed == nil {
			return
		}
		for _, tenant := range parsed.Policy.Tenants {
			if tenant.Certificates.Secrets {
				t.Errorf("a stranger's tenant asks for Secrets: %+v", tenant)
			}
		}
	})
}

// FuzzAnnotations has a Namespace say anything of itself, beside an older one and a tenant of the
// configuration: it takes nothing of theirs, and gets what is in its annotation alone.
func FuzzAnnotations(f *testing.F) {
	f.Add("globex", "globex.example.com, *.globex.example.com", "report", "globex.apps.test")
	f.Add("acme", "acme.example.com", "enforce", "")
	f.Add("older", "*.older.example.com,,b.older.example.com", "", "x")
	f.Add("", "a.example.com", "reports", "")
	f.Add("initech", "older.example.com, acme.example.com", "", "")
	f.Add("g\x00", "\xff,"+strings.Repeat("a.b,", 200), "\n", "*.*.test")
	f.Add("initech", "**.com, 192.0.2.7, [::1], "+strings.Repeat("*", 1000), "report", "")
	base, errs := ParseFile("policy", func(string) (string, error) {
		return `{"tenants": [{"name": "acme", "namespaces": "acme",
			"hosts": "acme.example.com, **.acme.example.com"}]}`, nil
	}, true)
	if base == nil {
		f.Fatal(errs)
	}
	f.Fuzz(func(t *testing.T, tenant, annotation, mode, unknown string) {
		older := Namespace{Name: "older", Created: "2020-01-01T00:00:00Z", Tenant: "older",
			Hosts: "older.example.com, *.older.example.com"}
		newer := NewNamespace("newer", "2021-01-01T00:00:00Z", TenantLabel,
			map[string]string{TenantLabel: tenant, "tenantguard.io/" + unknown: ""},
			map[string]string{HostsAnnotation: annotation, ModeAnnotation: mode})
		p := base.Over(&Snapshot{Namespaces: []Namespace{newer, older}})
		requireBounded(t, p.LeftOut)
		requireBounded(t, p.WrongMarks)
		requireBounded(t, p.Broad)
		const others = 3 // of the mode, the unknown key, and that there are more
		if len(p.WrongMarks) > maxClaimErrors+others {
			t.Errorf("%d texts of one Namespace", len(p.WrongMarks))
		}
		for name, owner := range map[string]string{
			"acme.example.com": "acme", "older.example.com": "older",
		} {
			if got := p.Hosts.Owner(hosts.Name(name)); got != owner {
				t.Errorf("%q is %q's, want %q", name, got, owner)
			}
		}
		if got := p.NamespaceTenant("newer"); got != nil && got.Name != tenant {
			t.Errorf("the Namespace is %q's, want %q", got.Name, tenant)
		}
		claimed := map[string]bool{
			"acme.example.com": true, "**.acme.example.com": true,
			"older.example.com": true, "*.older.example.com": true,
		}
		for _, text := range strings.Split(annotation, ",") {
			pattern, err := hosts.ParsePattern(strings.TrimSpace(text))
			if err != nil {
				continue
			}
			claimed[pattern.String()] = true
			owner := p.Hosts.PatternOwner(pattern)
			isSaid := len(p.LeftOut)+len(p.WrongMarks) > 0
			if owner != "" && owner != tenant && !isSaid {
				t.Errorf("%q is %q's, and nothing is said", pattern, owner)
			}
		}
		p.Hosts.Each(func(pattern hosts.Pattern, owner string) {
			isOwner := owner == "acme" || owner == "older" || owner == tenant
			if !claimed[pattern.String()] || !isOwner {
				t.Errorf("%q is %q's, which nobody says", pattern, owner)
			}
		})
	})
}
