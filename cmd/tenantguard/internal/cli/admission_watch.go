package cli

import (
	"context"
	"fmt"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/generate"
	"github.com/tenantguard/tenantguard/internal/policy"
	"k8s.io/client-go/kubernetes"
)

// keep applies once, and then keeps the ConfigMap of owners up to date.
func (g *generating) keep(ctx context.Context, parsed *policy.Parsed) error {
	g.live = true
	in, err := g.input(ctx, parsed)
	if err != nil {
		return err
	}
	files, err := g.files(in)
	if err != nil {
		return err
	}
	if err := g.applyFiles(ctx, files); err != nil {
		return err
	}
	config, err := g.kube.RESTConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}

	return generate.Watch(ctx, client, g.options.Label,
		func(ctx context.Context, namespaces []policy.Namespace) error {
			if now, _, err := g.read(); err == nil {
				parsed = now
			} else {
				fmt.Fprintf(g.errs, "tenantguard: the last good policy stays in use: %v\n", err)
			}
			owners, err := generate.Owners(parsed, namespaces)
			if err != nil {
				return err
			}
			content, err := generate.Input{Options: g.options, Owners: owners}.ConfigMap()
			if err != nil {
				return err
			}

			return g.applyFiles(ctx, []generate.File{{Content: content}})
		},
		func(err error) { fmt.Fprintf(g.errs, "tenantguard: %v; trying again\n", err) })
}
