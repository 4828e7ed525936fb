package kubernetes_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// fieldLab is a cluster with Namespaces as operators have them, and Traefiks without and with the
// guard. The guards' calls to the API go through a proxy.
type fieldLab struct {
	*cluster.Cluster
	proxy   *cluster.Proxy
	token   string
	off, on *cluster.Traefik
}

func newFieldLab(t *testing.T) *fieldLab {
	t.Helper()
	c := cluster.Start(t)
	c.Apply(t, c.Admin(), example(t, "rbac.yaml"))
	l := &fieldLab{Cluster: c, proxy: c.Proxy(t), token: accountWithGuardRole(t, c)}
	l.off = l.traefik(t, 1, nil)
	l.on = l.traefik(t, 2, lab.Map{})

	return l
}

// traefik starts a Traefik at a loopback address, with the guard unless keys is nil. From the
// second address on it has the ports of the first.
func (l *fieldLab) traefik(t *testing.T, address int, keys lab.Map) *cluster.Traefik {
	t.Helper()
	options := lab.Options{Plugin: true}
	if address > 1 {
		options.Static = lab.Map{"entryPoints": l.off.Beside(address)}
	}
	if keys != nil {
		options.Guard = lab.Merge(lab.Map{
			"exposeReason": true,
			"kubernetes": lab.Map{
				"enabled": true, "endpoint": l.proxy.URL, "tokenFile": l.token, "caFile": l.CAFile,
			},
		}, keys)
	}

	return l.Traefik(t, cluster.TraefikOptions{
		Options:   options,
		Providers: lab.Map{cluster.CRD: cluster.Naming(true)},
	})
}

// member creates a Namespace with marks and a backend of its own.
func (l *fieldLab) member(t *testing.T, name string, marks ...string) *team {
	t.Helper()
	member := &team{name: name, Tenant: l.Tenant(t, name, marks...)}
	member.service = member.Service(t, name)

	return member
}

// serve makes a route and a certificate for a host, and waits for the route.
func (m *team) serve(t *testing.T, host string, at ...*cluster.Traefik) {
	t.Helper()
	m.serveWith(t, host, lab.SelfSigned(t, host), at...)
}

func (m *team) serveWith(
	t *testing.T, host string, certificate *lab.Cert, at ...*cluster.Traefik,
) {
	t.Helper()
	m.Secret(t, host, certificate)
	m.Apply(t, m.route("r-"+host, "Host(`"+host+"`)",
		"entryPoints: [websecure], tls: {secretName: "+host+"}"))
	for _, tr := range at {
		tr.WaitRouter(t, func(router cluster.Router) bool {
			return cluster.ForHost(host)(router) && named(m.Namespace+"_")(router)
		})
	}
}

// until requests a host until the answer is as wanted: a tenant's name, or the reason of a denial.
func until(t *testing.T, tr *cluster.Traefik, host, want string) {
	t.Helper()
	got := ""
	assert.Eventually(t, func() bool {
		got = answer(t, tr, host)
		return got == want
	}, 10*time.Second, 20*time.Millisecond, "%s: want %s", host, want)
	if got != want {
		t.Logf("%s: the last answer is %s", host, got)
	}
}

func answer(t *testing.T, tr *cluster.Traefik, host string) string {
	t.Helper()
	return said(get(t, tr, host, "/", false))
}

// said returns who answered, or why nobody did.
func said(response *lab.Response) string {
	if response.Tenant() != "" {
		return response.Tenant()
	}
	if response.Reason() != "" {
		return response.Reason()
	}

	return fmt.Sprint(response.Status)
}

// clients request hosts without pause, each on new connections.
type clients struct {
	stop  context.CancelFunc
	ended sync.WaitGroup

	mu sync.Mutex
	// answers counts what was said, by host.
	answers map[string]map[string]int
}

// startClients begins to request hosts at an address, which may have no Traefik yet.
func startClients(t *testing.T, address string, hosts ...string) *clients {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	c := &clients{stop: stop, answers: map[string]map[string]int{}}
	for _, host := range hosts {
		c.answers[host] = map[string]int{}
		c.ended.Go(func() { c.ask(ctx, lab.Target{Addr: address, ServerName: host}) })
	}

	return c
}

func (c *clients) ask(ctx context.Context, target lab.Target) {
	for ctx.Err() == nil {
		conn, err := lab.TryDial(ctx, lab.HTTP1, target)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		response, err := conn.Try(ctx, lab.Request{Host: target.ServerName, Path: "/"})
		conn.Close()
		if err != nil || response.Status == http.StatusNotFound {
			continue // no router yet
		}
		c.mu.Lock()
		c.answers[target.ServerName][said(response)]++
		c.mu.Unlock()
	}
}

// end stops the clients, and wants the one answer for each host and no other.
func (c *clients) end(t *testing.T, wants map[string]string) {
	t.Helper()
	c.stop()
	c.ended.Wait()
	for host, want := range wants {
		require.NotZero(t, c.answers[host][want], "%s: %v", host, c.answers[host])
		assert.Len(t, c.answers[host], 1, "%s: %v, want nothing but %s",
			host, c.answers[host], want)
	}
}
