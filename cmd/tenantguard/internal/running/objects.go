package running

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Objects are objects of Kubernetes, from a cluster or from manifests.
type Objects struct {
	// Where is the cluster, or the files.
	Where string
	// All are the objects that Traefik reads, in the order of kind, namespace and name. Secrets are
	// not among them.
	All []Object
	// Secrets are those with a certificate.
	Secrets []Secret
	// Unread says which kinds could not be read, and why: what would be found in them is not.
	Unread []string

	byKind map[string][]Object
}

// Object is one object.
type Object struct {
	unstructured.Unstructured
	// File is where its manifest is, "" where it is in a cluster.
	File string
}

// Title returns kind, namespace and name.
func (o Object) Title() string {
	if o.GetNamespace() == "" {
		return o.GetKind() + " " + o.GetName()
	}

	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
}

// Place returns where to look for it.
func (o Object) Place() string {
	if o.File != "" {
		return o.File
	}

	return o.GetNamespace() + "/" + o.GetName()
}

// Of returns the objects of a kind.
func (o *Objects) Of(kind string) []Object {
	if o == nil {
		return nil
	}

	return o.byKind[kind]
}

// add adds an object as it was read, and leaves out what nobody may see of it.
func (o *Objects) add(object unstructured.Unstructured, file string) {
	if object.GetNamespace() == "" && !clusterKinds[object.GetKind()] {
		object.SetNamespace("default")
	}
	if object.GetKind() == "Secret" {
		if secret, ok := secretOf(object, file); ok {
			o.Secrets = append(o.Secrets, secret)
		}

		return
	}
	object.SetManagedFields(nil)
	o.All = append(o.All, Object{Unstructured: object, File: file})
}

// clusterKinds are the kinds that lie in no Namespace.
var clusterKinds = map[string]bool{
	"Namespace": true, "GatewayClass": true, "IngressClass": true,
}

// resource is a resource of the API: its group, its versions from the newest on, its name and kind.
type resource struct {
	group    string
	versions []string
	name     string
	kind     string
}

const (
	traefikGroup = "traefik.io"
	gatewayGroup = "gateway.networking.k8s.io"
)

// resources are what is read. Each may be missing in a cluster but the first.
var resources = []resource{
	{"", []string{"v1"}, "namespaces", "Namespace"},
	{"", []string{"v1"}, "services", "Service"},
	{"", []string{"v1"}, "secrets", "Secret"},
	{"networking.k8s.io", []string{"v1"}, "ingresses", "Ingress"},
	{"discovery.k8s.io", []string{"v1"}, "endpointslices", "EndpointSlice"},
	{traefikGroup, []string{"v1alpha1"}, "ingressroutes", "IngressRoute"},
	{traefikGroup, []string{"v1alpha1"}, "ingressroutetcps", "IngressRouteTCP"},
	{traefikGroup, []string{"v1alpha1"}, "ingressrouteudps", "IngressRouteUDP"},
	{traefikGroup, []string{"v1alpha1"}, "middlewares", "Middleware"},
	{traefikGroup, []string{"v1alpha1"}, "tlsoptions", "TLSOption"},
	{traefikGroup, []string{"v1alpha1"}, "tlsstores", "TLSStore"},
	{traefikGroup, []string{"v1alpha1"}, "traefikservices", "TraefikService"},
	{gatewayGroup, []string{"v1"}, "gateways", "Gateway"},
	{gatewayGroup, []string{"v1"}, "httproutes", "HTTPRoute"},
	{gatewayGroup, []string{"v1"}, "grpcroutes", "GRPCRoute"},
	{gatewayGroup, []string{"v1", "v1alpha3", "v1alpha2"}, "tlsroutes", "TLSRoute"},
	{gatewayGroup, []string{"v1alpha2"}, "tcproutes", "TCPRoute"},
	{gatewayGroup, []string{"v1alpha2"}, "udproutes", "UDPRoute"},
	{gatewayGroup, []string{"v1"}, "listenersets", "ListenerSet"},
}

// ResourceOf returns the group and the name of the resource of a kind, "" for one that is not
// known.
func ResourceOf(object Object) (group, name string) {
	group = object.GroupVersionKind().Group
	for _, r := range resources {
		if r.kind == object.GetKind() && (r.group == group || group == "") {
			return r.group, r.name
		}
	}
	if object.GetKind() == "Endpoints" {
		return "", "endpoints"
	}

	return group, ""
}

// sort puts objects in order, and by their kind.
func (o *Objects) sort() {
	slices.SortStableFunc(o.All, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.GetKind(), b.GetKind()),
			cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	o.byKind = map[string][]Object{}
	for _, object := range o.All {
		o.byKind[object.GetKind()] = append(o.byKind[object.GetKind()], object)
	}
	slices.SortStableFunc(o.Secrets, func(a, b Secret) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}
