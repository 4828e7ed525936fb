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
	"github.com/tenantguard/tenantguard/e2e/traefik"
	"gopkg.in/yaml.v3"
)

// broken is a route that works until a setting of helm-hardening.yaml, or safe naming, takes it
// away.
type broken struct {
	description string
	// by is who makes it, and host is what it serves.
	by, host, manifest string
	// found is what the commands of docs/operations.md print for it.
	found string
	// logged is what Traefik's log then says, as docs/operations.md has it.
	logged string
}

const onWebsecure = "entryPoints: [websecure], tls: {}"

// hardened are the routes of an old cluster, by what breaks them.
func hardened(service string) []broken {
	route := func(name, keys, routeKeys string) string {
		return cluster.Route{Name: name, Host: name + ".test", Service: service}.
			IngressRoute("", keys, routeKeys)
	}
	ingress := func(name, annotation string) string {
		return cluster.Route{Name: name, Host: name + ".test", Service: service}.
			Ingress("traefik", "", cluster.OnWebsecure+", "+annotation)
	}
	to := func(name, services string) string {
		return strings.Replace(route(name, onWebsecure, ""),
			"services: [{name: "+service+", port: http}]", services, 1)
	}

	return []broken{
		{
			description: "a Middleware of the platform", by: "acme", host: "middleware.test",
			manifest: route("middleware", onWebsecure,
				"middlewares: [{name: headers, namespace: platform}]"),
			found:  "IngressRoute acme/middleware: platform/headers",
			logged: "allowCrossNamespace is disabled",
		},
		{
			description: "a Service of the platform", by: "acme", host: "service.test",
			manifest: to("service", "services: [{name: platform, namespace: platform, port: 80}]"),
			found:    "IngressRoute acme/service: platform/platform",
			logged:   "not in the parent resource namespace",
		},
		{
			description: "a parent of the platform", by: "acme", host: "parent.test",
			manifest: cluster.Route{Name: "child", Service: service}.IngressRoute(
				"PathPrefix(`/`)", "parentRefs: [{name: parent, namespace: platform}]", ""),
			found:  "IngressRoute acme/child: platform/parent",
			logged: "cross-namespace reference to parent IngressRoute",
		},
		{
			description: "Traefik's own API", by: "acme", host: "api.test",
			manifest: to("api", "services: [{name: ping@internal, kind: TraefikService}]"),
			found:    "IngressRoute acme/api: acme/ping@internal",
			logged:   "is not in crossProviderNamespaces",
		},
		{
			description: "a middleware of a file", by: "acme", host: "file.test",
			manifest: route("file", onWebsecure, "middlewares: [{name: headers@file}]"),
			found:    "IngressRoute acme/file: acme/headers@file",
			logged:   "is not in crossProviderNamespaces",
		},
		{
			description: "an Ingress that names its Middleware by the old name", by: "acme",
			host: "old.test",
			manifest: ingress("old", "traefik.ingress.kubernetes.io/router.middlewares: "+
				"acme-headers@kubernetescrd"),
			found:  "Ingress acme/old: acme-headers@kubernetescrd",
			logged: `middleware \"acme-headers@kubernetescrd\" does not exist`,
		},
	}
}

// other are objects of an old cluster that the settings are about, and that take no route away by
// themselves: the default of TLS, and two TLS options for one host.
const other = `
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: headers, namespace: acme}
spec: {headers: {customResponseHeaders: {X-Own: "yes"}}}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: headers, namespace: platform}
spec: {headers: {customResponseHeaders: {X-Platform: "yes"}}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: parent, namespace: platform}
spec:
  entryPoints: [websecure]
  tls: {}
  routes: [{kind: Rule, match: Host(` + "`parent.test`" + `)}]
---
apiVersion: traefik.io/v1alpha1
kind: TLSStore
metadata: {name: default, namespace: platform}
spec: {defaultCertificate: {secretName: default}}
---
apiVersion: traefik.io/v1alpha1
kind: TLSOption
metadata: {name: default, namespace: acme}
spec: {minVersion: VersionTLS12}
---
apiVersion: traefik.io/v1alpha1
kind: TLSOption
metadata: {name: mtls, namespace: acme}
spec: {minVersion: VersionTLS13}
`

// TestHardening walks from an old Traefik without the hardening to one with it: what works on the
// first is found by the commands of docs/operations.md, fails on the second, and the second logs
// the lines that the page says.
func TestHardening(t *testing.T) {
	traefik.Need(t, traefik.SafeNames, "the settings of helm-hardening.yaml")
	page := operations(t)
	c := cluster.Start(t)
	acme, platform := c.Tenant(t, "acme"), c.Tenant(t, "platform")
	acme.Service(t, "acme")
	platform.Service(t, "platform")
	certificate := lab.SelfSigned(t, "default.test")
	platform.Secret(t, "default", certificate)
	c.Apply(t, c.Admin(), documents(other)...)
	routes := hardened("acme")
	for _, b := range routes {
		acme.Apply(t, b.manifest)
	}
	options := func(name, match, tls string) string {
		return cluster.Route{Name: name, Service: "acme"}.IngressRoute(match,
			"entryPoints: [websecure], tls: {"+tls+"}", "")
	}
	const twice = "Host(`twice.test`)"
	acme.Apply(t,
		options("own", "Host(`own.test`)", "options: {name: mtls}"),
		options("twice", twice, "options: {name: mtls}"),
		options("again", twice+" && PathPrefix(`/again`)", ""),
		options("all", "PathPrefix(`/without-host`)", "options: {name: mtls}"))
	always := []string{"own.test", "twice.test"}

	old := c.Traefik(t, cluster.TraefikOptions{
		Options: lab.Options{Dynamic: headersFile(), Static: lab.Map{"ping": lab.Map{
			"manualRouting": true}}},
		Providers: lab.Map{
			cluster.CRD:     lab.Map{"safeNaming": false, "allowCrossNamespace": true},
			cluster.Ingress: lab.Map{},
		},
	})
	for _, b := range routes {
		waitStatus(t, old, b.host, true, b.description)
	}
	for _, name := range always {
		waitStatus(t, old, name, true, name)
	}
	old.WaitCertificate(t, "elsewhere.test", certificate)

	found := page.find(t, c)
	for _, b := range routes {
		assert.Contains(t, found, b.found, b.description)
	}
	assert.ElementsMatch(t, found, append(foundOf(routes),
		"TLSStore platform/default", "TLSOption acme/default"), "and nothing else")
	assert.NotEmpty(t, page.grep(t, old.Log), "the old Traefik logs two TLS options itself")

	hard := c.Traefik(t, cluster.TraefikOptions{
		Options: lab.Options{Dynamic: headersFile(), Static: lab.Merge(
			lab.Map{"ping": lab.Map{"manualRouting": true}}, hardening(t, "core"))},
		Providers: lab.Merge(lab.Map{
			cluster.CRD: lab.Map{"safeNaming": true}, cluster.Ingress: lab.Map{},
		}, hardening(t, "providers")),
	})
	waitStatus(t, hard, "own.test", true, "what uses its own things stays")
	for _, b := range routes {
		hard.Log.Wait(t, b.logged)
		page.has(t, b.logged)
		waitStatus(t, hard, b.host, false, b.description)
	}
	waitStatus(t, hard, "twice.test", false, "two TLS options")
	assert.NotEqual(t, certificate.Certificate,
		lab.Certificate(t, hard.Target("elsewhere.test")), "the default certificate is not taken")
	for _, text := range []string{
		`Ignoring default TLS store: it can only be defined in the "traefik" namespace`,
		`Ignoring default TLS options: they can only be defined in the "traefik" namespace`,
		"is served by multiple routers with different TLS options",
		"is configured with a TLS options different than the default one",
	} {
		hard.Log.Wait(t, text)
		page.has(t, text)
	}
	testIngressHardening(t, c, acme, page)
}

// testIngressHardening turns the setting on that helm-hardening.yaml leaves off, with Ingresses
// that name what is their own by its safe name.
func testIngressHardening(t *testing.T, c *cluster.Cluster, acme *cluster.Tenant, page paper) {
	t.Helper()
	const annotation = "traefik.ingress.kubernetes.io/router."
	for name, value := range map[string]string{
		"mine": annotation + "middlewares: acme_headers@kubernetescrd",
		"tls":  annotation + "tls.options: acme_mtls@kubernetescrd",
	} {
		acme.Apply(t, cluster.Route{Name: name, Host: name + ".test", Service: "acme"}.
			Ingress("traefik", "", cluster.OnWebsecure+", "+value))
	}
	found := page.find(t, c)
	assert.Contains(t, found, "Ingress acme/mine: acme_headers@kubernetescrd")
	assert.Contains(t, found, "Ingress acme/tls: acme_mtls@kubernetescrd")
	for _, restricted := range []bool{false, true} {
		ingress := lab.Map{}
		if restricted {
			ingress["crossProviderNamespaces"] = []string{cluster.TraefikNamespace}
		}
		tr := c.Traefik(t, cluster.TraefikOptions{
			Options: lab.Options{},
			Providers: lab.Map{
				cluster.CRD: lab.Map{"safeNaming": true}, cluster.Ingress: ingress,
			},
		})
		waitStatus(t, tr, "own.test", true, "an IngressRoute")
		waitStatus(t, tr, "mine.test", !restricted, "an Ingress with its own Middleware")
		waitStatus(t, tr, "tls.test", !restricted, "an Ingress with its own TLS options")
		for _, text := range []string{
			"Skipping Ingress: cross-provider middleware reference is not allowed",
			"Skipping Ingress: cross-provider TLS option reference is not allowed",
		} {
			page.has(t, text)
			assert.Equal(t, restricted, len(tr.Log.With(text)) > 0, text)
		}
	}
}

func foundOf(routes []broken) []string {
	var found []string
	for _, b := range routes {
		found = append(found, b.found)
	}

	return found
}

// headersFile is a file of the platform with a middleware in it.
func headersFile() *lab.Config {
	return lab.NewConfig().Merge(lab.Map{"http": lab.Map{"middlewares": lab.Map{
		"headers": lab.Map{"headers": lab.Map{"customResponseHeaders": lab.Map{"X-File": "yes"}}},
	}}})
}

// hardening returns one part of the static configuration that helm-hardening.yaml is.
func hardening(t *testing.T, part string) lab.Map {
	t.Helper()
	var flags []string
	require.NoError(t, yaml.Unmarshal([]byte(example(t, "helm-hardening.yaml")), &flags))
	static := staticOf(t, flags)
	content, is := static[part].(lab.Map)
	require.True(t, is, part)
	if part == "providers" {
		return content
	}

	return lab.Map{part: content}
}

// waitStatus waits until a host is served, or is not.
func waitStatus(t *testing.T, tr *cluster.Traefik, name string, served bool, description string) {
	t.Helper()
	got := 0
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		got = 0
		conn, err := lab.TryDial(t.Context(), lab.HTTP1, tr.Target(name))
		if err == nil {
			response, failed := conn.Try(t.Context(), lab.Request{Host: name})
			if failed == nil {
				got = response.Status
			}
			conn.Close()
		}
		if served == (got == http.StatusOK) {
			return
		}
	}
	assert.Failf(t, "host", "%s: %s: status %d, want it served: %t", description, name, got, served)
}
