// Package estate_test walks the roll-out of docs/operations.md on a cluster as operators have it:
// eleven namespaces, thirty-two routers of four providers, and what grew over the years. Clients
// ask for every host all the while, and no answer may be other than the owner's. Numbers of steps
// are those of the page.
package estate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

func TestEstate(t *testing.T) {
	traefik.Need(t, traefik.SafeNames, "safe names, which the roll-out turns on,")
	e := newEstate(t)
	old := e.traefik(traefikOptions{})
	e.populate(old)
	e.waitRight(old)

	w := e.newWalk(old)
	defer w.finish()
	w.step("the old Traefik", func() {})
	w.step("attacks on the old Traefik", func() { e.succeed(old) })

	hardened := e.traefik(traefikOptions{beside: old, hardened: true})
	w.step("1: put right what hardening breaks", func() {
		e.waitWrong(hardened, brokenByHardening())
		e.putRight(old)
		e.waitRight(hardened)
	})
	w.ask(afterRight...)
	w.step("2: labels, hosts and modes", func() {
		e.apply("namespaces.yaml")
		e.applyGuard(nil)
	})
	w.step("3: safe names, plugin, hardening", func() { w.move(hardened) })

	guarded := e.traefik(traefikOptions{beside: old, hardened: true, guarded: true})
	w.step("4: the guard without traffic", func() {
		e.waitRouters(guarded, hardened)
		e.quiet(guarded)
	})
	w.step("5: the guard in report mode", func() {
		w.move(guarded)
		time.Sleep(time.Second)
		assert.Empty(t, events(guarded), "what the guard says of an estate in order")
	})
	for _, tenant := range tenants {
		w.step("7: enforce "+tenant.name, func() {
			e.enforce(guarded, tenant.namespace, tenant.host)
		})
	}
	w.step("8: enforce the platform and all others", func() {
		e.applyGuard(enforceAll)
		e.waitDenied(guarded, platformFronting)
	})
	assert.Empty(t, events(guarded), "what the guard says of an estate in order")

	w.step("wildcards are renewed, copy by copy", func() { e.renewWildcards(guarded) })
	w.step("a tenant's certificate is renewed", func() { e.renewOwn(guarded) })
	w.step("a preview appears", func() { e.appear(w) })
	assert.Empty(t, events(guarded), "what the guard says of an estate in order")
	w.step("the preview disappears", func() { e.disappear(w) })
	w.step("wrong hosts and modes of Namespaces", func() { e.mistype(guarded) })
	w.step("a policy with an error", func() { e.spoil(guarded) })
	w.step("all is corrected", func() {
		e.correct()
		e.applyGuard(enforceAll)
	})
	w.step("reloads without pause", func() { e.churn() })
	w.step("the API is down", func() { e.outage(w) })
	e.api.Set(cluster.Faults{Latency: 300 * time.Millisecond})
	another := e.traefik(traefikOptions{beside: old, hardened: true, guarded: true})
	w.step("another pod, with a slow API", func() {
		e.waitRouters(another, guarded)
		w.move(another)
		e.api.Set(cluster.Faults{})
	})
	assert.Empty(t, events(another), "what a fresh guard says of an estate in order")
	w.step("attacks", func() { e.fail(another) })
}
