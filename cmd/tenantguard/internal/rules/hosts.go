package rules

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// hostMatcher returns what reports whether a host matches one of the values, nil for a matcher of
// something else, or an error where Traefik takes none of these values.
func hostMatcher(syntax Syntax, k kind, values []string) (func(string) bool, error) {
	var matches []func(string) bool
	for _, value := range values {
		var match func(string) bool
		var err error
		switch k {
		case host:
			match, err = exactHost(syntax, value)
		case hostRegexp:
			match, err = regexpHost(syntax, value)
		default:
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		matches = append(matches, match)
	}

	return func(name string) bool {
		for _, match := range matches {
			if match(name) {
				return true
			}
		}

		return false
	}, nil
}

var (
	sniName   = regexp.MustCompile(`^(\*\.)?[[:word:].:-]+$`)
	sniNameV2 = regexp.MustCompile(`^[[:word:].:-]+$`)
)

func exactHost(syntax Syntax, value string) (func(string) bool, error) {
	if value == "*" && syntax != HTTPv2 {
		return func(string) bool { return true }, nil
	}
	if syntax == TCP && !sniName.MatchString(value) || syntax == TCPv2 &&
		!sniNameV2.MatchString(value) {
		return nil, fmt.Errorf("%q is no server name", value)
	}
	if !isASCII(value) {
		return nil, fmt.Errorf("%q is not ASCII", value)
	}
	want := hostOf(value)
	isWildcard := strings.HasPrefix(want, "*") && (syntax == HTTP || syntax == TCP)

	return func(name string) bool {
		if !isWildcard {
			return name == want
		}
		_, rest, found := strings.Cut(name, ".")
		if !found {
			return want == "*"
		}

		return want == "*."+rest
	}, nil
}

// hostOf writes the value of a matcher as hosts are compared.
func hostOf(value string) string {
	return strings.TrimSuffix(strings.ToLower(value), ".")
}

func regexpHost(syntax Syntax, value string) (func(string) bool, error) {
	if !isASCII(value) {
		return nil, fmt.Errorf("%q is not ASCII", value)
	}
	text, err := expression(syntax, value)
	if err != nil {
		return nil, err
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}

	return compiled.MatchString, nil
}

// expression returns the regular expression that a value stands for: in the syntax v2 a template,
// with names in braces, and perhaps expressions.
func expression(syntax Syntax, value string) (string, error) {
	if syntax == HTTP || syntax == TCP {
		return value, nil
	}
	var text strings.Builder
	text.WriteString("(?i)^")
	for value != "" {
		start := strings.IndexAny(value, "{}")
		if start < 0 {
			break
		}
		end := closing(value[start:])
		if end < 0 {
			return "", errors.New("the braces are unbalanced")
		}
		name, pattern, given := strings.Cut(value[start+1:start+end], ":")
		if !given {
			pattern = "[^.]+"
		}
		if name == "" || pattern == "" {
			return "", errors.New("wanted {name} or {name:expression}")
		}
		// A group for itself, as nothing here needs to be read out of it.
		text.WriteString(regexp.QuoteMeta(value[:start]) + "(" + pattern + ")")
		value = value[start+end+1:]
	}
	text.WriteString(regexp.QuoteMeta(value) + "$")

	return text.String(), nil
}

// closing returns where the brace that a text begins with is closed, less than 0 for nowhere.
func closing(text string) int {
	open := 0
	for i, c := range text {
		switch c {
		case '{':
			open++
		case '}':
			open--
		}
		if open <= 0 {
			if c != '}' || i == 0 {
				return -1
			}

			return i
		}
	}

	return -1
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] > 127 {
			return false
		}
	}

	return true
}

// checkOthers reports what Traefik refuses of the arguments of matchers that are not about hosts.
func (n *node) checkOthers(syntax Syntax) error {
	switch {
	case n.matcher.kind == path || n.matcher.kind == pathPrefix:
		for _, value := range n.values {
			if !strings.HasPrefix(value, "/") {
				return fmt.Errorf("%s: %q does not begin with a slash", n.name, value)
			}
		}
	case n.name == "ALPN":
		for _, value := range n.values {
			if value == "acme-tls/1" {
				return fmt.Errorf("ALPN: %q is Traefik's own", value)
			}
		}
	case n.name == "ClientIP":
		return checkAddresses(n.values)
	case n.matcher.kind == pathRegexp, n.name == "HeaderRegexp",
		n.name == "QueryRegexp" && len(n.values) == 2:
		_, err := regexp.Compile(n.values[len(n.values)-1])

		return err
	case syntax == HTTPv2 && strings.HasPrefix(n.name, "Headers"):
		return checkPairs(n)
	}

	return nil
}
