package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
)

// ran is what came of a command line.
type ran struct {
	code      int
	out, errs string
}

// run runs a command line with a program's name and an empty input.
func run(t *testing.T, args ...string) ran {
	t.Helper()
	return runWith(t, "", args...)
}

// runWith runs a command line with what it reads on its input.
func runWith(t *testing.T, input string, args ...string) ran {
	t.Helper()
	var out, errs strings.Builder
	code := Run(t.Context(), args, strings.NewReader(input), &out, &errs)

	return ran{code, out.String(), errs.String()}
}

func TestRun(t *testing.T) {
	cases := []struct {
		description string
		args        []string
		code        int
		out, errs   string // what each contains
	}{
		{"without a command it is help", []string{"tenantguard"}, CodeClean,
			"Usage:\n  tenantguard [flags]", ""},
		{"a plugin of kubectl calls itself as it is called",
			[]string{"/usr/bin/kubectl-tenantguard", "findings", "--help"}, CodeClean,
			"Usage:\n  kubectl tenantguard findings [ID]... [flags]\n\n" +
				"Examples:\n  kubectl tenantguard findings\n", ""},
		{"an unknown command could not look", []string{"tenantguard", "chekc"}, CodeFailed,
			"", "tenantguard: unknown command \"chekc\" for \"tenantguard\"\n\nDid you mean this?" +
				"\n\tcheck\n"},
		{"an unknown flag could not look", []string{"tenantguard", "findings", "--colour"},
			CodeFailed, "", "tenantguard: unknown flag: --colour: see tenantguard findings --help"},
		{"an unknown output is refused before any work",
			[]string{"tenantguard", "findings", "nonsense", "-o", "xml"}, CodeFailed, "",
			`tenantguard: unknown --output "xml", want one of table, json, yaml`},
		{"one kind of finding", []string{"tenantguard", "findings", "policy-error", "-o", "json"},
			CodeClean, `"id": "policy-error"`, ""},
		{"an unknown kind", []string{"tenantguard", "findings", "nonsense"}, CodeFailed, "",
			`no finding has the id "nonsense"`},
		{"the version", []string{"tenantguard", "version", "-o", "yaml"}, CodeClean,
			"plugin: ", ""},
		{"the version, by the flag that many look for", []string{"tenantguard", "--version"},
			CodeClean, "(plugin ", ""},
		{"completion of --output where there are more formats", []string{"tenantguard",
			"__complete", "audit", "-o", ""}, CodeClean, "table\njson\nyaml\nsarif\n", ""},
		{"completion of commands", []string{"tenantguard", "__complete", "ru"}, CodeClean,
			"rules\t", ""},
		{"completion of a shell", []string{"tenantguard", "completion", "bash"}, CodeClean,
			"bash completion V2 for tenantguard", ""},
		{"completion of --output", []string{"tenantguard", "__complete", "version", "-o", ""},
			CodeClean, "table\njson\nyaml\n", ""},
		{"completion of ids", []string{"tenantguard", "__complete", "findings", ""},
			CodeClean, "policy-error\t", ""},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			got := run(t, c.args...)
			assert.Equal(t, c.code, got.code)
			assert.Contains(t, got.out, c.out)
			assert.Contains(t, got.errs, c.errs)
			if c.code != CodeClean {
				assert.Empty(t, got.out)
			}
		})
	}
}

func TestFoundCode(t *testing.T) {
	for _, c := range []struct {
		description string
		list        finding.List
		want        error
	}{
		{"nothing", nil, nil},
		{"an info", finding.List{{Severity: finding.Info}}, nil},
		{"a warning", finding.List{{Severity: finding.Warning}}, errFound},
	} {
		t.Run(c.description, func(t *testing.T) {
			var out strings.Builder
			r := &root{output: finding.Table, out: &out}
			assert.Equal(t, c.want, r.found(c.list))
			assert.NotEmpty(t, out.String())
		})
	}
}

// TestHelp holds every command to what its help must have.
func TestHelp(t *testing.T) {
	r := &root{}
	seen := 0
	var look func(command *cobra.Command)
	look = func(command *cobra.Command) {
		for _, child := range command.Commands() {
			look(child)
		}
		if !command.Runnable() || !command.HasParent() {
			return
		}
		seen++
		assert.NotEmpty(t, command.Short, command.CommandPath())
		assert.NotRegexp(t, `\.$`, command.Short, command.CommandPath())
		require.NotEmpty(t, command.Example, command.CommandPath())
		assert.Contains(t, command.Example, "  "+command.CommandPath())
		assert.NotContains(t, command.Example, "$ ", command.CommandPath())
	}
	look(r.command("tenantguard"))
	assert.GreaterOrEqual(t, seen, 2)
}

func TestProgress(t *testing.T) {
	cases := []struct {
		description string
		terminal    bool
		quiet       bool
		want        string
	}{
		{"a terminal sees all of it in one line, which goes away", true, false,
			"\r\x1b[K1 of 3\r\x1b[K2 of 3\r\x1b[K3 of 3\r\x1b[K"},
		{"a file hears of what takes over two seconds", false, false, "3 of 3\n"},
		{"--quiet", false, true, ""},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			var errs strings.Builder
			p := (&root{quiet: c.quiet, errs: &errs}).progress()
			now := p.next.Add(-progressAfter)
			p.now = func() time.Time { return now }
			p.terminal = p.terminal || c.terminal
			for i, after := range []time.Duration{0, time.Second, time.Second} {
				now = now.Add(after)
				p.say("%d of 3", i+1)
			}
			p.done()
			assert.Equal(t, c.want, errs.String())
		})
	}
}
