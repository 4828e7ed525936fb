package estate_test

import (
	"fmt"

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
	e.annotate(namespace, "tenantguard.io/mode", "enforce")
	e.waitDenied(tr, probe)
}

// annotate sets an annotation of a Namespace, as kubectl annotate does.
func (e *estate) annotate(namespace, key, value string) {
	t := e.t
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetAPIVersion("v1")
	object.SetKind("Namespace")
	resource, err := e.cluster.Resource(e.cluster.Admin(), object)
	require.NoError(t, err)
	patch := fmt.Sprintf(`{"metadata": {"annotations": {%q: %q}}}`, key, value)
	_, err = resource.Patch(t.Context(), namespace, types.MergePatchType, []byte(patch),
		metav1.PatchOptions{})
	require.NoError(t, err)
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
