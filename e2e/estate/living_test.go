package estate_test

import (
	"fmt"
	"time"

	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// renewWildcards renews the platform's wildcards with new keys, and their copies one after the
// other as a reflector does.
func (e *estate) renewWildcards(tr *cluster.Traefik) {
	e.preview = e.wildcard("preview.test")
	for _, namespace := range previews {
		e.copies("preview", e.preview, namespace)
		time.Sleep(2 * rate)
	}
	tr.WaitCertificate(e.t, "pr-41.preview.test", e.preview)
	renewed := e.wildcard("estate.test")
	for _, namespace := range append([]string{cluster.TraefikNamespace}, wildcards...) {
		e.copies("wildcard", renewed, namespace)
		time.Sleep(2 * rate)
	}
	e.copies("gateway", renewed, cluster.TraefikNamespace)
	tr.WaitCertificate(e.t, "mail.estate.test", renewed)
}

// renewOwn renews a tenant's certificate with a new key.
func (e *estate) renewOwn(tr *cluster.Traefik) {
	renewed := e.wildcard("shop.test")
	e.copies("shop", renewed, "shop")
	tr.WaitCertificate(e.t, "www.shop.test", renewed)
}

// appear makes a preview as a pipeline does, all at once, while clients ask for its host. The guard
// hears of its Namespace a second late.
func (e *estate) appear(w *walk) {
	t := e.t
	const name = "pr-43"
	// Many clients, so that one of them asks in the moment between the route and its Namespace.
	for range 2 * enough {
		w.ask(question{url: "https://pr-43.preview.test/", body: name, before: "notfound"})
		time.Sleep(rate / (2 * enough))
	}
	service, slice := cluster.ServiceManifests(t, name, name)
	time.Sleep(2 * rate)
	e.api.Set(cluster.Faults{Stall: true})
	time.AfterFunc(time.Second, func() { e.api.Set(cluster.Faults{}) })
	e.applyAll("{apiVersion: v1, kind: Namespace, metadata: {name: pr-43, "+
		"labels: {tenantguard.io/tenant: pr-43}}}",
		cluster.SecretManifest(t, name, "preview", e.preview), service, slice,
		read(t, "testdata/living/preview.yaml"))
}

// disappear deletes a preview's Namespace with all that is in it. Until Traefik has heard of all
// that it answers as it can.
func (e *estate) disappear(w *walk) {
	const name = "pr-43"
	w.mu.Lock()
	for _, c := range w.clients {
		if c.question.body == name {
			c.leaving.Store(true)
		}
	}
	w.mu.Unlock()
	e.cluster.DeleteNamespace(e.t, name)
}

// mistype adds hosts to Namespaces that are wrong or those of an older Namespace, and a mode that
// is none.
func (e *estate) mistype(tr *cluster.Traefik) {
	t := e.t
	const key = "tenantguard.io/hosts"
	e.annotate("mail", key, "mail.estate.test, mail.test, *.mail.test, https://mail.test/new")
	e.annotate("wiki", key, "wiki.apps.test, docs.estate.test, shop.test")
	e.annotate("pr-42", "tenantguard.io/mode", "enforced")
	eventually(t, "waiting for a line", func() error {
		for _, line := range tr.Log.With(`"event":"policy"`) {
			var event struct{ Errors []string }
			if err := lab.Decode(line, &event); err != nil {
				return err
			}
			if len(event.Errors) == 3 {
				return nil // one for each
			}
		}
		return fmt.Errorf("no line with three errors")
	})
}

// correct takes back what was mistyped.
func (e *estate) correct() {
	const key = "tenantguard.io/hosts"
	e.annotate("wiki", key, "wiki.apps.test, docs.estate.test")
	e.annotate("mail", key, "mail.estate.test, mail.test, *.mail.test")
	e.annotate("pr-42", "tenantguard.io/mode", "enforce")
}

// spoil applies a policy with an error.
func (e *estate) spoil(tr *cluster.Traefik) {
	e.applyGuard(func(keys lab.Map) {
		enforceAll(keys)
		keys["tenant"] = "misspelt"
	})
	tr.Log.Wait(e.t, "the last good one stays in force")
}

// churn changes a route that nobody asks for, again and again: each change is a reload.
func (e *estate) churn() {
	for i := range 20 {
		e.applyAll(fmt.Sprintf(read(e.t, "testdata/living/churn.yaml"), i))
		time.Sleep(rate / 2)
	}
}

// outage keeps the guard from the API for longer than an observation of a certificate holds.
func (e *estate) outage(w *walk) {
	e.api.Set(cluster.Faults{Refuse: true})
	time.Sleep(2 * ttl)
	w.hold()
	e.api.Set(cluster.Faults{})
}
