package kubernetes_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// references returns all attacks by references.
func references(t *testing.T, w *world) []reference {
	a, g := w.acme, w.globex
	const (
		badge = `
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: badge}
spec: {headers: {customResponseHeaders: {Badge: acme's}}}
`
		guard = `
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: guard}
spec: {plugin: {tenantguard: {}}}
`
		mtls = `
apiVersion: traefik.io/v1alpha1
kind: TLSOption
metadata: {name: mtls}
spec: {clientAuth: {clientAuthType: RequireAnyClientCert}}
`
		child = `
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: child}
spec:
  parentRefs: [{name: multi, namespace: acme}]
  routes:
    - kind: Rule
      match: 'PathPrefix(` + "`/child`" + `)'
      services: [{name: globex, port: http}]
`
		ownChild = `
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: own-child}
spec:
  parentRefs: [{name: multi}]
  routes:
    - kind: Rule
      match: 'Host(` + "`multi.acme.test`) && PathPrefix(`/own`" + `)'
      services: [{name: acme, port: http}]
`
		parent = `
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: multi}
spec:
  entryPoints: [websecure]
  routes: [{kind: Rule, match: 'Host(` + "`multi.acme.test`" + `)'}]
  tls: {secretName: tls}
`
		tcp = `
apiVersion: traefik.io/v1alpha1
kind: IngressRouteTCP
metadata: {name: tcp}
spec:
  entryPoints: [websecure]
  routes:
    - match: 'HostSNI(` + "`forgotten.acme.test`" + `)'
      services: [{name: globex, port: http}]
  tls: {}
`
		// ghost makes no router, for its Service is missing.
		orphan = `
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: ghost}
spec:
  entryPoints: [websecure]
  routes:
    - kind: Rule
      match: 'Host(` + "`ghost.globex.test`" + `)'
      services: [{name: missing, port: 1}]
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: orphan}
spec:
  parentRefs: [{name: ghost}]
  entryPoints: [websecure]
  routes:
    - kind: Rule
      match: 'Host(` + "`acme.test`" + `)'
      priority: 1000
      services: [{name: globex, port: http}]
  tls: {}
`
		routeless = `
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: empty}
spec: {entryPoints: [websecure], routes: [], tls: {}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: everything}
spec:
  parentRefs: [{name: empty}]
  routes:
    - kind: Rule
      match: 'PathPrefix(` + "`/`" + `)'
      priority: 100000
      services: [{name: globex, port: http}]
`
		store = `
apiVersion: traefik.io/v1alpha1
kind: TLSStore
metadata: {name: default}
spec: {defaultCertificate: {secretName: evil}}
`
	)
	badgeName := map[naming]string{safe: "acme_badge", legacy: "acme-badge"}[plain]
	bare := cluster.SecretManifest(t, g.Namespace, "evil", lab.SelfSigned(t, "bare-acme.test"))
	service := strings.ReplaceAll(g.route("service", "Host(`service.globex.test`)",
		"entryPoints: [websecure]"), "name: globex, port", "name: acme, namespace: acme, port")
	api := strings.ReplaceAll(g.route("api", "Host(`api.globex.test`)", "entryPoints: [websecure]"),
		"name: globex, port: http", "kind: TraefikService, name: api@internal")
	w.disk = lab.SelfSigned(t, "bare-globex.test")
	ownTLS := "entryPoints: [websecure], tls: {options: {name: mtls}}"
	return []reference{
		{
			name: "another tenant's Middleware",
			cases: []settings{
				{plain, crossOff, noRouter, noRouter},
				{crossing, crossOn, "globex answers, certificate: globex, with acme's",
					"globex answers, certificate: globex, with acme's"},
			},
			provider: "kubernetesCRD",
			victim:   []string{badge},
			host:     "cross.globex.test",
			attacker: []string{g.routeVia("cross", "Host(`cross.globex.test`)",
				"entryPoints: [websecure]", "middlewares: [{name: badge, namespace: acme}]")},
		},
		{
			name: "another tenant's Middleware by annotation",
			cases: []settings{
				{plain, "crossProviderNamespaces unset",
					"globex answers, certificate: globex, with acme's",
					"globex answers, certificate: globex, with acme's"},
				{crossing, "crossProviderNamespaces: [traefik]", noRouter, noRouter},
			},
			provider: "kubernetesIngress",
			victim:   []string{badge},
			host:     "note.globex.test",
			attacker: []string{g.ingress("note", "traefik", "note.globex.test", "/", "",
				"traefik.ingress.kubernetes.io/router.middlewares: "+badgeName+"@kubernetescrd")},
		},
		{
			name: "another tenant's own guard",
			cases: []settings{
				{plain, crossOff, noRouter, noRouter},
				{crossing, crossOn, "403 from Traefik", "403 host-foreign"},
			},
			provider: "kubernetesCRD",
			victim:   []string{guard},
			host:     "forgotten.acme.test",
			attacker: []string{g.routeVia("guarded", "Host(`forgotten.acme.test`)",
				"entryPoints: [websecure]", "middlewares: [{name: guard, namespace: acme}]")},
		},
		{
			name: "another tenant's Service",
			cases: []settings{
				{plain, crossOff, noRouter, noRouter},
				{crossing, crossOn, "acme answers, certificate: globex",
					"acme answers, certificate: globex"},
			},
			provider: "kubernetesCRD",
			host:     "service.globex.test",
			attacker: []string{service},
		},
		{
			name: "another tenant's TLSOption",
			cases: []settings{
				{plain, crossOff, noRouter, noRouter},
				{crossing, crossOn, "TLS fails", "TLS fails"},
			},
			provider: "kubernetesCRD",
			victim:   []string{mtls},
			host:     "option.globex.test",
			attacker: []string{g.route("option", "Host(`option.globex.test`)",
				"entryPoints: [websecure], tls: {options: {name: mtls, namespace: acme}}")},
		},
		{
			name: "child of another tenant's router",
			cases: []settings{
				{plain, crossOff, noRouter, noRouter},
				{crossing, crossOn, "globex answers, certificate: acme", "403 router-ambiguous"},
			},
			provider: "kubernetesCRD",
			victim:   []string{parent, ownChild},
			host:     "multi.acme.test",
			path:     "/child",
			attacker: []string{child},
		},
		{
			name:        "TLS options in conflict with another tenant's",
			before:      "TLS fails",
			needsStrict: true,
			cases: []settings{
				{plain, "strictTLSOptions off", "acme answers, certificate: acme",
					"acme answers, certificate: acme"},
				{crossing, "strictTLSOptions on", noRouter, noRouter},
			},
			provider: "kubernetesCRD",
			host:     "mtls.acme.test",
			victim:   []string{mtls, a.route("mtls", "Host(`mtls.acme.test`)", ownTLS)},
			attacker: []string{g.route("conflict", "Host(`mtls.acme.test`) && PathPrefix(`/x`)",
				"entryPoints: [websecure]")},
		},
		{
			name:        "TLSOption default",
			before:      "acme answers, certificate: acme",
			needsStrict: true,
			cases: []settings{
				{plain, "defaultTLSResourcesNamespace unset", "TLS fails", "TLS fails"},
				{crossing, "defaultTLSResourcesNamespace: traefik",
					"acme answers, certificate: acme", "acme answers, certificate: acme"},
			},
			provider: "kubernetesCRD",
			host:     "acme.test",
			attacker: []string{strings.ReplaceAll(mtls, "name: mtls", "name: default")},
		},
		{
			name:        "TLSStore default",
			needsStrict: true,
			cases: []settings{
				{plain, "defaultTLSResourcesNamespace unset",
					"acme answers, certificate: the attacker's", "421 certificate-secret"},
				{crossing, "defaultTLSResourcesNamespace: traefik",
					"acme answers, certificate: Traefik's default", "421 certificate-name"},
			},
			provider: "kubernetesCRD",
			host:     "bare-acme.test",
			victim: []string{a.route("bare", "Host(`bare-acme.test`)",
				"entryPoints: [websecure]")},
			attacker: []string{bare, store},
		},
		{
			name: "Traefik's API by the tenant's own route",
			cases: []settings{
				{plain, "crossProviderNamespaces unset", "200 from Traefik", "200 from Traefik"},
				{crossing, "crossProviderNamespaces: [traefik]", noRouter, noRouter},
			},
			provider: "kubernetesCRD",
			host:     "api.globex.test",
			path:     "/api/http/middlewares",
			attacker: []string{api},
		},
		{
			name: "IngressRouteTCP for another tenant's host",
			cases: []settings{
				{plain, "Traefik as it comes", "globex answers, certificate: acme",
					"globex answers, certificate: acme"},
				{crossing, "all its settings on", "globex answers, certificate: acme",
					"globex answers, certificate: acme"},
			},
			provider: "kubernetesCRD",
			host:     "forgotten.acme.test",
			attacker: []string{tcp},
		},
		{
			name: "orphan: parentRefs to what makes no router, entryPoints and tls",
			cases: []settings{
				{plain, "Traefik as it comes", "globex answers, certificate: acme",
					"globex answers, certificate: acme"},
			},
			provider: "kubernetesCRD",
			host:     "acme.test",
			attacker: []string{orphan},
		},
		{
			name: "child of an IngressRoute without routes",
			cases: []settings{
				{plain, "Traefik as it comes", "globex answers, certificate: acme",
					"403 host-foreign"},
			},
			provider: "kubernetesCRD",
			host:     "acme.test",
			attacker: []string{routeless},
		},
		{
			name: "ssl-passthrough on a plain Ingress, victim's route a HostRegexp",
			cases: []settings{
				{plain, "Traefik as it comes", "TLS fails", "TLS fails"},
			},
			provider: "ingress-nginx",
			before:   "acme answers, certificate: acme",
			host:     "any.acme.test",
			victim: []string{a.route("any", "HostRegexp(`^any[.]acme[.]test$`)",
				"entryPoints: [websecure]")},
			attacker: []string{g.ingress("passthrough", "nginx", "any.acme.test", "/", "",
				"nginx.ingress.kubernetes.io/ssl-passthrough: 'true'")},
		},
		{
			name:   "TLSOption for the victim's host, on a path nobody requests",
			before: "acme answers, certificate: acme",
			cases: []settings{
				{plain, "strictTLSOptions off", "acme answers, certificate: acme",
					"acme answers, certificate: acme"},
				{crossing, "strictTLSOptions on", noRouter, noRouter},
			},
			needsStrict: true,
			provider:    "kubernetesCRD",
			host:        "acme.test",
			attacker: []string{mtls, g.route("conflict",
				"Host(`acme.test`) && Path(`/nobody-requests-this`)",
				"entryPoints: [websecure], tls: {options: {name: mtls}}")},
		},
		{
			name: "a Secret that is a path",
			cases: []settings{
				{plain, "Traefik as it comes",
					"globex answers, certificate: from Traefik's disk", "421 certificate-secret"},
			},
			provider: "kubernetesCRD",
			host:     "bare-globex.test",
			attacker: []string{pathSecret(t, w.disk), g.route("path", "Host(`bare-globex.test`)",
				"entryPoints: [websecure], tls: {secretName: path}")},
		},
	}
}

// pathSecret returns a Secret that has the names of a certificate's files in place of their
// content.
func pathSecret(t *testing.T, certificate *lab.Cert) string {
	t.Helper()
	return fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: path}
type: kubernetes.io/tls
stringData: {tls.crt: %q, tls.key: %q}
`, certificate.CertFile, certificate.KeyFile)
}
