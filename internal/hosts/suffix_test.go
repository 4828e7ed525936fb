package hosts

import "testing"

func TestPublicSuffix(t *testing.T) {
	rows := []struct{ description, pattern, want string }{
		{"right below a top-level domain", "*.com", "com"},
		{"at any depth below one", "**.com", "com"},
		{"one in upper case", "*.COM", "com"},
		{"one that no list has", "*.nosuchdomain", "nosuchdomain"},
		{"one of another script", "*.xn--p1ai", "xn--p1ai"},
		{"right below a registry's second level", "*.co.uk", "co.uk"},
		{"at any depth below one", "**.com.au", "com.au"},
		{"right below a hoster's", "*.github.io", "github.io"},
		{"a domain of somebody's", "*.example.com", ""},
		{"at any depth below one", "**.example.com", ""},
		{"a domain below a second level", "*.acme.co.uk", ""},
		{"a site of a hoster's", "*.acme.github.io", ""},
		{"a second level where there is none", "*.co.de", ""},
		{"the suffix itself", "com", ""},
		{"the second level itself", "co.uk", ""},
		{"a network's own names", "*.internal", ""},
		{"a machine's own names", "**.localhost", ""},
		{"names for documentation", "*.test", ""},
		{"an address", "192.0.2.7", ""},
	}
	for _, row := range rows {
		pattern, err := ParsePattern(row.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := pattern.PublicSuffix(); got != row.want {
			t.Errorf("%s, %q: %q, want %q", row.description, row.pattern, got, row.want)
		}
	}
}
