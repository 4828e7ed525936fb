package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/generate"
	"github.com/tenantguard/tenantguard/internal/admission"
	"github.com/tenantguard/tenantguard/internal/policy"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// generating is what generate is told.
type generating struct {
	*root
	tenancy
	options    admission.Options
	byPlatform bool
	webhook    bool
	webhookAt  admission.Webhook
	action     string
	owners     bool
	ownersOnly bool
	live       bool
	namespaces string
	folder     string
	apply      bool
	watch      bool
}

// generateCommand writes the policies of admission and the ConfigMap of owners.
func (r *root) generateCommand() *cobra.Command {
	g := &generating{root: r, options: admission.Defaults(), webhookAt: admission.DefaultWebhook()}
	command := &cobra.Command{
		Use:   "generate",
		Short: "Write the admission policies, and who owns which host",
		Long: `Writes the ValidatingAdmissionPolicies with bindings that warn or deny. With --kube
or --namespaces it writes the ConfigMap of owners as well, for hosts inside another tenant's
wildcard. --apply applies what it would write, --watch keeps the ConfigMap up to date until it is
stopped.`,
		Example: `$ tenantguard admission generate --action warn
$ tenantguard admission generate --kube --owners --apply
$ tenantguard admission generate --policy policy.json --kube --owners-only --watch
$ tenantguard admission generate --tenant-label capsule.clastix.io/tenant --folder admission`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.run(c.Context()) },
	}
	g.tenancy.addTo(command)
	g.contentOf = r.readInput
	flags := command.Flags()
	flags.StringVar(&g.action, "action", generate.Deny, "what bindings do: warn or deny")
	flags.BoolVar(&g.byPlatform, "label-by-platform", false,
		"the platform sets the label when tenants create a Namespace, and protects it")
	flags.StringSliceVar(&g.options.Gateways, "gateways", g.options.Gateways,
		"`gateways` of the operators, as namespace/name")
	flags.StringVar(&g.options.OwnersNamespace, "owners-namespace", g.options.OwnersNamespace,
		"`namespace` of the ConfigMap of owners")
	flags.BoolVar(&g.owners, "owners", false,
		"bind the second layer too: hosts inside another tenant's wildcard")
	flags.BoolVar(&g.ownersOnly, "owners-only", false, "only the ConfigMap of owners")
	flags.BoolVar(&g.webhook, "webhook", false, "the configuration of the webhook too")
	flags.StringVar(&g.webhookAt.Namespace, "webhook-namespace", g.webhookAt.Namespace,
		"`namespace` of the webhook's Service")
	flags.BoolVar(&g.live, "kube", false, "read the Namespaces of the cluster")
	flags.StringVar(&g.namespaces, "namespaces", "",
		"`file` with the Namespaces, as kubectl get namespaces --output yaml writes it; - is the "+
			"standard input")
	flags.StringVar(&g.folder, "folder", "", "new `folder` to write files into")
	flags.BoolVar(&g.apply, "apply", false, "apply to the cluster instead of writing")
	flags.BoolVar(&g.watch, "watch", false,
		"apply, and keep the ConfigMap of owners up to date until stopped")
	command.MarkFlagsMutuallyExclusive("folder", "apply")
	command.MarkFlagsMutuallyExclusive("folder", "watch")
	command.MarkFlagsMutuallyExclusive("kube", "namespaces")
	_ = command.RegisterFlagCompletionFunc("action", cobra.FixedCompletions(
		[]string{generate.Warn, generate.Deny}, cobra.ShellCompDirectiveNoFileComp))

	return command
}

// gatewayName is the name of a Gateway with its namespace.
var gatewayName = regexp.MustCompile(`^[a-z0-9-]+/[a-z0-9.-]+$`)

func (g *generating) run(ctx context.Context) error {
	if g.action != generate.Warn && g.action != generate.Deny {
		return fmt.Errorf("unknown --action %q, want %s or %s", g.action, generate.Warn,
			generate.Deny)
	}
	for _, gateway := range g.options.Gateways {
		if !gatewayName.MatchString(gateway) {
			return fmt.Errorf("--gateways %q: wanted namespace/name, such as traefik/gateway",
				gateway)
		}
	}
	parsed, kubernetes, err := g.read()
	if err != nil {
		return err
	}
	g.options.Label = kubernetes.TenantLabel
	g.options.LabelByPlatform = g.byPlatform
	g.options.Plugin = g.plugin
	g.options.OperatorNamespaces = g.operatorNamespaces
	if kubernetes.HostRules != "" {
		g.options.Hosts = splitRules(kubernetes.HostRules)
	}
	if err := g.options.Check(); err != nil {
		return err
	}
	if g.watch {
		return g.keep(ctx, parsed)
	}
	in, err := g.input(ctx, parsed)
	if err != nil {
		return err
	}

	return g.hand(ctx, in)
}

// input reads the Namespaces, and finds the owners where that is asked for.
func (g *generating) input(ctx context.Context, parsed *policy.Parsed) (generate.Input, error) {
	in := generate.Input{Options: g.options}
	if g.webhook {
		in.Webhook = &g.webhookAt
	}
	namespaces, err := g.list(ctx)
	if err != nil {
		return in, err
	}
	if namespaces == nil && g.policy == "" {
		if g.owners || g.ownersOnly {
			return in, errors.New("the owners come from --kube, --namespaces or --policy")
		}

		return in, nil
	}
	in.Owners, err = generate.Owners(parsed, namespaces)

	return in, err
}

// list returns the Namespaces, nil where none are asked for.
func (g *generating) list(ctx context.Context) ([]policy.Namespace, error) {
	var list *corev1.NamespaceList
	switch {
	case g.namespaces != "":
		content, err := g.readInput(g.namespaces)
		if err != nil {
			return nil, err
		}
		if list, err = readNamespaces(string(content)); err != nil {
			return nil, fmt.Errorf("%s: %w", g.namespaces, err)
		}
	case g.live:
		config, err := g.kube.RESTConfig()
		if err != nil {
			return nil, err
		}
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return nil, err
		}
		list, err = client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	namespaces := []policy.Namespace{}
	for i := range list.Items {
		namespaces = append(namespaces, generate.NamespaceOf(&list.Items[i], g.options.Label))
	}

	return namespaces, nil
}

// readNamespaces reads Namespaces from a list or from documents.
func readNamespaces(text string) (*corev1.NamespaceList, error) {
	objects, err := generate.Objects(text)
	if err != nil {
		return nil, err
	}
	all := &corev1.NamespaceList{}
	add := func(object map[string]any) error {
		var namespace corev1.Namespace
		if object["kind"] != "Namespace" {
			return nil
		}
		err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &namespace)
		all.Items = append(all.Items, namespace)

		return err
	}
	for _, object := range objects {
		if err := add(object.Object); err != nil {
			return nil, err
		}
		items, _ := object.Object["items"].([]any)
		for _, item := range items {
			if inner, ok := item.(map[string]any); ok {
				if err := add(inner); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(all.Items) == 0 {
		return nil, errors.New("wanted Namespaces")
	}

	return all, nil
}

// files returns what is applied or written to standard output.
func (g *generating) files(in generate.Input) ([]generate.File, error) {
	if g.ownersOnly {
		content, err := in.ConfigMap()

		return []generate.File{{Path: "owners-configmap.yaml", Content: content}}, err
	}

	return in.Manifests(g.action, g.owners)
}

// hand writes or applies.
func (g *generating) hand(ctx context.Context, in generate.Input) error {
	if g.folder != "" && !g.ownersOnly {
		files, err := in.Folder()
		if err != nil {
			return err
		}

		return writeFolder(g.folder, files)
	}
	files, err := g.files(in)
	switch {
	case err != nil:
		return err
	case g.folder != "":
		return writeFolder(g.folder, files)
	case g.apply:
		return g.applyFiles(ctx, files)
	default:
		return g.print(files)
	}
}

func (g *generating) applyFiles(ctx context.Context, files []generate.File) error {
	config, err := g.kube.RESTConfig()
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}

	return generate.Apply(ctx, client, files, func(what string) {
		if !g.quiet {
			fmt.Fprintln(g.out, what, "applied")
		}
	})
}

// print writes documents of YAML, or a List in JSON.
func (g *generating) print(files []generate.File) error {
	text := generate.Join(files)
	if g.output != finding.JSON {
		_, err := io.WriteString(g.out, text)

		return err
	}
	objects, err := generate.Objects(text)
	if err != nil {
		return err
	}
	items := []any{}
	for _, object := range objects {
		items = append(items, object.Object)
	}
	encoder := json.NewEncoder(g.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")

	return encoder.Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
}

// writeFolder writes files into a folder that is not there yet, so that no file stays of a policy
// that is no more.
func writeFolder(folder string, files []generate.File) error {
	if _, err := os.Stat(folder); err == nil {
		return fmt.Errorf("folder %q is there already, want a new one", folder)
	}
	for _, file := range files {
		path := filepath.Join(folder, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(file.Content), 0o644); err != nil {
			return err
		}
	}

	return nil
}
