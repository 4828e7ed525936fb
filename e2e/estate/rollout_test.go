package estate_test

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// fronting is a request for a host in a connection for another one. Whether it is denied shows
// whether the host's tenant is enforced.
type fronting struct{ serverName, host string }

// tenants are those that are enforced one after the other, with their Namespaces. The server name
// is the platform's, who comes last.
var tenants = []struct{ name, namespace, host string }{
	{"wiki", "wiki", "docs.estate.test"},
	{"blog", "blog", "www.blog.test"},
	{"pr-41", "pr-41", "pr-41.preview.test"},
	{"shop", "shop", "shop.test"},
	{"gate", "gate", "gate.estate.test"},
	{"mail", "mail", "mail.estate.test"},
	{"api", "shop-api", "api.shop.test"},
	{"pr-42", "pr-42", "pr-42.preview.test"},
}

// platformFronting is denied once the platform is enforced: nobody owns the server name.
var platformFronting = fronting{"nobody.estate.test", "status.estate.test"}

// denied reports whether the request is denied.
func (e *estate) denied(tr *cluster.Traefik, f fronting) bool {
	response := lab.Get(e.t, lab.HTTP1, tr.Target(f.serverName), f.host, "/")

	return response.Reason() == "sni-foreign" && response.Tenant() == ""
}

// quiet asks the guard once for each host, and reports an error if it answers or says anything that
// the estate's owners do not expect. To show that it would, it is asked for something that it
// denies too.
func (e *estate) quiet(tr *cluster.Traefik) {
	t := e.t
	t.Helper()
	for url, err := range e.wrong(tr) {
		t.Errorf("%s: %v", url, err)
	}
	assert.Empty(t, events(tr), "what the guard says of an estate in order")
	assert.False(t, e.denied(tr, platformFronting), "report mode denies")
	tr.Log.WaitDenial(t, func(denial lab.Denial) bool {
		return denial.Host == platformFronting.host && denial.Mode == "report"
	})
}

// enforce annotates a Namespace and waits until its tenant is enforced.
func (e *estate) enforce(tr *cluster.Traefik, namespace, host string) {
	t := e.t
	t.Helper()
	probe := fronting{"traefik.estate.test", host}
	require.False(t, e.denied(tr, probe), "denied in report mode: %v", probe)
	object := &unstructured.Unstructured{}
	object.SetAPIVersion("v1")
	object.SetKind("Namespace")
	resource, err := e.cluster.Resource(e.cluster.Admin(), object)
	require.NoError(t, err)
	_, err = resource.Patch(t.Context(), namespace, types.MergePatchType,
		[]byte(`{"metadata": {"annotations": {"tenantguard.io/mode": "enforce"}}}`),
		metav1.PatchOptions{})
	require.NoError(t, err)
	e.waitDenied(tr, probe)
}

// waitDenied waits until a request is denied.
func (e *estate) waitDenied(tr *cluster.Traefik, f fronting) {
	e.t.Helper()
	eventually(e.t, "waiting to be enforced", func() error {
		if !e.denied(tr, f) {
			return fmt.Errorf("%v passes", f)
		}
		return nil
	})
}

// renewWildcards renews the platform's wildcards with new keys, and their copies one after the
// other as a reflector does.
func (e *estate) renewWildcards(tr *cluster.Traefik) {
	e.preview = e.wildcard("preview.test")
	for _, namespace := range previews {
		e.copies("preview", e.preview, namespace)
		time.Sleep(3 * rate)
	}
	tr.WaitCertificate(e.t, "pr-41.preview.test", e.preview)
	renewed := e.wildcard("estate.test")
	for _, namespace := range append([]string{cluster.TraefikNamespace}, wildcards...) {
		e.copies("wildcard", renewed, namespace)
		time.Sleep(3 * rate)
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
		w.ask(question{
			url: "https://pr-43.preview.test/", body: name, before: "notfound",
		})
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
