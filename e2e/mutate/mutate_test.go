package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMutants wants each piece that can be taken out, and nothing else.
func TestMutants(t *testing.T) {
	const source = `package p

func f(a, b bool) bool {
	c := a && b
	if c {
		return true
	}
	a = g(c)
	switch {
	case a:
		g(b)
	default:
	}
	return c || a || b
}
`
	found, err := mutants("p.go", []byte(source))
	require.NoError(t, err)
	var got []string
	for _, m := range found {
		got = append(got, fmt.Sprint(m))
	}
	assert.ElementsMatch(t, []string{
		"p.go:4: `a && b` -> `a`",
		"p.go:4: `a && b` -> `b`",
		"p.go:5: `if c { return true }` -> `nothing`",
		"p.go:6: `true` -> `false`",
		"p.go:8: `a = g(c)` -> `nothing`",
		"p.go:10: `case a: g(b)` -> `nothing`",
		"p.go:11: `g(b)` -> `nothing`",
		"p.go:14: `c || a || b` -> `c || a`",
		"p.go:14: `c || a || b` -> `b`",
		"p.go:14: `c || a` -> `c`",
		"p.go:14: `c || a` -> `a`",
	}, got)
	first := found[0]
	assert.Equal(t, "if c {\n\t\treturn true\n\t}", first.was)
	assert.Equal(t, strings.Replace(source, first.was, "", 1), string(first.content))
}

func TestPackages(t *testing.T) {
	assert.Equal(t, []string{"internal/hosts", "internal/verdict", "internal/guard"},
		packages("internal/hosts"))
	assert.Equal(t, []string{"internal/guard", "internal/verdict"}, packages("internal/guard"))
}

func TestCount(t *testing.T) {
	all := []mutant{{path: "/r/a/x.go", line: 1}, {path: "/r/a/x.go", line: 2}, {path: "/r/a/y.go"}}
	got := count("/r", "a", all, []outcome{killed, survived, invalid})
	assert.Equal(t, result{room: "a", killed: 1, survived: 1, invalid: 1,
		survivors: []mutant{{path: "a/x.go", line: 2}}}, got)
	assert.Equal(t, "a: 1 killed, 1 survived (50 %), 1 did not compile", got.String())
}
