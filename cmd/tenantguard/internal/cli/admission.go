package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/source"
	"github.com/tenantguard/tenantguard/internal/admission"
	"github.com/tenantguard/tenantguard/internal/files"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// admissionCommand is what refuses attacks when they are created.
func (r *root) admissionCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "admission",
		Short: "Refuse attacks when they are created",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
		Example: `$ tenantguard admission generate --policy policy.json
$ tenantguard admission serve --self-signed`,
	}
	for _, subcommand := range []*cobra.Command{r.generateCommand(), r.serveCommand()} {
		command.AddCommand(subcommand)
	}

	return command
}

// tenancy is where tenants come from, for the commands of admission.
type tenancy struct {
	policy, plugin, label string
	hosts                 []string
	kube                  running.Kube
	operatorNamespaces    []string
	// contentOf reads the policy's file.
	contentOf func(name string) ([]byte, error)
}

func (t *tenancy) addTo(command *cobra.Command) {
	t.contentOf = files.Read
	defaults := admission.Defaults()
	flags := command.Flags()
	flags.StringVarP(&t.policy, "policy", "p", "",
		"`file` with the policy, in any form of Traefik's")
	flags.StringVar(&t.plugin, "plugin", defaults.Plugin,
		"`name` of the guard in Traefik's static configuration")
	flags.StringVar(&t.label, "tenant-label", "",
		"`label` of a Namespace that names its tenant (default the policy's, or "+
			policy.TenantLabel+")")
	flags.StringSliceVar(&t.hosts, "hosts", nil,
		"`patterns` that every labelled Namespace has, as kubernetes.hosts")
	flags.StringVar(&t.kube.Config, "kubeconfig", "",
		"`file` instead of kubectl's own, or the pod's account")
	flags.StringVar(&t.kube.Context, "context", "", "`name` of a context of kubectl")
	flags.StringSliceVar(&t.operatorNamespaces, "operator-namespaces", defaults.OperatorNamespaces,
		"`namespaces` in which only operators write: nothing is refused there")
}

// read reads the policy, and returns what it says of Namespaces as well. It holds for a guard that
// reads tenants from Namespaces, whatever it says of that itself.
func (t *tenancy) read() (*policy.Parsed, policy.Kubernetes, error) {
	keys := map[string]any{}
	if t.policy != "" {
		var err error
		if keys, err = t.keys(); err != nil {
			return nil, policy.Kubernetes{}, err
		}
	}
	name, section := "kubernetes", map[string]any{}
	for key, value := range keys {
		if written, is := value.(map[string]any); is && strings.EqualFold(key, name) {
			name, section = key, maps.Clone(written)
		}
	}
	set := func(key string, value any) {
		maps.DeleteFunc(section, func(written string, _ any) bool {
			return strings.EqualFold(written, key)
		})
		section[key] = value
	}
	set("enabled", true)
	if t.label != "" {
		set("tenantLabel", t.label)
	}
	if len(t.hosts) > 0 {
		set("hosts", strings.Join(t.hosts, ","))
	}
	keys[name] = section
	read := policy.ParseKeys(keys, "", "")
	if len(read.Errors) > 0 {
		return nil, policy.Kubernetes{}, t.wrong(read.Errors)
	}
	where := read.Source("")
	where.Clustered = true
	parsed, errs := where.Parse(readFile)
	if len(errs) > 0 {
		return nil, policy.Kubernetes{}, t.wrong(errs)
	}

	return parsed, read.Settings.Kubernetes, nil
}

// wrong is that the policy, or the flags beside it, have errors.
func (t *tenancy) wrong(errs []string) error {
	if t.policy == "" {
		return errors.New(strings.Join(errs, "\n"))
	}

	return errorsOf(shownName(t.policy), errs)
}

// errorsOf is that a policy has errors, one a line.
func errorsOf(file string, errs []string) error {
	return fmt.Errorf("the policy of %s has errors, see tenantguard check:\n%s", file,
		strings.Join(errs, "\n"))
}

func readFile(path string) (string, error) {
	content, err := files.Read(path)

	return string(content), err
}

// keys returns the guard's keys in the policy's file.
func (t *tenancy) keys() (map[string]any, error) {
	content, err := t.contentOf(t.policy)
	if err != nil {
		return nil, err
	}
	found, err := source.Read(shownName(t.policy), content, source.Options{Plugin: t.plugin})
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s has %d policies, want one", shownName(t.policy), len(found))
	}
	keys := maps.Clone(found[0].Keys)
	if found[0].Content != "" {
		keys = map[string]any{}
		if err := json.Unmarshal([]byte(found[0].Content), &keys); err != nil {
			return nil, fmt.Errorf("%s: %w", shownName(t.policy), err)
		}
	}

	return keys, nil
}
