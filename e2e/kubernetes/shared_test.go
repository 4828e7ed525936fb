package kubernetes_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// sharedLab is a cluster with two tenants that the platform's certificates serve, and a Traefik
// without and one with the guard.
type sharedLab struct {
	*cluster.Cluster
	platform     *lab.Cert
	acme, globex *cluster.Tenant
	off, on      *cluster.Traefik
}

func newSharedLab(t *testing.T) *sharedLab {
	t.Helper()
	l := &sharedLab{Cluster: cluster.Start(t), platform: lab.NewCA(t, "platform")}
	l.Apply(t, l.Admin(), example(t, "rbac.yaml"))
	tenant := func(name string) *cluster.Tenant {
		return l.Tenant(t, name, "tenantguard.io/tenant="+name,
			fmt.Sprintf("@tenantguard.io/hosts=%s.apps.test,%s.san.test", name, name))
	}
	l.acme, l.globex = tenant("acme"), tenant("globex")
	for _, tenant := range []*cluster.Tenant{l.acme, l.globex} {
		tenant.Service(t, tenant.Namespace)
	}
	options := func(guard lab.Map) cluster.TraefikOptions {
		return cluster.TraefikOptions{
			Options:   lab.Options{Guard: guard, HTTP3: true},
			Providers: lab.Map{cluster.CRD: cluster.Naming(true)},
		}
	}
	l.off = l.Traefik(t, options(nil))
	token := l.TokenFile(t, cluster.TraefikNamespace, cluster.TraefikAccount, time.Hour)
	l.on = l.Traefik(t, options(l.keys(token)))

	return l
}

// keys returns the guard's configuration, with further keys.
func (l *sharedLab) keys(token string, more ...lab.Map) lab.Map {
	guard := lab.Map{
		"exposeReason": true,
		"kubernetes": lab.Map{
			"enabled": true, "endpoint": l.URL, "tokenFile": token, "caFile": l.CAFile,
		},
		"certificates": lab.Map{"ttl": "1s"},
		"shared":       lab.Map{"namespaces": []string{cluster.TraefikNamespace}},
	}
	for _, keys := range more {
		guard = lab.Merge(guard, keys)
	}

	return guard
}

// guard changes the guard's configuration.
func (l *sharedLab) guard(t *testing.T, more ...lab.Map) {
	t.Helper()
	l.on.ApplyGuard(t, l.keys(l.on.TokenFile, more...))
}

// route has a tenant serve a host, with the certificate of a Secret of its own if there is one.
func (l *sharedLab) route(t *testing.T, tenant *cluster.Tenant, name, secret string) {
	t.Helper()
	route := cluster.Route{Name: name, Host: tenant.Namespace + "." + name + ".test",
		Service: tenant.Namespace}
	tls := "{}"
	if secret != "" {
		tls = "{secretName: " + secret + "}"
	}
	tenant.Apply(t, route.IngressRoute("", "entryPoints: [websecure], tls: "+tls, ""))
	for _, tr := range []*cluster.Traefik{l.off, l.on} {
		tr.WaitRouter(t, cluster.ForHost(route.Host))
	}
}

// assertServed waits until both Traefiks serve the certificate for a tenant's host. Then it is
// answered without the guard, and with it refused for that reason, or answered if there is none.
func (l *sharedLab) assertServed(
	t *testing.T, tenant *cluster.Tenant, name string, certificate *lab.Cert, reason string,
) {
	t.Helper()
	host := tenant.Namespace + "." + name + ".test"
	l.off.WaitCertificate(t, host, certificate)
	l.on.WaitCertificate(t, host, certificate)
	off := get(t, l.off, host, "/", false)
	assert.Equal(t, tenant.Namespace, off.Tenant(), "%s without the guard: %d", host, off.Status)
	var on *lab.Response
	for began := time.Now(); time.Since(began) < 15*time.Second; time.Sleep(20 * time.Millisecond) {
		on = get(t, l.on, host, "/", false)
		if on.Reason() == reason {
			break // what was found of a certificate a moment ago may still hold
		}
	}
	assert.Equal(t, reason, on.Reason(), "%s with the guard: %d, last denials %+v", host, on.Status,
		last(l.on.Log.Denials(), 2))
	assert.Equal(t, reason == "", on.Tenant() == tenant.Namespace, "%s with the guard", host)
}

// client requests hosts without pause, each time on a new connection, and remembers the first
// answer that was not the host's tenant's.
type client struct {
	stop  context.CancelFunc
	ended sync.WaitGroup

	mu    sync.Mutex
	count int
	wrong string
}

func (l *sharedLab) startClient(t *testing.T, name string) *client {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	c := &client{stop: stop}
	for _, tenant := range []string{"acme", "globex"} {
		host := tenant + "." + name + ".test"
		c.ended.Go(func() {
			for ; ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
				conn, err := lab.TryDial(ctx, lab.HTTP1, l.on.Target(host))
				if err != nil {
					continue
				}
				response, err := conn.Try(ctx, lab.Request{Host: host})
				conn.Close()
				if err == nil {
					c.note(tenant, response)
				}
			}
		})
	}

	return c
}

func (c *client) note(tenant string, response *lab.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	if response.Tenant() != tenant && c.wrong == "" {
		c.wrong = fmt.Sprintf("%s after %d answers: %d %s", tenant, c.count, response.Status,
			response.Reason())
	}
}

// end stops the client and checks that every answer was right.
func (c *client) end(t *testing.T) {
	t.Helper()
	c.stop()
	c.ended.Wait()
	assert.Empty(t, c.wrong)
	assert.Greater(t, c.count, 20)
}

// TestSharedCertificates has the platform's certificates serve all tenants: copied into each
// namespace, or from a namespace that is shared.
func TestSharedCertificates(t *testing.T) {
	l := newSharedLab(t)
	t.Run("a wildcard copied into each namespace", l.copiedWildcard)
	t.Run("a certificate of all names in a shared namespace", l.sharedNames)
}

// copiedWildcard renews copies one after the other, as a reflector or an operator of secrets does.
// Of two certificates with the same names Traefik serves the one in the first namespace.
func (l *sharedLab) copiedWildcard(t *testing.T) {
	hosts := lab.Map{"shared": lab.Map{
		"hosts": []string{"*.apps.test"}, "namespaces": []string{cluster.TraefikNamespace}}}
	roots := lab.Map{"certificates": lab.Map{"ttl": "1s", "roots": l.platform.CertFile}}
	wildcard := func() *lab.Cert { return l.platform.Issue(t, "*.apps.test") }
	before, after := wildcard(), wildcard()
	for _, tenant := range []*cluster.Tenant{l.acme, l.globex} {
		tenant.Secret(t, "wildcard", before)
		l.route(t, tenant, "apps", "wildcard")
	}

	// Both copies are the same, then acme's is the newer one.
	l.guard(t, hosts)
	l.assertServed(t, l.acme, "apps", before, "")
	l.assertServed(t, l.globex, "apps", before, "")
	l.acme.Secret(t, "wildcard", after)
	l.assertServed(t, l.acme, "apps", after, "")
	l.assertServed(t, l.globex, "apps", after, "certificate-secret")
	l.guard(t, hosts, roots)
	l.assertServed(t, l.acme, "apps", after, "")
	l.assertServed(t, l.globex, "apps", after, "")

	// They are renewed again under traffic, in either order.
	traffic := l.startClient(t, "apps")
	for _, order := range [][]*cluster.Tenant{{l.globex, l.acme}, {l.acme, l.globex}} {
		renewed := wildcard()
		for _, tenant := range order {
			tenant.Secret(t, "wildcard", renewed)
			time.Sleep(500 * time.Millisecond)
		}
		l.assertServed(t, l.acme, "apps", renewed, "")
		l.assertServed(t, l.globex, "apps", renewed, "")
	}
	traffic.end(t)

	// A tenant forges it, and a certificate with a name beside it.
	for _, forged := range []*lab.Cert{
		lab.SelfSigned(t, "*.apps.test"), lab.NewCA(t, "platform").Issue(t, "*.apps.test"),
	} {
		l.acme.Secret(t, "wildcard", forged)
		l.assertServed(t, l.globex, "apps", forged, "certificate-untrusted")
	}
	forged := lab.SelfSigned(t, "*.apps.test", "zzz.evil.test")
	l.acme.Secret(t, "wildcard", forged)
	l.assertServed(t, l.globex, "apps", forged, "certificate-foreign")
	forged = lab.SelfSigned(t, "*.apps.test")
	l.acme.Secret(t, "wildcard", forged)
	l.guard(t, hosts)
	l.assertServed(t, l.globex, "apps", forged, "certificate-secret")
	l.acme.Secret(t, "wildcard", after)
	l.guard(t, hosts, roots)
	l.assertServed(t, l.globex, "apps", after, "")
}

// sharedNames has one certificate name the hosts of all tenants.
func (l *sharedLab) sharedNames(t *testing.T) {
	names := []string{"acme.san.test", "globex.san.test", "legacy.platform.test"}
	certificate := l.platform.Issue(t, names...)
	keep := func(certificate *lab.Cert) {
		l.Apply(t, l.Admin(),
			cluster.SecretManifest(t, cluster.TraefikNamespace, "san", certificate))
	}
	keep(certificate)
	l.Apply(t, l.Admin(), fmt.Sprintf(`
apiVersion: traefik.io/v1alpha1
kind: TLSStore
metadata: {name: default, namespace: %s}
spec: {certificates: [{secretName: san}]}
`, cluster.TraefikNamespace))
	l.acme.Apply(t, cluster.SecretManifest(t, "acme", "own", l.platform.Issue(t, "own.acme.test")))
	l.route(t, l.acme, "san", "own")
	l.route(t, l.globex, "san", "")
	none := lab.Map{"shared": lab.Map{"namespaces": []string{}}}
	roots := lab.Map{"certificates": lab.Map{"ttl": "1s", "roots": l.platform.CertFile}}
	pins := lab.Map{"certificates": lab.Map{"ttl": "1s", "pins": []string{certificate.Pin()}}}
	for _, c := range []struct {
		guard  lab.Map
		reason string
	}{
		{none, "certificate-foreign"}, {nil, ""}, {roots, ""}, {pins, ""},
		{lab.Map{"certificates": lab.Map{"ttl": "1s", "secrets": false}}, "certificate-foreign"},
	} {
		l.guard(t, c.guard)
		l.assertServed(t, l.acme, "san", certificate, c.reason)
		l.assertServed(t, l.globex, "san", certificate, c.reason)
	}

	// It is renewed with a new key under traffic.
	l.guard(t, roots)
	traffic := l.startClient(t, "san")
	renewed := l.platform.Issue(t, names...)
	keep(renewed)
	l.assertServed(t, l.acme, "san", renewed, "")
	l.assertServed(t, l.globex, "san", renewed, "")
	time.Sleep(2 * time.Second) // longer than an observation holds
	traffic.end(t)
	l.guard(t, pins)
	l.assertServed(t, l.globex, "san", renewed, "certificate-unpinned")
	l.guard(t, roots)

	// A tenant brings one of its own with the same names, or with more, or a copy of the old one.
	more := append(append([]string{}, names...), "zzz.evil.test")
	for _, attack := range []*lab.Cert{
		lab.SelfSigned(t, names...), lab.SelfSigned(t, more...), certificate,
	} {
		l.acme.Secret(t, "own", attack)
		l.assertServed(t, l.globex, "san", attack, "certificate-foreign")
		l.assertServed(t, l.acme, "san", attack, "certificate-foreign")
	}
	l.acme.Secret(t, "own", l.platform.Issue(t, "own.acme.test"))
	l.assertServed(t, l.globex, "san", renewed, "")
	require.Empty(t, l.off.Log.Denials())
}
