package cli

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/audit"
)

// sarif is a format that audit alone has.
const sarif = "sarif"

// auditCommand finds what would be denied, and what the guard can't see.
func (r *root) auditCommand() *cobra.Command {
	w := &what{root: r}
	all := false
	command := &cobra.Command{
		Use:   "audit",
		Short: "Find what would be denied, and what the guard can't see, in what runs",
		Long: `Audit holds every router, host and certificate that there is to a policy, before
the guard is installed or after. It reads Traefik's API, or files that were saved of it:

  entrypoints.json, http-routers.json, http-middlewares.json, and if they are there
  http-services.json, tcp-routers.json, udp-routers.json, certificates.json, version.json

and the objects of a cluster, or manifests. With both, routers are Traefik's own.`,
		Example: `$ tenantguard audit --policy policy.json --api http://127.0.0.1:8080
$ tenantguard audit --kube
$ tenantguard audit --kube --api http://127.0.0.1:8080 --output sarif > audit.sarif
$ tenantguard audit --policy policy.yaml --filename manifests/ --all`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{moreFormats: sarif},
		RunE: func(c *cobra.Command, _ []string) error {
			report, err := r.audit(c, w)
			if err != nil {
				return err
			}
			if r.output == sarif {
				err = report.WriteSARIF(r.out)
			} else {
				err = r.write(report, func(out io.Writer) error {
					return report.WriteTable(out, all)
				})
			}
			if err == nil && report.Findings.Counts() {
				return errFound
			}

			return err
		},
	}
	w.addFlags(command)
	w.addPolicyFlags(command)
	command.Flags().StringVar(&w.connect, "connect", "",
		"`host:port` of an entry point, to see which certificates it really serves")
	command.Flags().BoolVarP(&all, "all", "a", false,
		"write every router, host and certificate, also those that pass")

	return command
}

// audit reads everything and looks at it.
func (r *root) audit(c *cobra.Command, w *what) (*audit.Report, error) {
	p := r.progress()
	defer p.done()
	if err := w.read(c.Context(), p.say); err != nil {
		return nil, err
	}
	effective, err := w.effective()
	if err != nil {
		return nil, err
	}

	served, err := w.served(c.Context(), p.say)
	if err != nil {
		return nil, err
	}

	return audit.Run(audit.Input{
		Served: served, Traefik: w.traefik, Objects: w.objects, Policy: effective, Plugin: w.plugin,
		OperatorNamespaces: w.operatorNamespaces, Now: time.Now(),
	}, p.say)
}
