package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/rules"
)

// claimsOf writes claims as text: host, ~regexp or any, a path with "…" for a prefix, other
// matchers.
func claimsOf(rule *rules.Rule) string {
	var texts []string
	for _, c := range rule.Claims() {
		text := c.Host
		if c.Regexp != "" {
			text = "~" + c.Regexp
		}
		if c.IsAny() {
			text = "any"
		}
		text += c.Path
		if c.Prefix {
			text += "…"
		}
		if len(c.Others) > 0 {
			text += fmt.Sprint(c.Others)
		}
		texts = append(texts, text)
	}

	return strings.Join(texts, " ")
}

func TestClaims(t *testing.T) {
	rows := []struct {
		description, rule string
		syntax            rules.Syntax
		want              string
	}{
		{"a host", "Host(`a.test`)", rules.HTTP, "a.test"},
		{"capitals and a trailing dot", "Host(`A.Test.`)", rules.HTTP, "a.test"},
		{"double quotes", `Host("a.test")`, rules.HTTP, "a.test"},
		{"a matcher in lower case", "host(`a.test`)", rules.HTTP, "a.test"},
		{"a wildcard", "Host(`*.a.test`)", rules.HTTP, "*.a.test"},
		{"every host", "Host(`*`)", rules.HTTP, "any"},
		{"hosts and a path", "(Host(`a.test`) || Host(`b.test`)) && PathPrefix(`/x`)", rules.HTTP,
			"a.test/x… b.test/x…"},
		{"a path alone", "Path(`/x`)", rules.HTTP, "any/x"},
		{"another matcher alone", "Method(`GET`)", rules.HTTP, "any[Method]"},
		{"other matchers", "Host(`a.test`) && ClientIP(`10.0.0.0/8`) && Method(`GET`)", rules.HTTP,
			"a.test[ClientIP Method]"},
		{"all but a host", "!Host(`a.test`)", rules.HTTP, "any"},
		{"not, twice", "!(!Host(`a.test`))", rules.HTTP, "a.test"},
		{"not, of an alternative", "!(Host(`a.test`) || !Host(`b.test`))", rules.HTTP, "b.test"},
		{"an expression", "HostRegexp(`^.+\\.test$`)", rules.HTTP, `~^.+\.test$`},
		{"a host and an expression", "HostRegexp(`x`) && Host(`a.test`)", rules.HTTP, "a.test"},
		{"a host below a wildcard", "Host(`*.test`) && Host(`a.test`)", rules.HTTP, "a.test"},
		{"two hosts at once", "Host(`a.test`) && Host(`b.test`)", rules.HTTP, ""},
		{"a host in a string", "Header(`x`, `Host(a.test)`)", rules.HTTP, "any[Header]"},
		{"several in v2", "Host(`a.test`,`b.test`)", rules.HTTPv2, "a.test b.test"},
		{"a server name", "HostSNI(`a.test`)", rules.TCP, "a.test"},
		{"every server name", "HostSNI(`*`)", rules.TCP, "any"},
		{"the same twice", "Host(`a.test`) || Host(`a.test`)", rules.HTTP, "a.test"},
	}
	for _, row := range rows {
		rule, err := rules.Parse(row.rule, row.syntax)
		if err != nil {
			t.Errorf("%s: %v", row.description, err)
			continue
		}
		if got := claimsOf(rule); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestManyClaims has a rule whose alternatives multiply.
func TestManyClaims(t *testing.T) {
	side := strings.Repeat("Method(`GET`) || ", 60) + "Host(`a.test`)"
	rule, err := rules.Parse("("+side+") && ("+side+")", rules.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	if got := claimsOf(rule); got != "any" {
		t.Errorf("%.60q, want any", got)
	}
}

func TestMayMatch(t *testing.T) {
	rows := []struct {
		description, rule string
		syntax            rules.Syntax
		matches, does     string
	}{
		{"a host", "Host(`a.test`) && PathPrefix(`/x`)", rules.HTTP, "a.test", "b.test"},
		{"a wildcard", "Host(`*.test`)", rules.HTTP, "a.test", "a.b.test test"},
		{"all but a host", "!Host(`a.test`)", rules.HTTP, "b.test", "a.test"},
		{"an expression", "HostRegexp(`^[ab]\\.test$`)", rules.HTTP, "a.test b.test", "c.test"},
		{"a template", "HostRegexp(`{x}.test`, `{y:[bc]+}.org`)", rules.HTTPv2, "a.test bc.org",
			"a.b.test a.org"},
		{"an asterisk in v2", "Host(`*.test`)", rules.HTTPv2, "*.test", "a.test"},
	}
	for _, row := range rows {
		rule, err := rules.Parse(row.rule, row.syntax)
		if err != nil {
			t.Errorf("%s: %v", row.description, err)
			continue
		}
		for _, host := range strings.Fields(row.matches) {
			if !rule.MayMatch(host) {
				t.Errorf("%s: %s does not match", row.description, host)
			}
		}
		for _, host := range strings.Fields(row.does) {
			if rule.MayMatch(host) {
				t.Errorf("%s: %s matches", row.description, host)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	rows := []struct {
		description, rule string
		syntax            rules.Syntax
	}{
		{"nothing", "", rules.HTTP},
		{"no matcher of Traefik's", "Hosts(`a.test`)", rules.HTTP},
		{"no argument", "Host()", rules.HTTP},
		{"an empty argument", "Host(``)", rules.HTTP},
		{"two hosts in v3", "Host(`a.test`, `b.test`)", rules.HTTP},
		{"a host that is not ASCII", "Host(`bücher.test`)", rules.HTTP},
		{"an expression that is none", "HostRegexp(`(`)", rules.HTTP},
		{"a template that is none", "HostRegexp(`{a`)", rules.HTTPv2},
		{"a path without a slash", "Path(`x`)", rules.HTTP},
		{"no address", "ClientIP(`x`)", rules.HTTP},
		{"no server name", "HostSNI(`a b`)", rules.TCP},
		{"Traefik's own protocol", "ALPN(`acme-tls/1`)", rules.TCP},
		{"a matcher of HTTP", "Host(`a.test`)", rules.TCP},
		{"too deep", strings.Repeat("!(", 600) + "Host(`a`)", rules.HTTP},
	}
	for _, row := range rows {
		if rule, err := rules.Parse(row.rule, row.syntax); err == nil {
			t.Errorf("%s: read as %q", row.description, claimsOf(rule))
		}
	}
}
