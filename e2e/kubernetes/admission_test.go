package kubernetes_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/internal/admission"
	"github.com/tenantguard/tenantguard/internal/policy"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// again is an attack that is made once more when the policies of admission are in force.
type again struct {
	name string
	by   *team
	// owner is the victim, and own is what it has.
	owner          *team
	own, manifests []string
	// host and path are what the attacker would answer.
	host, path string
	pages      []page
	at         []place
	// open says why admission cannot refuse the attack and the victim may not be served; "" is
	// that it must, and that the victim is.
	open string
	// second reports whether only the second layer refuses it, with the ConfigMap of owners.
	second bool
}

// place is a Traefik and the row that says what comes of the attack there.
type place struct {
	naming naming
	row    int
}

// applyAdmission puts the policies of examples/kubernetes/admission in force, which then deny.
func applyAdmission(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	c.Apply(t, c.Admin(), examples(t, "admission/policies/*.yaml")...)
	c.Apply(t, c.Admin(), examples(t, "admission/deny/*.yaml")...)
	c.AwaitPolicies(t)
}

// ofNamespaces returns only the policy that keeps tenants off the marks of Namespaces.
func ofNamespaces(t *testing.T) []string {
	t.Helper()
	manifests := examples(t, "admission/policies/namespaces.yaml")
	for _, binding := range documents(example(t, "admission/deny/bindings.yaml")) {
		if strings.Contains(binding, "name: tenantguard-namespaces\n") {
			manifests = append(manifests, binding)
		}
	}
	require.Len(t, manifests, 2)

	return append(manifests, example(t, "admission/policies/operators.yaml"))
}

// testWithAdmission makes each attack once more with the policies in force.
func testWithAdmission(t *testing.T, w *world) {
	if !strict {
		t.Skip("the policies are for Traefik with safe names")
	}
	for _, a := range w.again {
		if a.owner != nil {
			a.owner.Apply(t, a.own...)
		}
	}
	layer := map[bool][]again{}
	for _, a := range w.again {
		layer[a.second] = append(layer[a.second], a)
	}
	applyAdmission(t, w.cluster)
	for _, a := range layer[false] {
		t.Run(a.name, func(t *testing.T) { w.repeat(t, a) })
	}
	for _, a := range layer[true] {
		_, err := a.make(t)
		assert.NoError(t, err, "%s: refused without the second layer", a.name)
		a.undo(t)
	}
	w.applyOwners(t)
	time.Sleep(3 * time.Second) // what was there for a moment comes into force late, and goes again
	for _, a := range layer[true] {
		t.Run(a.name, func(t *testing.T) { w.repeat(t, a) })
	}
}

// applyOwners puts the second layer in force: the ConfigMap of who owns what.
func (w *world) applyOwners(t *testing.T) {
	t.Helper()
	client, err := kubernetes.NewForConfig(w.cluster.Admin())
	require.NoError(t, err)
	list, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	var namespaces []policy.Namespace
	for _, n := range list.Items {
		namespaces = append(namespaces, policy.Namespace{
			Name: n.Name, Created: n.CreationTimestamp.UTC().Format(time.RFC3339),
			Tenant: n.Labels["tenantguard.io/tenant"], Hosts: n.Annotations["tenantguard.io/hosts"],
		})
	}
	parsed, errs := policy.Parse(map[string]any{}, nil, "", true)
	require.Empty(t, errs)
	owners := admission.Owners(parsed.Over(&policy.Snapshot{Namespaces: namespaces}), namespaces)
	encoded, err := json.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata":   map[string]any{"name": "tenantguard-owners", "namespace": "traefik"},
		"data":       owners,
	})
	require.NoError(t, err)
	w.cluster.Apply(t, w.cluster.Admin(), string(encoded), example(t, "admission/owners.yaml"))
	w.cluster.AwaitPolicies(t)
}

// make makes the attack and returns the name of the policy that refused a part of it. An attacker
// who is refused one object still makes the others.
func (a *again) make(t *testing.T) (by string, err error) {
	t.Helper()
	for _, manifest := range a.manifests {
		for _, object := range documents(manifest) {
			refusal := a.by.TryApply(t.Context(), object)
			if refusal == nil {
				continue
			}
			require.True(t, apierrors.IsForbidden(refusal), "%v", refusal)
			found := policyName.FindStringSubmatch(refusal.Error())
			require.NotNil(t, found, "refused, but not by a policy: %v", refusal)
			by, err = add(by, found[1]), refusal
		}
	}

	return by, err
}

var (
	policyName = regexp.MustCompile(`ValidatingAdmissionPolicy 'tenantguard-([a-z-]+)'`)
	separator  = regexp.MustCompile(`(?m)^---$`)
)

func documents(manifest string) []string { return separator.Split(manifest, -1) }

func (a *again) undo(t *testing.T) {
	t.Helper()
	for _, manifest := range a.manifests {
		for _, object := range documents(manifest) {
			err := a.by.TryDelete(t.Context(), object)
			require.True(t, err == nil || apierrors.IsNotFound(err), "%v", err)
		}
	}
}

// repeat makes an attack while clients request the victim's pages.
func (w *world) repeat(t *testing.T, a again) {
	t.Helper()
	var watches []*watch
	for _, at := range a.at {
		watches = append(watches, w.watch(t, w.on[at.naming], a.pages))
	}
	by, err := a.make(t)
	defer func() {
		a.undo(t)
		if a.open != "" {
			w.settle(t, w.on[plain], nil)
		}
	}()
	// An unwanted change would take a moment to show, and one that is to be expected may take more.
	patience := 500 * time.Millisecond
	if a.open != "" {
		patience = 3 * time.Second
	}
	for began := time.Now(); time.Since(began) < patience; time.Sleep(10 * time.Millisecond) {
		if slices.ContainsFunc(watches, (*watch).failed) {
			break
		}
	}

	for i, at := range a.at {
		row := &w.rows[at.row]
		row.admission = "refused: " + by
		if a.open != "" {
			row.admission = "not refused: " + a.open
		}
		row.served = watches[i].result(t)
		if a.open != "" {
			assert.NoError(t, err, "refused: the row must no longer say why not")
			continue
		}
		assert.Error(t, err, "the attack is not refused")
		assert.Equal(t, "yes", row.served, "victim at %s, %d of %d requests", at.naming,
			watches[i].other, watches[i].requests)
		response, err := w.tryPage(t.Context(),
			w.pageAt(w.on[at.naming], page{host: a.host, path: a.path}))
		if assert.NoError(t, err) {
			assert.NotEqual(t, a.by.service, response.Tenant(), "the attacker answers %s", a.host)
		}
	}
}
