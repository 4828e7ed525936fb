package cli

import (
	"github.com/spf13/cobra"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/proposal"
)

// diffCommand compares a policy with what runs.
func (r *root) diffCommand() *cobra.Command {
	w := &what{root: r}
	command := &cobra.Command{
		Use:   "diff",
		Short: "Compare a policy with what runs",
		Long: `Diff says which routers, hosts, namespaces and names of certificates a policy lacks,
and which it has that nothing uses any more.`,
		Example: `$ tenantguard diff --policy policy.yaml --kube
$ tenantguard diff --policy policy.json --api http://127.0.0.1:8080 --output json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p := r.progress()
			err := w.read(c.Context(), p.say)
			p.done()
			if err != nil {
				return err
			}
			effective, err := w.effective()
			if err != nil {
				return err
			}

			return r.found(proposal.Diff(proposal.Input{
				Traefik: w.traefik, Objects: w.objects, OperatorNamespaces: w.operatorNamespaces,
			}, effective))
		},
	}
	w.addFlags(command)
	w.addPolicyFlags(command)

	return command
}
