package audit

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// The helpers below read objects whose fields may be missing or of another type: such a field is as
// one that is not there.

func sub(object map[string]any, path ...string) map[string]any {
	found, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	as, _ := found.(map[string]any)

	return as
}

func text(object map[string]any, path ...string) string {
	found, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	as, _ := found.(string)

	return as
}

func number(object map[string]any, path ...string) int {
	found, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	switch as := found.(type) {
	case int64:
		return int(as)
	case float64:
		return int(as)
	default:
		return 0
	}
}

func items(object map[string]any, path ...string) []map[string]any {
	found, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	list, _ := found.([]any)
	var all []map[string]any
	for _, one := range list {
		if as, ok := one.(map[string]any); ok {
			all = append(all, as)
		}
	}

	return all
}

func texts(object map[string]any, path ...string) []string {
	found, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	list, _ := found.([]any)
	var all []string
	for _, one := range list {
		if as, ok := one.(string); ok {
			all = append(all, as)
		}
	}

	return all
}

// ofObjects returns the routers that objects make.
func ofObjects(objects *running.Objects) []*route {
	var routes []*route
	for _, kind := range []struct {
		name string
		read func(o running.Object) []*route
	}{
		{"IngressRoute", ofIngressRoute},
		{"IngressRouteTCP", ofIngressRoute},
		{"IngressRouteUDP", ofIngressRoute},
		{"Ingress", ofIngress},
		{"HTTPRoute", func(o running.Object) []*route { return ofGatewayRoute(objects, o) }},
		{"GRPCRoute", func(o running.Object) []*route { return ofGatewayRoute(objects, o) }},
		{"TLSRoute", func(o running.Object) []*route { return ofGatewayRoute(objects, o) }},
	} {
		for _, object := range objects.Of(kind.name) {
			routes = append(routes, kind.read(object)...)
		}
	}

	return routes
}

// newRoute is a router of an object.
func newRoute(o running.Object, name string) *route {
	return &route{
		name: name, object: o.Title(), where: o.Place(), namespace: o.GetNamespace(),
	}
}

// protocols are those of Traefik's own kinds that are not for HTTP.
var protocols = map[string]protocol{"IngressRouteTCP": tcp, "IngressRouteUDP": udp}

// ofIngressRoute reads an IngressRoute of HTTP, TCP or UDP.
func ofIngressRoute(o running.Object) []*route {
	var routes []*route
	spec := sub(o.Object, "spec")
	for i, written := range items(spec, "routes") {
		r := newRoute(o, fmt.Sprintf("%s_%s_%d@kubernetescrd", o.GetNamespace(), o.GetName(), i))
		r.protocol = protocols[o.GetKind()]
		r.entryPoints = texts(spec, "entryPoints")
		r.rule, r.syntax = text(written, "match"), text(written, "syntax")
		r.priority = number(written, "priority")
		if tls, has := spec["tls"]; has {
			section, _ := tls.(map[string]any)
			r.tls, r.tlsKnown = true, true
			r.passthrough, _ = section["passthrough"].(bool)
			r.resolver = text(section, "certResolver")
			if name := text(section, "options", "name"); name != "" {
				namespace := text(section, "options", "namespace")
				if namespace == "" {
					namespace = o.GetNamespace()
				}
				r.options = namespace + "/" + name
			}
		}
		for _, ref := range items(spec, "parentRefs") {
			namespace := text(ref, "namespace")
			if namespace == "" {
				namespace = o.GetNamespace()
			}
			r.parents = append(r.parents, namespace+"/"+text(ref, "name"))
		}
		routes = append(routes, r)
	}

	return routes
}

// annotationPrefix begins Traefik's annotations of Ingresses and Services.
const annotationPrefix = "traefik.ingress.kubernetes.io/"

// ofIngress reads an Ingress: a router for each path of each host, and one for the default backend.
func ofIngress(o running.Object) []*route {
	spec := sub(o.Object, "spec")
	annotations := o.GetAnnotations()
	isTLS := len(items(spec, "tls")) > 0 || annotations[annotationPrefix+"router.tls"] == "true"
	var routes []*route
	add := func(host, path, rule string, priority int) {
		r := newRoute(o, ingressRouter(o, host, path)+"@kubernetes")
		r.rule, r.priority = rule, priority
		r.tls, r.tlsKnown = isTLS, isTLS
		r.entryPoints = splitList(annotations[annotationPrefix+"router.entrypoints"])
		r.options = annotations[annotationPrefix+"router.tls.options"]
		r.resolver = annotations[annotationPrefix+"router.tls.certresolver"]
		routes = append(routes, r)
	}
	if len(sub(spec, "defaultBackend")) > 0 {
		add("", "/", "PathPrefix(`/`)", -1)
	}
	for _, rule := range items(spec, "rules") {
		host := strings.ToLower(text(rule, "host"))
		for _, p := range items(rule, "http", "paths") {
			path := text(p, "path")
			add(host, path, ingressRule(host, path, text(p, "pathType")), 0)
		}
	}

	return routes
}

// ingressRule is the rule that Traefik makes.
func ingressRule(host, path, pathType string) string {
	var parts []string
	if host != "" {
		parts = append(parts, "Host(`"+host+"`)")
	}
	if path == "" {
		path = "/"
	}
	matcher := "PathPrefix"
	if pathType == "Exact" {
		matcher = "Path"
	}
	parts = append(parts, matcher+"(`"+path+"`)")

	return strings.Join(parts, " && ")
}

// ingressRouter is the name that Traefik makes of an Ingress, a host and a path.
func ingressRouter(o running.Object, host, path string) string {
	return normalize(o.GetNamespace() + "-" + o.GetName() + "-" + host + path)
}

// normalize writes a name as Traefik does: what is no letter and no digit becomes one hyphen.
func normalize(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(c rune) bool {
		isLetter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'

		return !isLetter && (c < '0' || c > '9')
	}), "-")
}

func splitList(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
}

// ofGatewayRoute reads a route of the Gateway API: a router for each of its hosts.
func ofGatewayRoute(objects *running.Objects, o running.Object) []*route {
	names := texts(o.Object, "spec", "hostnames")
	listeners := listenersOf(objects, o)
	if len(names) == 0 {
		for _, listener := range listeners {
			names = append(names, text(listener, "hostname"))
		}
	}
	if len(names) == 0 {
		names = []string{""}
	}
	slices.Sort(names)
	var routes []*route
	for i, host := range slices.Compact(names) {
		kind := strings.ToLower(o.GetKind())
		r := newRoute(o, fmt.Sprintf("%s-%s-%s-%d@kubernetesgateway",
			kind, o.GetNamespace(), o.GetName(), i))
		r.rule = ingressRule(strings.ToLower(host), "/", "")
		for _, listener := range listeners {
			if text(listener, "protocol") == "HTTPS" || text(listener, "protocol") == "TLS" {
				r.tls, r.tlsKnown = true, true
			}
			r.passthrough = r.passthrough || text(listener, "tls", "mode") == "Passthrough"
		}
		if o.GetKind() == "TLSRoute" {
			r.protocol, r.tls, r.tlsKnown = tcp, true, true
			r.rule = "HostSNI(`" + strings.ToLower(host) + "`)"
			if host == "" {
				r.rule = "HostSNI(`*`)"
			}
		}
		routes = append(routes, r)
	}

	return routes
}

// listenersOf returns the listeners that a route names.
func listenersOf(objects *running.Objects, o running.Object) []map[string]any {
	var found []map[string]any
	for _, ref := range items(o.Object, "spec", "parentRefs") {
		namespace := text(ref, "namespace")
		if namespace == "" {
			namespace = o.GetNamespace()
		}
		for _, gateway := range objects.Of("Gateway") {
			if gateway.GetName() != text(ref, "name") || gateway.GetNamespace() != namespace {
				continue
			}
			section := text(ref, "sectionName")
			for _, listener := range items(gateway.Object, "spec", "listeners") {
				if section == "" || section == text(listener, "name") {
					found = append(found, listener)
				}
			}
		}
	}

	return found
}
