package hosts

import (
	"errors"
	"strings"
)

// The kinds of pattern, in the order in which they win at the same suffix.
const (
	kindExact = iota
	kindOne
	kindDeep
)

var (
	errWildcard = errors.New(`wanted a host name, "*." or "**." and a host name, or an IP address`)
	errUnicode  = errors.New("wanted A-labels (xn--…) instead of Unicode")
	errPort     = errors.New("wanted a host name without a port")
	errURL      = errors.New("wanted a host name without a scheme and without a path")
	errDot      = errors.New("wanted a host name without a dot at its end")
	errSeveral  = errors.New("wanted one host name, separate hosts by commas")
)

// Pattern is a host pattern: a name itself, "*.name" for exactly one label more, or "**.name" for
// one label or more. The apex is in neither wildcard.
type Pattern struct {
	kind int
	name Name
}

// ParsePattern reads a pattern.
func ParsePattern(s string) (Pattern, error) {
	kind, rest := kindExact, s
	if after, ok := strings.CutPrefix(s, "**."); ok {
		kind, rest = kindDeep, after
	} else if after, ok := strings.CutPrefix(s, "*."); ok {
		kind, rest = kindOne, after
	}
	name := parsePatternName(kind, rest)
	if name == "" {
		return Pattern{}, patternError(s)
	}
	return Pattern{kind: kind, name: name}, nil
}

// parsePatternName takes no trailing dot: a pattern has one spelling. Nor is a wildcard below an
// IP address anything.
func parsePatternName(kind int, s string) Name {
	if kind != kindExact {
		return ParseDNS(s)
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		return parseBracketed(s)
	}
	return ParseName(s)
}

func patternError(s string) error {
	if fields := strings.Fields(s); len(fields) > 1 || strings.Contains(s, ";") {
		return errSeveral
	}
	for _, r := range s {
		if r > 127 {
			return errUnicode
		}
	}
	if strings.Contains(s, "/") {
		return errURL
	}
	host, found := strings.CutSuffix(s, ".")
	if found && ParseDNS(strings.TrimLeft(host, "*.")) != "" {
		return errDot
	}
	if host, _, found := strings.Cut(s, ":"); found && ParseDNS(host) != "" {
		return errPort
	}
	return errWildcard
}

// String is the pattern as an operator writes it.
func (p Pattern) String() string {
	if p.kind == kindOne {
		return "*." + string(p.name)
	}
	if p.kind == kindDeep {
		return "**." + string(p.name)
	}
	return string(p.name)
}
