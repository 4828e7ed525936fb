package cli

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/tenantguard/tenantguard/internal/policy"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/audit"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/certs"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/source"
)

// what is what audit, init and diff look at.
type what struct {
	root *root

	policy             string
	api                running.API
	isKube             bool
	kube               running.Kube
	manifests          []string
	plugin             string
	operatorNamespaces []string
	fromNamespaces     bool
	files              []string
	// connect is an entry point that is asked for the certificates that it serves.
	connect string

	traefik *running.Traefik
	objects *running.Objects
}

// addFlags adds the flags that say what is looked at.
func (w *what) addFlags(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&w.api.At, "api", "",
		"`URL` of Traefik's API, or a folder with its answers as JSON")
	flags.StringArrayVar(&w.api.Header, "api-header", nil,
		"`header` \"Name: value\" for Traefik's API, perhaps several")
	flags.StringVar(&w.api.CA, "api-ca", "", "`file` of certificates to verify Traefik's API by")
	flags.BoolVar(&w.api.Insecure, "api-insecure", false, "do not verify Traefik's API")
	flags.BoolVar(&w.isKube, "kube", false, "look at the cluster, as kubectl reaches it")
	flags.StringVar(&w.kube.Config, "kubeconfig", "", "`file` instead of kubectl's own")
	flags.StringVar(&w.kube.Context, "context", "", "`name` of a context of kubectl")
	flags.StringArrayVarP(&w.manifests, "filename", "f", nil,
		"`path` of manifests instead of a cluster, perhaps several")
	flags.StringVar(&w.plugin, "plugin", "tenantguard",
		"`name` of the guard in Traefik's static configuration")
	flags.StringSliceVar(&w.operatorNamespaces, "operator-namespaces",
		[]string{"kube-system", "traefik"}, "`namespaces` in which only operators write")
}

// addPolicyFlags adds the flags that say by which policy.
func (w *what) addPolicyFlags(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVarP(&w.policy, "policy", "p", "",
		"`file` with the policy; without it the one in force, or the marks of Namespaces")
	flags.BoolVar(&w.fromNamespaces, "from-namespaces", false,
		"take tenants from Namespaces too, as with kubernetes.enabled")
	addFileFlag(c, &w.files)
}

var errNowhere = errors.New("wanted --api, --kube or --filename: nothing says what to look at")

// read reads what runs.
func (w *what) read(ctx context.Context, say func(format string, args ...any)) error {
	if w.kube.Config != "" || w.kube.Context != "" {
		w.isKube = true
	}
	if w.api.At == "" && !w.isKube && len(w.manifests) == 0 {
		return errNowhere
	}
	if w.isKube && len(w.manifests) > 0 {
		return errors.New("wanted --kube or --filename, not both")
	}
	var err error
	if w.isKube {
		w.objects, err = w.kube.Read(ctx, say)
	} else if len(w.manifests) > 0 {
		w.objects, err = running.ReadManifests(w.manifests, w.root.in)
	}
	if err == nil && w.api.At != "" {
		w.traefik, err = w.api.Read(ctx, say)
	}

	return err
}

// effective returns the policy to hold everything to.
func (w *what) effective() (*policy.Effective, error) {
	p, err := w.findPolicy()
	if err != nil {
		return nil, err
	}
	if w.fromNamespaces && p.Keys["kubernetes"] == nil {
		p.Keys = maps.Clone(p.Keys)
		p.Keys["kubernetes"] = map[string]any{"enabled": true}
	}
	local, err := localFiles(w.files)
	if err != nil {
		return nil, err
	}
	loaded := p.Load(source.Environment{
		Getenv: func(name string) string {
			if name == policy.OperatorNamespacesVariable {
				return strings.Join(w.operatorNamespaces, ",")
			}

			return ""
		},
		Files: local, Namespaces: w.namespaces(),
	})
	if loaded.Effective == nil {
		return nil, errorsOf(p.File, loaded.Errors)
	}
	if loaded.Effective.Kubernetes.Enabled && w.objects == nil {
		return nil, errors.New("the policy takes tenants from Namespaces: wanted --kube or " +
			"--filename")
	}
	if len(loaded.Effective.Tenants) == 0 && len(loaded.Effective.LeftOut) == 0 {
		return nil, fmt.Errorf("%s: nothing says who the tenants are, so that all would be "+
			"denied; tenantguard init makes a policy of what runs", p.File)
	}

	return loaded.Effective, nil
}

// namespaces are the Namespaces among the objects.
func (w *what) namespaces() []source.Namespace {
	var all []source.Namespace
	for _, object := range w.objects.Of("Namespace") {
		var n source.Namespace
		n.Metadata.Name = object.GetName()
		n.Metadata.CreationTimestamp = audit.Created(object)
		n.Metadata.Labels, n.Metadata.Annotations = object.GetLabels(), object.GetAnnotations()
		all = append(all, n)
	}

	return all
}

// findPolicy returns the policy that is named, or else the one that Traefik has, or the operator's
// Middleware in the cluster, or that of the marks of Namespaces.
func (w *what) findPolicy() (*source.Policy, error) {
	if w.policy != "" {
		return w.readPolicy()
	}
	if p, err := w.inTraefik(); p != nil || err != nil {
		return p, err
	}
	for _, object := range w.objects.Of("Middleware") {
		keys := audit.PluginKeys(object, w.plugin)
		if len(keys) > 0 && slices.Contains(w.operatorNamespaces, object.GetNamespace()) {
			return &source.Policy{
				Form: source.FormMiddleware, File: object.Title(), Keys: keys,
				Middleware: object.GetNamespace() + "_" + object.GetName() + "@kubernetescrd",
			}, nil
		}
	}
	if w.objects == nil {
		return nil, errors.New("wanted --policy: no guard with a policy is there")
	}

	return &source.Policy{
		Form: source.FormKeys, File: "the Namespaces", Middleware: "guard@file",
		Keys: map[string]any{"kubernetes": map[string]any{"enabled": true}},
	}, nil
}

// inTraefik returns the policy of the guard that entry points have, or else of the only one that is
// the operator's, nil for none.
func (w *what) inTraefik() (*source.Policy, error) {
	if w.traefik == nil {
		return nil, nil
	}
	var found []*source.Policy
	for _, m := range w.traefik.Middlewares {
		keys := map[string]any{}
		err := json.Unmarshal(m.Plugin[w.plugin], &keys)
		if err != nil || len(keys) == 0 || !policy.IsOperators(m.Name, w.getenv) {
			continue
		}
		p := &source.Policy{
			Form: source.FormKeys, File: w.traefik.Where, Middleware: m.Name, Keys: keys,
		}
		for _, e := range w.traefik.EntryPoints {
			if slices.Contains(e.HTTP.Middlewares, m.Name) {
				return p, nil
			}
		}
		found = append(found, p)
	}
	if len(found) > 1 {
		return nil, fmt.Errorf("wanted --policy: no entry point says which of %d guards is meant, "+
			"such as %s and %s", len(found), found[0].Middleware, found[1].Middleware)
	}
	if len(found) == 0 {
		return nil, nil
	}

	return found[0], nil
}

func (w *what) getenv(name string) string {
	if name == policy.OperatorNamespacesVariable {
		return strings.Join(w.operatorNamespaces, ",")
	}

	return ""
}

func (w *what) readPolicy() (*source.Policy, error) {
	content, err := w.root.readInput(w.policy)
	if err != nil {
		return nil, err
	}
	found, err := source.Read(shownName(w.policy), content, source.Options{Plugin: w.plugin})
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		if len(p.Keys) > 0 {
			return p, nil
		}
	}

	return found[0], nil
}

// atOnce is how many handshakes are made at a time.
const atOnce = 16

// served asks the entry point which certificate it serves for each host, nil where there is none to
// ask.
func (w *what) served(
	ctx context.Context, say func(format string, args ...any),
) (map[string][]*x509.Certificate, error) {
	if w.connect == "" {
		return nil, nil
	}
	names := audit.ServedNames(w.traefik, w.objects)
	say("asking %s for %d certificates", w.connect, len(names))
	chains := make([]*certs.Chain, len(names))
	errs := make([]error, len(names))
	var all sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i, name := range names {
		all.Go(func() {
			turns <- struct{}{}
			chains[i], errs[i] = certs.Serve(ctx, w.connect, name)
			<-turns
		})
	}
	all.Wait()
	served := map[string][]*x509.Certificate{}
	for i, name := range names {
		if errs[i] != nil {
			return nil, errs[i]
		}
		served[name] = chains[i].Certificates
	}

	return served, nil
}
