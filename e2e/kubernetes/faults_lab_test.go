package kubernetes_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// faultLab is a Traefik whose guard reaches the API through a proxy. Traefik's own providers do not
// use the proxy.
type faultLab struct {
	*cluster.Cluster
	proxy        *cluster.Proxy
	tr           *cluster.Traefik
	acme, globex *cluster.Tenant
	late, large  *cluster.Tenant
	token        string
	pid          int
	guard        lab.Map
	fresh        int
	table        [][]string
	figures      [][]string
}

// ofGuard matches the guard's calls.
func ofGuard(call cluster.Call) bool { return call.Client == "tenantguard" }

// newFaultLab creates acme with three routes: one with acme's own certificate, one of the Gateway
// API, whose router's name does not determine the namespace, and one whose certificate is globex's.
// globex has a route to acme's host. late is a namespace with a route and no tenant yet.
func newFaultLab(t *testing.T) *faultLab {
	t.Helper()
	c := cluster.Start(t)
	c.Apply(t, c.Admin(), example(t, "rbac.yaml"))
	l := &faultLab{Cluster: c, proxy: c.Proxy(t), token: accountWithGuardRole(t, c)}
	l.acme = c.Tenant(t, "acme", "tenantguard.io/tenant=acme", "@tenantguard.io/hosts=*.acme.test")
	l.globex = c.Tenant(t, "globex", "tenantguard.io/tenant=globex",
		"@tenantguard.io/hosts=*.globex.test")
	l.late = c.Tenant(t, "late")
	for _, tenant := range []*cluster.Tenant{l.acme, l.globex, l.late} {
		tenant.Service(t, "backend")
	}
	l.acme.Secret(t, "known", lab.SelfSigned(t, "known.acme.test"))
	l.globex.Secret(t, "hijack", lab.SelfSigned(t, "hijacked.acme.test"))
	l.late.Secret(t, "late", lab.SelfSigned(t, "new.late.test"))
	l.acme.Secret(t, "inexact", lab.SelfSigned(t, "inexact.acme.test", "loads.acme.test"))
	inexact := cluster.Route{Name: "inexact", Host: "inexact.acme.test", Service: "backend"}
	l.acme.Apply(t, l.route("known", "known.acme.test", "known"),
		l.route("hijacked", "hijacked.acme.test", ""),
		l.route("loads", "loads.acme.test", "inexact"),
		inexact.Gateway("HTTPRoute", "websecure", ""))
	l.globex.Apply(t, l.route("own", "own.globex.test", "hijack"),
		l.route("foreign", "foreign.acme.test", ""))
	l.late.Apply(t, l.route("late", "new.late.test", "late"))

	l.guard = lab.Map{
		"exposeReason": true,
		"kubernetes": lab.Map{
			"enabled": true, "endpoint": l.proxy.URL, "tokenFile": l.token, "caFile": c.CAFile,
			"grace": shortGrace.String(),
		},
		"certificates": lab.Map{"ttl": shortTTL.String()},
	}
	l.large = c.Tenant(t, "large", "tenantguard.io/tenant=large",
		"@tenantguard.io/hosts=new.large.test")
	l.fill(t, "large")
	l.tr = c.Traefik(t, cluster.TraefikOptions{
		Options:   lab.Options{Guard: l.guard},
		Providers: lab.Map{cluster.CRD: cluster.Naming(true), cluster.Gateway: lab.Map{}},
	})
	c.Apply(t, c.Admin(), cluster.GatewayManifests(t, l.tr, lab.SelfSigned(t, "gateway.test"))...)
	for _, host := range []string{
		"known.acme.test", "inexact.acme.test", "hijacked.acme.test", "foreign.acme.test",
		"new.late.test",
	} {
		l.tr.WaitRouter(t, cluster.ForHost(host))
	}
	l.pid = processOf(t, l.tr.Dir)
	for _, host := range []string{"known.acme.test", "inexact.acme.test"} {
		require.Eventually(t, func() bool {
			return l.send(t.Context(), host).status == http.StatusOK
		}, 20*time.Second, probePause, host)
	}

	return l
}

func (l *faultLab) route(name, host, secret string) string {
	tls := "{}"
	if secret != "" {
		tls = "{secretName: " + secret + "}"
	}
	route := cluster.Route{Name: name, Host: host, Service: "backend"}

	return route.IngressRoute("", "entryPoints: [websecure], tls: "+tls, "")
}

// newHost creates a host of acme with a certificate that the guard does not know yet.
func (l *faultLab) newHost(t *testing.T) string {
	t.Helper()
	l.fresh++
	name := "fresh-" + strconv.Itoa(l.fresh)
	host := name + ".acme.test"
	certificate := lab.SelfSigned(t, host)
	l.acme.Secret(t, name, certificate)
	l.acme.Apply(t, l.route(name, host, name))
	l.tr.WaitRouter(t, cluster.ForHost(host))
	l.tr.WaitCertificate(t, host, certificate)

	return host
}

// addLate makes late a tenant and returns the time.
func (l *faultLab) addLate(t *testing.T) time.Time {
	t.Helper()
	l.Namespace(t, "late", "tenantguard.io/tenant=late", "@tenantguard.io/hosts=new.late.test")
	return time.Now()
}

// dropLate removes late's label, waits until its route has no tenant, and returns how long that
// took.
func (l *faultLab) dropLate(t *testing.T) time.Duration {
	t.Helper()
	l.Namespace(t, "late")
	removed := time.Now()
	require.Eventually(t, func() bool {
		return l.send(t.Context(), "new.late.test").status != http.StatusOK
	}, comeBack, probePause/2)

	return time.Since(removed)
}
