// Package hosts answers who owns this host: it normalises host names and finds the owner of a name
// among patterns.
package hosts

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Name is a host name in the one form in which names are compared: lower-case A-labels without
// port and trailing dot, or an IP literal in its canonical form (RFC 5952) without brackets. The
// empty Name is no name.
type Name string

const (
	// maxName is the length of the longest name without its trailing dot (RFC 1035 section 2.3.4:
	// 255 octets on the wire).
	maxName = 253
	maxPort = 65535

	// label is one label of a name, of at most 63 octets.
	label = `[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?`
)

var (
	// dnsName is RFC 1123 section 2.1 with the underscore that browsers and crypto/x509 allow.
	// Upper case is matched here and not lowered first: strings.ToLower turns the Kelvin sign
	// into an ASCII k.
	dnsName = regexp.MustCompile(`^(?:` + label + `\.)*` + label + `$`)
	// numeric is a last label that makes a browser read the whole as an IPv4 address (WHATWG URL,
	// "ends in a number"): 127.1 and 0x7f.1 must not be names beside the address 127.0.0.1.
	numeric = regexp.MustCompile(`^(?:[0-9]+|0[Xx][0-9A-Fa-f]*)$`)
	port    = regexp.MustCompile(`^[0-9]{0,5}$`)
	// plain has the characters that dnsName has, in any order.
	plain = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
)

// Parse reads a Host header or an authority: a name or an IP literal, and a port (RFC 9110
// section 7.2). The port is dropped, as the host alone has an owner. It returns "" for what is
// not a host.
func Parse(authority string) Name {
	if strings.HasPrefix(authority, "[") {
		return parseBracketed(authority)
	}
	host, digits, hasPort := strings.Cut(authority, ":")
	if hasPort && !validPort(digits) {
		return ""
	}
	return ParseName(strings.TrimSuffix(host, "."))
}

// IsSpelling reports whether an authority is one more way to write a DNS name in the form of Name:
// in other case, with a trailing dot, with a port. Parse finds the same at many times the cost.
func IsSpelling(authority string, name string) bool {
	if len(authority) > len(name)+len(".:65535") {
		return false
	}
	host, digits, _ := strings.Cut(authority, ":")
	// What is plain is ASCII, of which nothing but letters has another case.
	return plain.MatchString(host) && strings.EqualFold(strings.TrimSuffix(host, "."), name) &&
		validPort(digits)
}

// ParseName reads a name or an IP literal without port, brackets and trailing dot, as in a
// certificate. It returns "" for what is neither.
func ParseName(s string) Name {
	if addr, err := netip.ParseAddr(s); err == nil {
		if addr.Zone() != "" {
			return ""
		}
		return Name(addr.String())
	}
	return ParseDNS(s)
}

// ParseDNS reads a DNS name, as in a server name (RFC 6066 section 3: no trailing dot, no IP
// literal), and returns "" for anything else.
func ParseDNS(s string) Name {
	if len(s) > maxName || !dnsName.MatchString(s) {
		return ""
	}
	if numeric.MatchString(s[strings.LastIndex(s, ".")+1:]) {
		return ""
	}
	return Name(strings.ToLower(s))
}

// parseBracketed reads [IPv6] or [IPv6]:port (RFC 3986 section 3.2.2). A zone is no part of a Host.
func parseBracketed(authority string) Name {
	literal, rest, closed := strings.Cut(authority[1:], "]")
	if !closed {
		return ""
	}
	digits, hasPort := strings.CutPrefix(rest, ":")
	if rest != "" && (!hasPort || !validPort(digits)) {
		return ""
	}
	addr, err := netip.ParseAddr(literal)
	if err != nil || addr.Is4() || addr.Zone() != "" {
		return ""
	}
	return Name(addr.String())
}

// validPort allows the empty port of RFC 3986 section 3.2.3.
func validPort(digits string) bool {
	if !port.MatchString(digits) {
		return false
	}
	n, err := strconv.Atoi(digits)
	return digits == "" || (err == nil && n <= maxPort)
}
