package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tenantguard/tenantguard/e2e/lab"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// fieldManager is the field manager of what the tests apply.
const fieldManager = "tenantguard-test"

// Apply applies YAML manifests of any number of documents with the configuration's rights.
func (c *Cluster) Apply(t lab.T, config *rest.Config, manifests ...string) {
	t.Helper()
	lab.Fatal(t, c.TryApply(t.Context(), config, manifests...), "applying manifests")
}

// TryApply is Apply that returns the API's error, for apierrors.IsForbidden and the like.
func (c *Cluster) TryApply(ctx context.Context, config *rest.Config, manifests ...string) error {
	return c.each(manifests, func(object *unstructured.Unstructured) error {
		return c.apply(ctx, config, "default", object)
	})
}

// Delete deletes the objects of the manifests with the configuration's rights.
func (c *Cluster) Delete(t lab.T, config *rest.Config, manifests ...string) {
	t.Helper()
	lab.Fatal(t, c.TryDelete(t.Context(), config, manifests...), "deleting")
}

// TryDelete is Delete that returns the API's error.
func (c *Cluster) TryDelete(ctx context.Context, config *rest.Config, manifests ...string) error {
	return c.each(manifests, func(object *unstructured.Unstructured) error {
		return c.delete(ctx, config, "default", object)
	})
}

func (c *Cluster) apply(
	ctx context.Context, config *rest.Config, namespace string, object *unstructured.Unstructured,
) error {
	resource, err := c.resource(config, namespace, object)
	if err != nil {
		return err
	}
	_, err = resource.Apply(ctx, object.GetName(), object,
		metav1.ApplyOptions{FieldManager: fieldManager, Force: true})

	return named(object, err)
}

func (c *Cluster) delete(
	ctx context.Context, config *rest.Config, namespace string, object *unstructured.Unstructured,
) error {
	resource, err := c.resource(config, namespace, object)
	if err != nil {
		return err
	}

	return named(object, resource.Delete(ctx, object.GetName(), metav1.DeleteOptions{}))
}

func named(object *unstructured.Unstructured, err error) error {
	if err == nil {
		return nil
	}

	return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
}

// resource returns the client for an object's resource, in the namespace if the object needs one
// and names none.
func (c *Cluster) resource(
	config *rest.Config, namespace string, object *unstructured.Unstructured,
) (dynamic.ResourceInterface, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	mapping, err := c.mapping(object)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return client.Resource(mapping.Resource), nil
	}
	if object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}

	return client.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
}

// mapping returns an object's resource. It discovers the API's resources anew if that one is
// unknown.
func (c *Cluster) mapping(object *unstructured.Unstructured) (*meta.RESTMapping, error) {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}

	return mapping, err
}

// discover prepares the discovery of the API's resources.
func (c *Cluster) discover() error {
	client, err := discovery.NewDiscoveryClientForConfig(c.Admin())
	if err != nil {
		return err
	}
	c.discovery = memory.NewMemCacheClient(client)
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(c.discovery)

	return nil
}

// each calls do for each object of the manifests and stops at the first error.
func (c *Cluster) each(manifests []string, do func(object *unstructured.Unstructured) error) error {
	objects, err := parse(manifests...)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := do(object); err != nil {
			return err
		}
	}

	return nil
}

// parse returns the objects of the manifests.
func parse(manifests ...string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, manifest := range manifests {
		decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
		for {
			object := &unstructured.Unstructured{}
			err := decoder.Decode(&object.Object)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("reading a manifest: %w", err)
			}
			if len(object.Object) > 0 {
				objects = append(objects, object)
			}
		}
	}

	return objects, nil
}

// Resource returns the client for an object's resource, with the configuration's rights.
func (c *Cluster) Resource(
	config *rest.Config, object *unstructured.Unstructured,
) (dynamic.ResourceInterface, error) {
	return c.resource(config, "default", object)
}
