package cli

import (
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is what the version command says.
type version struct {
	Version string `json:"version"`
	// Plugin is the version of the plugin whose code decides.
	Plugin string `json:"plugin"`
	Go     string `json:"go"`
}

// String returns the version for people.
func (v version) String() string {
	return fmt.Sprintf("tenantguard %s (plugin %s, %s)", v.Version, v.Plugin, v.Go)
}

// versionCommand says which version this is, and whose plugin's code decides.
func (r *root) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is",
		Example: "$ tenantguard version --output json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := currentVersion()

			return r.write(v, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, v.String())

				return err
			})
		},
	}
}

// currentVersion reads what Go wrote into the binary.
func currentVersion() version {
	v := version{Version: "unknown", Plugin: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Go = info.GoVersion
	v.Version = info.Main.Version
	for _, module := range info.Deps {
		if module.Path == "github.com/tenantguard/tenantguard" {
			v.Plugin = module.Version
		}
	}

	return v
}
