package rules

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// A Rule is a rule of Traefik's that was read.
type Rule struct {
	Text string
	root *node
}

// MayMatch reports whether the rule could match a request for a host, whatever else the request
// says. The host is in lower case, without port and trailing dot.
func (r *Rule) MayMatch(host string) bool {
	return r.root.mayMatch(host)
}

func (n *node) mayMatch(host string) bool {
	switch {
	case n.and != nil:
		return n.and[0].mayMatch(host) && n.and[1].mayMatch(host)
	case n.or != nil:
		return n.or[0].mayMatch(host) || n.or[1].mayMatch(host)
	case n.match == nil:
		return true
	default:
		return n.match(host) != n.not
	}
}

// A Claim is what one alternative of a rule matches.
type Claim struct {
	// Host is a name in lower case, or "*." and a name for one label more. It is "" where Regexp
	// says which hosts, or where they are all, or all but some.
	Host, Regexp string
	// Path is what paths are or begin with, "" for any.
	Path string
	// Paths is true where Path is only the beginning.
	Prefix bool
	// Others are the names of the other matchers that must match.
	Others []string
}

// IsAny reports whether the claim is for hosts that the rule does not name.
func (c Claim) IsAny() bool {
	return c.Host == "" && c.Regexp == ""
}

// maxClaims bounds the alternatives of a rule. One with more is read as for any host.
const maxClaims = 2000

// Claims returns what the alternatives of the rule match, none twice.
func (r *Rule) Claims() []Claim {
	claims, ok := r.root.claims()
	if !ok {
		return []Claim{{}}
	}
	var unique []Claim
	for _, claim := range claims {
		same := func(c Claim) bool { return c.equal(claim) }
		if !slices.ContainsFunc(unique, same) {
			unique = append(unique, claim)
		}
	}

	return unique
}

func (c Claim) equal(other Claim) bool {
	return c.Host == other.Host && c.Regexp == other.Regexp && c.Path == other.Path &&
		c.Prefix == other.Prefix && slices.Equal(c.Others, other.Others)
}

func (n *node) claims() (claims []Claim, ok bool) {
	switch {
	case n.or != nil:
		left, ok := n.or[0].claims()
		right, alsoOK := n.or[1].claims()

		return append(left, right...), ok && alsoOK && len(left)+len(right) <= maxClaims
	case n.and != nil:
		left, ok := n.and[0].claims()
		right, alsoOK := n.and[1].claims()
		if !ok || !alsoOK || len(left)*len(right) > maxClaims {
			return nil, false
		}
		for _, l := range left {
			for _, r := range right {
				if claim, possible := join(l, r); possible {
					claims = append(claims, claim)
				}
			}
		}

		return claims, true
	default:
		return n.ownClaims(), true
	}
}

// ownClaims are those of one matcher. What it leaves out by "not" is any other host.
func (n *node) ownClaims() []Claim {
	if n.not {
		return []Claim{{}}
	}
	var claims []Claim
	for _, value := range n.values {
		switch {
		case n.matcher.kind == host && value == "*":
			claims = append(claims, Claim{})
		case n.matcher.kind == host:
			claims = append(claims, Claim{Host: hostOf(value)})
		case n.matcher.kind == hostRegexp:
			claims = append(claims, Claim{Regexp: value})
		case n.matcher.kind == path || n.matcher.kind == pathPrefix:
			claims = append(claims, Claim{Path: value, Prefix: n.matcher.kind == pathPrefix})
		default:
			return []Claim{{Others: []string{n.name}}}
		}
	}

	return claims
}

// join returns what matches both claims, and reports whether anything does.
func join(a, b Claim) (Claim, bool) {
	joined := a
	switch {
	case a.Host == "" && b.Host != "":
		joined.Host, joined.Regexp = b.Host, ""
	case a.Host == "" && a.Regexp == "":
		joined.Regexp = b.Regexp
	case a.Host != "" && b.Host != "" && a.Host != b.Host:
		narrow, ok := narrower(a.Host, b.Host)
		if !ok {
			return Claim{}, false
		}
		joined.Host = narrow
	}
	if len(b.Path) > len(a.Path) {
		joined.Path, joined.Prefix = b.Path, b.Prefix
	}
	joined.Others = slices.Compact(slices.Sorted(slices.Values(slices.Concat(a.Others, b.Others))))

	return joined, true
}

// narrower returns the name of a name and a wildcard that covers it.
func narrower(a, b string) (string, bool) {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		_, rest, _ := strings.Cut(pair[0], ".")
		if pair[1] == "*."+rest {
			return pair[0], true
		}
	}

	return "", false
}

func checkAddresses(values []string) error {
	for _, value := range values {
		if _, err := netip.ParseAddr(value); err == nil {
			continue
		}
		if _, err := netip.ParsePrefix(value); err != nil {
			return fmt.Errorf("ClientIP: %q is no address and no network", value)
		}
	}

	return nil
}

// checkPairs reports arguments that are not pairs of a name and a value.
func checkPairs(n *node) error {
	if len(n.values)%2 != 0 {
		return fmt.Errorf("%s: wanted pairs of a name and a value", n.name)
	}
	if n.name == "HeadersRegexp" {
		for i := 1; i < len(n.values); i += 2 {
			if _, err := regexp.Compile(n.values[i]); err != nil {
				return err
			}
		}
	}

	return nil
}
