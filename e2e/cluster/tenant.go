package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/tenantguard/tenantguard/e2e/lab"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// The ports of a Service that leads to a backend.
const (
	// PortHTTP is the port named http, for HTTP/1.
	PortHTTP = 80
	// PortGRPC is the port named h2c, for HTTP/2 without TLS.
	PortGRPC = 81
)

// Tenant is a user who may set up routes in one namespace and do nothing else.
type Tenant struct {
	Namespace string
	// User is the tenant's user name at the API.
	User string
	// Config is the tenant's access to the API.
	Config *rest.Config

	cluster *Cluster
}

// Tenant creates a namespace and a tenant whose only right is the role "tenant" in it. marks are
// the labels ("tenantguard.io/tenant=x") and annotations ("@" before the name) that the operator
// sets on the namespace.
func (c *Cluster) Tenant(t lab.T, namespace string, marks ...string) *Tenant {
	t.Helper()
	tenant := &Tenant{Namespace: namespace, User: namespace + "-user", cluster: c}
	tenant.Config = c.As(t, tenant.User)
	c.Namespace(t, namespace, marks...)
	c.Apply(t, c.Admin(), fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant, namespace: %s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: tenant}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: %s}]
`, namespace, tenant.User))
	// The API needs a moment to see a new binding.
	own := &unstructured.Unstructured{}
	own.SetAPIVersion("v1")
	own.SetKind("Secret")
	secrets, err := c.resource(tenant.Config, namespace, own)
	lab.Fatal(t, err, "finding Secrets")
	lab.Fatal(t, until(t.Context(), func() error {
		_, err := secrets.List(t.Context(), metav1.ListOptions{Limit: 1})
		return err
	}), "waiting for a tenant's rights")

	return tenant
}

// Namespace creates a namespace, or changes its labels and annotations.
func (c *Cluster) Namespace(t lab.T, name string, marks ...string) {
	t.Helper()
	labels, annotations := map[string]any{}, map[string]any{}
	for _, mark := range marks {
		key, value, _ := strings.Cut(mark, "=")
		if annotation, is := strings.CutPrefix(key, "@"); is {
			annotations[annotation] = value
			continue
		}
		labels[key] = value
	}
	c.Apply(t, c.Admin(), manifest(t, map[string]any{
		"apiVersion": "v1",
		"kind":       "Namespace",
		"metadata":   map[string]any{"name": name, "labels": labels, "annotations": annotations},
	}))
}

// DeleteNamespace deletes a namespace with everything in it, as the namespace controller would.
func (c *Cluster) DeleteNamespace(t lab.T, name string) {
	t.Helper()
	lab.Fatal(t, c.deleteNamespace(t.Context(), name), "deleting a namespace")
}

func (c *Cluster) deleteNamespace(ctx context.Context, name string) error {
	path := "/api/v1/namespaces/" + name
	if _, err := c.call(ctx, http.MethodDelete, path, nil); err != nil {
		return err
	}
	if err := c.empty(ctx, name); err != nil {
		return err
	}
	_, err := c.call(ctx, http.MethodPut, path+"/finalize", map[string]any{
		"apiVersion": "v1",
		"kind":       "Namespace",
		"metadata":   map[string]any{"name": name},
		"spec":       map[string]any{"finalizers": []string{}},
	})

	return err
}

// empty deletes everything in a namespace.
func (c *Cluster) empty(ctx context.Context, namespace string) error {
	client, err := dynamic.NewForConfig(c.Admin())
	if err != nil {
		return err
	}
	lists, err := c.discovery.ServerPreferredNamespacedResources()
	if err != nil {
		return err
	}

	// The API needs a second for the first request for each resource, so all are requested at once.
	var all sync.WaitGroup
	failures := make(chan error, 1000)
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return err
		}
		for _, resource := range list.APIResources {
			all.Go(func() {
				if err := deleteAll(ctx, client.Resource(version.WithResource(resource.Name)).
					Namespace(namespace), resource.Verbs); err != nil {
					failures <- fmt.Errorf("%s: %w", resource.Name, err)
				}
			})
		}
	}
	all.Wait()
	close(failures)

	return <-failures
}

func deleteAll(ctx context.Context, resource dynamic.ResourceInterface, verbs metav1.Verbs) error {
	if !slices.Contains(verbs, "list") || !slices.Contains(verbs, "delete") {
		return nil
	}
	objects, err := resource.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, object := range objects.Items {
		if err := resource.Delete(ctx, object.GetName(), metav1.DeleteOptions{}); err != nil &&
			!apierrors.IsNotFound(err) {
			return err
		}
	}

	return nil
}

// Apply applies manifests as the tenant, in its namespace unless they name one.
func (n *Tenant) Apply(t lab.T, manifests ...string) {
	t.Helper()
	lab.Fatal(t, n.TryApply(t.Context(), manifests...), "applying manifests of "+n.Namespace)
}

// TryApply is Apply that returns the API's error.
func (n *Tenant) TryApply(ctx context.Context, manifests ...string) error {
	return n.cluster.each(manifests, func(object *unstructured.Unstructured) error {
		return n.cluster.apply(ctx, n.Config, n.Namespace, object)
	})
}

// Delete deletes the objects of the manifests as the tenant.
func (n *Tenant) Delete(t lab.T, manifests ...string) {
	t.Helper()
	lab.Fatal(t, n.TryDelete(t.Context(), manifests...), "deleting of "+n.Namespace)
}

// TryDelete is Delete that returns the API's error.
func (n *Tenant) TryDelete(ctx context.Context, manifests ...string) error {
	return n.cluster.each(manifests, func(object *unstructured.Unstructured) error {
		return n.cluster.delete(ctx, n.Config, n.Namespace, object)
	})
}

// Secret creates a Secret of type kubernetes.io/tls, or replaces its certificate.
func (n *Tenant) Secret(t lab.T, name string, certificate *lab.Cert) {
	t.Helper()
	n.Apply(t, SecretManifest(t, n.Namespace, name, certificate))
}

// SecretManifest returns the manifest of a Secret of type kubernetes.io/tls.
func SecretManifest(t lab.T, namespace, name string, certificate *lab.Cert) string {
	t.Helper()
	chain, err := os.ReadFile(certificate.CertFile)
	lab.Fatal(t, err, "reading a certificate")
	key, err := os.ReadFile(certificate.KeyFile)
	lab.Fatal(t, err, "reading a key")

	return manifest(t, map[string]any{
		"apiVersion": "v1",
		"kind":       "Secret",
		"metadata":   map[string]any{"name": name, "namespace": namespace},
		"type":       "kubernetes.io/tls",
		"data":       map[string]any{"tls.crt": chain, "tls.key": key},
	})
}

// Service creates a Service with the ports PortHTTP and PortGRPC and returns its name. It leads to
// a backend, a process of its own, that answers with that name: the EndpointSlice is written with
// all rights, as the cluster's controller would.
func (n *Tenant) Service(t lab.T, name string) string {
	t.Helper()
	service, slice := ServiceManifests(t, n.Namespace, name)
	n.Apply(t, service)
	n.cluster.Apply(t, n.cluster.Admin(), slice)

	return name
}

// ServiceManifests starts the backend of a Service and returns the manifests of the Service and of
// its EndpointSlice.
func ServiceManifests(t lab.T, namespace, name string) (service, slice string) {
	t.Helper()
	backend := startBackend(t, name)
	address, port := backend.Addr(), int(backend.Port())
	service = manifest(t, map[string]any{
		"apiVersion": "v1",
		"kind":       "Service",
		"metadata":   map[string]any{"name": name, "namespace": namespace},
		"spec": map[string]any{"ports": []any{
			map[string]any{"name": "http", "port": PortHTTP},
			map[string]any{"name": "h2c", "port": PortGRPC, "appProtocol": "kubernetes.io/h2c"},
		}},
	})

	kind := "IPv4"
	if address.Is6() {
		kind = "IPv6"
	}
	slice = manifest(t, map[string]any{
		"apiVersion": "discovery.k8s.io/v1",
		"kind":       "EndpointSlice",
		"metadata": map[string]any{"name": name, "namespace": namespace,
			"labels": map[string]any{
				"kubernetes.io/service-name":             name,
				"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
			}},
		"addressType": kind,
		"endpoints": []any{map[string]any{
			"addresses":  []any{address.String()},
			"conditions": map[string]any{"ready": true, "serving": true},
		}},
		"ports": []any{
			map[string]any{"name": "http", "port": port},
			map[string]any{"name": "h2c", "port": port},
		},
	})

	return service, slice
}

// manifest returns an encoded object.
func manifest(t lab.T, object map[string]any) string {
	t.Helper()
	encoded, err := json.Marshal(object)
	lab.Fatal(t, err, "encoding an object")

	return string(encoded)
}

// ownAddress returns an address of this machine that is not a loopback address, IPv4 if possible.
func ownAddress() (netip.Addr, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, err
	}
	var found netip.Addr
	for _, address := range addresses {
		prefix, err := netip.ParsePrefix(address.String())
		if err != nil || !prefix.Addr().IsGlobalUnicast() {
			continue
		}
		if !found.IsValid() || found.Is6() && prefix.Addr().Is4() {
			found = prefix.Addr()
		}
	}
	if !found.IsValid() {
		return found, errors.New("this machine has only loopback addresses, which Kubernetes " +
			"rejects in endpoints; add another one, for instance: ip addr add 192.0.2.1/32 dev lo")
	}

	return found, nil
}
