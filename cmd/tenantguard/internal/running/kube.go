package running

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Kube is which cluster is read, as kubectl has it.
type Kube struct {
	// Config is a file, "" for that of kubectl or of the pod, and Context one of its contexts.
	Config, Context string
}

// objectsPerPage is how many objects are asked for at once.
const objectsPerPage = 500

// RESTConfig returns how the cluster is reached.
func (k Kube) RESTConfig() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = k.Config
	overrides := &clientcmd.ConfigOverrides{CurrentContext: k.Context}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).
		ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, errors.New("no cluster is known: wanted --kubeconfig FILE, the variable " +
			"KUBECONFIG, or ~/.kube/config")
	}
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 50, 100
	config.UserAgent = "tenantguard"

	return config, nil
}

// Read reads the objects of the cluster. say is told what is being read.
func (k Kube) Read(ctx context.Context, say func(format string, args ...any)) (*Objects, error) {
	config, err := k.RESTConfig()
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	objects := &Objects{Where: config.Host}
	for i, r := range resources {
		say("reading %s of %s", r.name, config.Host)
		err := objects.list(ctx, client, r)
		if err != nil && (i == 0 || ctx.Err() != nil) {
			return nil, fmt.Errorf("%s of %s: %w", r.name, config.Host, err)
		}
		if err != nil {
			objects.Unread = append(objects.Unread, fmt.Sprintf("%s: %v", r.name, err))
		}
	}
	objects.sort()

	return objects, nil
}

// list reads all pages of a resource, in the newest version that the cluster has.
func (o *Objects) list(ctx context.Context, client dynamic.Interface, r resource) error {
	for _, version := range r.versions {
		gvr := schema.GroupVersionResource{Group: r.group, Version: version, Resource: r.name}
		options := metav1.ListOptions{Limit: objectsPerPage}
		for {
			page, err := client.Resource(gvr).List(ctx, options)
			if apierrors.IsNotFound(err) {
				break // the cluster has no such resource
			}
			if err != nil {
				return err
			}
			for _, item := range page.Items {
				item.SetKind(r.kind)
				item.SetAPIVersion(gvr.GroupVersion().String())
				o.add(item, "")
			}
			options.Continue = page.GetContinue()
			if options.Continue == "" {
				return nil
			}
		}
	}

	return nil
}
