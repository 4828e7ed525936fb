package cluster

import (
	"fmt"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// Route is a tenant's route to its own Service. Its methods return the manifests by provider.
type Route struct {
	Name, Host, Service string
	// Path is the path prefix of an Ingress, "/" if empty.
	Path string
}

// IngressRoute returns an IngressRoute. keys are further keys of its spec, such as "entryPoints:
// [web]", and routeKeys of its one route. An empty rule is the one for Host.
func (r Route) IngressRoute(rule, keys, routeKeys string) string {
	if rule == "" {
		rule = "Host(`" + r.Host + "`)"
	}
	return fmt.Sprintf(`
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: %s}
spec: {%s, routes: [{kind: Rule, match: '%s', services: [{name: %s, port: http}]%s}]}
`, r.Name, keys, rule, r.Service, also(routeKeys))
}

// Ingress returns an Ingress of a class, with the certificate of a Secret unless that is empty.
func (r Route) Ingress(class, secret, annotations string) string {
	secured, path := "", r.Path
	if secret != "" {
		secured = fmt.Sprintf("tls: [{hosts: [%s], secretName: %s}]", r.Host, secret)
	}
	if path == "" {
		path = "/"
	}
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %s, annotations: {%s}}
spec:
  ingressClassName: %s
  rules:
    - host: %s
      http:
        paths:
          - {path: %s, pathType: Prefix, backend: {service: {name: %s, port: {name: http}}}}
  %s
`, r.Name, annotations, class, r.Host, path, r.Service, secured)
}

// Gateway returns an HTTPRoute or a GRPCRoute of the Gateway in GatewayManifests, on one of its
// listeners or, if listener is empty, on all.
func (r Route) Gateway(kind, listener, ruleKeys string) string {
	port := PortHTTP
	if kind == "GRPCRoute" {
		port = PortGRPC
	}
	section := ""
	if listener != "" {
		section = "sectionName: " + listener
	}
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: %s
metadata: {name: %s}
spec:
  parentRefs: [{name: gateway, namespace: %s%s}]
  hostnames: [%s]
  rules: [{backendRefs: [{name: %s, port: %d}]%s}]
`, kind, r.Name, TraefikNamespace, also(section), r.Host, r.Service, port, also(ruleKeys))
}

func also(keys string) string {
	if keys == "" {
		return ""
	}

	return ", " + keys
}

// GatewayManifests returns the operator's Gateway, whose listeners are entry points of a Traefik,
// and the Secret with its certificate.
func GatewayManifests(t lab.T, tr *Traefik, certificate *lab.Cert) []string {
	t.Helper()
	return []string{
		SecretManifest(t, TraefikNamespace, "gateway", certificate),
		fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway, namespace: %s}
spec:
  gatewayClassName: traefik
  listeners:
    - {name: web, protocol: HTTP, port: %d, allowedRoutes: {namespaces: {from: All}}}
    - name: websecure
      protocol: HTTPS
      port: %d
      allowedRoutes: {namespaces: {from: All}}
      tls: {certificateRefs: [{name: gateway}]}
`, TraefikNamespace, tr.Port("web"), tr.Port("websecure")),
	}
}
