package kubernetes_test

import (
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// attack is something that one tenant does to another. A client requests the other's host.
type attack struct {
	name, provider string
	by             *team
	manifests      []string
	// router matches the router that Traefik makes of the manifests; nil: there is none to wait
	// for.
	router func(cluster.Router) bool
	// served is the certificate to wait for at host; nil: there is none to wait for.
	served *lab.Cert
	// forged reports whether served is the attacker's own.
	forged bool
	// host and path are what the client requests, over plaintext if plain is set.
	host, path string
	plain      bool
	// succeeds is the tenant whose backend answers without the guard; certificate is served then.
	succeeds    string
	certificate *x509.Certificate
	// code is the reason of the denial, by naming, and namespaces is what the log names then.
	code, namespaces map[naming]string
	// namings are those under which the attack is made; all if empty.
	namings []naming
	// victims are requests that must still pass: host to tenant. denied are those that no longer
	// can: host to code.
	victims map[string]string
	denied  map[naming]map[string]string
	// eventually reports whether the denial may take as long as an observation is valid.
	eventually bool
	// note is added to the table.
	note string
	// owner is the victim and own what it has for the attack, where later attacks don't need it.
	owner *team
	own   []string
	// open says why admission can't refuse the attack; "" is that it must.
	open string
	// pages are what the victim served before the attack, if it is under way already.
	pages []page
}

// both returns the same value for both namings.
func both[T any](value T) map[naming]T { return map[naming]T{safe: value, legacy: value} }

// run makes an attack and undoes it.
func (w *world) run(t *testing.T, a attack) {
	t.Helper()
	t.Run(a.provider+" "+a.name, func(t *testing.T) {
		if len(a.namings) == 0 {
			a.namings = namings
		}
		line := row{attack: a.name, provider: a.provider}
		var served *watch
		if a.pages == nil {
			a.pages = w.pagesOf(t, w.on[plain], a.by.name, a.tried(w))
			served = w.watch(t, w.on[plain], a.pages)
		}
		a.by.Apply(t, a.manifests...)
		defer func() {
			a.by.Delete(t, a.manifests...)
			for _, tr := range w.all(namings...) {
				w.settle(t, tr, a.router)
			}
		}()
		for _, name := range a.namings {
			w.meet(t, a, name, &line)
		}
		line.on += a.note
		line.onServed = "no: " + a.code[plain]
		if served != nil {
			line.onServed = served.result(t)
		}
		w.again = append(w.again, again{
			name: a.provider + " " + a.name, by: a.by, owner: a.owner, own: a.own,
			manifests: a.manifests, host: a.host, path: a.path, pages: a.pages,
			open: a.open,
			at:   []place{{plain, len(w.rows)}},
		})
		w.rows = append(w.rows, line)
	})
}

// tried returns the pages of which the victim may serve some: what the attack takes, and the other
// tenant's first page.
func (a *attack) tried(w *world) []page {
	tried := []page{{host: a.host, path: a.path}}
	for _, member := range []*team{w.acme, w.globex} {
		if member != a.by {
			tried = append(tried, page{host: host(member.name)})
		}
	}

	return tried
}

// settle waits until what an attack made is removed.
func (w *world) settle(t *testing.T, tr *cluster.Traefik, router func(cluster.Router) bool) {
	t.Helper()
	if router != nil {
		tr.WaitRemoved(t, router)
	}
	for _, member := range []*team{w.acme, w.globex} {
		tr.WaitCertificate(t, host(member.name), member.certificate)
		response := get(t, tr, host(member.name), "/", false)
		assert.Equal(t, member.name, response.Tenant(), "after the attack: %d %s, last denials %+v",
			response.Status, response.Reason(), last(tr.Log.Denials(), 3))
	}
}

func last(denials []lab.Denial, n int) []lab.Denial { return denials[max(0, len(denials)-n):] }

func (w *world) meet(t *testing.T, a attack, name naming, line *row) {
	t.Helper()
	for _, tr := range []*cluster.Traefik{w.off[name], w.on[name]} {
		if a.router != nil {
			tr.WaitRouter(t, a.router)
		}
		if a.served != nil {
			tr.WaitCertificate(t, a.host, a.served)
		}
	}

	off := get(t, w.off[name], a.host, a.path, a.plain)
	assert.Equal(t, a.succeeds, off.Tenant(),
		"guard off, %s: the attack does not succeed: status %d", name, off.Status)
	if a.certificate != nil && !a.plain {
		assert.True(t, off.Served.Equal(a.certificate), "guard off, %s: served is %v", name,
			off.Served.DNSNames)
	}
	line.off = add(line.off, w.describe(off, a))

	on := get(t, w.on[name], a.host, a.path, a.plain)
	deadline := time.Now().Add(15 * time.Second)
	for a.eventually && on.Reason() == "" && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
		on = get(t, w.on[name], a.host, a.path, a.plain)
	}
	if a.code[name] != "" {
		assert.Equal(t, a.code[name], on.Reason(),
			"guard on, %s: status %d, backend %q, last denials %+v", name, on.Status, on.Tenant(),
			last(w.on[name].Log.Denials(), 3))
		assert.Empty(t, on.Tenant(), "guard on, %s", name)
		assert.GreaterOrEqual(t, on.Status, http.StatusBadRequest)
	} else {
		assert.Equal(t, a.succeeds, on.Tenant(), "guard on, %s: %d %s", name, on.Status,
			on.Reason())
	}
	line.on = add(line.on, w.describe(on, a))
	if a.namespaces[name] != "" {
		denial := w.on[name].Log.WaitDenial(t, func(denial lab.Denial) bool {
			return denial.Host == a.host && denial.Reason == a.code[name] &&
				denial.Namespace == a.namespaces[name]
		})
		line.on = add(line.on, "namespace "+denial.Namespace)
	}
	w.meetVictims(t, a, name, line)
}

func (w *world) meetVictims(t *testing.T, a attack, name naming, line *row) {
	t.Helper()
	for host, tenant := range a.victims {
		victim := get(t, w.on[name], host, "/", false)
		assert.Equal(t, tenant, victim.Tenant(), "guard on, %s: %s gets %d %s", name, host,
			victim.Status, victim.Reason())
		assert.Equal(t, tenant, owner(w, victim.Served), "guard on, %s: certificate of %s", name,
			host)
		if tenant != a.by.name {
			line.on = add(line.on, "victim passes")
		}
	}
	for host, code := range a.denied[name] {
		victim := get(t, w.on[name], host, "/", false)
		assert.Equal(t, code, victim.Reason(), "guard on, %s: %s gets %d from %q", name, host,
			victim.Status, victim.Tenant())
		line.on = add(line.on, "victim "+victim.Reason()+" ("+string(name)+")")
	}
}

func get(t *testing.T, tr *cluster.Traefik, host, path string, plain bool) *lab.Response {
	t.Helper()
	target := tr.Target(host)
	if plain {
		target = tr.Plain()
	}
	if path == "" {
		path = "/"
	}

	return lab.Get(t, lab.HTTP1, target, host, path)
}

// named matches routers whose name contains the text.
func named(text string) func(cluster.Router) bool {
	return func(router cluster.Router) bool { return strings.Contains(router.Name, text) }
}

// ruled matches routers whose rule contains the text.
func ruled(text string) func(cluster.Router) bool {
	return func(router cluster.Router) bool { return strings.Contains(router.Rule, text) }
}
