package policy

import (
	"strings"
	"testing"
)

func TestNetworks(t *testing.T) {
	d := &decoder{}
	n := d.networks("trustedProxies", "192.0.2.7, 198.51.100.0/24, 203.0.113.128/25, "+
		"2001:db8::/32, 2001:db9::1, ::ffff:192.0.2.9")
	if len(d.errs) > 0 {
		t.Fatal(d.errs)
	}
	rows := []struct {
		description, peer string
		want              bool
	}{
		{"the address", "192.0.2.7:1", true},
		{"the address next to it", "192.0.2.8:1", false},
		{"written as IPv6", "[::ffff:192.0.2.7]:1", true},
		{"listed as IPv6", "192.0.2.9:1", true},
		{"the first address of a network", "198.51.100.0:1", true},
		{"the last address of a network", "198.51.100.255:1", true},
		{"the address after a network", "198.51.101.0:1", false},
		{"the upper half of a network", "203.0.113.128:1", true},
		{"the lower half of a network", "203.0.113.127:1", false},
		{"an IPv6 network", "[2001:db8:ffff::1]:1", true},
		{"the address after an IPv6 network", "[2001:db9::]:1", false},
		{"an IPv6 address", "[2001:db9::1]:1", true},
		{"with a zone", "[2001:db9::1%eth0]:1", true},
		{"the end of an IPv4 address", "[::c000:207]:1", false},
		{"no port", "192.0.2.7", false},
		{"nothing", "", false},
		{"a name", "proxy.example.com:1", false},
	}
	for _, row := range rows {
		if got := n.Contains(row.peer); got != row.want {
			t.Errorf("%s: %q is contained %t, want %t", row.description, row.peer, got, row.want)
		}
	}
	none := d.networks("trustedProxies", nil)
	if none.Contains("192.0.2.7:1") {
		t.Error("no networks contain an address")
	}
}

func TestBadNetworks(t *testing.T) {
	rows := []struct{ description, text, want string }{
		{"a name", "proxy.example.com", `wanted an address or a network such as "192.0.2.0/24"`},
		{"a port", "192.0.2.7:80", "wanted an address"},
		{"brackets", "[2001:db8::1]", "wanted an address"},
		{"a zone", "fe80::1%eth0", "wanted an address"},
		{"too long", "192.0.2.0/33", "wanted an address"},
		{"IPv4 in IPv6", "::ffff:192.0.2.0/120", "wanted an address"},
		{"an address of a network", "192.0.2.7/24", `which is "192.0.2.0/24"`},
		{"a wildcard", "192.0.2.*", "wanted an address"},
	}
	for _, row := range rows {
		d := &decoder{}
		d.networks("trustedProxies", []any{row.text})
		all := strings.Join(d.errs, "\n")
		if !strings.Contains(all, row.want) || !strings.Contains(all, row.text) ||
			!strings.Contains(all, "trustedProxies[0]") {
			t.Errorf("%s: %q, want %q", row.description, all, row.want)
		}
	}
}

// TestTooWide has every client be a trusted proxy.
func TestTooWide(t *testing.T) {
	rows := []struct {
		networks string
		want     int
	}{
		{"0.0.0.0/0", 1}, {"::/0", 1}, {"0.0.0.0/0, ::/0", 2}, {"0.0.0.0/1", 0}, {"0.0.0.0", 0},
	}
	for _, row := range rows {
		d := &decoder{}
		got := tooWide("trustedProxies", d.networks("trustedProxies", row.networks))
		if len(got) != row.want {
			t.Errorf("%s: %q, want %d warnings", row.networks, got, row.want)
		}
	}
}
