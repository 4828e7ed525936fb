package policy

import (
	"fmt"
	"strings"
	"testing"
)

// repeated is a list of n items.
func repeated(n int, item func(i int) any) []any {
	list := make([]any, 0, n)
	for i := 0; i < n; i++ {
		list = append(list, item(i))
	}
	return list
}

func TestErrorsAreBounded(t *testing.T) {
	bad := repeated(1000, func(i int) any { return "a b" })
	same := repeated(1000, func(i int) any { return fmt.Sprintf("h%d.example.com", i) })
	unknown := map[string]any{"tenants": "", "mode": "report"}
	for i := 0; i < 1000; i++ {
		unknown[fmt.Sprint("key", i)] = true
	}
	tenant := func(key string, value any) map[string]any {
		return map[string]any{"tenants": []any{map[string]any{"name": "acme", key: value}}}
	}
	cases := []struct {
		description string
		raw         map[string]any
	}{
		{"empty tenants", map[string]any{
			"tenants": repeated(1000, func(i int) any { return map[string]any{} }),
		}},
		{"tenants that are none", map[string]any{"tenants": bad}},
		{"hosts", tenant("hosts", bad)},
		{"items that are no strings", tenant("hosts",
			repeated(1000, func(i int) any { return true }))},
		{"namespaces", tenant("namespaces", bad)},
		{"routers", tenant("routers", repeated(1000, func(i int) any { return "\xff" }))},
		{"pins", tenant("certificates", map[string]any{"pins": bad})},
		{"shared namespaces", map[string]any{
			"tenants": "", "shared": map[string]any{"namespaces": bad},
		}},
		{"shared hosts", map[string]any{"tenants": "", "shared": map[string]any{"hosts": bad}}},
		{"unknown keys", unknown},
		{"the hosts of another tenant", map[string]any{"tenants": []any{
			map[string]any{"name": "acme", "hosts": same},
			map[string]any{"name": "globex", "hosts": same},
		}}},
		{"the namespaces of another tenant", map[string]any{"tenants": []any{
			map[string]any{"name": "acme", "namespaces": "n*"},
			map[string]any{
				"name":       "globex",
				"namespaces": repeated(1000, func(i int) any { return fmt.Sprint("n", i) }),
			},
		}}},
	}
	for _, c := range cases {
		_, errs := parseRaw(c.raw)
		if len(errs) != maxErrors+1 || !strings.Contains(errs[len(errs)-1], "more errors") {
			t.Errorf("%s: %d errors, the last %q, want %d and one line that there are more",
				c.description, len(errs), errs[len(errs)-1], maxErrors)
		}
	}
}

// TestReadingEndsWithTheErrors counts the tenants that are read after the last error.
func TestReadingEndsWithTheErrors(t *testing.T) {
	b := &builder{policy: newPolicy(), claims: map[string]claim{}, routers: map[string]*Tenant{}}
	b.tenants(repeated(10000, func(i int) any { return map[string]any{} }), Certificates{})
	if len(b.errs) != maxErrors+1 || len(b.policy.Tenants) > maxErrors {
		t.Errorf("%d errors, %d tenants were read", len(b.errs), len(b.policy.Tenants))
	}
}

func withRouters(pattern string) map[string]any {
	tenant := map[string]any{"name": "acme", "routers": []any{pattern}}
	return map[string]any{"tenants": []any{tenant}}
}

func TestRouterPatternsThatAreRefused(t *testing.T) {
	cases := []struct {
		description, pattern string
		wants                []string
	}{
		{"longer than a pattern may be", strings.Repeat("a*", 200),
			[]string{"tenants[0].routers[0]", `"a*a*`, "256 bytes"}},
		{"much longer", strings.Repeat("*", 1300000),
			[]string{"tenants[0].routers[0]", `"***`, "256 bytes"}},
		{"no UTF-8", "a\xff*@docker",
			[]string{"tenants[0].routers[0]", `"a\xff*@docker"`, "invalid UTF-8"}},
	}
	for _, c := range cases {
		_, errs := parseRaw(withRouters(c.pattern))
		if len(errs) != 1 || len(errs[0]) > 1000 || !anyContains(errs, c.wants) {
			t.Errorf("%s: errors %.1000q, want one with %q", c.description, errs, c.wants)
		}
	}
	const end = "*@docker"
	longest := strings.Repeat("a", maxPattern-len(end)) + end
	made, errs := parseRaw(withRouters(longest))
	if made == nil || len(made.Policy.RouterTenants(strings.Repeat("a", 300)+"@docker")) != 1 {
		t.Errorf("the longest pattern matches nothing: %q", errs)
	}
}

// TestWarningsAreBounded has more patterns that claim much than are warned of.
func TestWarningsAreBounded(t *testing.T) {
	tops := repeated(1000, func(i int) any { return fmt.Sprintf("*.top%d", i) })
	made, errs := parseRaw(map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "hosts": tops},
	}})
	if made == nil {
		t.Fatal(errs)
	}
	broad := made.Policy.Broad
	if len(broad) != maxErrors+1 || !strings.Contains(broad[maxErrors], "there are more") {
		t.Errorf("%d warnings, want %d and that there are more", len(broad), maxErrors)
	}
}
