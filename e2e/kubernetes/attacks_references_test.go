package kubernetes_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// reference is an attack by what Traefik's resources say of each other. What the guard can't see is here as well, with
// Traefik's own setting against it.
type reference struct {
	name, provider   string
	victim, attacker []string
	// host and path are asked for.
	host, path string
	// before is the answer without the attack, "" for any.
	before string
	cases  []settings
	// needsStrict tells that the last case is of a setting that not every release has.
	needsStrict bool
}

// settings are the Traefiks to ask, and what they answer without and with the guard.
type settings struct {
	traefik     naming
	description string
	off, on     string
}

const (
	crossOff = "allowCrossNamespace off"
	crossOn  = "allowCrossNamespace on"
	nobody   = "404 from Traefik"
	unseen   = " (not seen by the guard)"
)

// plain is Traefik as it comes, but for safe names.
var plain = namings[0]

// strict tells that the release has settings against what the guard can't see of TLS options and of TLSStores.
var strict = traefik.Since(traefik.SafeNames)

// testReferences runs two more Traefiks: with references across namespaces, and else as the operator should have them.
func testReferences(t *testing.T, w *world) {
	crd, static := lab.Map{"allowCrossNamespace": true, "crossProviderNamespaces": []string{cluster.TraefikNamespace}}, lab.Map{}
	if strict {
		crd["defaultTLSResourcesNamespace"] = cluster.TraefikNamespace
		static["core"] = lab.Map{"strictTLSOptions": true}
	}
	w.off[crossing] = w.traefik(t, w.off[plain], 5, providers(crossing, crd), nil, static)
	w.on[crossing] = w.traefik(t, w.off[plain], 6, providers(crossing, crd), lab.Map{}, static)
	for _, tr := range w.all(crossing) {
		tr.WaitRouter(t, cluster.ForHost(host("acme")))
		tr.WaitCertificate(t, host("acme"), w.acme.certificate)
	}
	for _, r := range references(t, w) {
		if r.needsStrict && !strict {
			r.cases = r.cases[:1]
		}
		t.Run(r.name, func(t *testing.T) { w.refer(t, r) })
	}
}

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
spec: {parentRefs: [{name: multi, namespace: acme}], routes: [{kind: Rule, match: 'PathPrefix(` + "`/child`" + `)', services: [{name: globex, port: http}]}]}
`
		ownChild = `
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: own-child}
spec: {parentRefs: [{name: multi}], routes: [{kind: Rule, match: 'PathPrefix(` + "`/own`" + `)', services: [{name: acme, port: http}]}]}
`
		parent = `
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: multi}
spec: {entryPoints: [websecure], routes: [{kind: Rule, match: 'Host(` + "`multi.acme.test`" + `)'}], tls: {secretName: tls}}
`
		tcp = `
apiVersion: traefik.io/v1alpha1
kind: IngressRouteTCP
metadata: {name: tcp}
spec: {entryPoints: [websecure], routes: [{match: 'HostSNI(` + "`forgotten.acme.test`" + `)', services: [{name: globex, port: http}]}], tls: {}}
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
	service := strings.ReplaceAll(g.route("service", "Host(`service.globex.test`)", "entryPoints: [websecure]"), "name: globex, port", "name: acme, namespace: acme, port")
	api := strings.ReplaceAll(g.route("api", "Host(`api.globex.test`)", "entryPoints: [websecure]"), "name: globex, port: http", "kind: TraefikService, name: api@internal")
	ownTLS := "entryPoints: [websecure], tls: {options: {name: mtls}}"
	return []reference{
		{name: "another's Middleware", cases: []settings{
			{plain, crossOff, nobody, nobody},
			{crossing, crossOn, "globex answers, certificate: globex, with acme's", "globex answers, certificate: globex, with acme's"},
		},
			provider: "kubernetesCRD", victim: []string{badge}, host: "cross.globex.test",
			attacker: []string{g.routeVia("cross", "Host(`cross.globex.test`)", "entryPoints: [websecure]", "middlewares: [{name: badge, namespace: acme}]")}},
		{name: "another's Middleware by annotation", cases: []settings{
			{plain, "crossProviderNamespaces unset", "globex answers, certificate: globex, with acme's", "globex answers, certificate: globex, with acme's"},
			{crossing, "crossProviderNamespaces: [traefik]", nobody, nobody},
		},
			provider: "kubernetesIngress", victim: []string{badge}, host: "note.globex.test",
			attacker: []string{g.ingress("note", "traefik", "note.globex.test", "/", "", "traefik.ingress.kubernetes.io/router.middlewares: "+badgeName+"@kubernetescrd")}},
		{name: "another's own guard", cases: []settings{
			{plain, crossOff, nobody, nobody},
			{crossing, crossOn, "403 from Traefik", "403 host-foreign"},
		},
			provider: "kubernetesCRD", victim: []string{guard}, host: "forgotten.acme.test",
			attacker: []string{g.routeVia("guarded", "Host(`forgotten.acme.test`)", "entryPoints: [websecure]", "middlewares: [{name: guard, namespace: acme}]")}},
		{name: "another's Service", cases: []settings{
			{plain, crossOff, nobody, nobody},
			{crossing, crossOn, "acme answers, certificate: globex", "acme answers, certificate: globex"},
		},
			provider: "kubernetesCRD", host: "service.globex.test", attacker: []string{service}},
		{name: "another's TLSOption", cases: []settings{
			{plain, crossOff, nobody, nobody},
			{crossing, crossOn, "TLS fails", "TLS fails"},
		},
			provider: "kubernetesCRD", victim: []string{mtls}, host: "option.globex.test",
			attacker: []string{g.route("option", "Host(`option.globex.test`)", "entryPoints: [websecure], tls: {options: {name: mtls, namespace: acme}}")}},
		{name: "child of another's router", cases: []settings{
			{plain, crossOff, nobody, nobody},
			{crossing, crossOn, "globex answers, certificate: acme", "403 router-ambiguous"},
		},
			provider: "kubernetesCRD", victim: []string{parent, ownChild}, host: "multi.acme.test", path: "/child", attacker: []string{child}},
		{name: "TLS options in conflict with another's", before: "TLS fails", needsStrict: true, cases: []settings{
			{plain, "strictTLSOptions off", "acme answers, certificate: acme", "acme answers, certificate: acme"},
			{crossing, "strictTLSOptions on", nobody, nobody},
		},
			provider: "kubernetesCRD", host: "mtls.acme.test",
			victim:   []string{mtls, a.route("mtls", "Host(`mtls.acme.test`)", ownTLS)},
			attacker: []string{g.route("conflict", "Host(`mtls.acme.test`) && PathPrefix(`/x`)", "entryPoints: [websecure]")}},
		{name: "TLSOption default", before: "acme answers, certificate: acme", needsStrict: true, cases: []settings{
			{plain, "defaultTLSResourcesNamespace unset", "TLS fails", "TLS fails"},
			{crossing, "defaultTLSResourcesNamespace: traefik", "acme answers, certificate: acme", "acme answers, certificate: acme"},
		},
			provider: "kubernetesCRD", host: "acme.test", attacker: []string{strings.ReplaceAll(mtls, "name: mtls", "name: default")}},
		{name: "TLSStore default", needsStrict: true, cases: []settings{
			{plain, "defaultTLSResourcesNamespace unset", "acme answers, certificate: the attacker's", "421 certificate-secret"},
			{crossing, "defaultTLSResourcesNamespace: traefik", "acme answers, certificate: Traefik's default", "421 certificate-name"},
		},
			provider: "kubernetesCRD", host: "bare-acme.test",
			victim:   []string{a.route("bare", "Host(`bare-acme.test`)", "entryPoints: [websecure]")},
			attacker: []string{bare, store}},
		{name: "Traefik's API by a route of one's own", cases: []settings{
			{plain, "crossProviderNamespaces unset", "200 from Traefik", "200 from Traefik"},
			{crossing, "crossProviderNamespaces: [traefik]", nobody, nobody},
		},
			provider: "kubernetesCRD", host: "api.globex.test", path: "/api/http/middlewares", attacker: []string{api}},
		{name: "IngressRouteTCP for another's host", cases: []settings{
			{plain, "Traefik as it comes", "globex answers, certificate: acme", "globex answers, certificate: acme"},
			{crossing, "all its settings on", "globex answers, certificate: acme", "globex answers, certificate: acme"},
		},
			provider: "kubernetesCRD", host: "forgotten.acme.test", attacker: []string{tcp}},
	}
}

// refer makes an attack, waits for what must come of it, and undoes it.
func (w *world) refer(t *testing.T, r reference) {
	t.Helper()
	w.acme.Apply(t, r.victim...)
	defer w.acme.Delete(t, r.victim...)
	for _, c := range r.cases {
		for _, tr := range w.all(c.traefik) {
			if r.before != "" {
				w.await(t, tr, r, r.before, "before the attack, "+c.description)
			}
		}
	}
	w.globex.Apply(t, r.attacker...)
	defer w.globex.Delete(t, r.attacker...)
	// What must not change has a while to do so.
	time.Sleep(time.Second)
	for _, c := range r.cases {
		off := w.await(t, w.off[c.traefik], r, c.off, "guard off, "+c.description)
		on := w.await(t, w.on[c.traefik], r, c.on, "guard on, "+c.description)
		if off == on && off != nobody && !(r.before == on) {
			on += unseen
		}
		w.rows = append(w.rows, row{r.name + ", " + c.description, r.provider, off, on})
	}
}

// await asks until the answer is the one wanted.
func (w *world) await(t *testing.T, tr *cluster.Traefik, r reference, want, when string) string {
	t.Helper()
	var got string
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
		if got = w.attempt(t, tr, r.host, r.path); got == want {
			return got
		}
	}
	assert.Equal(t, want, got, when)

	return got
}
