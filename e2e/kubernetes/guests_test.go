package kubernetes_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// guestLab is a cluster with a tenant acme, a tenant evil and the platform's namespace, in which
// what serves all hosts lies.
type guestLab struct {
	*cluster.Cluster
	acme, evil, platform *cluster.Tenant
	off, on              *cluster.Traefik
}

const (
	acmeHost  = "www.acme.test"
	solverURL = "/.well-known/acme-challenge/tok"
)

func newGuestLab(t *testing.T) *guestLab {
	t.Helper()
	l := &guestLab{Cluster: cluster.Start(t)}
	l.Apply(t, l.Admin(), example(t, "rbac.yaml"))
	l.acme = l.Tenant(t, "acme", "tenantguard.io/tenant=acme",
		"@tenantguard.io/hosts=**.acme.test")
	// The annotation of a Namespace makes nobody a guest.
	l.evil = l.Tenant(t, "evil", "tenantguard.io/tenant=evil",
		"@tenantguard.io/hosts=**.evil.test", "@tenantguard.io/guest=**")
	l.platform = l.Tenant(t, "platform")
	for _, tenant := range []*cluster.Tenant{l.acme, l.evil, l.platform} {
		tenant.Service(t, tenant.Namespace)
	}
	l.acme.Apply(t, cluster.Route{Name: "web", Host: acmeHost, Service: "acme"}.
		IngressRoute("", "entryPoints: [websecure], tls: {}", ""))
	options := func(guard lab.Map) cluster.TraefikOptions {
		return cluster.TraefikOptions{
			Options:   lab.Options{Guard: guard},
			Providers: cluster.AllProviders(true),
		}
	}
	l.off = l.Traefik(t, options(nil))
	token := l.TokenFile(t, cluster.TraefikNamespace, cluster.TraefikAccount, time.Hour)
	ports := lab.Map{}
	for _, name := range []string{"web", "websecure"} { // the listeners of one Gateway
		ports[name] = lab.Map{"address": fmt.Sprintf("127.0.0.2:%d", l.off.Port(name))}
	}
	withGuard := options(l.guard(token, nil))
	withGuard.Static = lab.Map{"entryPoints": ports}
	l.on = l.Traefik(t, withGuard)
	l.Apply(t, l.Admin(), cluster.GatewayManifests(t, l.off, lab.SelfSigned(t, "gateway.test"))...)
	for _, tr := range []*cluster.Traefik{l.off, l.on} {
		tr.WaitRouter(t, cluster.ForHost(acmeHost))
	}

	return l
}

// guard returns the guard's configuration, in which the platform is a guest by these keys; nil for
// no guest.
func (l *guestLab) guard(token string, guest lab.Map) lab.Map {
	platform := lab.Map{"name": "platform", "namespaces": []string{"platform"}}
	if guest != nil {
		platform["guest"] = guest
	}

	return lab.Map{
		"exposeReason": true,
		"kubernetes": lab.Map{
			"enabled": true, "endpoint": l.URL, "tokenFile": token, "caFile": l.CAFile,
		},
		"tenants": []lab.Map{platform},
	}
}

// TestGuestsOfNamespaces has the platform's namespace serve what platforms do serve on the hosts of
// all, by each of Traefik's providers, and a tenant do the same.
func TestGuestsOfNamespaces(t *testing.T) {
	l := newGuestLab(t)
	solver := func(by *cluster.Tenant) cluster.Route {
		return cluster.Route{Name: "solver", Host: acmeHost, Path: solverURL, Service: by.Namespace}
	}
	exact := "matches: [{path: {type: Exact, value: " + solverURL + "}}]"
	rule := "Host(`" + acmeHost + "`) && Path(`" + solverURL + "`)"
	solvers := lab.Map{"hosts": []string{"**"}, "paths": []string{"/.well-known/acme-challenge/"}}
	everything := lab.Map{"hosts": "**"}
	for _, c := range []struct {
		name     string
		manifest func(by *cluster.Tenant) string
		guest    lab.Map
		// router is a part of the router's rule.
		router, host, path string
		plain              bool
		// reason is that of a tenant that is no guest.
		reason string
	}{
		{"a solver's Ingress", func(by *cluster.Tenant) string {
			return solver(by).Ingress("traefik", "", "")
		}, solvers, solverURL, acmeHost, solverURL, true, "host-foreign"},
		{"a solver's Ingress, redirected", func(by *cluster.Tenant) string {
			return solver(by).Ingress("traefik", "", cluster.OnWebsecure)
		}, solvers, solverURL, acmeHost, solverURL, false, "host-foreign"},
		{"a solver's Ingress of ingress-nginx", func(by *cluster.Tenant) string {
			return solver(by).Ingress("nginx", "", cluster.NoRedirect)
		}, solvers, solverURL, acmeHost, solverURL, true, "host-foreign"},
		{"a solver's HTTPRoute", func(by *cluster.Tenant) string {
			return solver(by).Gateway("HTTPRoute", "web", exact)
		}, solvers, solverURL, acmeHost, solverURL, true, "host-foreign"},
		{"a solver's IngressRoute", func(by *cluster.Tenant) string {
			return solver(by).IngressRoute(rule, "entryPoints: [websecure]", "")
		}, solvers, solverURL, acmeHost, solverURL, false, "host-foreign"},
		{"a default backend, a tenant's host", defaultBackend, everything, `PathPrefix("/")`,
			"gone.acme.test", "/", true, "host-foreign"},
		{"a default backend, a host of nobody's", defaultBackend, everything, `PathPrefix("/")`,
			"nobody.test", "/", true, "host-unowned"},
		{"a default backend, an address", defaultBackend, everything, `PathPrefix("/")`,
			"192.0.2.1", "/", true, "host-unowned"},
		{"a catch-all, a host of nobody's", catchAll, everything, "PathPrefix(`/`)",
			"nobody.test", "/", false, "host-unowned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.on.ApplyGuard(t, l.guard(l.on.TokenFile, c.guest))
			try := func(by *cluster.Tenant, want, reason string) {
				t.Helper()
				manifest := c.manifest(by)
				by.Apply(t, manifest)
				matches := func(router cluster.Router) bool {
					return strings.Contains(router.Rule, c.router)
				}
				l.off.WaitRouter(t, matches)
				l.on.WaitRouter(t, matches)
				off := get(t, l.off, c.host, c.path, c.plain)
				assert.Equal(t, by.Namespace, off.Tenant(), "without the guard: %d", off.Status)
				var on *lab.Response
				assert.Eventually(t, func() bool { // what ApplyGuard changed takes a second or two
					on = get(t, l.on, c.host, c.path, c.plain)
					return on.Reason() == reason
				}, 10*time.Second, 20*time.Millisecond, "want %q", reason)
				assert.Equal(t, want, on.Tenant(), "with the guard: %d %s", on.Status, on.Reason())
				by.Delete(t, manifest)
				l.off.WaitRemoved(t, matches)
				l.on.WaitRemoved(t, matches)
			}
			try(l.platform, "platform", "")
			try(l.evil, "", c.reason)
			l.on.ApplyGuard(t, l.guard(l.on.TokenFile, nil))
			try(l.platform, "", c.reason)
		})
	}
}

// TestDefaultBackendOfNGINX has the ingress-nginx provider send what no Ingress is for to the
// platform's Service, as its flag default-backend-service does.
func TestDefaultBackendOfNGINX(t *testing.T) {
	l := newGuestLab(t)
	start := func(guard lab.Map) *cluster.Traefik {
		return l.Traefik(t, cluster.TraefikOptions{
			Options: lab.Options{Guard: guard},
			Providers: lab.Map{cluster.NGINX: lab.Map{
				"defaultBackendService": "platform/platform"}},
		})
	}
	off := start(nil)
	on := start(l.guard(l.on.TokenFile, nil))
	for _, tr := range []*cluster.Traefik{off, on} {
		tr.WaitNamed(t, "default-backend@kubernetesingressnginx")
	}
	check := func(tr *cluster.Traefik, host, tenant, reason string) {
		t.Helper()
		for _, plain := range []bool{true, false} {
			response := get(t, tr, host, "/", plain)
			assert.Equal(t, tenant, response.Tenant(), "%s: %d", host, response.Status)
			assert.Equal(t, reason, response.Reason(), host)
		}
	}
	check(off, "nobody.test", "platform", "")
	check(on, "nobody.test", "", "host-unowned")
	check(on, "gone.acme.test", "", "host-foreign")
	on.ApplyGuard(t, l.guard(on.TokenFile, lab.Map{"hosts": "**"}))
	require.Eventually(t, func() bool { // where Namespaces are read, that takes a second or two
		return get(t, on, "nobody.test", "/", true).Reason() == ""
	}, 10*time.Second, 20*time.Millisecond)
	check(on, "nobody.test", "platform", "")
	response := get(t, on, "gone.acme.test", "/", true)
	assert.Equal(t, "platform", response.Tenant(), "%d %s", response.Status, response.Reason())
	response = get(t, on, "gone.acme.test", "/", false) // Traefik's default certificate
	assert.Equal(t, "certificate-name", response.Reason(), response.Status)
}

// defaultBackend returns an Ingress without a rule.
func defaultBackend(by *cluster.Tenant) string {
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: default}
spec:
  ingressClassName: traefik
  defaultBackend: {service: {name: %s, port: {name: http}}}
`, by.Namespace)
}

func catchAll(by *cluster.Tenant) string {
	return cluster.Route{Name: "all", Service: by.Namespace}.
		IngressRoute("PathPrefix(`/`)", "entryPoints: [websecure]", "priority: 1")
}
