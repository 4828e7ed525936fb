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
		if got := hosts.ParseName(row.text); got != row.name {
			t.Errorf("%s: name %q, want %q", row.description, got, row.name)
		}
		if got := hosts.ParseDNS(row.text); got != row.dns {
			t.Errorf("%s: DNS name %q, want %q", row.description, got, row.dns)
		}
	}
}

func TestParsePattern(t *testing.T) {
	const wildcard, unicode, port = `"*." or "**."`, "A-labels", "without a port"
	rows := []struct {
		description, text string
		// want is the pattern as it is written in a message, and wrong is part of the error.
		want, wrong string
	}{
		{"a name", "A.example.com", "a.example.com", ""},
		{"one label more", "*.A.example.com", "*.a.example.com", ""},
		{"one label or more", "**.A.example.com", "**.a.example.com", ""},
		{"IPv4", "192.0.2.7", "192.0.2.7", ""},
		{"IPv6", "2001:db8:0::7", "2001:db8::7", ""},
		{"IPv6 in brackets", "[2001:db8:0::7]", "2001:db8::7", ""},
		{"IPv6 and a port", "[2001:db8::7]:443", "", wildcard},
		{"IPv6 with only the first bracket", "[2001:db8::7", "", wildcard},
		{"IPv6 with only the last bracket", "x2001:db8::7]", "", port},
		{"IPv6 with a zone", "fe80::7%eth0", "", port},
		{"an address below a wildcard", "*.192.0.2.7", "", wildcard},
		{"an IPv6 address below a wildcard", "**.2001:db8::7", "", wildcard},
		{"nothing", "", "", wildcard},
		{"a wildcard of nothing", "*.", "", wildcard},
		{"three stars", "***.example.com", "", wildcard},
		{"a star in the middle", "a.*.example.com", "", wildcard},
		{"a trailing dot", "a.example.com.", "", wildcard},
		{"Unicode", "bücher.example.com", "", unicode},
		{"the first character beyond ASCII", "a\u0080.example.com", "", unicode},
		{"the last character of ASCII", "a\u007f.example.com", "", wildcard},
		{"a port", "a.example.com:443", "", port},
		{"a port of nothing", ":443", "", wildcard},
	}
	for _, row := range rows {
		pattern, err := hosts.ParsePattern(row.text)
		if row.wrong == "" && (err != nil || pattern.String() != row.want) {
			t.Errorf("%s: %q, %v, want %q", row.description, pattern, err, row.want)
		}
		if row.wrong != "" && (err == nil || !strings.Contains(err.Error(), row.wrong)) {
			t.Errorf("%s: error %v, want %q in it", row.description, err, row.wrong)
		}
	}
}
