package kubernetes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
	"gopkg.in/yaml.v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	kubernetesyaml "sigs.k8s.io/yaml"
)

const (
	// exampleHost and the others are names in the examples.
	exampleHost   = "acme.example.com"
	exampleTenant = "acme"
	exampleRouter = "acme_web_0@kubernetescrd"

	// namespaceWriter is a role that may write Namespaces and their subresources.
	namespaceWriter = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: namespace-writer}
rules:
  - apiGroups: [""]
    resources: [namespaces, namespaces/status, namespaces/finalize]
    verbs: [get, create, update, patch]
`
)

// TestExamples applies the files of examples/kubernetes to a cluster as its operator would.
func TestExamples(t *testing.T) {
	c := cluster.Start(t)
	acme := c.Tenant(t, exampleTenant)
	c.Apply(t, c.Admin(), namespaceWriter,
		bindRole("namespace-writer", "User", acme.User),
		bindRole("namespace-writer", "Group", "platform-operators"))

	// Without the policy a tenant with that right takes any host: so the policy is what denies it
	// below.
	require.NoError(t, c.TryApply(t.Context(), acme.Config,
		markedNamespace(exampleTenant, "labels", "tenantguard.io/tenant: globex")))

	c.Apply(t, c.Admin(), example(t, "rbac.yaml"))
	applyAdmission(t, c)
	assert.True(t, apierrors.IsForbidden(c.TryApply(t.Context(), acme.Config,
		markedNamespace(exampleTenant, "labels", "tenantguard.io/tenant: initech"))))
	c.Apply(t, asGroup(c, "platform-operators"), example(t, "namespace.yaml"))

	t.Run("admission", func(t *testing.T) { testAdmission(t, c, acme) })
	t.Run("route", func(t *testing.T) { testExampleRoute(t, c, acme) })
}

func bindRole(role, kind, name string) string {
	return fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %s-%s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %s}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: %s, name: %s}]
`, role, name, role, kind, name)
}

func markedNamespace(name, field, marks string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, %s: {%s}}}", name,
		field, marks)
}

// testExampleRoute serves the tenant's route with a Traefik that is set up as in the examples. The
// guard's token has the rights of rbac.yaml and no others.
func testExampleRoute(t *testing.T, c *cluster.Cluster, acme *cluster.Tenant) {
	traefik.Need(t, traefik.SafeNames, "safe names, which the examples turn on,")
	guardToken := accountWithGuardRole(t, c)
	asGuard, err := kubernetes.NewForConfig(c.WithToken(readFile(t, guardToken)))
	require.NoError(t, err)

	proxy := c.Proxy(t)
	certificate := lab.NewCA(t, "example CA").Issue(t, exampleHost)
	acme.Secret(t, "web", certificate)
	acme.Service(t, "web")
	acme.Apply(t, example(t, "tenant.yaml"))
	c.Apply(t, c.Admin(), exampleGuard(t, lab.Map{
		"endpoint": proxy.URL, "tokenFile": guardToken, "caFile": c.CAFile,
	}))

	tr := startExample(t, c)
	tr.WaitNamed(t, exampleRouter)
	tr.WaitCertificate(t, exampleHost, certificate)
	response := lab.Get(t, lab.HTTP1, tr.Target(exampleHost), exampleHost, "/")
	require.Equal(t, http.StatusOK, response.Status, "%s", strings.Join(tr.Log.Lines(), "\n"))
	assert.Equal(t, "web", response.Tenant())
	for _, call := range []string{
		"tenantguard list namespaces", "tenantguard watch namespaces", "tenantguard list secrets",
	} {
		assert.Eventually(t, func() bool {
			return proxy.Count()[call] > 0
		}, time.Minute, 50*time.Millisecond, call)
	}
	_, err = asGuard.CoreV1().Secrets(exampleTenant).Get(t.Context(), "web", metav1.GetOptions{})
	require.NoError(t, err, "the guard looks at single Secrets as well")
	tr.CheckRights(t)
	assert.Empty(t, tr.Log.With(`"event":"policy"`))
	servePlatform(t, c, tr, acme)
	acme.Secret(t, "web", certificate)
	tr.WaitCertificate(t, exampleHost, certificate)

	// A route to the same host from a namespace without a tenant, which Traefik prefers. It is
	// refused when it is created; one that was there before is refused for each request.
	mallory := c.Tenant(t, "mallory")
	mallory.Service(t, "mallory")
	route := fmt.Sprintf(`
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: web, namespace: mallory}
spec:
  entryPoints: [websecure]
  routes:
    - {kind: Rule, match: Host(%s), priority: 1000, services: [{name: mallory, port: 80}]}
`, "`"+exampleHost+"`")
	err = mallory.TryApply(t.Context(), route)
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	assert.ErrorContains(t, err, "namespace mallory belongs to no tenant")
	c.Apply(t, c.Admin(), route)
	tr.WaitNamed(t, "mallory_web_0@kubernetescrd")
	response = lab.Get(t, lab.HTTP1, tr.Target(exampleHost), exampleHost, "/")
	assert.Equal(t, http.StatusForbidden, response.Status)
	assert.Empty(t, response.Tenant())
	denial := tr.Log.WaitDenial(t, func(denial lab.Denial) bool {
		return denial.Router == "mallory_web_0@kubernetescrd"
	})
	assert.Equal(t, "router-unbound", denial.Reason)
}

// servePlatform has the platform's certificate served for the tenant's host, with the names that
// such certificates have: a wildcard and its apex.
func servePlatform(t *testing.T, c *cluster.Cluster, tr *cluster.Traefik, acme *cluster.Tenant) {
	t.Helper()
	shared := lab.NewCA(t, "platform CA").Issue(t, "*.example.com", "example.com")
	c.Apply(t, c.Admin(),
		cluster.SecretManifest(t, cluster.TraefikNamespace, "platform", shared), `
apiVersion: traefik.io/v1alpha1
kind: TLSStore
metadata: {name: default, namespace: traefik}
spec: {certificates: [{secretName: platform}]}
`)
	acme.Delete(t, "{apiVersion: v1, kind: Secret, metadata: {name: web}}")
	tr.WaitCertificate(t, exampleHost, shared)
	response := lab.Get(t, lab.HTTP1, tr.Target(exampleHost), exampleHost, "/")
	assert.Equal(t, http.StatusOK, response.Status, "%s", tr.Log.Denials())
}

// accountWithGuardRole creates an account with the role of rbac.yaml alone and returns its token's
// file.
func accountWithGuardRole(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	c.Apply(t, c.Admin(), `
apiVersion: v1
kind: ServiceAccount
metadata: {name: guard-alone, namespace: traefik}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: guard-alone}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: tenantguard}
subjects: [{kind: ServiceAccount, name: guard-alone, namespace: traefik}]
`)
	return c.TokenFile(t, cluster.TraefikNamespace, "guard-alone", time.Hour)
}

// exampleGuard returns middleware.yaml for a guard that does not run in a pod.
func exampleGuard(t *testing.T, outside lab.Map) string {
	t.Helper()
	var middleware map[string]any
	require.NoError(t, kubernetesyaml.Unmarshal([]byte(example(t, "middleware.yaml")), &middleware))
	keys := middleware
	for _, key := range []string{"spec", "plugin", lab.PluginName, "kubernetes"} {
		next, is := keys[key].(map[string]any)
		require.True(t, is, key)
		keys = next
	}
	for key, value := range outside {
		require.NotContains(t, keys, key)
		keys[key] = value
	}
	encoded, err := json.Marshal(middleware)
	require.NoError(t, err)

	return string(encoded)
}

// exampleValues are the keys that helm-guard.yaml may have.
type exampleValues struct {
	Image               struct{ Registry, Repository, Tag string }
	AdditionalArguments []string `yaml:"additionalArguments"`
	Env                 []struct{ Name, Value string }
}

// startExample starts a Traefik with the arguments and the environment variables of
// helm-guard.yaml, and with the arguments of helm-hardening.yaml behind them.
func startExample(t *testing.T, c *cluster.Cluster) *cluster.Traefik {
	t.Helper()
	var values exampleValues
	decoder := yaml.NewDecoder(strings.NewReader(
		example(t, "helm-guard.yaml") + example(t, "helm-hardening.yaml")))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&values))
	require.Contains(t, values.AdditionalArguments,
		"--experimental.localPlugins.tenantguard.moduleName=github.com/tenantguard/tenantguard")

	static := staticOf(t, values.AdditionalArguments)
	providers, is := static["providers"].(lab.Map)
	require.True(t, is)
	delete(static, "providers")
	options := cluster.TraefikOptions{
		Options: lab.Options{Plugin: true, Static: static}, Providers: providers,
	}
	for _, variable := range values.Env {
		options.Env = append(options.Env, variable.Name+"="+variable.Value)
	}

	return c.Traefik(t, options)
}

// staticOf returns flags as Traefik's static configuration file has them.
func staticOf(t *testing.T, flags []string) lab.Map {
	t.Helper()
	static := lab.Map{}
	for _, flag := range flags {
		key, value, given := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		require.True(t, given, flag)
		static = lab.Merge(static, setting(strings.Split(key, "."), value))
	}

	return static
}

// setting returns a flag as Traefik's static configuration file has it.
func setting(path []string, value string) lab.Map {
	if len(path) > 1 {
		return lab.Map{path[0]: setting(path[1:], value)}
	}
	if path[0] == "middlewares" || path[0] == "crossProviderNamespaces" {
		return lab.Map{path[0]: strings.Split(value, ",")}
	}
	if value == "true" || value == "false" {
		return lab.Map{path[0]: value == "true"}
	}
	return lab.Map{path[0]: value}
}

func example(t *testing.T, name string) string {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)

	return readFile(t, filepath.Join(root, "examples", "kubernetes", name))
}

// examples returns the files whose names match.
func examples(t *testing.T, pattern string) []string {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	names, err := filepath.Glob(filepath.Join(root, "examples", "kubernetes", pattern))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	var contents []string
	for _, name := range names {
		contents = append(contents, readFile(t, name))
	}

	return contents
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)

	return string(content)
}
