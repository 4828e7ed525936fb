package kubernetes_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// unread is why admission can't refuse a forged certificate.
const unread = "CEL can't read the names in a Secret's certificate"

// testCertificates has a tenant bring certificates for another tenant's host into Traefik's store.
func testCertificates(t *testing.T, w *world) {
	g, a := w.globex, w.acme
	hijack := func(
		provider, name string, by *team, victim string, certificate *lab.Cert, code string,
		manifest string, router func(cluster.Router) bool,
	) {
		w.run(t, attack{
			name:     name,
			provider: provider,
			by:       by,
			router:   router,
			manifests: []string{cluster.SecretManifest(t, by.Namespace, "evil", certificate),
				manifest},
			host:        host(victim),
			succeeds:    victim,
			served:      certificate,
			forged:      true,
			open:        unread,
			certificate: certificate.Certificate,
			code:        both(code),
			victims:     map[string]string{host(by.name): by.name},
			denied:      both(map[string]string{host(victim): code}),
		})
	}
	more := lab.SelfSigned(t, "acme.test", "zzz.evil.test")
	tlsEvil := "entryPoints: [websecure], tls: {secretName: evil}"
	hijack("kubernetesCRD", "hijack: Secret + IngressRoute tls", g, "acme", more,
		"certificate-foreign",
		g.route("evil", "Host(`evil.globex.test`)", tlsEvil), cluster.ForHost("evil.globex.test"))
	hijack("kubernetesIngress", "hijack: Secret + Ingress tls", g, "acme", more,
		"certificate-foreign",
		g.ingress("evil", "traefik", "evil.globex.test", "/", "evil", ""),
		cluster.ForHost("evil.globex.test"))
	hijack("ingress-nginx", "hijack: Secret + Ingress tls", g, "acme", more, "certificate-foreign",
		g.ingress("evil", "nginx", "evil.globex.test", "/", "evil", cluster.NoRedirect),
		cluster.ForHost("evil.globex.test"))
	// Traefik reads the Secrets in the order of their namespaces. Of two certificates with the same
	// names it uses the first.
	same := lab.SelfSigned(t, "globex.test", "*.globex.test")
	hijack("kubernetesCRD", "certificate of exactly the same names", a, "globex", same,
		"certificate-secret",
		a.route("evil", "Host(`evil.acme.test`)", tlsEvil), cluster.ForHost("evil.acme.test"))
	// All of its names are the victim's, so no name is foreign.
	wider := lab.SelfSigned(t, "acme.test", "www.acme.test")
	hijack("kubernetesCRD", "certificate of only the victim's names", g, "acme", wider,
		"certificate-secret",
		g.route("evil", "Host(`evil.globex.test`)", tlsEvil), cluster.ForHost("evil.globex.test"))
	platform := lab.SelfSigned(t, "*.platform.test", "acme.platform.test")
	testPlatform(t, w, platform)
	testCopiedSecret(t, w)
	testPathInSecret(t, w)
}

// testPathInSecret has the attacker's Secret name files of Traefik's in place of a certificate and
// its key. Traefik reads and serves them, whoever may serve them.
func testPathInSecret(t *testing.T, w *world) {
	onDisk := lab.SelfSigned(t, "acme.test", "zzz.acme.test")
	w.run(t, attack{
		name:     "Secret that is a path on Traefik's disk",
		provider: "kubernetesCRD",
		by:       w.globex,
		manifests: []string{
			fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: evil, namespace: %s}\n"+
				"stringData: {tls.crt: %s, tls.key: %s}\n",
				w.globex.Namespace, onDisk.CertFile, onDisk.KeyFile),
			w.globex.route("evil", "Host(`evil.globex.test`)",
				"entryPoints: [websecure], tls: {secretName: evil}"),
		},
		router:      cluster.ForHost("evil.globex.test"),
		host:        "acme.test",
		served:      onDisk,
		forged:      true,
		certificate: onDisk.Certificate,
		succeeds:    "acme",
		code:        both("certificate-secret"),
		victims:     map[string]string{"globex.test": "globex"},
		denied:      both(map[string]string{"acme.test": "certificate-secret"}),
	})
}

// testPlatform checks that a platform certificate passes if its Secret is in a shared namespace,
// and that one with the same names from elsewhere does not.
func testPlatform(t *testing.T, w *world, forged *lab.Cert) {
	const host = "acme.platform.test"
	route := w.acme.route("platform", "Host(`"+host+"`)", "entryPoints: [websecure], tls: {}")
	w.acme.Apply(t, route)
	defer w.acme.Delete(t, route)
	for _, name := range namings {
		w.on[name].WaitRouter(t, cluster.ForHost(host))
		response := get(t, w.on[name], host, "/", false)
		assert.Equal(t, "acme", response.Tenant(), "%s: %d %s", name, response.Status,
			response.Reason())
	}
	w.run(t, attack{
		name:     "forged platform certificate",
		provider: "kubernetesCRD",
		by:       w.globex,
		manifests: []string{
			cluster.SecretManifest(t, w.globex.Namespace, "evil", forged),
			w.globex.route("evil", "Host(`evil.globex.test`)",
				"entryPoints: [websecure], tls: {secretName: evil}"),
		},
		router:      cluster.ForHost("evil.globex.test"),
		host:        host,
		served:      forged,
		forged:      true,
		open:        unread,
		owner:       w.acme,
		own:         []string{route},
		certificate: forged.Certificate,
		succeeds:    "acme",
		code:        both("certificate-secret"),
		victims:     map[string]string{"acme.test": "acme"},
	})
}

// testCopiedSecret has the attacker copy a victim's Secret. While the victim still has that
// certificate it counts as the victim's. Once the victim has renewed it, the old copy does not.
func testCopiedSecret(t *testing.T, w *world) {
	a, g := w.acme, w.globex
	copy := func() []string {
		return []string{
			cluster.SecretManifest(t, a.Namespace, "copied", g.certificate),
			a.route("copied", "Host(`copied.acme.test`)",
				"entryPoints: [websecure], tls: {secretName: copied}"),
		}
	}
	copied := copy()
	w.run(t, attack{
		name:        "the victim's Secret copied",
		provider:    "kubernetesCRD",
		by:          a,
		manifests:   copied,
		router:      cluster.ForHost("copied.acme.test"),
		host:        "globex.test",
		succeeds:    "globex",
		open:        unread,
		certificate: g.certificate.Certificate,
		victims:     map[string]string{"acme.test": "acme"},
		note:        "; still the victim's own certificate",
	})

	old := g.certificate
	a.Apply(t, copied...)
	g.certificate = lab.SelfSigned(t, "globex.test", "*.globex.test")
	g.Secret(t, "tls", g.certificate)
	w.again[len(w.again)-1].manifests = copy() // the second time it is the new one
	w.run(t, attack{
		name:        "a copy of a Secret that the victim renewed",
		provider:    "kubernetesCRD",
		by:          a,
		manifests:   copied,
		router:      cluster.ForHost("copied.acme.test"),
		host:        "globex.test",
		served:      old,
		certificate: old.Certificate,
		succeeds:    "globex",
		eventually:  true,
		pages:       []page{{host: "globex.test", tenant: "globex"}},
		open:        unread,
		code:        both("certificate-secret"),
		victims:     map[string]string{"acme.test": "acme"},
	})
}
