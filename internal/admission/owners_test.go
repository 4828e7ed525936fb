package admission_test

import (
	"fmt"
	"math/rand"
	"regexp"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/admission"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// owner looks a name up as the policies do: the name itself, "*" for its longest suffix, "**" for
// each suffix from the longest on.
func owner(owners map[string]string, name string) string {
	var suffixes []string
	for rest := name; strings.Contains(rest, "."); {
		_, rest, _ = strings.Cut(rest, ".")
		suffixes = append(suffixes, rest)
	}
	var keys []string
	if !strings.HasPrefix(name, "*.") {
		keys = append(keys, name)
	}
	if len(suffixes) > 0 {
		keys = append(keys, "-."+suffixes[0])
	}
	for _, suffix := range suffixes {
		keys = append(keys, "--."+suffix)
	}
	for _, key := range keys {
		if owners[key] != "" {
			return owners[key]
		}
	}
	return ""
}

var hostOfRule = regexp.MustCompile(`^(\*\.)?\w([\w-]*\w)?(\.\w([\w-]*\w)?)*$`)

// alone reports whether a host of a rule, perhaps a wildcard, is a tenant's as the policies say.
func alone(owners map[string]string, host, tenant string) bool {
	if !hostOfRule.MatchString(host) || owner(owners, host) != tenant {
		return false
	}
	suffix, wildcard := strings.CutPrefix(host, "*.")
	inside := owners["Inside."+suffix]
	if !wildcard || inside == "" {
		return true
	}
	for _, other := range strings.Split(inside, ",") {
		if other != tenant {
			return false
		}
	}
	return true
}

// parsed returns the policy of some tenants with their hosts.
func parsed(t *testing.T, tenants map[string][]any, namespaces ...policy.Namespace) *policy.Policy {
	t.Helper()
	var list []any
	for name, patterns := range tenants {
		list = append(list, map[string]any{"name": name, "hosts": patterns,
			"kubernetesNamespaces": true})
	}
	p, errs := policy.Parse(map[string]any{"tenants": list}, nil, "", true)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return p.Over(&policy.Snapshot{Namespaces: namespaces})
}

// TestOwnersAgreesWithTheTable holds the look-ups in the ConfigMap against the guard's own.
func TestOwnersAgreesWithTheTable(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	suffixes := []string{"t", "a.t", "b.t", "b.a.t", "c.b.a.t", "a.b.t", "d.c.b.a.t"}
	names := append([]string{"192.0.2.7", "x_y.a.t", "-.a.t"}, suffixes...)
	for _, suffix := range suffixes {
		names = append(names, "x."+suffix, "y.x."+suffix, "*."+suffix)
	}
	found := map[bool]int{}
	for i := 0; i < 500; i++ {
		tenants := map[string][]any{}
		taken := map[string]bool{}
		for j := 0; j < 1+random.Intn(12); j++ {
			pattern := []string{"", "", "*.", "**."}[random.Intn(4)] +
				append(suffixes, "x.a.t", "x.b.t")[random.Intn(len(suffixes)+2)]
			if !taken[pattern] {
				taken[pattern] = true
				tenant := []string{"acme", "globex", "shop"}[random.Intn(3)]
				tenants[tenant] = append(tenants[tenant], pattern)
			}
		}
		p := parsed(t, tenants)
		owners := admission.Owners(p, nil)
		for _, name := range names {
			for _, tenant := range []string{"acme", "globex", "shop"} {
				got, want := alone(owners, name, tenant), ownsAll(p.Hosts, name, tenant, taken)
				if got != want {
					t.Fatalf("%v: %q is %s's: %t, and the guard says %t; %v", tenants, name, tenant,
						got, want, owners)
				}
				found[got]++
			}
		}
	}
	if found[true] < 1000 || found[false] < 1000 {
		t.Errorf("the names are hardly anybody's or everybody's: %v", found)
	}
}

// ownsAll reports whether every name that a host of a rule stands for is the tenant's.
func ownsAll(table *hosts.Table, host, tenant string, patterns map[string]bool) bool {
	suffix, wildcard := strings.CutPrefix(host, "*.")
	if !wildcard {
		return table.Owner(hosts.Parse(host)) == tenant
	}
	for pattern := range patterns {
		label, rest, _ := strings.Cut(pattern, ".")
		if rest == suffix && !strings.Contains(label, "*") &&
			table.Owner(hosts.Name(pattern)) != tenant {
			return false
		}
	}
	return table.Owner(hosts.Name("any."+suffix)) == tenant
}

func TestOwnersKeys(t *testing.T) {
	p := parsed(t, map[string][]any{
		"acme":   {"acme.example.com", "*.acme.example.com", "192.0.2.7", "2001:db8::7", "t"},
		"globex": {"**.globex.example.com", "b.acme.example.com"},
	})
	want := map[string]string{
		"acme.example.com": "acme", "-.acme.example.com": "acme", "192.0.2.7": "acme", "t": "acme",
		"--.globex.example.com": "globex", "b.acme.example.com": "globex",
		"Inside.acme.example.com": "globex",
	}
	got := admission.Owners(p, nil)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	valid := regexp.MustCompile(`^[-._a-zA-Z0-9]+$`)
	for key := range got {
		if !valid.MatchString(key) {
			t.Errorf("%q is no key of a ConfigMap", key)
		}
	}
}

func TestOwnersNames(t *testing.T) {
	const old, young = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"
	namespace := func(name, created, tenant string) policy.Namespace {
		return policy.Namespace{Name: name, Created: created, Tenant: tenant}
	}
	tests := []struct {
		description string
		namespaces  []policy.Namespace
		want        map[string]string
	}{
		{"the younger is shorter", []policy.Namespace{
			namespace("shop", young, "b"), namespace("shop-api", old, "a"),
		}, map[string]string{"Names.shop": "api=shop-api"}},
		{"the younger is longer", []policy.Namespace{
			namespace("shop", old, "a"), namespace("shop-api", young, "b"),
		}, map[string]string{"Names.shop-api": "=shop"}},
		{"of one age, by name", []policy.Namespace{
			namespace("shop", old, "a"), namespace("shop-api", old, "b"),
		}, map[string]string{"Names.shop-api": "=shop"}},
		{"one tenant", []policy.Namespace{
			namespace("shop", young, "a"), namespace("shop-api", old, "a"),
		}, nil},
		{"without a tenant", []policy.Namespace{
			namespace("shop", young, "a"), namespace("shop-api", old, ""),
		}, nil},
		{"not at a hyphen", []policy.Namespace{
			namespace("shop", young, "a"), namespace("shopping", old, "b"),
		}, nil},
		{"two hyphens are one to Traefik", []policy.Namespace{
			namespace("shop--api", young, "a"), namespace("shop-api", old, "b"),
			namespace("shop", young, "b"),
		}, map[string]string{"Names.shop--api": "=shop,=shop-api"}},
		{"several, deeper", []policy.Namespace{
			namespace("a", young, "a"), namespace("a-b-c", old, "b"), namespace("a-b", old, "c"),
		}, map[string]string{"Names.a": "b-c=a-b-c,b=a-b", "Names.a-b-c": "=a-b"}},
	}
	for _, test := range tests {
		p := parsed(t, nil, test.namespaces...)
		got := admission.Owners(p, test.namespaces)
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: got %v, want %v", test.description, got, test.want)
		}
	}
}
