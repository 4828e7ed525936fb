package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/certs"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/check"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/source"
)

// The values of --print.
const (
	printMerged = "merged"
	printJSON   = "json"
	printYAML   = "yaml"
)

// checkCommand looks at policies.
func (r *root) checkCommand() *cobra.Command {
	policies := &policyFlags{}
	var printed string
	var certificates []string
	command := &cobra.Command{
		Use:   "check POLICY...",
		Short: "Say what is wrong with a policy, before Traefik has it",
		Long: `Check reads policies in whatever form they are: a policy file, keys of the plugin, a
Middleware, Traefik's dynamic configuration, a compose file, labels or key-value pairs, in
JSON, YAML or TOML. It says every error in the plugin's own words, and what an expert would
remark.

With --print the policy is written to standard output and the findings to standard error:
merged is the policy that is in force, in YAML, or in JSON with --output json: with the policy
file in its place and with what Namespaces add. json and yaml are what is written, converted.`,
		Example: `$ tenantguard check policy.json
$ tenantguard check dynamic.yml --cert acme.pem --file /etc/tenantguard/roots.pem=roots.pem
$ tenantguard check policy.yaml --print json > policy.json`,
		Args: func(_ *cobra.Command, names []string) error {
			if len(names) == 0 {
				return errors.New("wanted the file of a policy, or - for standard input")
			}

			return nil
		},
		RunE: func(_ *cobra.Command, names []string) error {
			return r.check(policies, names, certificates, printed)
		},
	}
	policies.addTo(command)
	flags := command.Flags()
	flags.StringArrayVar(&certificates, "cert", nil,
		"PEM `file` with a certificate that is served, and its chain; can be given several times")
	flags.StringVar(&printed, "print", "", "write the policy: merged, json or yaml")
	_ = command.RegisterFlagCompletionFunc("print", cobra.FixedCompletions(
		[]string{printMerged, printJSON, printYAML}, cobra.ShellCompDirectiveNoFileComp))

	return command
}

func (r *root) check(policies *policyFlags, names, certificates []string, printed string) error {
	if !slices.Contains([]string{"", printMerged, printJSON, printYAML}, printed) {
		return fmt.Errorf("unknown --print %q, want merged, json or yaml", printed)
	}
	options := check.Options{Now: time.Now()}
	for _, name := range certificates {
		chain, err := certs.ReadFile(name)
		if err != nil {
			return err
		}
		options.Certificates = append(options.Certificates, chain)
	}
	loaded, err := r.load(policies, names)
	if err != nil {
		return err
	}
	var list finding.List
	for _, l := range loaded {
		list = append(list, check.Policy(l, options)...)
	}
	if printed == "" {
		return r.found(list)
	}
	if len(loaded) != 1 {
		return fmt.Errorf("--print writes one policy, and there are the middlewares %s: choose "+
			"one with --middleware", strings.Join(middlewaresOf(loaded), ", "))
	}

	return r.printPolicy(loaded[0], list, printed)
}

// printPolicy writes a policy, and the findings to standard error.
func (r *root) printPolicy(l *source.Loaded, list finding.List, printed string) error {
	if l.Effective != nil {
		document, format := l.Document(), printed
		if l.PolicyFile != "" && l.Form != source.FormFile && printed != printMerged {
			document = source.DocumentOf(l.Keys)
		}
		if printed == printMerged {
			document, format = l.Merged(), r.output
		}
		if format == finding.Table {
			format = finding.YAML
		}
		if err := finding.Write(r.out, format, document, nil); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	list.Sort()
	if err := list.WriteTable(r.errs); err != nil {
		return err
	}
	if list.Counts() {
		return errFound
	}

	return nil
}
