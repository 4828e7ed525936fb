package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tenantguard/tenantguard/internal/admission"
	"github.com/tenantguard/tenantguard/internal/policy"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
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
	kubeconfig, context   string
	operatorNamespaces    []string
}

func (t *tenancy) addTo(command *cobra.Command) {
	defaults := admission.Defaults()
	flags := command.Flags()
	flags.StringVar(&t.policy, "policy", "",
		"`file` with a policy, or with the guard's Middleware, in JSON or YAML")
	flags.StringVar(&t.plugin, "plugin", defaults.Plugin,
		"`name` of the guard in Traefik's static configuration")
	flags.StringVar(&t.label, "tenant-label", "",
		"`label` of a Namespace that names its tenant (default the policy's, or "+
			policy.TenantLabel+")")
	flags.StringSliceVar(&t.hosts, "hosts", nil,
		"`patterns` that every labelled Namespace has, as kubernetes.hosts")
	flags.StringVar(&t.kubeconfig, "kubeconfig", "",
		"`file` that says where the cluster is (default as kubectl, or the pod's own)")
	flags.StringVar(&t.context, "context", "", "`name` of a context of the kubeconfig")
	flags.StringSliceVar(&t.operatorNamespaces, "operator-namespaces", defaults.OperatorNamespaces,
		"`namespaces` in which only operators write: nothing is refused there")
}

// restConfig returns how the cluster is reached.
func (t *tenancy) restConfig() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = t.kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: t.context}).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.UserAgent = "tenantguard"
	config.QPS, config.Burst = 50, 100

	return config, nil
}

// read reads the policy, and returns what it says of Namespaces as well. The content tells whether
// it has changed.
func (t *tenancy) read() (*policy.Parsed, policy.Kubernetes, error) {
	keys := map[string]any{}
	if t.policy != "" {
		content, err := os.ReadFile(t.policy)
		if err != nil {
			return nil, policy.Kubernetes{}, err
		}
		if keys, err = keysOf(content, t.plugin); err != nil {
			return nil, policy.Kubernetes{}, fmt.Errorf("%s: %w", t.policy, err)
		}
	}
	section, _ := keys["kubernetes"].(map[string]any)
	if section == nil {
		section = map[string]any{}
	}
	section["enabled"] = true
	if t.label != "" {
		section["tenantLabel"] = t.label
	}
	if len(t.hosts) > 0 {
		section["hosts"] = strings.Join(t.hosts, ",")
	}
	keys["kubernetes"] = section
	read := policy.ParseKeys(keys, "", "")
	if len(read.Errors) > 0 {
		return nil, policy.Kubernetes{}, errors.New(strings.Join(read.Errors, "; "))
	}
	source := read.Source("")
	source.Clustered = true
	parsed, errs := source.Parse(readFile)
	if len(errs) > 0 {
		return nil, policy.Kubernetes{}, errors.New(strings.Join(errs, "; "))
	}

	return parsed, read.Settings.Kubernetes, nil
}

func readFile(path string) (string, error) {
	content, err := os.ReadFile(path)

	return string(content), err
}

// keysOf returns the guard's keys in a policy file, or in a Middleware.
func keysOf(content []byte, plugin string) (map[string]any, error) {
	encoded, err := yaml.YAMLToJSON(content)
	if err != nil {
		return nil, err
	}
	var keys map[string]any
	if err := json.Unmarshal(encoded, &keys); err != nil {
		return nil, errors.New("wanted a policy, or a Middleware")
	}
	if keys["kind"] == nil {
		return keys, nil
	}
	for _, key := range []string{"spec", "plugin", plugin} {
		inner, found := keys[key].(map[string]any)
		if !found {
			return nil, fmt.Errorf("wanted a Middleware with spec.plugin.%s", plugin)
		}
		keys = inner
	}

	return keys, nil
}
