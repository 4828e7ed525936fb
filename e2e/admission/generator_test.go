package admission_test

import (
	"math/rand"
	"strings"
)

// generator makes random rules: most of the form that is let through or near to it, with
// everything in them that could deceive a reader who is not Traefik's parser.
type generator struct {
	*rand.Rand
	host   string
	others []string
}

func (g *generator) pick(texts ...string) string { return texts[g.Intn(len(texts))] }

func (g *generator) rule() string {
	rule := g.alternatives(3)
	for g.Intn(3) == 0 {
		rule = g.mutate(rule)
	}

	return rule
}

func (g *generator) alternatives(depth int) string {
	parts := []string{g.conjunction(depth)}
	for g.Intn(3) == 0 {
		parts = append(parts, g.conjunction(depth))
	}

	return strings.Join(parts, g.pick("||", " || ", " ||\n", "||"))
}

func (g *generator) conjunction(depth int) string {
	var parts []string
	if g.Intn(10) > 0 {
		parts = append(parts, g.hosts(depth))
	}
	for g.Intn(2) == 0 || len(parts) == 0 {
		parts = append(parts, g.term(depth))
	}
	g.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })

	return strings.Join(parts, g.pick("&&", " && ", "  &&\t"))
}

// hosts is a host or a parenthesis of hosts.
func (g *generator) hosts(depth int) string {
	if depth > 0 && g.Intn(4) == 0 {
		parts := []string{g.hostCall()}
		for g.Intn(2) == 0 {
			parts = append(parts, g.hostCall())
		}
		return "(" + strings.Join(parts, " || ") + ")"
	}

	return g.hostCall()
}

func (g *generator) hostCall() string {
	name := g.pick("a.test", "b.test", "x.a.test", "A.test", "*.a.test", "a.test")
	if g.Intn(20) == 0 {
		name = g.pick("*", "", "a.test.", "*.test", "*a.test", "{x:.*}", "a.test:80", "*.*.test",
			"[::1]", "1.2.3.4", " a.test", "f")
	}
	matcher := g.host
	if g.Intn(15) == 0 {
		matcher = g.pick(strings.ToLower(g.host), strings.ToUpper(g.host), g.host+" ",
			"Host", "HostSNI", "HostRegexp", "HostHeader", "Not"+g.host)
	}

	return matcher + "(" + g.argument(name) + ")"
}

func (g *generator) term(depth int) string {
	not := ""
	for g.Intn(4) == 0 {
		not += "!"
	}
	if depth > 0 && g.Intn(4) == 0 {
		if g.Intn(2) == 0 {
			return not + "(" + g.alternatives(depth-1) + ")"
		}
		return not + "(" + g.other() + g.pick(" || ", " && ") + not + g.other() + ")"
	}
	if g.Intn(15) == 0 {
		return not + g.hostCall()
	}

	return not + g.other()
}

func (g *generator) other() string {
	matcher := g.pick(g.others...)
	value := g.pick("f", "f", ".*", "^f$")
	switch matcher {
	case "Path", "PathPrefix", "PathRegexp":
		value = g.pick("/", "/f", "/")
	case "ClientIP":
		value = g.pick("1.2.3.4", "1.2.3.0/24", "9.9.9.9")
	case "Method":
		value = g.pick("GET", "POST")
	}
	if g.Intn(10) == 0 {
		value = g.pick(") || "+g.host+"(", "|| ", "\\", "\"", "a\" || b", "'", "//", "/*", "*/",
			g.host+"(a.test)", ")", "(", "é", "\u2028", "\n")
	}
	arguments := g.argument(value)
	if strings.HasPrefix(matcher, "Header") || strings.HasPrefix(matcher, "Query") ||
		g.Intn(10) == 0 {
		arguments += g.pick(",", ", ", " ,\n") + g.argument(g.pick("f", ".*", "g"))
	}

	return matcher + "(" + arguments + ")"
}

// argument quotes a text, in some way that Go knows.
func (g *generator) argument(text string) string {
	if g.Intn(12) > 0 {
		return g.pick("", "", " ") + "`" + text + "`" + g.pick("", "", " ")
	}

	return g.pick(
		`"`+text+`"`, `"\x61.test"`, "`a.`+`test`", `"a"+".test"`, "(`"+text+"`)",
		"`"+text+"`,", "f", "`"+text+"`...", "/* ` */`"+text+"`", "`"+text+"` // `\n",
		`"\`+text+`"`,
	)
}

// fragments are what a rule may be broken with.
var fragments = []string{
	"`", "\"", "(", ")", "!", "&&", "||", "&", "|", "\\", "\n", "\t", "//", "/*", "*/", ",", ".",
	"'", "[0]", "{}", "+", " ", "\u00a0", "Host(`b.test`)", "HostSNI(`b.test`)", "Path(`/`)",
	"PathPrefix(`/`)", "ALPN(`f`)", "ClientIP(`1.2.3.4`)", "true", "==", "func(){}()", "\r",
}

// mutate puts something in, takes something out, or repeats something.
func (g *generator) mutate(rule string) string {
	i := g.Intn(len(rule) + 1)
	j := min(i+1+g.Intn(8), len(rule))
	switch g.Intn(3) {
	case 0:
		return rule[:i] + g.pick(fragments...) + rule[i:]
	case 1:
		return strings.ToValidUTF8(rule[:i]+rule[j:], "")
	default:
		return strings.ToValidUTF8(rule[:j]+rule[i:], "")
	}
}
