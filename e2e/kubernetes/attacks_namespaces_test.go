package kubernetes_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// testNamespaces attacks what the guard reads tenants from.
func testNamespaces(t *testing.T, w *world) {
	t.Run("own annotation", func(t *testing.T) { testOwnAnnotation(t, w) })
	t.Run("deleted and made again", func(t *testing.T) { testDeletedNamespace(t, w) })
}

// testOwnAnnotation has a tenant claim a name below another tenant's wildcard on its own Namespace.
func testOwnAnnotation(t *testing.T, w *world) {
	const host = "forgotten.acme.test"
	g, c := w.globex, w.cluster
	const claim = `
apiVersion: v1
kind: Namespace
metadata:
  name: globex
  labels: {tenantguard.io/tenant: globex}
  annotations:
    tenantguard.io/hosts: 'globex.test, *.globex.test, globex.platform.test, ` + host + `'
`
	route := g.route("claim", "Host(`"+host+"`)", "entryPoints: [websecure]")
	g.Apply(t, route)
	defer g.Delete(t, route)
	for _, tr := range w.all(namings...) {
		tr.WaitRouter(t, cluster.ForHost(host))
	}
	var off string
	foreign := func() {
		t.Helper()
		for _, name := range namings {
			unguarded := get(t, w.off[name], host, "/", false)
			require.Equal(t, "globex", unguarded.Tenant(), "guard off, %s", name)
			off = w.describe(unguarded, attack{})
			require.Eventually(t, func() bool {
				return get(t, w.on[name], host, "/", false).Reason() == "host-foreign"
			}, 10*time.Second, 50*time.Millisecond, name)
		}
	}

	pages := []page{{host: "acme.test", tenant: "acme"}}
	watched := w.watch(t, w.on[plain], pages)
	err := g.TryApply(t.Context(), claim)
	assert.True(t, apierrors.IsForbidden(err), "%v", err)
	foreign()
	served := watched.result(t)
	w.rows = append(w.rows, row{
		attack: "own Namespace's annotation, RBAC", provider: "any", off: off,
		on: "forbidden by the API; 403 host-foreign", onServed: served,
		admission: "forbidden by the API", served: served,
	})

	const role = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: lax}
rules: [{apiGroups: [""], resources: [namespaces], verbs: [get, update, patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: lax, namespace: globex}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lax}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: globex-user}]
`
	c.Apply(t, c.Admin(), role)
	defer c.Delete(t, c.Admin(), role)
	defer func() { c.Namespace(t, "globex", marks("globex")...) }()
	watched = w.watch(t, w.on[plain], pages)
	// Counter-check: with the right to write it, and no other obstacle, the guard believes the
	// Namespace.
	require.Eventually(t, func() bool {
		return g.TryApply(t.Context(), claim) == nil
	}, 10*time.Second, 50*time.Millisecond)
	for _, name := range namings {
		require.Eventually(t, func() bool {
			response := get(t, w.on[name], host, "/", false)
			return response.Reason() == "certificate-foreign" || response.Tenant() == "globex"
		}, 10*time.Second, 50*time.Millisecond, name)
	}
	plainly := get(t, w.on[namings[0]], host, "/", false)
	line := row{
		attack: "own Namespace's annotation, RBAC allows", provider: "any", off: off,
		on: "the claim is believed: " + w.describe(plainly, attack{}), onServed: watched.result(t),
	}
	c.Namespace(t, "globex", marks("globex")...)
	foreign()

	watched = w.watch(t, w.on[plain], pages)
	protected := ofNamespaces(t)
	c.Apply(t, c.Admin(), protected...)
	defer c.Delete(t, c.Admin(), protected...)
	c.AwaitPolicies(t)
	err = g.TryApply(t.Context(), claim)
	assert.True(t, apierrors.IsForbidden(err), "%v", err)
	assert.ErrorContains(t, err, "only operators")
	foreign()
	line.admission, line.served = "refused: namespaces; 403 host-foreign", watched.result(t)
	w.rows = append(w.rows, line)
}

// testDeletedNamespace deletes the victim's namespace and creates it again while an attacker waits
// for its host: first with a route, then with a certificate as well.
func testDeletedNamespace(t *testing.T, w *world) {
	const at = "phoenix.test"
	c, g := w.cluster, w.globex
	victim := w.team(t, "phoenix")
	own := victim.route("web", hostRule("phoenix"),
		"entryPoints: [websecure], tls: {secretName: tls}")
	victim.Apply(t, own)
	waiting := g.routeVia("waiting", "Host(`phoenix.test`)", "entryPoints: [websecure]",
		"priority: 1")
	g.Apply(t, waiting)
	defer func() { g.Delete(t, waiting) }()
	for _, tr := range w.all(namings...) {
		tr.WaitRouter(t, func(router cluster.Router) bool {
			return cluster.ForHost(at)(router) && strings.Contains(router.Name, "phoenix")
		})
		tr.WaitRouter(t, named("waiting"))
		tr.WaitCertificate(t, at, victim.certificate)
		// The guard applies a new Namespace within a second.
		assert.Eventually(t, func() bool {
			return get(t, tr, at, "/", false).Tenant() == "phoenix"
		}, 5*time.Second, 20*time.Millisecond)
	}

	c.DeleteNamespace(t, "phoenix")
	line := row{
		attack: "victim's namespace deleted, attacker's route waits", provider: "kubernetesCRD",
	}
	for _, name := range namings {
		for _, tr := range w.all(name) {
			tr.WaitRemoved(t, func(router cluster.Router) bool {
				return strings.Contains(router.Name, "phoenix")
			})
		}
		off := get(t, w.off[name], at, "/", false)
		assert.Equal(t, "globex", off.Tenant(), name)
		line.off = add(line.off, off.Tenant()+" answers")
		on := untilCode(t, w.on[name], at, "host-unowned")
		line.on = add(line.on, w.describe(on, attack{}))
	}
	line.onServed = "- (there is no victim)"
	repeated := again{
		name: line.attack, by: g, owner: victim, own: []string{own}, manifests: []string{waiting},
		host: at, pages: []page{{host: at, tenant: "phoenix"}}, at: []place{{plain, len(w.rows)}},
	}
	w.again = append(w.again, repeated)
	w.rows = append(w.rows, line)

	// Before the victim is back there is a certificate with the same names in a namespace that
	// Traefik reads first.
	more := []string{
		cluster.SecretManifest(t, g.Namespace, "waiting", lab.SelfSigned(t, at, "*."+at)),
		g.route("waiting-tls", "Host(`waiting.globex.test`)",
			"entryPoints: [websecure], tls: {secretName: waiting}"),
	}
	g.Apply(t, more...)
	victim.Tenant = c.Tenant(t, "phoenix", marks("phoenix")...)
	for _, name := range namings {
		untilCode(t, w.on[name], at, "host-foreign")
	}
	victim.service = victim.Service(w.t, "phoenix")
	victim.Secret(t, "tls", victim.certificate)
	victim.Apply(t, own)
	line = row{
		attack: "made again, attacker's route and certificate wait", provider: "kubernetesCRD",
	}
	for _, name := range namings {
		for _, tr := range w.all(name) {
			tr.WaitRouter(t, func(router cluster.Router) bool {
				return cluster.ForHost(at)(router) && strings.Contains(router.Name, "phoenix")
			})
		}
		off := get(t, w.off[name], at, "/", false)
		assert.Equal(t, "phoenix", off.Tenant(), name)
		assert.False(t, off.Served.Equal(victim.certificate.Certificate), name)
		line.off = add(line.off, off.Tenant()+" answers, certificate: the attacker's")
		on := get(t, w.on[name], at, "/", false)
		assert.Equal(t, "certificate-secret", on.Reason(), "%s: %d %s", name, on.Status,
			on.Tenant())
		line.on = add(line.on, w.describe(on, attack{}))
	}
	g.Delete(t, more...)
	for _, name := range namings {
		w.on[name].WaitCertificate(t, at, victim.certificate)
		response := get(t, w.on[name], at, "/", false)
		assert.Equal(t, "phoenix", response.Tenant(), "%s: %d %s", name, response.Status,
			response.Reason())
	}
	line.on = add(line.on, "victim passes once the certificate is gone")
	line.onServed = "no: 421 certificate-secret"
	repeated.name, repeated.open = line.attack, unread
	repeated.manifests, repeated.at = more, []place{{plain, len(w.rows)}}
	w.again = append(w.again, repeated)
	w.rows = append(w.rows, line)
}

// untilCode repeats a request until it is refused with this code. Until then it must be refused
// with another one.
func untilCode(t *testing.T, tr *cluster.Traefik, host, code string) *lab.Response {
	t.Helper()
	var response *lab.Response
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
		response = get(t, tr, host, "/", false)
		require.Empty(t, response.Tenant())
		if response.Reason() == code {
			return response
		}
		assert.GreaterOrEqual(t, response.Status, http.StatusBadRequest)
	}
	t.Errorf("%s: %d %s, want %s", host, response.Status, response.Reason(), code)

	return response
}
