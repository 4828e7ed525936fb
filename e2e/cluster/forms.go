package cluster

import (
	"strings"

	"github.com/tenantguard/tenantguard/e2e/lab"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Form is a way to write a route with one of Traefik's Kubernetes providers.
type Form struct {
	Name string
	// Plain reports whether the route is on the entry point without TLS too.
	Plain bool
	// Manifest returns a route in this form. Its certificate, if any, is in the Secret "tls".
	Manifest func(route Route) string
}

// Annotations of an Ingress.
const (
	// OnWebsecure puts Traefik's router on the entry point websecure only.
	OnWebsecure = "traefik.ingress.kubernetes.io/router.entrypoints: websecure"
	// NoRedirect keeps the ingress-nginx provider from redirecting to HTTPS.
	NoRedirect = "nginx.ingress.kubernetes.io/ssl-redirect: 'false'"
)

// Forms returns all forms of routes, on one entry point and on several.
func Forms() []Form {
	ingress := func(class, annotations string) func(Route) string {
		return func(r Route) string { return r.Ingress(class, "tls", annotations) }
	}
	gateway := func(kind, listener string) func(Route) string {
		return func(r Route) string { return r.Gateway(kind, listener, "") }
	}
	crd := func(entryPoints string) func(Route) string {
		return func(r Route) string { return r.IngressRoute("", "entryPoints: "+entryPoints, "") }
	}

	return []Form{
		{"crd-one", false, crd("[websecure]")},
		{"crd-several", true, crd("[web, websecure]")},
		{"ingress-one", false, ingress("traefik", OnWebsecure)},
		{"ingress-several", true, ingress("traefik", "")},
		{"nginx-several", true, ingress("nginx", NoRedirect)},
		{"http-one", false, gateway("HTTPRoute", "websecure")},
		{"http-several", true, gateway("HTTPRoute", "")},
		{"grpc-one", false, gateway("GRPCRoute", "websecure")},
		{"grpc-several", true, gateway("GRPCRoute", "")},
	}
}

// CheckAnswer reports an error unless a tenant's backend answers for the host. Hosts whose name
// begins with "grpc" are GRPCRoutes': they get a gRPC call, which must succeed.
func CheckAnswer(t lab.T, target lab.Target, host, tenant, what string) {
	t.Helper()
	if !strings.HasPrefix(host, "grpc") {
		response := lab.Get(t, lab.HTTP1, target, host, "/")
		if got := response.Tenant(); got != tenant {
			t.Errorf("%s: %d %s from %q, want an answer from %q",
				what, response.Status, response.Reason(), got, tenant)
		}
		return
	}
	client := grpc_health_v1.NewHealthClient(lab.GRPC(t, target, host))
	if _, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// CheckRights reports an error if the API has refused Traefik or its plugin anything.
func (tr *Traefik) CheckRights(t lab.T) {
	t.Helper()
	for _, line := range tr.Log.With("forbidden") {
		t.Errorf("refused by the API: %s", line)
	}
}
