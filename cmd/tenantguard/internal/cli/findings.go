package cli

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
)

// findingsCommand lists what can be found.
func (r *root) findingsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "findings [ID]...",
		Short: "List what the other commands can find",
		Example: `$ tenantguard findings
$ tenantguard findings policy-error --output json`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string,
			cobra.ShellCompDirective,
		) {
			var ids []string
			for _, kind := range finding.Kinds() {
				ids = append(ids, kind.ID+"\t"+kind.Meaning)
			}

			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, ids []string) error {
			kinds, err := kindsOf(ids)
			if err != nil {
				return err
			}

			return r.write(kinds, func(w io.Writer) error { return writeKinds(w, kinds) })
		},
	}
}

// kindsOf returns the kinds with these ids, or all.
func kindsOf(ids []string) ([]finding.Kind, error) {
	all := finding.Kinds()
	if len(ids) == 0 {
		return all, nil
	}
	kinds := make([]finding.Kind, 0, len(ids))
	for _, id := range ids {
		i := slices.IndexFunc(all, func(kind finding.Kind) bool { return kind.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("no finding has the id %q", id)
		}
		kinds = append(kinds, all[i])
	}

	return kinds, nil
}

func writeKinds(w io.Writer, kinds []finding.Kind) error {
	tabs := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tabs, "ID\tCOMMAND\tSEVERITY\tMEANING")
	for _, kind := range kinds {
		fmt.Fprintf(tabs, "%s\t%s\t%s\t%s\n", kind.ID, kind.Command, kind.Severity, kind.Meaning)
	}

	return tabs.Flush()
}
