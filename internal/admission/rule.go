package admission

import (
	"fmt"
	"strings"
)

// Rule is how the hosts of a rule of Traefik's are read. A rule is a Go expression, and looking for
// Host(`…`) in it is wrong for !Host(`…`), for a rule in a string and for escapes. So only a form
// is let through that is easily read: it is split into Token, each token is given a letter, and the
// letters must match Shape. What is no call with backquoted arguments, no operator and no
// parenthesis is a token by itself, which has no place in Shape: nothing is left over that could
// move the boundaries of the others.
type Rule struct {
	// Token splits a rule.
	Token string
	// Host matches a token whose host is read, letter h.
	Host string
	// Other matches a token that is another matcher, letter f. && is the letter &, || is |, the
	// characters !, ( and ) are their own letters, and everything else is x.
	Other string
	// Shape is what the letters of a whole rule must match: every alternative of || is a
	// conjunction with exactly one host, or one parenthesis of hosts, so every request that the
	// rule matches has one of the hosts.
	Shape string
	// Max is how many characters a rule may have.
	Max int
	// Begin is what a token with a host begins with.
	Begin string
}

const (
	// nameLabel and name are host names in lower case, without a trailing dot.
	nameLabel = `[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?`
	name      = nameLabel + `(\.` + nameLabel + `)*`

	// What one object costs the API server stays far below its own limit: maxRule is how long a
	// rule may be, maxText how long all rules and names together, and maxPairs how many hosts times
	// patterns are compared.
	maxRule  = 1000
	maxText  = 20000
	maxPairs = 20000

	tick = "`"
)

// HTTPRule is a rule of an IngressRoute.
func HTTPRule() Rule {
	return rule("Host",
		"ClientIP|Method|Path|PathPrefix|PathRegexp|Header|HeaderRegexp|Query|QueryRegexp")
}

// TCPRule is a rule of an IngressRouteTCP.
func TCPRule() Rule {
	return rule("HostSNI", "ClientIP|ALPN")
}

func rule(host, others string) Rule {
	const argument = tick + `[^` + tick + `]*` + tick
	const (
		other       = `!?(f|\(!?f([&|]!?f)*\))`
		hosts       = `(h|\(h(\|h)*\))`
		conjunction = `(` + other + `&)*` + hosts + `(&` + other + `)*`
		alternative = `(` + conjunction + `|\(` + conjunction + `\))`
	)
	return Rule{
		Token: `[A-Za-z]+\(\s*` + argument + `(?:\s*,\s*` + argument + `)*\s*\)|&&|\|\||\S`,
		Host: `^` + host + `\(\s*` + tick +
			`(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*` + tick + `\s*\)$`,
		Other: `^(` + others + `)\(`,
		Shape: `^` + alternative + `(\|` + alternative + `)*$`,
		Max:   maxRule,
		Begin: host + "(",
	}
}

// variables are malformed and ruleHosts, from the variables rules and tooLarge.
func (r Rule) variables() []expression {
	return []expression{
		{"malformed", r.malformed()},
		// Only read where every rule is well formed.
		{"ruleHosts", fmt.Sprintf(`
variables.tooLarge || variables.malformed.size() > 0 ? [] :
variables.rules.map(rule, rule.findAll(r'%s')
  .filter(token, token.startsWith('%s'))
  .map(token, token.split('%s')[1].lowerAscii()).join(','))
  .join(',').split(',').filter(host, host != '')`, r.Token, r.Begin, tick)},
	}
}

func (r Rule) malformed() string {
	return fmt.Sprintf(`
variables.tooLarge ? [] :
variables.rules.filter(rule, rule.size() > %d || !rule.findAll(r'%s').map(token,
  token.matches(r'%s') ? 'h' :
  token.matches(r'%s') ? 'f' :
  token == '&&' ? '&' :
  token == '||' ? '|' :
  token in ['!', '(', ')'] ? token : 'x').join('')
  .matches(r'%s'))`, r.Max, r.Token, r.Host, r.Other, r.Shape)
}

// wellFormed is the validation of the rules.
func (r Rule) wellFormed() validation {
	return requireComputed("variables.malformed.size() == 0",
		"'match ' + "+short("variables.malformed[0].replace('\\n', ' ')")+
			" +\n' can not be checked: every alternative (||) needs exactly one "+
			strings.TrimSuffix(r.Begin, "(")+"("+tick+"name"+tick+
			"), alone or with && and other matchers; ' +\n"+
			"'all arguments in backquotes, no host after !, at most 1000 characters'")
}
