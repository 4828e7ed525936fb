package text

import (
	"regexp"
	"strings"
	"testing"
)

func TestBound(t *testing.T) {
	rows := []struct {
		text string
		most int
		want string
	}{
		{"", 0, ""},
		{"", 3, ""},
		{"abc", 4, "abc"},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{"abc", 0, "…"},
		{"aä", 3, "aä"},
		{"aäb", 3, "aä…"},
		{"aää", 4, "aä…"},
		{"日本", 5, "日…"},
		{"日本", 2, "…"},
		{"\x80\x80\x80", 2, "…"},
	}
	for _, row := range rows {
		if got := Bound(row.text, row.most); got != row.want {
			t.Errorf("%q with %d: %q, want %q", row.text, row.most, got, row.want)
		}
	}
}

func TestIsNamespace(t *testing.T) {
	rows := []struct {
		name string
		want bool
	}{
		{"a", true},
		{"7", true},
		{"acme-2", true},
		{"a--b", true},
		{strings.Repeat("a", 63), true},
		{strings.Repeat("a", 64), false},
		{"", false},
		{"-a", false},
		{"a-", false},
		{"Acme", false},
		{"a.b", false},
		{"a_b", false},
		{"ä", false},
		{"acme/secrets", false},
		{"acme*", false},
		{"a\n", false},
		{"\na", false},
	}
	within := regexp.MustCompile(`^(` + NamespacePattern + `)/(` + NamespacePattern + `)$`)
	for _, row := range rows {
		if got := IsNamespace(row.name); got != row.want {
			t.Errorf("%q: %t, want %t", row.name, got, row.want)
		}
		got := within.FindStringSubmatch(row.name + "/b")
		if (got != nil && got[2] == "b") != row.want {
			t.Errorf("%q within another pattern: %q", row.name, got)
		}
	}
}
