package estate_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
)

// correction is something that hardening or the guard would break, put right on the old Traefik.
type correction struct {
	name string
	// breaks are the URLs whose answers are wrong on a hardened Traefik before.
	breaks []string
	// file is applied first, and waited for until ready reports true; then object is deleted, a
	// kind, a namespace and a name, and then next is applied.
	file   string
	ready  func(e *estate, tr *cluster.Traefik) bool
	object string
	next   string
}

// corrections are made one after the other. Each first adds what is new and then takes away what
// was there, so that there is no moment without an answer.
var corrections = []correction{
	{
		name: "a Middleware of another namespace",
		breaks: []string{
			"https://shop.test/", "https://www.shop.test/", "https://sale.preview.test/",
		},
		file: "right/middleware.yaml", ready: hasMiddleware("shop-secure@kubernetescrd"),
		next: "right/web.yaml",
	},
	{
		name: "a Service of another namespace", breaks: []string{"https://api.shop.test/v1"},
		file: "right/v1.yaml",
	},
	{
		name:   "api@internal from elsewhere",
		breaks: []string{"https://traefik.estate.test/api/version"},
		file:   "right/dashboard.yaml", ready: hasRouter("traefik-dashboard-"),
		object: "IngressRoute ops dashboard",
	},
	{
		name: "the default certificate from elsewhere",
		breaks: []string{
			"https://wiki.apps.test/", "https://wiki.apps.test/oauth2/start",
			"https://status.apps.test/",
		},
		file: "right/status.yaml", ready: hasCertificate("*.apps.test"),
		object: "TLSStore ops default", next: "right/store.yaml",
	},
	{
		name:   "two TLS options for one host",
		breaks: []string{"https://pay.shop.test/", "https://pay.shop.test/api"},
		file:   "right/pay.yaml",
	},
	{
		name:   "an Ingress with a Middleware by its old name",
		breaks: []string{"https://mail.estate.test/"},
		file:   "right/webmail.yaml", ready: hasRouter("mail-webmail-"),
		object: "Ingress mail webmail",
	},
	{name: "a route without a host", file: "right/feeds.yaml"},
	{
		name: "an HTTPRoute that reads as another namespace's",
		file: "right/v2.yaml", ready: hasRouter("httproute-shop-v2-"),
		object: "HTTPRoute shop api-v2",
	},
}

// brokenByHardening returns the URLs whose answers are wrong on a hardened Traefik before anything
// is put right.
func brokenByHardening() []string {
	var urls []string
	for _, c := range corrections {
		urls = append(urls, c.breaks...)
	}

	return urls
}

// putRight makes all corrections, with a look at the old Traefik between adding and taking away.
func (e *estate) putRight(old *cluster.Traefik) {
	e.t.Helper()
	for _, c := range corrections {
		e.apply(c.file)
		time.Sleep(2 * rate)
		if c.ready != nil {
			eventually(e.t, c.name, func() error {
				if !c.ready(e, old) {
					return fmt.Errorf("%s is not in force", c.file)
				}
				return nil
			})
		}
		if c.object != "" {
			e.remove(c.object)
			time.Sleep(2 * rate)
		}
		if c.next != "" {
			e.apply(c.next)
		}
	}
}

// apiVersions are those of the kinds that are taken away.
var apiVersions = map[string]string{
	"IngressRoute": "traefik.io/v1alpha1", "TLSStore": "traefik.io/v1alpha1",
	"Ingress": "networking.k8s.io/v1", "HTTPRoute": "gateway.networking.k8s.io/v1",
}

// remove deletes an object, "KIND NAMESPACE NAME".
func (e *estate) remove(object string) {
	e.t.Helper()
	words := strings.Fields(object)
	require.Len(e.t, words, 3)
	e.cluster.Delete(e.t, e.cluster.Admin(), fmt.Sprintf(
		"{apiVersion: %s, kind: %s, metadata: {namespace: %s, name: %s}}",
		apiVersions[words[0]], words[0], words[1], words[2]))
}

// hasMiddleware returns a condition that a Traefik has a middleware.
func hasMiddleware(name string) func(*estate, *cluster.Traefik) bool {
	return func(e *estate, tr *cluster.Traefik) bool {
		return strings.Contains(tr.API(e.t, "/api/http/middlewares?per_page=1000"),
			fmt.Sprintf("%q", name))
	}
}

// hasRouter returns a condition that a Traefik serves a router whose name, without that of an entry
// point, begins so.
func hasRouter(prefix string) func(*estate, *cluster.Traefik) bool {
	return func(e *estate, tr *cluster.Traefik) bool {
		for _, router := range tr.Routers(e.t) {
			name := strings.TrimPrefix(router.Name, "websecure-")
			if strings.HasPrefix(name, prefix) && router.Status == "enabled" {
				// The API may show a configuration before the entry points serve it.
				tr.ApplyGuard(e.t, nil)
				return true
			}
		}
		return false
	}
}

// hasCertificate returns a condition that a Traefik has a certificate with the name that is not its
// default one.
func hasCertificate(name string) func(*estate, *cluster.Traefik) bool {
	return func(e *estate, tr *cluster.Traefik) bool {
		return strings.Contains(tr.API(e.t, "/api/certificates?per_page=1000"),
			fmt.Sprintf("%q", name))
	}
}

// waitRouters waits until a Traefik has as many routers as another one.
func (e *estate) waitRouters(tr, as *cluster.Traefik) {
	e.t.Helper()
	enabled := func(tr *cluster.Traefik) int {
		count := 0
		for _, router := range tr.Routers(e.t) {
			if router.Status == "enabled" {
				count++
			}
		}
		return count
	}
	want := enabled(as)
	eventually(e.t, "waiting for routers", func() error {
		if got := enabled(tr); got != want {
			return fmt.Errorf("%d routers, want %d", got, want)
		}
		return nil
	})
	tr.ApplyGuard(e.t, nil)
}
