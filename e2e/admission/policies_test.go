package admission_test

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/internal/admission"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// apply applies files of examples/kubernetes/admission.
func apply(t *testing.T, c *cluster.Cluster, patterns ...string) {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	for _, pattern := range patterns {
		names, err := filepath.Glob(
			filepath.Join(root, "examples", "kubernetes", "admission", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, names, pattern)
		for _, name := range names {
			content, err := os.ReadFile(name)
			require.NoError(t, err)
			require.NoError(t, c.TryApply(t.Context(), c.Admin(), string(content)), name)
		}
	}
}

// dryRun creates an object without keeping it.
func dryRun(t *testing.T, config *rest.Config, namespace, manifest string) error {
	t.Helper()
	var object unstructured.Unstructured
	require.NoError(t, yaml.Unmarshal([]byte(manifest), &object.Object), manifest)
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	kind := object.GroupVersionKind()
	resource := schema.GroupVersionResource{Group: kind.Group, Version: kind.Version,
		Resource: plural(kind.Kind)}
	_, err = client.Resource(resource).Namespace(namespace).Create(t.Context(), &object,
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})

	return err
}

func plural(kind string) string {
	if kind == "Ingress" {
		return "ingresses"
	}
	if kind == "Endpoints" {
		return "endpoints"
	}

	return strings.ToLower(kind) + "s"
}

// route returns an IngressRoute with a rule and more fields of its spec.
func route(match, more string) string {
	return fmt.Sprintf("{apiVersion: traefik.io/v1alpha1, kind: IngressRoute, "+
		"metadata: {name: web}, spec: {routes: [{kind: Rule, match: %q, "+
		"services: [{name: web, port: 80}]}]%s}}", match, more)
}

// startCluster starts a cluster that takes new policies as Kubernetes 1.33 does, the oldest one
// that this release stands for, with all policies in force, and a tenant.
func startCluster(t *testing.T) (*cluster.Cluster, *cluster.Tenant) {
	t.Helper()
	c := cluster.StartWith(t, cluster.Options{Flags: []string{"--emulated-version=1.33"}})
	apply(t, c, "policies/*.yaml", "deny/*.yaml")
	acme := c.Tenant(t, "acme", "tenantguard.io/tenant=acme",
		"@tenantguard.io/hosts=a.test, *.a.test, **.deep.test")
	// What a tenant must not write although it may.
	c.Apply(t, c.Admin(), `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: generous}
rules:
  - {apiGroups: [""], resources: [endpoints], verbs: [create]}
  - {apiGroups: [gateway.networking.k8s.io], resources: [gateways], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: generous}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: generous}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]
`)
	c.AwaitPolicies(t)

	return c, acme
}

// TestPolicies applies one object or a few for each policy. All that must pass and must be refused
// is in testdata/admission.
func TestPolicies(t *testing.T) {
	c, acme := startCluster(t)
	t.Run("objects", func(t *testing.T) {
		for _, o := range objects {
			err := dryRun(t, acme.Config, acme.Namespace, o.manifest)
			if o.refused == "" {
				assert.NoError(t, err, o.description)
				continue
			}
			assert.True(t, apierrors.IsForbidden(err), "%s: %v", o.description, err)
			assert.ErrorContains(t, err, o.refused, o.description)
		}
	})
	t.Run("rules as in Go", func(t *testing.T) { testRulesInCEL(t, acme) })
	t.Run("users", func(t *testing.T) { testUsers(t, c) })
	t.Run("allowed", func(t *testing.T) { testAllowed(t, c) })
	t.Run("before", func(t *testing.T) { testBefore(t, c) })
	t.Run("messages", func(t *testing.T) { testMessages(t, c) })
	t.Run("owners", func(t *testing.T) { testOwners(t, c) })
	t.Run("warn", func(t *testing.T) { testWarn(t, c) })
}

// testRulesInCEL holds what the API server says of random rules against the reader that Traefik's
// muxer was held against.
func testRulesInCEL(t *testing.T, acme *cluster.Tenant) {
	g := &generator{Rand: rand.New(rand.NewSource(*randomSeed)), host: "Host",
		others: strings.Fields("Path PathPrefix Header Query Method HostRegexp")}
	r := newReader(admission.HTTPRule())
	passed, malformed := 0, 0
	for range 400 {
		rule := g.rule()
		hosts, wellFormed := r.read(rule)
		foreign := slices.ContainsFunc(hosts, func(host string) bool {
			return !covers([]string{"a.test", "*.a.test"}, host)
		})
		err := dryRun(t, acme.Config, acme.Namespace, route(rule, ""))
		switch {
		case !wellFormed:
			malformed++
			assert.ErrorContains(t, err, "can not be checked", "%q", rule)
		case foreign:
			assert.ErrorContains(t, err, "is not a host of namespace acme", "%q", rule)
		default:
			passed++
			assert.NoError(t, err, "%q", rule)
		}
	}
	assert.Greater(t, passed, 20)
	assert.Greater(t, malformed, 20)
}
