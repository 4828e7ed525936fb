package hosts_test

import (
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

func TestParsePattern(t *testing.T) {
	for _, test := range []struct{ description, pattern, want string }{
		{"a name", "acme.example.com", "acme.example.com"},
		{"upper case", "*.ACME.Example.com", "*.acme.example.com"},
		{"one label more", "*.acme.example.com", "*.acme.example.com"},
		{"one label or more", "**.acme.example.com", "**.acme.example.com"},
		{"an underscore", "_acme.example.com", "_acme.example.com"},
		{"an IPv4 address", "192.0.2.7", "192.0.2.7"},
		{"an IPv6 address", "2001:DB8:0::1", "2001:db8::1"},
		{"an IPv6 address in brackets", "[2001:db8::1]", "2001:db8::1"},
	} {
		got, err := hosts.ParsePattern(test.pattern)
		if err != nil {
			t.Errorf("%s: %q: %v", test.description, test.pattern, err)
			continue
		}
		if got.String() != test.want {
			t.Errorf("%s: %q is %q, want %q",
				test.description, test.pattern, got.String(), test.want)
		}
	}
}

func TestParsePatternRefuses(t *testing.T) {
	const (
		wildcard = `wanted a host name, "*." or "**." and a host name, or an IP address`
		unicode  = "wanted A-labels"
		port     = "wanted a host name without a port"
		url      = "wanted a host name without a scheme and without a path"
		dot      = "wanted a host name without a dot at its end"
	)
	for _, test := range []struct{ description, pattern, want string }{
		{"nothing", "", wildcard},
		{"a wildcard alone", "*", wildcard},
		{"a wildcard of nothing", "**.", wildcard},
		{"a wildcard within a label", "a*.example.com", wildcard},
		{"a wildcard within", "a.*.example.com", wildcard},
		{"an empty label", "acme..example.com", wildcard},
		{"a trailing dot", "acme.example.com.", dot},
		{"a trailing dot below a wildcard", "*.acme.example.com.", dot},
		{"two trailing dots", "acme.example.com..", wildcard},
		{"a slash", "acme.example.com/", url},
		{"a URL", "https://acme.example.com", url},
		{"a URL with a port and a path", "https://acme.example.com:443/x", url},
		{"a space", "acme.example.com ", wildcard},
		{"Unicode", "bücher.example", unicode},
		{"Unicode below a wildcard", "*.bücher.example", unicode},
		{"a port", "acme.example.com:443", port},
		{"a wildcard of an address", "*.192.0.2.7", wildcard},
		{"a deep wildcard of an address", "**.192.0.2.7", wildcard},
		{"a wildcard of an IPv6 address", "*.2001:db8::1", wildcard},
		{"an IPv6 address with a port", "[2001:db8::1]:443", wildcard},
		{"a bracket not closed", "[2001:db8::1", wildcard},
		{"a bracket not opened", "2001:db8::1]", wildcard},
		{"a zone", "::1%lo", wildcard},
		{"a zone in brackets", "[::1%lo]", wildcard},
		{"an IPv4 address in brackets", "[192.0.2.7]", wildcard},
		{"an address with a zone", "fe80::7%eth0", port},
		{"an IPv6 address with the last bracket only", "x2001:db8::7]", port},
		{"three stars", "***.example.com", wildcard},
		{"the first character beyond ASCII", "a\u0080.example.com", unicode},
		{"the last character of ASCII", "a\u007f.example.com", wildcard},
		{"a port of nothing", ":443", wildcard},
	} {
		got, err := hosts.ParsePattern(test.pattern)
		if err == nil {
			t.Errorf("%s: %q is taken for %q", test.description, test.pattern, got.String())
			continue
		}
		if !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %q: %q, want %q", test.description, test.pattern, err, test.want)
		}
	}
}
