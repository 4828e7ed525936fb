package hosts_test

import (
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

// longName returns a name of so many bytes, with labels of at most 63.
func longName(length int) string {
	name := strings.Repeat(strings.Repeat("a", 63)+".", 4)
	return name[:length-2] + ".b"
}

// TestParse gives one text to each function: a Host, a name as in a certificate, a server name.
func TestParse(t *testing.T) {
	rows := []struct {
		description, text string
		// host, name and dns are what Parse, ParseName and ParseDNS return.
		host, name, dns hosts.Name
	}{
		{"a name", "A.Example.com", "a.example.com", "a.example.com", "a.example.com"},
		{"nothing", "", "", "", ""},
		{"a trailing dot", "a.example.com.", "a.example.com", "", ""},
		{"a port", "a.example.com:443", "a.example.com", "", ""},
		{"the empty port", "a.example.com:", "a.example.com", "", ""},
		{"the highest port", "a.example.com:65535", "a.example.com", "", ""},
		{"a port one too high", "a.example.com:65536", "", "", ""},
		{"a port of six digits", "a.example.com:000443", "", "", ""},
		{"a port with a sign", "a.example.com:+443", "", "", ""},
		{"IPv4", "192.0.2.7", "192.0.2.7", "192.0.2.7", ""},
		{"IPv4 with a port", "192.0.2.7:443", "192.0.2.7", "", ""},
		{"IPv6", "2001:DB8:0::7", "", "2001:db8::7", ""},
		{"IPv6 in brackets", "[2001:DB8:0::7]", "2001:db8::7", "", ""},
		{"IPv6 and a port", "[2001:db8::7]:443", "2001:db8::7", "", ""},
		{"IPv6 and a wrong port", "[2001:db8::7]:x", "", "", ""},
		{"IPv6 and more without a colon", "[2001:db8::7]443", "", "", ""},
		{"IPv6 without the second bracket", "[2001:db8::7", "", "", ""},
		{"IPv6 with a zone", "fe80::7%eth0", "", "", ""},
		{"IPv6 with a zone in brackets", "[fe80::7%eth0]", "", "", ""},
		{"IPv4 in brackets", "[192.0.2.7]", "", "", ""},
		{"nothing in brackets", "[]", "", "", ""},
		{"what a browser reads as an address", "127.1", "", "", ""},
		{"that in hexadecimal", "0x7f.0X1", "", "", ""},
		{"a number before the last label", "1.a", "1.a", "1.a", "1.a"},
		{"the longest label", strings.Repeat("a", 63), hosts.Name(strings.Repeat("a", 63)),
			hosts.Name(strings.Repeat("a", 63)), hosts.Name(strings.Repeat("a", 63))},
		{"a longer one", strings.Repeat("a", 64), "", "", ""},
		{"the longest name", longName(253), hosts.Name(longName(253)), hosts.Name(longName(253)),
			hosts.Name(longName(253))},
		{"a longer one", longName(254), "", "", ""},
	}
	for _, row := range rows {
		if got := hosts.Parse(row.text); got != row.host {
			t.Errorf("%s: host %q, want %q", row.description, got, row.host)
		}
		isName := row.host != "" && !hosts.IsAddress(row.host)
		if isName && !hosts.IsSpelling(row.text, string(row.host)) {
			t.Errorf("%s: %q is no spelling of %q", row.description, row.text, row.host)
		}
		if got := hosts.ParseName(row.text); got != row.name {
			t.Errorf("%s: name %q, want %q", row.description, got, row.name)
		}
		if got := hosts.ParseDNS(row.text); got != row.dns {
			t.Errorf("%s: DNS name %q, want %q", row.description, got, row.dns)
		}
	}
}

// TestIsSpelling gives authorities of which no other reading is the name.
func TestIsSpelling(t *testing.T) {
	rows := []struct{ description, authority, name string }{
		{"another name", "b.example.com", "a.example.com"},
		{"one label more", "a.a.example.com", "a.example.com"},
		{"a port one too high", "a.example.com:65536", "a.example.com"},
		{"a port of six digits", "a.example.com:000443", "a.example.com"},
		{"two ports", "a.example.com:1:2", "a.example.com"},
		{"two trailing dots", "a.example.com..", "a.example.com"},
		{"a dot behind the port", "a.example.com:443.", "a.example.com"},
		{"the Kelvin sign for a k", "\u212a.example.com", "k.example.com"},
		{"the long s for an s", "\u017f.example.com", "s.example.com"},
		{"a line feed", "a.example.com\n", "a.example.com"},
		{"user information", "x@a.example.com", "a.example.com"},
		{"nothing", "", ""},
	}
	for _, row := range rows {
		if hosts.IsSpelling(row.authority, row.name) {
			t.Errorf("%s: %q is a spelling of %q", row.description, row.authority, row.name)
		}
	}
}
