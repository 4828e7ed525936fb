package policy

import (
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

func guestOf(t *testing.T, keys map[string]any) *Guest {
	t.Helper()
	b := &builder{}
	g := b.guest("guest", keys)
	if len(b.errs) > 0 {
		t.Fatal(b.errs)
	}
	return g
}

func TestGuestPaths(t *testing.T) {
	g := guestOf(t, map[string]any{"hosts": "**", "paths": "/oauth2, /error/"})
	rows := []struct {
		description, path, want string
	}{
		{"the path itself", "/oauth2", "/oauth2"},
		{"below it", "/oauth2/callback", "/oauth2"},
		{"with a slash", "/oauth2/", "/oauth2"},
		{"with an escape", "/oauth2/a%20b", "/oauth2"},
		{"with a slash that is escaped", "/oauth2/a%2Fb", "/oauth2"},
		{"a longer segment", "/oauth2x", ""},
		{"another path", "/", ""},
		{"in other case", "/OAuth2/", ""},
		{"with an escape in the prefix", "/%6fauth2/", ""},
		{"below a folder", "/error/404", "/error/"},
		{"the folder without its slash", "/error", ""},
		{"dots", "/oauth2/../admin", ""},
		{"a dot", "/oauth2/./admin", ""},
		{"dots at the end", "/oauth2/..", ""},
		{"dots that are escaped", "/oauth2/%2e%2E/admin", ""},
		{"dots behind a slash that is escaped", "/oauth2/a%2f..%2f..%2fadmin", ""},
		{"dots behind a backslash", `/oauth2/a\..\..\admin`, ""},
		{"dots behind a backslash that is escaped", "/oauth2/%5c..%5cadmin", ""},
		{"an empty segment", "/oauth2//admin", ""},
		{"an empty segment that is escaped", "/oauth2/%2fadmin", ""},
		{"an empty segment before", "//oauth2/", ""},
		{"dots in a name", "/oauth2/a..b", "/oauth2"},
		{"no path", "*", ""},
		{"nothing", "", ""},
		{"a broken escape", "/oauth2/%zz", ""},
	}
	for _, row := range rows {
		if got := g.Prefix(row.path); got != row.want {
			t.Errorf("%s: %q has the prefix %q, want %q", row.description, row.path, got, row.want)
		}
		if got := g.Covers("acme.example.com", row.path); got != (row.want != "") {
			t.Errorf("%s: %q is covered %t", row.description, row.path, got)
		}
	}
}

func TestGuestHosts(t *testing.T) {
	all := guestOf(t, map[string]any{"hosts": "**"})
	some := guestOf(t, map[string]any{"hosts": []any{"*.example.com", "192.0.2.7"}})
	rows := []struct {
		host      hosts.Name
		all, some bool
	}{
		{"acme.example.com", true, true},
		{"a.acme.example.com", true, false},
		{"example.com", true, false},
		{"192.0.2.7", true, true},
		{"192.0.2.8", true, false},
		{"2001:db8::1", true, false},
		{"", false, false},
	}
	for _, row := range rows {
		if all.Covers(row.host, "/x") != row.all || some.Covers(row.host, "//x") != row.some {
			t.Errorf("%q: %t and %t, want %t and %t", row.host, all.Covers(row.host, "/x"),
				some.Covers(row.host, "//x"), row.all, row.some)
		}
	}
	var none *Guest
	if none.Covers("acme.example.com", "/") || none.Prefix("/") != "" {
		t.Error("who is no guest anywhere is one")
	}
}

func TestBadGuests(t *testing.T) {
	rows := []struct {
		description string
		value       any
		want        string
	}{
		{"no hosts", map[string]any{"paths": "/a"}, "guest.hosts"},
		{"no host in the list", map[string]any{"hosts": ""}, "guest.hosts"},
		{"a bad host", map[string]any{"hosts": "a b"}, `guest.hosts[0]: "a b"`},
		{"two wildcards", map[string]any{"hosts": "**,*"}, `guest.hosts[1]: "*"`},
		{"an unknown key", map[string]any{"hosts": "**", "path": "/"}, "guest.path: "},
		{"no map", "**", "wanted a map"},
		{"no path in the list", map[string]any{"hosts": "**", "paths": ""}, "guest.paths"},
		{"no slash", map[string]any{"hosts": "**", "paths": "oauth2"}, `"oauth2"`},
		{"a wildcard", map[string]any{"hosts": "**", "paths": "/oauth2/*"}, `"/oauth2/*"`},
		{"an escape", map[string]any{"hosts": "**", "paths": "/%6f"}, `"/%6f"`},
		{"a query", map[string]any{"hosts": "**", "paths": "/a?b"}, `"/a?b"`},
		{"dots", map[string]any{"hosts": "**", "paths": "/a/../b"}, `"/a/../b"`},
		{"an empty segment", map[string]any{"hosts": "**", "paths": "//"}, `"//"`},
	}
	for _, row := range rows {
		b := &builder{}
		b.guest("guest", row.value)
		if all := strings.Join(b.errs, "\n"); !strings.Contains(all, row.want) {
			t.Errorf("%s: %q, want %s", row.description, all, row.want)
		}
	}
}
