// Package cli is the command line: it reads flags and arguments, has the work done by the other
// packages, and says what came of it.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
)

// The exit codes of every command.
const (
	// CodeClean is that nothing was found, or nothing but infos.
	CodeClean = 0
	// CodeFound is that there are findings.
	CodeFound = 1
	// CodeFailed is that the command could not look.
	CodeFailed = 2
)

// errFound ends a command that wrote what it found.
var errFound = errors.New("there are findings")

// root is what all commands share.
type root struct {
	output string
	quiet  bool
	in     io.Reader
	out    io.Writer
	errs   io.Writer
}

// Run runs a command line, whose first argument is the name of the program, and returns the exit
// code.
func Run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	r := &root{in: in, out: out, errs: errs}
	command := r.command(args[0])
	command.SetArgs(args[1:])
	err := command.ExecuteContext(ctx)
	if err == nil {
		return CodeClean
	}
	if errors.Is(err, errFound) {
		return CodeFound
	}
	fmt.Fprintf(errs, "tenantguard: %v\n", err)

	return CodeFailed
}

// command returns the whole command line for a program of a name.
func (r *root) command(program string) *cobra.Command {
	shown := "tenantguard"
	if strings.HasPrefix(filepath.Base(program), "kubectl-") {
		shown = "kubectl tenantguard"
	}
	command := &cobra.Command{
		Use:   "tenantguard",
		Short: "What the tenantguard plugin would say, before it says it",
		Long: `tenantguard says what the Traefik plugin of that name would say, before it says it.
It decides with the plugin's own code.

Exit codes: 0 nothing found, 1 findings, 2 could not look.`,
		Annotations:       map[string]string{cobra.CommandDisplayNameAnnotation: shown},
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return r.checkOutput(c) },
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
		Version:           currentVersion().String(),
	}
	command.SetVersionTemplate("{{.Version}}\n")
	command.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: see %s --help", err, c.CommandPath())
	})
	command.SetIn(r.in)
	command.SetOut(r.out)
	command.SetErr(r.errs)
	flags := command.PersistentFlags()
	flags.StringVarP(&r.output, "output", "o", finding.Table,
		"`format`: "+strings.Join(finding.Formats(), ", "))
	flags.BoolVarP(&r.quiet, "quiet", "q", false, "say nothing of progress")
	_ = command.RegisterFlagCompletionFunc("output", func(
		c *cobra.Command, _ []string, _ string,
	) ([]string, cobra.ShellCompDirective) {
		return formatsOf(c), cobra.ShellCompDirectiveNoFileComp
	})
	command.AddCommand(r.subcommands()...)
	nameInExamples(command, shown)

	return command
}

// nameInExamples has the examples of all commands call the program by its name.
func nameInExamples(command *cobra.Command, shown string) {
	for _, subcommand := range command.Commands() {
		subcommand.Example = examples(subcommand.Example, shown)
		nameInExamples(subcommand, shown)
	}
}

// subcommands returns all of them. Each is in a file of its own.
func (r *root) subcommands() []*cobra.Command {
	return []*cobra.Command{
		r.admissionCommand(),
		r.auditCommand(),
		r.checkCommand(),
		r.diffCommand(),
		r.explainCommand(),
		r.findingsCommand(),
		r.initCommand(),
		r.rulesCommand(),
		r.versionCommand(),
	}
}

// moreFormats is the annotation of a command that has a format of its own.
const moreFormats = "formats"

// formatsOf returns the formats that a command has.
func formatsOf(c *cobra.Command) []string {
	formats := finding.Formats()
	if more := c.Annotations[moreFormats]; more != "" {
		formats = append(formats, more)
	}

	return formats
}

// checkOutput refuses a format before a command does long work.
func (r *root) checkOutput(c *cobra.Command) error {
	formats := formatsOf(c)
	if !slices.Contains(formats, r.output) {
		return fmt.Errorf("unknown --output %q, want one of %s",
			r.output, strings.Join(formats, ", "))
	}

	return nil
}

// write writes what a command says, as --output asks for it.
func (r *root) write(value any, table func(w io.Writer) error) error {
	return finding.Write(r.out, r.output, value, table)
}

// found writes findings, and ends the command with CodeFound if any of them counts.
func (r *root) found(list finding.List) error {
	if err := list.Write(r.out, r.output); err != nil {
		return err
	}
	if list.Counts() {
		return errFound
	}

	return nil
}

// examples indents the example of a command and calls the program by its name.
func examples(text, shown string) string {
	if text == "" {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		line = strings.ReplaceAll(strings.TrimLeft(line, "\t"), "$ tenantguard", shown)
		lines[i] = strings.TrimRight("  "+line, " ")
	}

	return strings.Join(lines, "\n")
}
