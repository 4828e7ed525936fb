package audit_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/audit"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
)

// teams are two tenants and a namespace that nobody has given a tenant.
const teams = `
{apiVersion: v1, kind: Namespace, metadata: {name: acme, creationTimestamp: "2026-01-01T00:00:00Z",
labels: {tenantguard.io/tenant: acme},
annotations: {tenantguard.io/hosts: "acme.example.com, *.acme.example.com"}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: globex,
labels: {tenantguard.io/tenant: globex}, annotations: {tenantguard.io/hosts: globex.example.com}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: nobody}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: traefik}}
`

// at is an IngressRoute of a namespace for a host, with further keys of the route and of the spec.
func at(namespace, name, host, route, spec string) string {
	if route != "" {
		route = ", " + route
	}
	if spec != "" {
		spec = ", " + spec
	}

	return fmt.Sprintf("{apiVersion: traefik.io/v1alpha1, kind: IngressRoute, "+
		"metadata: {name: %s, namespace: %s}, spec: {routes: [{kind: Rule, "+
		"match: 'Host(`%s`)'%s}]%s}}", name, namespace, host, route, spec)
}

// secret is a Secret with a certificate of testdata, and with what more is in its tls.crt.
func secret(t *testing.T, namespace, name, certificate string, more ...string) string {
	t.Helper()
	content, err := os.ReadFile("../../../../testdata/certificates/" + certificate + ".pem")
	if err != nil {
		t.Fatal(err)
	}

	return fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: %s}, "+
		"type: kubernetes.io/tls, data: {tls.crt: %s}}", name, namespace,
		base64.StdEncoding.EncodeToString(append(content, strings.Join(more, "")...)))
}

func withSecret(name string) string { return "tls: {secretName: " + name + "}" }

// ingress is an Ingress with a service and annotations.
func ingress(namespace, name, host, service, annotations string) string {
	return fmt.Sprintf("{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: %s, "+
		"namespace: %s, annotations: {%s}}, spec: {rules: [{host: %s, http: {paths: [{path: /, "+
		"pathType: Prefix, backend: {service: {name: %s, port: {number: 80}}}}]}}]}}",
		name, namespace, annotations, host, service)
}

// object is any object of Traefik's.
func object(kind, namespace, name, spec string) string {
	return fmt.Sprintf("{apiVersion: traefik.io/v1alpha1, kind: %s, metadata: {name: %s, "+
		"namespace: %s}, spec: {%s}}", kind, name, namespace, spec)
}

func service(namespace, externalName string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {name: x, namespace: %s}, "+
		"spec: {type: ExternalName, externalName: %s}}", namespace, externalName)
}

// TestObjects audits objects without a Traefik, but for what the admission policies say.
func TestObjects(t *testing.T) {
	acme := at("acme", "web", "acme.example.com", "", "")
	const annotation = "traefik.ingress.kubernetes.io/router.middlewares: "
	guard := object("Middleware", "acme", "auth", "basicAuth: {}")
	const allowed = `{apiVersion: v1, kind: Namespace, metadata: {name: tcp, labels:
{tenantguard.io/tenant: tcp}, annotations: {tenantguard.io/allow: "udp, tcp",
tenantguard.io/hosts: tcp.example.com}}}`
	rows := []struct {
		description string
		manifests   []string
		want        string
	}{
		{"nothing wrong", []string{acme}, ""},
		{"no tenant", []string{at("nobody", "web", "x.example.com", "", "")}, "router-unbound"},
		{"another tenant's host", []string{acme, at("globex", "x", "acme.example.com", "", "")},
			"host-claimed-twice host-foreign"},
		{"an Ingress for another tenant's host",
			[]string{ingress("globex", "x", "a.acme.example.com", "web", "")}, "host-foreign"},
		{"another tenant's Middleware", []string{guard, at("globex", "x", "globex.example.com",
			"middlewares: [{name: auth, namespace: acme}]", "")},
			"reference-foreign setting-cross-namespace"},
		{"a Middleware of another provider", []string{at("globex", "x", "globex.example.com",
			"middlewares: [{name: headers@file}]", "")}, "setting-cross-provider"},
		{"what the platform names", []string{at("traefik", "x", "acme.example.com",
			"middlewares: [{name: headers@file}]", "")}, "router-unbound"},
		{"Traefik's API", []string{at("globex", "x", "globex.example.com",
			"services: [{kind: TraefikService, name: api@internal}]", "")},
			"service-internal setting-cross-provider"},
		{"a service that does nothing", []string{at("globex", "x", "globex.example.com",
			"services: [{kind: TraefikService, name: noop@internal}]", "")},
			"setting-cross-provider"},
		{"a Middleware by its old name", []string{guard, ingress("acme", "x", "acme.example.com",
			"web", annotation+"acme-auth@kubernetescrd")}, "setting-safe-naming"},
		{"by its new name", []string{guard, ingress("acme", "x", "acme.example.com", "web",
			annotation+"acme_auth@kubernetescrd")}, ""},
		{"another tenant's by annotation", []string{guard, ingress("globex", "x",
			"globex.example.com", "web", annotation+"acme_auth@kubernetescrd")},
			"reference-foreign"},
		{"a default store", []string{object("TLSStore", "globex", "default", "")},
			"setting-default-tls"},
		{"the platform's", []string{object("TLSStore", "traefik", "default", "")}, ""},
		{"options in conflict, one's own", []string{acme + "\n---\n" + at("acme", "x",
			"acme.example.com", "", "tls: {}"), at("acme", "z", "acme.example.com", "",
			"tls: {options: {name: mtls}}")}, "setting-strict-tls"},
		{"parents without routes", []string{object("IngressRoute", "acme", "empty", "routes: []"),
			at("acme", "x", "acme.example.com", "", "parentRefs: [{name: empty}]")},
			"router-orphan"},
		{"parents", []string{acme, at("acme", "x", "acme.example.com", "",
			"parentRefs: [{name: web}]")}, ""},
		{"to the API server", []string{service("acme", "kubernetes.default.svc")},
			"service-control-plane"},
		{"to Traefik's machine", []string{service("acme", "localhost")}, "service-control-plane"},
		{"to the cloud's", []string{service("acme", "169.254.169.254")}, "service-control-plane"},
		{"to another tenant", []string{service("acme", "web.globex.svc.cluster.local")},
			"service-control-plane"},
		{"to the platform, from nobody's", []string{service("nobody", "web.traefik.svc")},
			"service-control-plane"},
		{"TCP", []string{acme, object("IngressRouteTCP", "acme", "x",
			"routes: [{match: 'HostSNI(`acme.example.com`)'}], tls: {}")}, "tcp-over-guarded-host"},
		{"TCP where the operators allow it", []string{acme, allowed,
			object("IngressRouteTCP", "tcp", "x",
				"routes: [{match: 'HostSNI(`tcp.example.com`)'}], tls: {}")}, ""},
		{"to its own", []string{service("acme", "web.acme.svc.cluster.local")}, ""},
		{"to the world", []string{service("acme", "www.example.org")}, ""},
		{"UDP", []string{object("IngressRouteUDP", "acme", "x", "routes: [{services: []}]")},
			"udp-router"},
	}
	for _, row := range rows {
		report := run(t, nil, nil, objectsOf(t, append(row.manifests, teams)...))
		report.Findings = withoutAdmission(report.Findings)
		if got := sortedIDs(report.Findings); got != row.want {
			t.Errorf("%s: %q, want %q: %+v", row.description, got, row.want, report.Findings)
		}
	}
}

func withoutAdmission(findings finding.List) finding.List {
	return slices.DeleteFunc(findings, func(f finding.Finding) bool {
		return f.ID == "admission-refused"
	})
}

// TestSecrets has certificates in the Secrets of two tenants.
func TestSecrets(t *testing.T) {
	acme := at("acme", "web", "a.acme.example.com", "", withSecret("tls"))
	globex := at("globex", "web", "globex.example.com", "", withSecret("tls"))
	const broken = "-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n"
	rows := []struct {
		description string
		manifests   []string
		// want are the findings, and says what one of them says.
		want, says string
	}{
		{"its own", []string{acme, secret(t, "acme", "tls", "acme-exact")}, "", ""},
		{"in another tenant's namespace alone", []string{acme, globex,
			secret(t, "globex", "tls", "acme-exact")}, "certificate-secret",
			"kubectl delete secret --namespace globex tls"},
		{"in a Secret whose name a shell would obey", []string{acme,
			at("globex", "web", "globex.example.com", "", withSecret("'a;id'")),
			secret(t, "globex", "'a;id'", "acme-exact")}, "certificate-secret",
			"kubectl delete secret --namespace globex 'a;id'"},
		{"a hijack", []string{acme, globex, secret(t, "acme", "tls", "acme-exact"),
			secret(t, "globex", "tls", "hijack-sorts-last")},
			"certificate-contested certificate-foreign", "whose joined names sort last"},
		{"a hijack with what can't be read behind it", []string{acme, globex,
			secret(t, "acme", "tls", "acme-exact"),
			secret(t, "globex", "tls", "hijack-sorts-last", broken)},
			"certificate-contested certificate-foreign secret-unreadable", "behind the first"},
		{"one that no route names", []string{acme, secret(t, "acme", "tls", "acme-exact"),
			secret(t, "globex", "unused", "hijack-sorts-last")}, "", ""},
		{"a copy of the same", []string{acme, globex, secret(t, "acme", "tls", "acme-exact"),
			secret(t, "globex", "tls", "acme-exact")}, "", ""},
		{"an expired one", []string{acme, secret(t, "acme", "tls", "acme-expired")},
			"certificate-expired", "until 20"},
		{"a wildcard that is copied", []string{acme, globex, secret(t, "acme", "tls",
			"platform-wildcard"), secret(t, "globex", "tls", "platform-wildcard")},
			"certificate-copied certificate-foreign", "*.example.com"},
	}
	for _, row := range rows {
		report := run(t, nil, nil, objectsOf(t, append(row.manifests, teams)...))
		report.Findings = withoutAdmission(report.Findings)
		if got := sortedIDs(report.Findings); got != row.want {
			t.Errorf("%s: %q, want %q: %+v", row.description, got, row.want, report.Findings)
		}
		if text := fmt.Sprintf("%+v", report.Findings); !strings.Contains(text, row.says) {
			t.Errorf("%s: %q is not said: %s", row.description, row.says, text)
		}
	}
}

// TestCopies has the platform's wildcard in the namespaces of two tenants.
func TestCopies(t *testing.T) {
	manifests := []string{
		teams, at("globex", "web", "globex.example.com", "", withSecret("tls")),
		at("acme", "web", "acme.example.com", "", withSecret("tls")),
		secret(t, "acme", "tls", "platform-wildcard"), secret(t, "globex", "tls",
			"platform-wildcard"),
	}
	roots := "../../../../testdata/certificates/roots-platform.pem"
	shared := map[string]any{"hosts": "*.example.com"}
	rows := []struct {
		description string
		keys        map[string]any
		want        string
	}{
		{"shared names, and no roots", map[string]any{"shared": shared}, "certificate-copied"},
		{"shared names and roots", map[string]any{"shared": shared,
			"certificates": map[string]any{"roots": roots}}, ""},
	}
	for _, row := range rows {
		row.keys["kubernetes"] = map[string]any{"enabled": true}
		report := run(t, row.keys, nil, objectsOf(t, manifests...))
		if got := sortedIDs(withoutAdmission(report.Findings)); got != row.want {
			t.Errorf("%s: %q, want %q: %+v", row.description, got, row.want, report.Findings)
		}
	}
}

// TestNoTenantOnce says of a route without a tenant that it has none, and not also what admission
// says.
func TestNoTenantOnce(t *testing.T) {
	report := run(t, nil, nil, objectsOf(t, teams, at("nobody", "x", "x.example.com", "", "")))
	if got := sortedIDs(report.Findings); got != "router-unbound" {
		t.Errorf("%q", got)
	}
}

// TestCollisions has Ingresses whose names in Traefik are the same.
func TestCollisions(t *testing.T) {
	namespaces := `
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {tenantguard.io/tenant: shop},
annotations: {tenantguard.io/hosts: shop.example.com}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop-api, labels: {tenantguard.io/tenant: api},
annotations: {tenantguard.io/hosts: api.example.com}}}`
	rows := []struct {
		description, one, other, want string
	}{
		{"services", ingress("shop", "a", "shop.example.com", "api-gateway", ""),
			ingress("shop-api", "b", "api.example.com", "gateway", ""),
			"namespaces-alike service-collision"},
		{"names that are not", ingress("shop", "a", "shop.example.com", "web", ""),
			ingress("shop-api", "b", "api.example.com", "web", ""), "namespaces-alike"},
		{"routers", ingress("shop", "api-b", "x.example.com", "a", ""),
			ingress("shop-api", "b", "x.example.com", "b", ""),
			"host-claimed-twice host-unowned namespaces-alike router-collision"},
		{"IngressRoutes", ingress("shop", "a", "shop.example.com", "web", ""),
			at("shop-api", "b", "api.example.com", "", ""), ""},
	}
	for _, row := range rows {
		report := run(t, nil, nil, objectsOf(t, namespaces, row.one, row.other))
		if got := sortedIDs(withoutAdmission(report.Findings)); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestRenamed lists names without and with safeNaming.
func TestRenamed(t *testing.T) {
	report := run(t, nil, nil, objectsOf(t, teams, at("acme", "web", "acme.example.com", "", ""),
		object("Middleware", "acme", "auth", "basicAuth: {}")))
	want := []audit.Rename{
		{Object: "IngressRoute acme/web", Old: "acme-web-244553a31b064d61b754@kubernetescrd",
			New: "acme_web_0@kubernetescrd"},
		{Object: "Middleware acme/auth", Old: "acme-auth@kubernetescrd",
			New: "acme_auth@kubernetescrd"},
	}
	if !slices.Equal(report.Renamed, want) {
		t.Errorf("%+v, want %+v", report.Renamed, want)
	}
}

// TestPolicyWithoutLabels has a policy that lists namespaces, which have no labels.
func TestPolicyWithoutLabels(t *testing.T) {
	keys := map[string]any{"kubernetes": map[string]any{"enabled": true}, "tenants": []any{
		map[string]any{"name": "n", "namespaces": "nobody", "hosts": "n.example.com"},
	}}
	rows := []struct{ description, host, want string }{
		{"its host", "n.example.com", ""},
		{"another one", "x.example.com", "admission-refused host-unowned"},
	}
	for _, row := range rows {
		report := run(t, keys, nil, objectsOf(t, teams, at("nobody", "web", row.host, "", "")))
		if got := sortedIDs(report.Findings); got != row.want {
			t.Errorf("%s: %q, want %q: %+v", row.description, got, row.want, report.Findings)
		}
	}
}
