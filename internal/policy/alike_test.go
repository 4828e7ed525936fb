package policy

import (
	"strings"
	"testing"
)

// TestAlike has namespaces whose Ingresses Traefik may take for each other's, and some that only
// look like it.
func TestAlike(t *testing.T) {
	of := func(name, tenant string) Namespace { return Namespace{Name: name, Tenant: tenant} }
	rows := []struct {
		description string
		namespaces  []Namespace
		want        string
	}{
		{"two tenants", []Namespace{of("shop-api", "b"), of("shop", "a")},
			`"shop" of tenant "a" and "shop-api" of tenant "b"`},
		{"one tenant", []Namespace{of("shop", "a"), of("shop-api", "a")}, ""},
		{"no hyphen between", []Namespace{of("shop", "a"), of("shops", "b")}, ""},
		{"an unowned one", []Namespace{of("shop", ""), of("shop-api", "b")}, ""},
		{"two hyphens", []Namespace{of("shop", "a"), of("shop-api-v2", "b")},
			`"shop" of tenant "a" and "shop-api-v2" of tenant "b"`},
		{"three", []Namespace{of("shop", "a"), of("shop-api", "b"), of("shop-api-v2", "a")},
			`"shop" of tenant "a" and "shop-api" of tenant "b"` + "\n" +
				`"shop-api" of tenant "b" and "shop-api-v2" of tenant "a"`},
	}
	for _, row := range rows {
		p := over(t, `{}`, row.namespaces...)
		if got := strings.Join(p.Alike, "\n"); got != row.want {
			t.Errorf("%s: %s, want %s", row.description, got, row.want)
		}
	}
	configured := parsed(t, `{"tenants":[{"name":"a","namespaces":"shop"},
		{"name":"b","namespaces":"shop-api"}]}`).Policy
	if len(configured.Alike) != 1 {
		t.Errorf("configured tenants: %q, want one pair", configured.Alike)
	}
	var many []Namespace
	name := "n"
	for i := 0; i < 40; i++ {
		name += "-n"
		many = append(many, of(name, string(rune('a'+i%26))+"x"+strings.Repeat("y", i)))
	}
	if p := over(t, `{}`, many...); len(p.Alike) != maxErrors+1 {
		t.Errorf("%d pairs, want %d and one line that there are more", len(p.Alike), maxErrors)
	}
}
