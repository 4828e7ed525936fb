package kubernetes_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// claim is an attack of the roll-out: who makes it on whom, and what a client requests. All of them
// are there at once.
type claim struct {
	name, by, victim       string
	serverName, host, path string
	plain                  bool
	// code is the reason of the denial, with safe naming.
	code string
}

// step is a step of the roll-out in docs/operations.md: a general mode, the tenants' own modes by
// their Namespaces, and the tenants that are enforced.
type step struct {
	name         string
	general      string
	acme, globex string
	keys         lab.Map
	enforced     []string
}

// stranger is the namespace without a tenant.
const stranger = "stranger"

var steps = []step{
	{name: "5 and 6: report", general: "report"},
	{
		name: "7: one tenant enforces", general: "report", acme: "enforce",
		enforced: []string{"acme"},
	},
	{
		name: "7: the other tenant too", general: "report", acme: "enforce", globex: "enforce",
		enforced: []string{"acme", "globex"},
	},
	{
		name: "8: all but one enforce", general: "enforce", globex: "report",
		enforced: []string{"acme", stranger},
	},
	{
		name: "9: certificates, with one tenant in report mode", general: "enforce",
		globex: "report", keys: lab.Map{"certificates": lab.Map{"ttl": "1s", "secrets": true}},
		enforced: []string{"acme", stranger},
	},
	{name: "all enforce", general: "enforce", enforced: []string{"acme", "globex", stranger}},
}

// testRollOut goes through the steps of the roll-out while all attacks are made at once, by a
// tenant that is not enforced yet and by a namespace without a tenant. Whoever is enforced must be
// safe from all, and all from who is. In the first step nobody is: there each attack succeeds.
func testRollOut(t *testing.T, w *world) {
	claims := w.claims(t)
	tr := w.on[plain]
	defer func() {
		w.cluster.Namespace(w.t, "acme", marks("acme")...)
		w.cluster.Namespace(w.t, "globex", marks("globex")...)
		tr.ApplyGuard(w.t, w.guard(tr.TokenFile, lab.Map{}))
	}()
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			w.cluster.Namespace(t, "acme", withMode("acme", s.acme)...)
			w.cluster.Namespace(t, "globex", withMode("globex", s.globex)...)
			tr.ApplyGuard(t, w.guard(tr.TokenFile, lab.Merge(lab.Map{"mode": s.general}, s.keys)))
			for _, c := range claims {
				c.check(t, tr, s)
			}
			for _, own := range []string{"acme.test", "globex.test"} {
				response := get(t, tr, own, "/", false)
				assert.Equal(t, own, host(response.Tenant()), "own route: %d %s", response.Status,
					response.Reason())
			}
		})
	}
}

func withMode(name, mode string) []string {
	if mode == "" {
		return marks(name)
	}

	return append(marks(name), "@tenantguard.io/mode="+mode)
}

// check makes the request of an attack until the answer is the one wanted: a Namespace's mode is in
// force within a second or two.
func (c claim) check(t *testing.T, tr *cluster.Traefik, s step) {
	t.Helper()
	enforced := slices.Contains(s.enforced, c.victim) || slices.Contains(s.enforced, c.by)
	target := tr.Target(c.serverName)
	if c.plain {
		target = tr.Plain()
	}
	var response *lab.Response
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
		response = lab.Get(t, lab.HTTP1, target, c.host, c.path)
		if enforced == (response.Reason() != "") && (response.Tenant() != "") != enforced {
			break
		}
	}
	if !enforced {
		assert.NotEmpty(t, response.Tenant(), "%s: %d %s, want the attack to succeed", c.name,
			response.Status, response.Reason())
		return
	}
	assert.Empty(t, response.Tenant(), "%s: the attack on %s succeeds", c.name, c.victim)
	if strict {
		assert.Equal(t, c.code, response.Reason(), "%s: %d", c.name, response.Status)
	}
}

// claims makes all attacks of the roll-out, each on a path or a host of its own.
func (w *world) claims(t *testing.T) []claim {
	t.Helper()
	a, g := w.acme, w.globex
	nobody := w.stranger(t)
	onPath := func(path string) string {
		return "Host(`acme.test`) && PathPrefix(`" + path + "`)"
	}
	const websecure = "entryPoints: [websecure]"
	forged := lab.SelfSigned(t, "forged.acme.test", "zzz.evil.test")
	attacks := map[*team][]string{
		a: {
			a.route("forged", "Host(`forged.acme.test`)", websecure),
			a.route("taken", "Host(`globex.test`) && PathPrefix(`/taken`)", websecure),
		},
		g: {
			g.route("crd", onPath("/crd"), websecure),
			g.ingress("ingress", "traefik", "acme.test", "/ingress", "", cluster.OnWebsecure),
			g.ingress("nginx", "nginx", "acme.test", "/nginx", "", cluster.NoRedirect),
			g.gatewayRoute("HTTPRoute", "http", "websecure", "acme.test",
				"matches: [{path: {type: PathPrefix, value: /http}}]"),
			g.routeVia("all", "PathPrefix(`/all`)", websecure, "priority: 100000"),
			cluster.SecretManifest(t, g.Namespace, "evil", forged),
			g.route("evil", "Host(`evil.globex.test`)",
				"entryPoints: [websecure], tls: {secretName: evil}"),
		},
		nobody: {
			nobody.route("crd", onPath("/nobody"), websecure),
			nobody.ingress("ingress", "traefik", "acme.test", "/nobodys-ingress", "",
				cluster.OnWebsecure),
		},
	}
	for by, manifests := range attacks {
		by.Apply(t, manifests...)
		t.Cleanup(func() { require.NoError(w.t, by.TryDelete(w.t.Context(), manifests...)) })
	}
	for _, text := range []string{
		"/crd", "/ingress", "/nginx", "/http", "/all", "/nobody`", "/nobodys-ingress", "/taken",
		"evil.globex.test",
	} {
		w.on[plain].WaitRouter(t, ruled(text))
	}
	w.on[plain].WaitCertificate(t, "forged.acme.test", forged)

	of := func(by, name, path, code string) claim {
		return claim{name: name, by: by, victim: "acme", serverName: "acme.test",
			host: "acme.test", path: path, code: code}
	}
	return []claim{
		of("globex", "a tenant's IngressRoute", "/crd", "host-foreign"),
		of("globex", "a tenant's Ingress", "/ingress", "host-foreign"),
		of("globex", "a tenant's Ingress of ingress-nginx", "/nginx", "host-foreign"),
		of("globex", "a tenant's HTTPRoute", "/http", "host-foreign"),
		of("globex", "a tenant's route without a host", "/all", "host-foreign"),
		of(stranger, "nobody's IngressRoute", "/nobody", "router-unbound"),
		of(stranger, "nobody's Ingress", "/nobodys-ingress", "router-unbound"),
		{
			name: "a tenant's route, plaintext", by: "globex", victim: "acme", plain: true,
			host: "acme.test", path: "/nginx", code: "host-foreign",
		},
		{
			name: "a route of a tenant that enforces", by: "acme", victim: "globex",
			serverName: "globex.test", host: "globex.test", path: "/taken", code: "host-foreign",
		},
		{
			name: "a forged certificate", by: "globex", victim: "acme",
			serverName: "forged.acme.test", host: "forged.acme.test", path: "/",
			code: "certificate-foreign",
		},
		{
			name: "fronting: the victim's host in another's connection", victim: "acme",
			serverName: "globex.test", host: "acme.test", path: "/", code: "sni-foreign",
		},
		{
			name: "fronting: another's host in the victim's connection", victim: "acme",
			serverName: "acme.test", host: "globex.test", path: "/", code: "sni-foreign",
		},
	}
}

// stranger returns a namespace without a tenant, with a backend.
func (w *world) stranger(t *testing.T) *team {
	t.Helper()
	member := &team{name: stranger}
	member.Tenant = w.cluster.Tenant(w.t, member.name)
	member.service = member.Service(w.t, member.name)

	return member
}
