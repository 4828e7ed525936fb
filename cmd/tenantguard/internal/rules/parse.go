// Package rules reads the rules of Traefik's routers: which hosts a rule is for. It parses them
// with the library that Traefik uses, and a test in e2e/command holds it to Traefik's own muxers.
package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vulcand/predicate"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// Syntax is how a rule is written.
type Syntax string

// The syntaxes of Traefik. TCP routers have matchers of their own.
const (
	HTTP   Syntax = "v3"
	HTTPv2 Syntax = "v2"
	TCP    Syntax = "tcp"
	TCPv2  Syntax = "tcp v2"
)

// SyntaxOf returns the syntax that the ruleSyntax of a router stands for.
func SyntaxOf(name string, tcp bool) Syntax {
	switch {
	case tcp && name == "v2":
		return TCPv2
	case tcp:
		return TCP
	case name == "v2":
		return HTTPv2
	default:
		return HTTP
	}
}

// kind is what a matcher looks at.
type kind int

const (
	other kind = iota
	host
	hostRegexp
	path
	pathPrefix
	pathRegexp
)

// A matcher is what Traefik calls one, with how many arguments it takes, 0 for any number.
type matcher struct {
	kind     kind
	min, max int
}

var matchers = map[Syntax]map[string]matcher{
	HTTP: {
		"ClientIP": {other, 1, 1}, "Method": {other, 1, 1}, "Host": {host, 1, 1},
		"HostRegexp": {hostRegexp, 1, 1}, "Path": {path, 1, 1}, "PathRegexp": {pathRegexp, 1, 1},
		"PathPrefix": {pathPrefix, 1, 1}, "Header": {other, 2, 2}, "HeaderRegexp": {other, 2, 2},
		"Query": {other, 1, 2}, "QueryRegexp": {other, 1, 2},
	},
	HTTPv2: {
		"Host": {host, 1, 0}, "HostHeader": {host, 1, 0}, "HostRegexp": {hostRegexp, 1, 0},
		"ClientIP": {other, 1, 0}, "Path": {path, 1, 0}, "PathPrefix": {pathPrefix, 1, 0},
		"Method": {other, 1, 0}, "Headers": {other, 1, 0}, "HeadersRegexp": {other, 1, 0},
		"Query": {other, 1, 0},
	},
	TCP: {
		"ALPN": {other, 1, 1}, "ClientIP": {other, 1, 1}, "HostSNI": {host, 1, 1},
		"HostSNIRegexp": {hostRegexp, 1, 1},
	},
	TCPv2: {
		"ALPN": {other, 1, 0}, "ClientIP": {other, 1, 0}, "HostSNI": {host, 1, 0},
		"HostSNIRegexp": {hostRegexp, 1, 0},
	},
}

// parsers parse the rules of each syntax.
var parsers = func() map[Syntax]predicate.Parser {
	all := map[Syntax]predicate.Parser{}
	for syntax, known := range matchers {
		all[syntax] = newParser(syntax, known)
	}

	return all
}()

// node is one matcher of a rule, or two nodes joined.
type node struct {
	// and and or have the two sides of an operator.
	and, or *[2]*node
	name    string
	matcher matcher
	values  []string
	not     bool
	// match reports whether a host matches: of a matcher of hosts alone.
	match func(host string) bool
}

// build makes the node anew for every place that it has in a rule.
type build func() *node

// newParser returns the parser of a syntax. Traefik takes the name of a matcher as it is, and in
// lower case, in upper case and in title case.
func newParser(syntax Syntax, known map[string]matcher) predicate.Parser {
	functions := map[string]any{}
	for name, m := range known {
		function := func(values ...string) build {
			return func() *node { return &node{name: name, matcher: m, values: values} }
		}
		title := cases.Title(language.Und).String(strings.ToLower(name))
		functions[name], functions[title] = function, function
		functions[strings.ToLower(name)], functions[strings.ToUpper(name)] = function, function
	}
	parser, err := predicate.NewParser(predicate.Def{
		Operators: predicate.Operators{
			AND: func(a, b build) build {
				return func() *node { return &node{and: &[2]*node{a(), b()}} }
			},
			OR: func(a, b build) build {
				return func() *node { return &node{or: &[2]*node{a(), b()}} }
			},
			NOT: func(a build) build { return func() *node { return invert(a()) } },
		},
		Functions: functions,
	})
	if err != nil {
		panic(fmt.Sprintf("rules: the matchers of %s: %v", syntax, err))
	}

	return parser
}

// invert brings a "not" down to the matchers.
func invert(n *node) *node {
	switch {
	case n.and != nil:
		return &node{or: &[2]*node{invert(n.and[0]), invert(n.and[1])}}
	case n.or != nil:
		return &node{and: &[2]*node{invert(n.or[0]), invert(n.or[1])}}
	default:
		n.not = !n.not

		return n
	}
}

// maxRule bounds, in bytes, a rule that is parsed, and maxDepth its parentheses: the parser calls
// itself for each.
const (
	maxRule  = 1 << 16
	maxDepth = 1000
)

// Parse reads a rule, or returns why Traefik would not take it.
func Parse(text string, syntax Syntax) (*Rule, error) {
	if len(text) > maxRule || strings.Count(text, "(")+strings.Count(text, "!") > maxDepth {
		return nil, fmt.Errorf("the rule has %d bytes, too many to be read", len(text))
	}
	parsed, err := parsers[syntax].Parse(text)
	if err != nil {
		return nil, err
	}
	made, ok := parsed.(build)
	if !ok {
		return nil, errors.New("wanted a matcher, such as Host(`example.com`)")
	}
	root := made()
	if err := root.check(syntax); err != nil {
		return nil, err
	}

	return &Rule{Text: text, root: root}, nil
}

// check reports what the parser lets pass and Traefik refuses, and prepares the matchers of hosts.
func (n *node) check(syntax Syntax) error {
	for _, sides := range []*[2]*node{n.and, n.or} {
		if sides != nil {
			return errors.Join(sides[0].check(syntax), sides[1].check(syntax))
		}
	}
	m := n.matcher
	if len(n.values) < m.min || (m.max > 0 && len(n.values) > m.max) {
		return fmt.Errorf("%s has %d arguments, wanted %d", n.name, len(n.values), m.min)
	}
	if slices.Contains(n.values, "") {
		return fmt.Errorf("%s has an empty argument", n.name)
	}
	match, err := hostMatcher(syntax, m.kind, n.values)
	if err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	n.match = match

	return n.checkOthers(syntax)
}
