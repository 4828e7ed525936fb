package cli

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/rules"
)

// readRule is what a rule of Traefik's is for.
type readRule struct {
	Rule  string   `json:"rule"`
	Hosts []string `json:"hosts"`
	// Error is why Traefik does not take it.
	Error string `json:"error,omitempty"`
	// Matches are those of the hosts that were asked about for which it could match a request.
	Matches []string `json:"matches,omitempty"`
}

// rulesCommand says which hosts rules are for: how audit reads them. It is for those who wonder
// about a finding, and for the test that holds it to Traefik.
func (r *root) rulesCommand() *cobra.Command {
	syntax, asked := "", []string{}
	command := &cobra.Command{
		Use:   "rules [RULE]...",
		Short: "Say which hosts a rule of Traefik's is for",
		Long: `Rules reads rules of Traefik's from its arguments, or one a line from standard input.
"any" is a rule that is for every host, and ~ stands before an expression of HostRegexp.`,
		Example: "$ tenantguard rules 'Host(`a.example.com`) && PathPrefix(`/api`)'",
		RunE: func(_ *cobra.Command, written []string) error {
			known := []rules.Syntax{rules.HTTP, rules.HTTPv2, rules.TCP, rules.TCPv2}
			if !slices.Contains(known, rules.Syntax(syntax)) {
				return fmt.Errorf("unknown --syntax %q, want one of %q", syntax, known)
			}
			if len(written) == 0 {
				lines := bufio.NewScanner(r.in)
				for lines.Scan() {
					written = append(written, lines.Text())
				}
				if err := lines.Err(); err != nil {
					return err
				}
			}
			var all []readRule
			for _, text := range written {
				all = append(all, read(text, rules.Syntax(syntax), asked))
			}

			err := r.write(all, func(w io.Writer) error { return writeRules(w, all) })
			isWrong := slices.ContainsFunc(all, func(one readRule) bool { return one.Error != "" })
			if err == nil && isWrong {
				return errFound
			}

			return err
		},
	}
	command.Flags().StringVar(&syntax, "syntax", string(rules.HTTP), "`v3`, v2, tcp or \"tcp v2\"")
	command.Flags().StringArrayVar(&asked, "host", nil, "ask whether rules could match this `host`")

	return command
}

func read(text string, syntax rules.Syntax, asked []string) readRule {
	result := readRule{Rule: text, Hosts: []string{}}
	rule, err := rules.Parse(text, syntax)
	if err != nil {
		result.Error = err.Error()

		return result
	}
	for _, claim := range rule.Claims() {
		host := claim.Host
		if claim.Regexp != "" {
			host = "~" + claim.Regexp
		} else if claim.IsAny() {
			host = "any"
		}
		if !slices.Contains(result.Hosts, host) {
			result.Hosts = append(result.Hosts, host)
		}
	}
	for _, host := range asked {
		if rule.MayMatch(host) {
			result.Matches = append(result.Matches, host)
		}
	}

	return result
}

func writeRules(w io.Writer, all []readRule) error {
	tabs := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tabs, "RULE\tHOSTS")
	for _, one := range all {
		hosts := strings.Join(one.Hosts, ", ")
		if one.Error != "" {
			hosts = "error: " + one.Error
		}
		fmt.Fprintf(tabs, "%s\t%s\n", one.Rule, hosts)
	}

	return tabs.Flush()
}
