package policy

import (
	"fmt"
	"strings"
	"testing"
)

// TestKeysOfTenantsAreBounded has a tenant's Middleware be as large as it may be, and larger, in
// each form that providers give.
func TestKeysOfTenantsAreBounded(t *testing.T) {
	x := func(size int) string { return strings.Repeat("x", size) }
	type name string
	// of has keys of some bytes beside what the items cost.
	forms := []struct {
		description string
		items       int
		of          func(size int) object
	}{
		{"a text", 2, func(size int) object { return object{"tenants": x(size - 7)} }},
		{"a key", 2, func(size int) object { return object{x(size): true} }},
		{"two lists", 6, func(size int) object {
			return object{"tenants": []any{x(size / 2), 7}, "x": []string{x(size - 8 - size/2)}}
		}},
		{"a map in a list", 4, func(size int) object {
			return object{"tenants": []any{object{"name": x(size - 11)}}}
		}},
		{"a map of texts", 4, func(size int) object {
			return object{"tenants": map[string]string{"name": x(size - 11)}}
		}},
		{"a map with keys of any type", 4, func(size int) object {
			return object{"tenants": map[any]any{name("name"): name(x(size - 11))}}
		}},
		{"nothing", 4, func(size int) object {
			return object{"tenants": nil, "shared": []any(nil), x(size - 13): map[any]any(nil)}
		}},
	}
	for _, form := range forms {
		rows := []struct {
			description string
			size        int
			refusal     string
			refused     bool
		}{
			{"as large as it may be", maxKeys, "a tenant's", false},
			{"larger by one", maxKeys + 1, "a tenant's", true},
			{"the operator's", maxKeys + 1, "", false},
		}
		for _, row := range rows {
			raw := form.of(row.size - form.items*itemSize)
			keys := ParseKeys(raw, row.refusal, "")
			refused := eachBegins(keys.Errors, []string{`size: "too large": wanted at most 65536`})
			if refused != row.refused {
				t.Errorf("%s, %s: errors %.300q, want one: %t",
					form.description, row.description, keys.Errors, row.refused)
			}
		}
	}
}

// TestLargeKeysAreNotReadToTheEnd has lists and maps be ever larger: what is left does not show it.
func TestLargeKeysAreNotReadToTheEnd(t *testing.T) {
	for _, size := range []int{maxKeys, 5 * maxKeys} {
		items := make([]any, size)
		byKey := map[string]any{}
		byAny := map[any]any{}
		for i := range items {
			byKey[fmt.Sprintf("%07d", i)] = nil
			byAny[i] = nil
		}
		for _, value := range []any{items, byKey, byAny, make([]string, size)} {
			left := remaining(maxKeys, object{"tenants": value})
			if left >= 0 || left < -itemSize-len("0000000") {
				t.Errorf("%d of %T leave %d bytes, want a little less than nothing",
					size, value, left)
			}
		}
	}
}
