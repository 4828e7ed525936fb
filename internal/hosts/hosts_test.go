package hosts_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

// FuzzParse holds every host to what the rest of the guard relies on: a name is its own normal
// form, and it is what net/url takes for the host of the same authority.
func FuzzParse(f *testing.F) {
	cases, err := vectors.Load("../../testdata", "hosts")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(c.Host)
	}
	f.Fuzz(func(t *testing.T, authority string) {
		name := hosts.Parse(authority)
		if name == "" {
			return
		}
		text := string(name)
		if strings.ToLower(text) != text || hosts.ParseName(text) != name {
			t.Errorf("%q: %q is no normal form", authority, text)
		}
		parsed, err := url.Parse("https://" + authority + "/")
		if err != nil {
			t.Fatalf("%q is a host here and none for net/url: %v", authority, err)
		}
		if strings.Contains(text, ":") {
			return // net/url leaves an IPv6 literal as it was written
		}
		if got := strings.TrimSuffix(strings.ToLower(parsed.Hostname()), "."); got != text {
			t.Errorf("%q is %q here and %q for net/url", authority, text, got)
		}
	})
}

// FuzzIsSpelling compares IsSpelling with Parse, for names in their own form.
func FuzzIsSpelling(f *testing.F) {
	cases, err := vectors.Load("../../testdata", "hosts")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(c.Host, string(hosts.Parse(c.Host)))
	}
	f.Fuzz(func(t *testing.T, authority, name string) {
		if name == "" || string(hosts.ParseDNS(name)) != name {
			return
		}
		want := string(hosts.Parse(authority)) == name
		if got := hosts.IsSpelling(authority, name); got != want {
			t.Errorf("%q is a spelling of %q: %t, want %t", authority, name, got, want)
		}
	})
}

// FuzzOwner checks the most specific pattern against a plain reading of the rules.
func FuzzOwner(f *testing.F) {
	f.Add("a.b.example.com", "**.example.com", "*.b.example.com")
	f.Add("example.com", "*.example.com", "example.com")
	f.Add("a.example.com", "a.example.com", "**.com")
	f.Add("192.0.2.7", "192.0.2.7", "**.7")
	f.Fuzz(func(t *testing.T, host, one, other string) {
		name := hosts.Parse(host)
		first, errFirst := hosts.ParsePattern(one)
		second, errSecond := hosts.ParsePattern(other)
		if name == "" || errFirst != nil || errSecond != nil || first == second {
			return
		}
		table := hosts.NewTable()
		table.Add(first, "one")
		table.Add(second, "other")
		want := ""
		rank := 0
		if r := specificity(first.String(), string(name)); r > rank {
			rank, want = r, "one"
		}
		if r := specificity(second.String(), string(name)); r > rank {
			want = "other"
		}
		if got := table.Owner(name); got != want {
			t.Errorf("%q with %q and %q: owner %q, want %q", name, first, second, got, want)
		}
	})
}

// specificity ranks a pattern that covers the name: exact, then the longest suffix, "*" before
// "**"; 0 for none.
func specificity(pattern, name string) int {
	if pattern == name {
		return 1 << 20
	}
	suffix := strings.TrimLeft(pattern, "*")
	before := strings.TrimSuffix(name, suffix)
	if suffix == pattern || before == name || before == "" {
		return 0
	}
	if strings.HasPrefix(pattern, "**") {
		return 2 * len(suffix)
	}
	if strings.Contains(before, ".") {
		return 0
	}
	return 2*len(suffix) + 1
}

func TestAddKeepsTheFirstOwner(t *testing.T) {
	table := hosts.NewTable()
	pattern, err := hosts.ParsePattern("*.Example.com")
	if err != nil {
		t.Fatal(err)
	}
	if other := table.Add(pattern, "acme"); other != "" {
		t.Errorf("a new pattern has the owner %q already", other)
	}
	if other := table.Add(pattern, "globex"); other != "acme" {
		t.Errorf("the pattern's owner is %q, want acme", other)
	}
	if got := table.Owner("a.example.com"); got != "acme" {
		t.Errorf("owner %q, want acme", got)
	}
}

// TestOwner has patterns compete for a name.
func TestOwner(t *testing.T) {
	table := hosts.NewTable()
	for _, text := range []string{
		"a.x.example.com", "*.x.example.com", "**.x.example.com", "**.example.com", "192.0.2.7",
	} {
		pattern, err := hosts.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		table.Add(pattern, text)
	}
	rows := []struct {
		description string
		name        hosts.Name
		want        string
	}{
		{"the exact one", "a.x.example.com", "a.x.example.com"},
		{"one label more", "b.x.example.com", "*.x.example.com"},
		{"two labels more", "c.b.x.example.com", "**.x.example.com"},
		{"the apex of two", "x.example.com", "**.example.com"},
		{"one label more, of the shorter", "y.example.com", "**.example.com"},
		{"three labels more, of the shorter", "a.b.y.example.com", "**.example.com"},
		{"the apex of all", "example.com", ""},
		{"another domain", "x.example.net", ""},
		{"one label", "localhost", ""},
		{"no name", "", ""},
		{"an address", "192.0.2.7", "192.0.2.7"},
		{"another address", "192.0.2.8", ""},
	}
	for _, row := range rows {
		if got := table.Owner(row.name); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
		if got := table.PatternOf(row.name); got != row.want {
			t.Errorf("%s: the pattern is %q, want %q", row.description, got, row.want)
		}
	}
}

func TestPatternOwner(t *testing.T) {
	table := hosts.NewTable()
	texts := []string{"a.example.com", "*.a.example.com", "**.a.example.com"}
	for _, text := range texts {
		pattern, err := hosts.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := table.PatternOwner(pattern); got != "" {
			t.Errorf("%s: owner %q before it has one", text, got)
		}
		table.Add(pattern, "owner of "+text)
	}
	for _, text := range texts {
		pattern, _ := hosts.ParsePattern(text)
		if got := table.PatternOwner(pattern); got != "owner of "+text {
			t.Errorf("%s: owner %q", text, got)
		}
	}
}

// TestCovering asks for the owner of what patterns match.
func TestCovering(t *testing.T) {
	table := hosts.NewTable()
	for _, text := range []string{
		"exact.example.com", "*.one.example.com", "**.deep.example.com", "*.a.deep.example.com",
		"192.0.2.7",
	} {
		pattern, err := hosts.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		table.Add(pattern, text)
	}
	rows := []struct{ description, pattern, want string }{
		{"an exact name itself", "exact.example.com", "exact.example.com"},
		{"an address itself", "192.0.2.7", "192.0.2.7"},
		{"below an exact name", "*.exact.example.com", ""},
		{"a name in a wildcard", "x.one.example.com", "*.one.example.com"},
		{"the apex of a wildcard", "one.example.com", ""},
		{"a wildcard itself", "*.one.example.com", "*.one.example.com"},
		{"more than a wildcard", "**.one.example.com", ""},
		{"a wildcard below a wildcard", "*.x.one.example.com", ""},
		{"a deep wildcard itself", "**.deep.example.com", "**.deep.example.com"},
		{"a wildcard at a deep one", "*.deep.example.com", "**.deep.example.com"},
		{"a wildcard below a deep one", "*.x.deep.example.com", "**.deep.example.com"},
		{"a deep wildcard below a deep one", "**.x.deep.example.com", "**.deep.example.com"},
		{"the more specific of two", "*.a.deep.example.com", "*.a.deep.example.com"},
		{"more than the more specific", "**.a.deep.example.com", "**.deep.example.com"},
		{"what is above", "**.example.com", ""},
	}
	for _, row := range rows {
		pattern, err := hosts.ParsePattern(row.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := table.Covering(pattern); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

func TestEach(t *testing.T) {
	table := hosts.NewTable()
	want := map[string]string{
		"a.example.com": "one", "b.example.com": "two", "*.a.example.com": "three",
		"**.a.example.com": "four", "192.0.2.7": "five",
	}
	for text, owner := range want {
		pattern, err := hosts.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		table.Add(pattern, owner)
	}
	got := map[string]string{}
	table.Each(func(pattern hosts.Pattern, owner string) { got[pattern.String()] = owner })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestCoversAll(t *testing.T) {
	table := hosts.NewTable()
	for text, owner := range map[string]string{
		"acme.example.com": "acme", "*.acme.example.com": "acme", "b.acme.example.com": "globex",
		"**.globex.example.com": "globex", "192.0.2.7": "acme",
	} {
		pattern, err := hosts.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		table.Add(pattern, owner)
	}
	names := []struct {
		description, name, owner string
		want                     bool
	}{
		{"exact", "acme.example.com", "acme", true},
		{"below its wildcard", "a.acme.example.com", "acme", true},
		{"another's inside its wildcard", "b.acme.example.com", "acme", false},
		{"the wildcard itself", "*.acme.example.com", "acme", true},
		{"the wildcard, of another", "*.acme.example.com", "globex", false},
		{"a wildcard one label deeper", "*.a.acme.example.com", "acme", false},
		{"a wildcard one label higher", "*.example.com", "acme", false},
		{"a wildcard below **", "*.a.globex.example.com", "globex", true},
		{"a wildcard at **", "*.globex.example.com", "globex", true},
		{"the apex of **", "globex.example.com", "globex", false},
		{"upper case", "A.ACME.example.com", "acme", true},
		{"trailing dot", "a.acme.example.com.", "acme", false},
		{"partial wildcard", "a*.acme.example.com", "acme", false},
		{"nothing", "", "acme", false},
		{"a wildcard of nothing", "*.", "acme", false},
		{"address", "192.0.2.7", "acme", true},
		{"another address", "192.0.2.8", "acme", false},
		{"what is unowned, of no owner", "a.example.com", "", true},
		{"no name, of no owner", "!", "", false},
		{"a wildcard of nothing, of no owner", "*.", "", false},
	}
	for _, n := range names {
		if got := table.CoversAll(n.name, n.owner); got != n.want {
			t.Errorf("%s: %q is %s's: %t, want %t", n.description, n.name, n.owner, got, n.want)
		}
	}
}
