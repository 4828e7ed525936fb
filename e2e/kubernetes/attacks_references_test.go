package kubernetes_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// reference is an attack by references between Traefik's resources. Some of them the guard cannot
// see: those show Traefik's own setting against it.
type reference struct {
	name, provider   string
	victim, attacker []string
	// host and path are what the client requests.
	host, path string
	// before is the answer without the attack; "" is any.
	before string
	// open says why admission can't refuse the attack; "" is that it must.
	open  string
	cases []settings
	// needsStrict reports whether the last case is about a setting that not every release has.
	needsStrict bool
}

// settings are the Traefiks to send requests to, and their answers without and with the guard.
type settings struct {
	traefik     naming
	description string
	off, on     string
}

const (
	crossOff = "allowCrossNamespace off"
	crossOn  = "allowCrossNamespace on"
	noRouter = "404 from Traefik"
	unseen   = " (not seen by the guard)"
)

// plain is Traefik's default configuration with the safest naming.
var plain = namings[0]

// strict reports whether the release has settings against attacks by TLS options and TLSStores that
// the guard cannot see.
var strict = traefik.Since(traefik.SafeNames)

// testReferences starts two more Traefiks: one that allows references across namespaces, and one as
// the operator should configure it.
func testReferences(t *testing.T, w *world) {
	crd := lab.Map{
		"allowCrossNamespace": true, "crossProviderNamespaces": []string{cluster.TraefikNamespace},
	}
	static := lab.Map{}
	if strict {
		crd["defaultTLSResourcesNamespace"] = cluster.TraefikNamespace
		static["core"] = lab.Map{"strictTLSOptions": true}
	}
	w.off[crossing] = w.traefik(w.off[plain], 5, providers(crossing, crd), nil, static)
	w.on[crossing] = w.traefik(w.off[plain], 6, providers(crossing, crd), lab.Map{}, static)
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

// refer makes an attack, checks its results and undoes it.
func (w *world) refer(t *testing.T, r reference) {
	t.Helper()
	w.acme.Apply(t, r.victim...)
	defer w.acme.Delete(t, r.victim...)
	for _, c := range r.cases {
		for _, tr := range w.all(c.traefik) {
			if r.before != "" {
				w.waitAnswer(t, tr, r, r.before, "before the attack, "+c.description)
			}
		}
	}
	again := again{
		name: r.provider + " " + r.name, by: w.globex, owner: w.acme, own: r.victim,
		manifests: r.attacker, host: r.host, path: r.path, open: r.open,
	}
	tried := []page{{host: r.host, path: r.path}, {host: host(w.acme.name)}}
	again.pages = w.pagesOf(t, w.on[r.cases[0].traefik], w.globex.name, tried)
	var served []*watch
	for _, c := range r.cases {
		served = append(served, w.watch(t, w.on[c.traefik], again.pages))
	}
	w.globex.Apply(t, r.attacker...)
	defer w.globex.Delete(t, r.attacker...)
	// An unwanted change would take a moment to show.
	time.Sleep(time.Second)
	for i, c := range r.cases {
		off := w.waitAnswer(t, w.off[c.traefik], r, c.off, "guard off, "+c.description)
		on := w.waitAnswer(t, w.on[c.traefik], r, c.on, "guard on, "+c.description)
		if off == on && off != noRouter && !(r.before == on) {
			on += unseen
		}
		again.at = append(again.at, place{c.traefik, len(w.rows)})
		w.rows = append(w.rows, row{
			attack: r.name + ", " + c.description, provider: r.provider, off: off, on: on,
			onServed: served[i].result(t),
		})
	}
	w.again = append(w.again, again)
}

// waitAnswer repeats a request until the answer is the one wanted.
func (w *world) waitAnswer(
	t *testing.T, tr *cluster.Traefik, r reference, want, when string,
) string {
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
