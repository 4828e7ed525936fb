package kubernetes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/traefik"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// everything lets each user do in every namespace what the table has: RBAC refuses nothing, so what
// is refused below the policies have refused. Argo CD and Flux have all rights, as they often do.
const everything = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: everything}
rules:
  - apiGroups: ["", discovery.k8s.io, networking.k8s.io, traefik.io, gateway.networking.k8s.io]
    resources: ["*"]
    verbs: ["*"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: everything}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: everything}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: deployers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
  - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts:argocd"}
  - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts:flux-system"}
`

// TestAdmissionObjects sends each object of testdata/admission to a real API server twice: without
// the policies, where it must be accepted, and with them.
func TestAdmissionObjects(t *testing.T) {
	traefik.Need(t, traefik.SafeNames, "the resources of a Traefik with safe names")
	objects, namespaces := loadObjects(t)
	require.GreaterOrEqual(t, len(objects), 200)
	c := cluster.Start(t)
	c.Apply(t, c.Admin(), everything)
	for _, namespace := range namespaces {
		content := map[string]any{
			"apiVersion": "v1",
			"kind":       "Namespace",
			"metadata": map[string]any{
				"name": namespace.Name, "labels": namespace.Labels,
				"annotations": namespace.Annotations,
			},
		}
		encoded, err := json.Marshal(content)
		require.NoError(t, err)
		c.Apply(t, c.Admin(), string(encoded))
	}

	without := &admissionRun{cluster: c}
	for _, o := range objects {
		assert.NoError(t, without.send(t, o), "without the policies: %s", o.Description)
		if o.Before != nil {
			without.prepare(t, o)
		}
	}
	applyAdmission(t, c)
	with := &admissionRun{cluster: c, prepared: true}
	for _, o := range objects {
		if o.Want == "refused" {
			t.Run(o.Description, func(t *testing.T) { with.refused(t, o) })
		}
	}
	for _, o := range objects {
		if o.Want == "allowed" {
			t.Run(o.Description, func(t *testing.T) { assert.NoError(t, with.send(t, o)) })
		}
	}
	printObjects(objects, without, with)
}

// admissionRun sends the objects once, with or without the policies.
type admissionRun struct {
	cluster *cluster.Cluster
	// prepared reports whether what must be there before is there.
	prepared bool
	// took is how long the creation of each allowed object took.
	took []time.Duration
}

// refused checks that an object is refused by a policy and that the user reads why.
func (r *admissionRun) refused(t *testing.T, o object) {
	t.Helper()
	err := r.send(t, o)
	require.Error(t, err, "accepted")
	assert.True(t, apierrors.IsForbidden(err), "%v", err)
	assert.ErrorContains(t, err, "ValidatingAdmissionPolicy 'tenantguard-")
	for _, text := range o.Says {
		assert.Contains(t, afterDenied(err), text)
	}
}

// afterDenied returns what the policy says, without the name of the object before it.
func afterDenied(err error) string {
	_, message, _ := strings.Cut(err.Error(), "denied request: ")
	return message
}

// as returns the access of the user of a case.
func (r *admissionRun) as(o object) *rest.Config {
	config := r.cluster.Admin()
	user, groups := o.As, []string{"system:authenticated"}
	switch {
	case o.As == "":
		user = o.Namespace + "-user"
	case o.As == "operator":
		groups = append(groups, "platform-operators")
	default:
		parts := strings.Split(o.As, ":")
		groups = append(groups, "system:serviceaccounts", "system:serviceaccounts:"+parts[2])
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}

	return config
}

// prepare makes the object that is there before, as the tenant.
func (r *admissionRun) prepare(t *testing.T, o object) {
	t.Helper()
	r.remove(t, o)
	before := (&unstructured.Unstructured{Object: o.Before}).DeepCopy()
	config := r.as(object{Namespace: o.Namespace})
	if r.prepared {
		config = r.cluster.Admin()
	}
	resource := r.resource(t, config, before)
	_, err := resource.Create(t.Context(), before, metav1.CreateOptions{FieldManager: "before"})
	require.NoError(t, err, o.Description)
	if o.Deleted {
		require.NoError(t, resource.Delete(t.Context(), before.GetName(), metav1.DeleteOptions{}))
	}
}

func (r *admissionRun) resource(
	t *testing.T, config *rest.Config, content *unstructured.Unstructured,
) dynamic.ResourceInterface {
	t.Helper()
	resource, err := r.cluster.Resource(config, content)
	require.NoError(t, err)

	return resource
}

// remove deletes the object of a case, with its finalizers.
func (r *admissionRun) remove(t *testing.T, o object) {
	t.Helper()
	content := o.content()
	resource := r.resource(t, r.cluster.Admin(), content)
	ctx := context.WithoutCancel(t.Context())
	err := resource.Delete(ctx, content.GetName(), metav1.DeleteOptions{})
	if err == nil && o.Before != nil {
		_, err = resource.Patch(ctx, content.GetName(), types.MergePatchType,
			[]byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		require.NoError(t, err, o.Description)
	}
}

// send does what a case says, takes it back and returns the API's error.
func (r *admissionRun) send(t *testing.T, o object) error {
	t.Helper()
	if o.Before != nil && !r.prepared {
		r.prepare(t, o)
	}
	content := o.content()
	resource := r.resource(t, r.as(o), content)
	began := time.Now()
	err := do(t.Context(), resource, o, content)
	if o.Operation == "create" && o.Want == "allowed" {
		r.took = append(r.took, time.Since(began))
	}
	if err == nil {
		r.remove(t, o)
	}

	return err
}

func do(
	ctx context.Context, resource dynamic.ResourceInterface, o object,
	content *unstructured.Unstructured,
) error {
	const manager = "test"
	var err error
	var subresources []string
	if o.Subresource != "" {
		subresources = []string{o.Subresource}
	}
	switch o.Operation {
	case "create":
		_, err = resource.Create(ctx, content, metav1.CreateOptions{FieldManager: manager})
	case "update":
		var current *unstructured.Unstructured
		current, err = resource.Get(ctx, content.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		content.SetResourceVersion(current.GetResourceVersion())
		_, err = resource.Update(ctx, content, metav1.UpdateOptions{}, subresources...)
	case "patch":
		var encoded []byte
		if encoded, err = json.Marshal(content.Object); err != nil {
			return err
		}
		_, err = resource.Patch(ctx, content.GetName(), types.MergePatchType, encoded,
			metav1.PatchOptions{}, subresources...)
	case "apply":
		_, err = resource.Apply(ctx, content.GetName(), content,
			metav1.ApplyOptions{FieldManager: manager, Force: true}, subresources...)
	case "delete":
		err = resource.Delete(ctx, content.GetName(), metav1.DeleteOptions{})
	default:
		err = fmt.Errorf("operation %q, want create, update, patch, apply or delete", o.Operation)
	}

	return err
}

// printObjects prints how many objects there were, and what the policies cost.
func printObjects(objects []object, without, with *admissionRun) {
	counts := map[string]int{}
	for _, o := range objects {
		counts[o.kind()+" "+o.Want]++
	}
	keys := make([]string, 0, len(counts))
	for key := range counts {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	fmt.Printf("\n%d objects, all accepted without the policies:\n", len(objects))
	for _, key := range keys {
		fmt.Printf("  %3d %s\n", counts[key], key)
	}
	before, after := median(without.took), median(with.took)
	fmt.Printf("a create of an allowed object takes %s without the policies, %s with them: "+
		"%.2f times, %s more (median of %d)\n\n", before.Round(10*time.Microsecond),
		after.Round(10*time.Microsecond), float64(after)/float64(before),
		(after - before).Round(10*time.Microsecond), len(with.took))
}

func median(durations []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(durations))
	return sorted[len(sorted)/2]
}
