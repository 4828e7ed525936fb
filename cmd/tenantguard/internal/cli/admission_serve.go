package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/webhook"
	"github.com/tenantguard/tenantguard/internal/admission"
	"github.com/tenantguard/tenantguard/internal/files"
	"github.com/tenantguard/tenantguard/internal/policy"
	"k8s.io/client-go/kubernetes"
)

// serving is what serve is told.
type serving struct {
	*root
	tenancy
	address, status string
	cert, key       string
	selfSigned      bool
	authority       string
	configuration   string
	service         string
	namespace       string
	domain          string
	nameOwners      bool
	warn            bool
	drain           time.Duration
}

// serveCommand runs the validating webhook.
func (r *root) serveCommand() *cobra.Command {
	s := &serving{root: r}
	defaults := admission.DefaultWebhook()
	command := &cobra.Command{
		Use:   "serve",
		Short: "Serve the webhook that reads the certificates of Secrets",
		Long: `Serves a validating webhook for what policies can't read: a Secret whose certificate
has a name that is not its Namespace's is refused when it is created or changed. Its own certificate
is read from files that are read again when they change, or made by itself (--self-signed).

POST /validate is over TLS; /readyz, /livez and /metrics are on the address of --status.`,
		Example: `$ tenantguard admission serve --self-signed
$ tenantguard admission serve --tls-cert /tls/tls.crt --tls-key /tls/tls.key`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return s.run(c.Context()) },
	}
	s.tenancy.addTo(command)
	flags := command.Flags()
	flags.StringVar(&s.address, "address", ":8443", "`address` of the webhook")
	flags.StringVar(&s.status, "status", ":8080", "`address` of /readyz, /livez and /metrics")
	flags.StringVar(&s.cert, "tls-cert", "", "`file` with the serving certificate")
	flags.StringVar(&s.key, "tls-key", "", "`file` with its key")
	flags.BoolVar(&s.selfSigned, "self-signed", false,
		"make the serving certificate, and write its authority into the webhook's configuration")
	flags.StringVar(&s.authority, "authority-secret", "tenantguard-webhook-authority",
		"`name` of the Secret in which --self-signed keeps its authorities; it must exist")
	flags.StringVar(&s.configuration, "configuration", admission.WebhookName,
		"`name` of the ValidatingWebhookConfiguration, for --self-signed")
	flags.StringVar(&s.service, "service", defaults.Service,
		"`name` of the webhook's Service, for --self-signed")
	flags.StringVar(&s.namespace, "namespace", defaults.Namespace,
		"`namespace` of the Service and of the authorities")
	flags.StringVar(&s.domain, "cluster-domain", "cluster.local",
		"`domain` of the cluster's Services")
	flags.BoolVar(&s.nameOwners, "name-owners", false,
		"tell who is refused the name of the tenant that has the host")
	flags.BoolVar(&s.warn, "warn", false, "refuse nothing, and warn of what would be refused")
	flags.DurationVar(&s.drain, "drain", 5*time.Second,
		"how long requests are still answered after the signal to end")
	command.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	command.MarkFlagsMutuallyExclusive("tls-cert", "self-signed")
	command.MarkFlagsOneRequired("tls-cert", "self-signed")

	return command
}

func (s *serving) run(ctx context.Context) error {
	_, settings, err := s.read()
	if err != nil {
		return err
	}
	config, err := s.kube.RESTConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	log := webhook.NewLog(s.errs)
	keypair := s.files
	if s.selfSigned {
		keypair = s.made(client)
	}

	return webhook.Run(ctx, webhook.Config{
		Client: client, Label: settings.TenantLabel, Policy: s.changed(settings), Log: log,
		Options: webhook.Options{
			ClusterDomain: s.domain, NameOwners: s.nameOwners, Warn: s.warn,
			Exempt: s.operatorNamespaces,
		},
		Keypair: keypair, Address: s.address, Status: s.status, Drain: s.drain,
	})
}

// changed returns what reads the policy, nil where it has not changed. Another label needs a new
// start: the webhook's configuration has it too.
func (s *serving) changed(settings policy.Kubernetes) func() (*policy.Parsed, error) {
	last := ""

	return func() (*policy.Parsed, error) {
		content := ""
		if s.policy != "" {
			read, err := files.Read(s.policy)
			if err != nil {
				return nil, err
			}
			content = string(read)
		}
		parsed, now, err := s.read()
		switch {
		case err != nil:
			return nil, err
		case now.TenantLabel != settings.TenantLabel:
			return nil, fmt.Errorf("kubernetes.tenantLabel is %q now, start the webhook anew",
				now.TenantLabel)
		case last == "read"+content:
			return nil, nil
		}
		last = "read" + content

		return parsed, nil
	}
}

// files is the certificate in files.
func (s *serving) files(_ context.Context, say func(error)) (webhook.Keypair, error) {
	return webhook.NewFiles(s.cert, s.key, say)
}

// made is a certificate that the webhook makes.
func (s *serving) made(client kubernetes.Interface,
) func(ctx context.Context, say func(error)) (webhook.Keypair, error) {
	return func(ctx context.Context, say func(error)) (webhook.Keypair, error) {
		if s.service == "" || s.namespace == "" {
			return nil, errors.New("--self-signed needs --service and --namespace")
		}
		name := s.service + "." + s.namespace
		own := &webhook.SelfSigned{
			Client: client, Namespace: s.namespace, Secret: s.authority,
			Configuration: s.configuration,
			Names:         []string{name, name + ".svc", name + ".svc." + s.domain},
		}
		if err := own.Ensure(ctx); err != nil {
			return nil, err
		}
		go own.Run(ctx, say)

		return own, nil
	}
}

// splitRules splits kubernetes.hosts.
func splitRules(rules string) []string {
	return strings.Split(rules, ",")
}
