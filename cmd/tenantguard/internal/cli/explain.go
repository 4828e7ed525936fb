package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/certs"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/explain"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// explainFlags say which request is explained.
type explainFlags struct {
	policyFlags
	policy    string
	sent      explain.Request
	plaintext bool
	// hasServerName reports whether --sni is there: it may be for none.
	hasServerName bool
	certificate   string
	secrets       []string
	url, connect  string
	api           running.API
}

// errUndecided ends a command that could not look at all that it takes.
var errUndecided = errors.New("the certificate decides: say which one with --cert")

// explainCommand says what the plugin says to a request, and why.
func (r *root) explainCommand() *cobra.Command {
	f := &explainFlags{}
	command := &cobra.Command{
		Use:   "explain --policy FILE (--router NAME --host HOST | --request URL)",
		Short: "Say what the plugin says to a request, and why",
		Long: `Explain gives the plugin's verdict on a request, what it is made of step by step, and
every denial that would follow if the first was put right.

The request is put together from flags, or is that of a URL: then Traefik is connected to for
the certificate that it really serves, and asked by its API for the router. No request is sent.

Exit codes: 0 it passes, 1 it is denied, 2 it could not be told.`,
		Example: `$ tenantguard explain --policy policy.json --router acme_web_0@kubernetescrd \
    --host acme.example.com --cert acme.pem
$ tenantguard explain --policy policy.json --router web@file --host acme.example.com --plaintext
$ tenantguard explain --policy policy.json --request https://acme.example.com/login \
    --connect 127.0.0.1:8443 --api http://127.0.0.1:8080`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f.hasServerName = c.Flags().Changed("sni")

			return r.explain(c.Context(), f)
		},
	}
	f.addTo(command)
	flags := command.Flags()
	flags.StringVarP(&f.policy, "policy", "p", "", "`file` with the policy, in any form")
	flags.StringVar(&f.sent.Router, "router", "", "qualified `name` of the router, with @provider")
	flags.StringArrayVar(&f.sent.Children, "child", nil,
		"qualified `name` of a router below it; can be given several times")
	flags.StringVar(&f.sent.EntryPoint, "entrypoint", "",
		"`name` of the entry point, which Traefik may put before the router's")
	flags.StringVar(&f.sent.Namespace, "namespace", "", "`namespace` of an Ingress's router")
	flags.StringVar(&f.sent.Host, "host", "", "`Host` of the request")
	flags.StringVar(&f.sent.ServerName, "sni", "",
		"server `name` of the handshake, the host if not given; empty for none")
	flags.StringVar(&f.sent.Path, "path", "/", "`path` of the request, as the client sends it")
	flags.BoolVar(&f.plaintext, "plaintext", false, "the request comes without TLS")
	flags.StringVar(&f.sent.Client, "client", "", "`address` that the connection comes from")
	flags.StringVar(&f.certificate, "cert", "",
		"PEM `file` with the served certificate and its chain, or HOST:PORT that serves it")
	flags.StringArrayVar(&f.secrets, "secret", nil, "`namespace` of a Secret that has the "+
		"certificate, or none; can be given several times")
	flags.StringVar(&f.url, "request", "", "`URL` of the request")
	flags.StringVar(&f.connect, "connect", "", "`HOST:PORT` to connect to in place of the URL's")
	flags.StringVar(&f.api.At, "api", "",
		"`URL` of Traefik's API, or a folder with its answers, to find the router of --request")
	flags.StringArrayVar(&f.api.Header, "api-header", nil,
		"`header` \"Name: value\" for Traefik's API, perhaps several")
	flags.StringVar(&f.api.CA, "api-ca", "", "`file` of certificates to verify Traefik's API by")
	flags.BoolVar(&f.api.Insecure, "api-insecure", false, "do not verify Traefik's API")
	_ = command.MarkFlagRequired("policy")
	command.MarkFlagsMutuallyExclusive("request", "host")

	return command
}

func (r *root) explain(ctx context.Context, f *explainFlags) error {
	loaded, err := r.loadOne(&f.policyFlags, f.policy)
	if err != nil {
		return err
	}
	if loaded.Effective == nil && len(loaded.Errors) == 0 {
		return fmt.Errorf("%s is a status page, which guards nothing", loaded.Middleware)
	}
	if loaded.Effective != nil && loaded.Effective.Kubernetes.Enabled && f.namespaces == "" {
		fmt.Fprintln(r.errs,
			"The policy takes tenants from Namespaces, and --namespaces gives none.")
	}
	f.sent.Middleware = loaded.Middleware
	if err := f.complete(); err != nil {
		return err
	}
	if err := r.findRouter(ctx, f); err != nil {
		return err
	}
	if err := r.findCertificate(ctx, f); err != nil {
		return err
	}
	e := explain.Of(loaded.Effective, loaded.Errors, f.sent, time.Now())
	if e.Verdict == string(verdict.RouterUnknown) && f.sent.Router == "" {
		return errors.New("wanted --router, or --request and --api to find it")
	}
	if err := r.write(e, func(w io.Writer) error { return writeExplanation(w, e) }); err != nil {
		return err
	}
	switch e.Verdict {
	case string(verdict.Pass):
		return nil
	case explain.Undecided:
		return errUndecided
	default:
		return errFound
	}
}

// complete takes from the URL what it says of the request, and the server name from the host.
func (f *explainFlags) complete() error {
	if f.url == "" && f.sent.Host == "" {
		return errors.New("wanted --host or --request")
	}
	if !isPeer(f.sent.Client) {
		return fmt.Errorf("--client %q: wanted an IP address, with or without a port",
			f.sent.Client)
	}
	if !strings.HasPrefix(f.sent.Path, "/") && f.sent.Path != "*" {
		return fmt.Errorf("--path %q: wanted a path that begins with /", f.sent.Path)
	}
	f.sent.TLS = !f.plaintext
	if f.url != "" {
		parsed, err := url.Parse(f.url)
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return fmt.Errorf("--request %q: wanted a URL of http or https", f.url)
		}
		f.sent.Host = parsed.Host
		f.sent.TLS = parsed.Scheme == "https"
		f.sent.Path = parsed.EscapedPath()
		if f.sent.Path == "" {
			f.sent.Path = "/"
		}
		if f.connect == "" {
			f.connect = parsed.Host
			if parsed.Port() == "" {
				port := map[bool]string{true: "443", false: "80"}[f.sent.TLS]
				f.connect = net.JoinHostPort(parsed.Hostname(), port)
			}
		}
	}
	if f.sent.TLS && !f.hasServerName {
		if name := hosts.Parse(f.sent.Host); !hosts.IsAddress(name) {
			f.sent.ServerName = string(name)
		}
	}
	for _, namespace := range f.secrets {
		if f.sent.Secrets == nil {
			f.sent.Secrets = []string{}
		}
		if namespace != "none" {
			f.sent.Secrets = append(f.sent.Secrets, namespace)
		}
	}

	return nil
}

// isPeer reports whether a text is the address of a connection's peer, or "", which is none.
func isPeer(text string) bool {
	_, err := netip.ParseAddr(strings.Trim(text, "[]"))
	_, withPort := netip.ParseAddrPort(text)

	return text == "" || err == nil || withPort == nil
}

// findRouter asks Traefik for the router of a request.
func (r *root) findRouter(ctx context.Context, f *explainFlags) error {
	if f.sent.Router != "" || f.url == "" {
		return nil
	}
	if f.api.At == "" {
		return errors.New("wanted --router, or --api to find it")
	}
	p := r.progress()
	traefik, err := f.api.Read(ctx, p.say)
	p.done()
	if err != nil {
		return err
	}
	found, err := explain.FindRouter(traefik, f.sent, f.sent.EntryPoint, f.connect)
	if err != nil {
		return err
	}
	f.sent.Router, f.sent.EntryPoint = found.Router.Name, found.EntryPoint
	f.sent.Children = found.Children
	if f.sent.Namespace == "" {
		f.sent.Namespace = found.Router.Observability.Metadata.Ingress.Namespace
	}
	if len(found.Others) > 0 {
		fmt.Fprintf(r.errs, "Traefik asks %s first, whose rules look at more than host and path.\n",
			strings.Join(found.Others, ", "))
	}

	return nil
}

// findCertificate reads the served certificate, or asks for it. A server that can't be reached from
// here says nothing of what the guard would observe: then the certificate is not known.
func (r *root) findCertificate(ctx context.Context, f *explainFlags) error {
	if !f.sent.TLS {
		return nil
	}
	address := f.connect
	if f.certificate != "" {
		if !certs.IsAddress(f.certificate) {
			chain, err := certs.ReadFile(f.certificate)
			f.sent.Certificate = chain

			return err
		}
		address = f.certificate
	}
	if address == "" {
		return nil
	}
	chain, err := certs.Serve(ctx, address, f.sent.ServerName)
	var failed *net.OpError
	if errors.As(err, &failed) && failed.Op == "dial" {
		fmt.Fprintf(r.errs, "Could not look at %v. --connect says where Traefik listens.\n", err)

		return nil
	}
	if err != nil {
		f.sent.Unobserved = err.Error()
	}
	f.sent.Certificate = chain

	return nil
}

// explainColumns is how many columns an explanation has beside the names of its steps.
const explainColumns = 87

// writeExplanation writes an explanation for people.
func writeExplanation(w io.Writer, e *explain.Explanation) error {
	head := e.Verdict
	switch {
	case e.Verdict == explain.Undecided:
	case e.Unless != "":
		head += fmt.Sprintf(", or %s if no Secret has the certificate", e.Unless)
	case e.Status != 0 && e.Enforced:
		head += fmt.Sprintf(" (status %d)", e.Status)
	case e.Status != 0:
		head += " (reported, and let pass)"
	}
	fmt.Fprintf(w, "%s\n\n", head)
	tabs := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, step := range e.Steps {
		mark := ""
		if step.Code != "" {
			mark = step.Code + ": "
		}
		writeStep(tabs, step.Name, mark+step.Text)
	}
	if len(e.Also) > 0 {
		writeStep(tabs, "also", strings.Join(e.Also, ", "))
	}
	if e.Do != "" {
		writeStep(tabs, "do", e.Do)
	}

	return tabs.Flush()
}

// writeStep writes a text, wrapped, beside its name.
func writeStep(w io.Writer, name, text string) {
	for _, line := range strings.Split(finding.Wrap(text, explainColumns), "\n") {
		fmt.Fprintf(w, "%s\t%s\n", name, line)
		name = ""
	}
}
