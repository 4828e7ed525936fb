package kubernetes_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// asGroup returns the access of a user with the rights of a group only.
func asGroup(c *cluster.Cluster, group string) *rest.Config {
	config := c.Admin()
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "someone", Groups: []string{group, "system:authenticated"},
	}

	return config
}

// testAdmission checks that a tenant that may write Namespaces can change nothing that the guard
// reads of them, and everything else.
func testAdmission(t *testing.T, c *cluster.Cluster, tenant *cluster.Tenant) {
	client, err := kubernetes.NewForConfig(tenant.Config)
	require.NoError(t, err)
	namespaces := client.CoreV1().Namespaces()
	before, err := namespaces.Get(t.Context(), exampleTenant, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, exampleTenant, before.Labels["tenantguard.io/tenant"])
	patch := func(metadata string, subresources ...string) error {
		_, err := namespaces.Patch(t.Context(), exampleTenant, types.MergePatchType,
			[]byte(`{"metadata":`+metadata+`}`), metav1.PatchOptions{}, subresources...)
		return err
	}
	apply := func(config *rest.Config, manifest string) error {
		return c.TryApply(t.Context(), config, manifest)
	}
	finalize := before.DeepCopy()
	finalize.Labels["tenantguard.io/tenant"] = "globex"
	update := before.DeepCopy()
	delete(update.Annotations, "tenantguard.io/hosts")

	denied := map[string]error{
		"another tenant":  patch(`{"labels":{"tenantguard.io/tenant":"globex"}}`),
		"no tenant":       patch(`{"labels":{"tenantguard.io/tenant":null}}`),
		"an empty tenant": patch(`{"labels":{"tenantguard.io/tenant":""}}`),
		"no labels":       patch(`{"labels":null}`),
		"more hosts":      patch(`{"annotations":{"tenantguard.io/hosts":"**.example.com"}}`),
		"no hosts":        patch(`{"annotations":{"tenantguard.io/hosts":null}}`),
		"no annotations":  patch(`{"annotations":null}`),
		"report mode":     patch(`{"annotations":{"tenantguard.io/mode":"report"}}`),
		"more rights":     patch(`{"annotations":{"tenantguard.io/allow":"tcp"}}`),
		"another tenant, by status": patch(
			`{"labels":{"tenantguard.io/tenant":"globex"}}`, "status"),
		"more hosts, by status": patch(
			`{"annotations":{"tenantguard.io/hosts":"**.example.com"}}`, "status"),
		"no marks, by apply": apply(tenant.Config,
			"{apiVersion: v1, kind: Namespace, metadata: {name: acme}}"),
		"a new Namespace with a tenant": apply(tenant.Config,
			markedNamespace("acme-new", "labels", "tenantguard.io/tenant: acme")),
		"a new Namespace with hosts": apply(tenant.Config,
			markedNamespace("acme-new", "annotations", "tenantguard.io/hosts: new.example.com")),
		"a new Namespace with a mode": apply(tenant.Config,
			markedNamespace("acme-new", "annotations", "tenantguard.io/mode: report")),
	}
	_, err = namespaces.Finalize(t.Context(), finalize, metav1.UpdateOptions{})
	denied["another tenant, by finalize"] = err
	_, err = namespaces.Update(t.Context(), update, metav1.UpdateOptions{})
	denied["no hosts, by update"] = err
	for name, err := range denied {
		assert.True(t, apierrors.IsForbidden(err), "%s: %v", name, err)
		assert.ErrorContains(t, err, "only operators may", name)
	}
	after, err := namespaces.Get(t.Context(), exampleTenant, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, before.Labels, after.Labels)
	assert.Equal(t, before.Annotations, after.Annotations)

	require.NoError(t,
		patch(`{"labels":{"team":"a"},"annotations":{"example.com/contact":"a"}}`),
		"its other labels are the tenant's")
	require.NoError(t, patch(`{"labels":{"team":"b"}}`, "status"))
	after, err = namespaces.Get(t.Context(), exampleTenant, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, "b", after.Labels["team"],
		"subresources write labels, so the policy is for them too")
	require.NoError(t, apply(tenant.Config, markedNamespace("acme-plain", "labels", "team: a")))

	for name, operator := range map[string]*rest.Config{
		"a group": asGroup(c, "platform-operators"), "system:masters": c.Admin(),
	} {
		marked := markedNamespace("operators", "annotations",
			"tenantguard.io/hosts: own.example.com")
		require.NoError(t, apply(operator, marked), name)
		require.NoError(t, apply(operator,
			"{apiVersion: v1, kind: Namespace, metadata: {name: operators}}"), name)
	}
	c.DeleteNamespace(t, "operators")
}
