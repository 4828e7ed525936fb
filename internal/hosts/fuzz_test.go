package hosts_test

import (
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

// FuzzPattern holds a pattern to its text: it has one spelling, and is the owner of what that says.
func FuzzPattern(f *testing.F) {
	for _, text := range []string{
		"a.example.com", "*.a.example.com", "**.a.example.com", "192.0.2.7", "[2001:db8::7]",
		"*.*.example.com", "*.192.0.2.7", "*.", "a.example.com.", "a.example.com:443", "A.xn--p1ai",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pattern, err := hosts.ParsePattern(text)
		if err != nil {
			return
		}
		written := pattern.String()
		again, err := hosts.ParsePattern(written)
		if err != nil || again != pattern {
			t.Fatalf("%q is written %q, which is another pattern: %v", text, written, err)
		}
		if strings.ToLower(written) != written || strings.HasSuffix(written, ".") {
			t.Errorf("%q is written %q", text, written)
		}
		table := hosts.NewTable()
		table.Add(pattern, "acme")
		suffix := strings.TrimLeft(written, "*")
		for _, below := range []string{"", "a", "a.b"} {
			name := hosts.ParseName(below + suffix)
			want := ""
			if name != "" && covers(written, string(name)) {
				want = "acme"
			}
			if got := table.Owner(name); got != want {
				t.Errorf("%q is %q's with the pattern %q, want %q", name, got, written, want)
			}
		}
	})
}

// covers reports whether a pattern matches a name, in a plain reading.
func covers(pattern, name string) bool {
	stars := len(pattern) - len(strings.TrimLeft(pattern, "*"))
	suffix := pattern[stars:]
	if stars == 0 {
		return name == pattern
	}
	labels := strings.TrimSuffix(name, suffix)
	if labels == name || labels == "" {
		return false
	}
	return stars == 2 || !strings.Contains(labels, ".")
}

// claim is a pattern and whose it is.
type claim struct {
	pattern, owner string
}

// FuzzTable has many patterns compete for names of few labels, and asks each of them in turn for
// what the table finds by looking up suffixes.
func FuzzTable(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07"), "a.b.c")
	f.Add([]byte("one two three, and four more patterns of three owners"), "*.a.b")
	f.Add([]byte{0xff, 0x10, 0x91, 0x33, 0x47, 0x80, 0x12}, "c")
	f.Fuzz(func(t *testing.T, choices []byte, name string) {
		if len(choices) > 200 {
			return
		}
		table := hosts.NewTable()
		var claims []claim
		for i := 0; i+1 < len(choices); i += 2 {
			c := claimOf(choices[i], choices[i+1])
			pattern, err := hosts.ParsePattern(c.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if table.Add(pattern, c.owner) == "" { // and the first keeps it
				claims = append(claims, c)
			}
		}
		if parsed := hosts.ParseName(name); parsed != "" {
			compareOwner(t, table, claims, string(parsed))
		}
		for _, host := range []string{"a", "a.b", "b.a.c", "a.a.b.c", "c.b.a.a.b"} {
			compareOwner(t, table, claims, host)
			compareCover(t, table, claims, host)
			compareCover(t, table, claims, "*."+host)
		}
	})
}

// claimOf makes a pattern of up to three labels of two bytes, and one of three owners.
func claimOf(kind, labels byte) claim {
	c := claim{owner: []string{"acme", "globex", "initech"}[kind%3]}
	c.pattern = []string{"", "*.", "**."}[kind/3%3]
	for n := int(kind / 9 % 3); n >= 0; n-- {
		c.pattern += string('a' + rune(labels%3))
		labels /= 3
		if n > 0 {
			c.pattern += "."
		}
	}
	return c
}

// compareOwner compares the owner of a name with that of the most specific claim.
func compareOwner(t *testing.T, table *hosts.Table, claims []claim, name string) {
	t.Helper()
	want, rank := "", 0
	for _, c := range claims {
		if r := specificity(c.pattern, name); r > rank {
			rank = r
			want = c.owner
		}
	}
	if got := table.Owner(hosts.Name(name)); got != want {
		t.Errorf("%q is %q's of %v, want %q", name, got, claims, want)
	}
}

// compareCover compares whose a certificate's name is with a look at what it stands for.
func compareCover(t *testing.T, table *hosts.Table, claims []claim, name string) {
	t.Helper()
	for _, owner := range []string{"acme", "globex", "initech"} {
		want := false
		below, isWildcard := strings.CutPrefix(name, "*.")
		if !isWildcard {
			want = table.Owner(hosts.Name(name)) == owner
		}
		for _, c := range claims {
			isAll := isWildcard && c.owner == owner
			for _, label := range []string{"a", "b", "c", "other"} {
				isAll = isAll && covers(c.pattern, label+"."+below)
			}
			want = want || isAll
		}
		if got := table.CoversAll(name, owner); got != want {
			t.Errorf("%q is covered by %s's of %v: %t, want %t", name, owner, claims, got, want)
		}
	}
}
