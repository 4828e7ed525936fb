package cli

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/tenantguard/tenantguard/internal/policy"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/proposal"
)

// initCommand makes a starting policy of what runs.
func (r *root) initCommand() *cobra.Command {
	w := &what{root: r}
	label, isLabels, guess := "", false, false
	command := &cobra.Command{
		Use:   "init",
		Short: "Make a starting policy of what runs",
		Long: `Init reads what runs, as audit does, and writes a policy for it in report mode: a
tenant for each namespace or each value of a label, and of other providers for the
beginning of the routers' names, with the hosts of their rules.

What can't be told is marked: hosts that are expressions, rules without a host, and hosts that
several claim. --guess takes what is likely.

With --output json it is a policy file, which has no mode.`,
		Example: `$ tenantguard init --api http://127.0.0.1:8080 > policy.yaml
$ tenantguard init --kube --by-label example.com/team > policy.yaml
$ tenantguard init --kube --labels | sh`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p := r.progress()
			err := w.read(c.Context(), p.say)
			p.done()
			if err != nil {
				return err
			}
			if isLabels && w.objects == nil {
				return errors.New("--labels: wanted --kube or --filename")
			}
			if label != "" && w.objects == nil {
				return errors.New("--by-label: wanted --kube or --filename, for the Namespaces")
			}
			made := proposal.Make(proposal.Input{
				Traefik: w.traefik, Objects: w.objects, Label: label,
				OperatorNamespaces: w.operatorNamespaces, Guess: guess,
			})
			if err := r.writeProposal(made, isLabels, label); err != nil {
				return err
			}

			return r.unclear(made.Unclear)
		},
	}
	w.addFlags(command)
	flags := command.Flags()
	flags.StringVar(&label, "by-label", "",
		"`label` of Namespaces that names the tenant; without it each namespace is one")
	flags.BoolVar(&isLabels, "labels", false,
		"write commands that label and annotate Namespaces, instead of a policy")
	flags.BoolVar(&guess, "guess", false, "take what is likely for what can't be told")

	return command
}

// writeProposal writes a policy, or commands for Namespaces.
func (r *root) writeProposal(p *proposal.Proposal, isLabels bool, label string) error {
	if isLabels {
		if label == "" {
			label = policy.TenantLabel
		}

		return p.WriteLabels(r.out, label)
	}
	if r.output == finding.JSON {
		return r.write(p.PolicyFile(), nil)
	}

	return r.write(p.Document(), func(out io.Writer) error { return p.WriteYAML(out) })
}

// unclear writes to standard error what could not be found out.
func (r *root) unclear(list finding.List) error {
	if len(list) == 0 {
		return nil
	}
	if err := list.WriteTable(r.errs); err != nil {
		return err
	}

	return errFound
}
