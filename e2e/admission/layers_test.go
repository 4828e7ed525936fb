package admission_test

import (
	"fmt"
	"maps"
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
	"k8s.io/client-go/rest"
)

const (
	foreignRoute = "{apiVersion: traefik.io/v1alpha1, kind: IngressRoute, metadata: {name: web}, " +
		"spec: {routes: [{kind: Rule, match: Host(`b.test`)}]}}"
	tenantRole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: everywhere-%[2]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[1]s}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: %[3]q}]
`
)

// as returns the access of a user with the rights of a role everywhere.
func as(t *testing.T, c *cluster.Cluster, role, user string, groups ...string) *rest.Config {
	t.Helper()
	name := strings.NewReplacer(":", "-", "_", "-").Replace(user)
	c.Apply(t, c.Admin(), fmt.Sprintf(tenantRole, role, name, user))
	config := c.Admin()
	config.Impersonate = rest.ImpersonationConfig{
		UserName: user, Groups: append(groups, "system:authenticated"),
	}
	waitRole(t, config)

	return config
}

// waitRole waits until a user may do what a tenant may.
func waitRole(t *testing.T, config *rest.Config) {
	t.Helper()
	require.Eventually(t, func() bool {
		return dryRun(t, config, "acme", secret("{}")) == nil
	}, time.Minute, 20*time.Millisecond, "the role comes into force")
}

// testUsers checks who passes by right.
func testUsers(t *testing.T, c *cluster.Cluster) {
	pass := func(config *rest.Config, description string) {
		assert.NoError(t, dryRun(t, config, "acme", foreignRoute), description)
	}
	refuse := func(config *rest.Config, namespace, description string) {
		err := dryRun(t, config, namespace, foreignRoute)
		assert.True(t, apierrors.IsForbidden(err), "%s: %v", description, err)
		assert.ErrorContains(t, err, "tenantguard-ingressroutes", description)
	}
	pass(c.Admin(), "an administrator")
	pass(as(t, c, "tenant", "olga", "platform-operators"), "an operator's group")
	pass(as(t, c, "tenant", "platform-operator"), "an operator")
	pass(as(t, c, "cluster-admin", "carl"), "who has all rights")
	refuse(as(t, c, "tenant", "ted"), "acme", "who has a tenant's rights everywhere")
	refuse(as(t, c, "cluster-admin",
		"system:serviceaccount:argocd:argocd-application-controller"), "acme",
		"a GitOps controller with all rights")
	refuse(as(t, c, "cluster-admin", "system:serviceaccount:flux:kustomize-controller"), "acme",
		"another one")

	// All rights in one namespace are no right to override.
	c.Apply(t, c.Admin(), `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: own, namespace: acme}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: nora}]
`)
	owner := c.Admin()
	owner.Impersonate = rest.ImpersonationConfig{UserName: "nora"}
	waitRole(t, owner)
	refuse(owner, "acme", "who has all rights in the namespace")

	unlabelled := c.Tenant(t, "mallory")
	refuse(unlabelled.Config, "mallory", "a namespace without a tenant")
	assert.ErrorContains(t, dryRun(t, unlabelled.Config, "mallory", foreignRoute),
		"namespace mallory belongs to no tenant")
	assert.NoError(t, dryRun(t, unlabelled.Config, "mallory",
		service("", "{type: ExternalName, externalName: x}")), "what routes refer to is left alone")
	assert.NoError(t, dryRun(t, as(t, c, "tenant", "ted"), "traefik", foreignRoute),
		"the operators' namespace")
	controller := as(t, c, "tenant",
		"system:serviceaccount:kube-system:endpointslice-controller",
		"system:serviceaccounts:kube-system")
	assert.NoError(t, dryRun(t, controller, "acme", "{apiVersion: discovery.k8s.io/v1, "+
		"kind: EndpointSlice, metadata: {name: x}, addressType: IPv4, endpoints: []}"))
}

// testAllowed checks what the annotation of a Namespace lets it do.
func testAllowed(t *testing.T, c *cluster.Cluster) {
	free := c.Tenant(t, "free", "tenantguard.io/tenant=free", "@tenantguard.io/hosts=a.test",
		"@tenantguard.io/allow=tcp, udp,certresolver ,passthrough,externalname,endpoints,plugins")
	for _, manifest := range []string{
		tcpRoute("HostSNI(`a.test`)", "tls: {passthrough: true}"),
		"{apiVersion: traefik.io/v1alpha1, kind: IngressRouteUDP, metadata: {name: x}, " +
			"spec: {routes: []}}",
		"{apiVersion: traefik.io/v1alpha1, kind: IngressRouteUDP, metadata: {name: x}, spec: " +
			"{routes: [{services: [{name: web, port: 80}]}]}}",
		route("Host(`a.test`)", ", tls: {certResolver: le}"),
		ingress("nginx.ingress.kubernetes.io/ssl-passthrough: 'true'", "host: a.test"),
		ingress("traefik.ingress.kubernetes.io/router.tls.certresolver: le", "host: a.test"),
		service("", "{type: ExternalName, externalName: x}"),
		"{apiVersion: v1, kind: Endpoints, metadata: {name: x}}",
		crd("Middleware", "x", "{plugin: {other: {}}}"),
		"{apiVersion: gateway.networking.k8s.io/v1, kind: TLSRoute, metadata: {name: x}, spec: " +
			"{hostnames: [a.test], rules: [{backendRefs: [{name: web, port: 80}]}]}}",
	} {
		assert.NoError(t, dryRun(t, free.Config, "free", manifest), manifest)
	}
	for manifest, refused := range map[string]string{
		tcpRoute("HostSNI(`*`)", "tls: {}"):      "exactly one HostSNI(`name`)",
		tcpRoute("HostSNI(`b.test`)", "tls: {}"): "host b.test is not",
		"{apiVersion: traefik.io/v1alpha1, kind: IngressRouteUDP, metadata: {name: x}, spec: " +
			"{routes: [{services: [{name: x, namespace: globex, port: 80}]}]}}": "services may be",
		tcpRoute("HostSNI(`a.test`)", "entryPoints: []"):          "needs tls",
		crd("Middleware", "x", "{plugin: {tenantguard: {a: b}}}"): "the keys of tenantguard",
		"{apiVersion: gateway.networking.k8s.io/v1, kind: TLSRoute, metadata: {name: x}, spec: " +
			"{hostnames: [b.test], rules: [{backendRefs: [{name: x, port: 80}]}]}}": "host b.test",
	} {
		assert.ErrorContains(t, dryRun(t, free.Config, "free", manifest), refused, manifest)
	}
}

// testBefore checks that what was there before stays, and is held to the policies when it changes.
func testBefore(t *testing.T, c *cluster.Cluster) {
	old := strings.Replace(foreignRoute, "name: web", "name: old, namespace: acme, "+
		"finalizers: [example.com/x]", 1)
	c.Apply(t, c.Admin(), old)
	user := as(t, c, "tenant", "ted")
	require.NoError(t, c.TryApply(t.Context(), user, old), "nothing changes")
	changed := strings.Replace(old, "b.test", "c.test", 1)
	assert.ErrorContains(t, c.TryApply(t.Context(), user, changed), "host c.test is not")
	labelled := strings.Replace(old, "name: old", "name: old, labels: {a: b}", 1)
	assert.ErrorContains(t, c.TryApply(t.Context(), user, labelled), "host b.test is not",
		"labels may choose which Traefik takes it")
	assert.NoError(t, c.TryApply(t.Context(), user,
		strings.Replace(old, "[example.com/x]", "[]", 1)), "a finalizer can go")
	c.Delete(t, user, old)
}

// testMessages checks that long input leaves a message that says something: the API server
// replaces those of more than 5 KiB.
func testMessages(t *testing.T, c *cluster.Cluster) {
	var patterns []string
	for i := range 1000 {
		patterns = append(patterns, fmt.Sprintf("h%d.%s.test", i, strings.Repeat("x", 40)))
	}
	large := c.Tenant(t, "large", "tenantguard.io/tenant=large",
		"@tenantguard.io/hosts="+strings.Join(patterns, ","))
	refused := func(manifest, want string) {
		t.Helper()
		err := dryRun(t, large.Config, "large", manifest)
		require.ErrorContains(t, err, want)
		assert.Less(t, len(err.Error()), 1200)
	}
	refused(route("Host(`"+strings.Repeat("x.", 450)+"test`)", ""), "... is not a host of")
	refused(route("Path(`/"+strings.Repeat("x", 10_000)+"`)", ""), "... can not be checked")
	refused(route("Host(`a.test`) && Path(`/"+strings.Repeat("x", 980)+"`)", ""),
		"at most 1000 characters")
	var sans []string
	for i := range 21 {
		sans = append(sans, patterns[i])
	}
	refused(route("Host(`"+patterns[0]+"`)", ", tls: {domains: [{main: x.test, sans: ["+
		strings.Join(sans, ", ")+"]}]}"), "are more than the 20000 that are compared")
	refused(route("Host(`"+patterns[0]+"`)", ", tls: {domains: [{main: "+
		strings.Repeat("x", 20_000)+"}]}"), "have more than 20000 characters together")
	refused(ingress("nginx.ingress.kubernetes.io/server-alias: "+strings.Repeat("x", 20_000),
		"host: "+patterns[0]), "have more than 20000 characters together")
	refused(ingress("nginx.ingress.kubernetes.io/"+strings.Repeat("y", 60)+": x",
		"host: "+patterns[0]),
		"is not for tenants")
}

// testOwners checks the second layer.
func testOwners(t *testing.T, c *cluster.Cluster) {
	apply(t, c, "owners.yaml")
	// Creation times are in seconds, so the test says which Namespace is older.
	namespaces := []policy.Namespace{
		{Name: "wild", Created: "1", Tenant: "wild", Hosts: "*.w.test, **.z.test"},
		{Name: "inner", Created: "2", Tenant: "inner", Hosts: "in.w.test, a.z.test"},
		{Name: "shop-api", Created: "3", Tenant: "a", Hosts: "shop-api.test"},
		{Name: "shop", Created: "4", Tenant: "b", Hosts: "shop.test"},
		{Name: "shop-api-web", Created: "5", Tenant: "c", Hosts: "c.test"},
	}
	tenants := map[string]*cluster.Tenant{}
	for _, n := range namespaces {
		tenants[n.Name] = c.Tenant(t, n.Name, "tenantguard.io/tenant="+n.Tenant,
			"@tenantguard.io/hosts="+n.Hosts)
	}
	tenants["visitor"] = c.Tenant(t, "visitor", "tenantguard.io/tenant=visitor",
		"@tenantguard.io/hosts=in.w.test, v.test",
		"@tenantguard.io/allow=tcp,passthrough,guest:in.w.test,guest:**.z.test")
	c.AwaitPolicies(t)
	assert.ErrorContains(t, dryRun(t, tenants["wild"].Config, "wild",
		route("Host(`ok.w.test`)", "")), "tenantguard-owners", "without the ConfigMap")

	parsed, errs := policy.Parse(map[string]any{}, nil, "", true)
	require.Empty(t, errs)
	owners := admission.Owners(parsed.Over(&policy.Snapshot{Namespaces: namespaces}), namespaces)
	data := "{apiVersion: v1, kind: ConfigMap, metadata: {name: tenantguard-owners, " +
		"namespace: traefik}, data: {"
	for _, key := range slices.Sorted(maps.Keys(owners)) {
		data += fmt.Sprintf("%q: %q, ", key, owners[key])
	}
	c.Apply(t, c.Admin(), data+"}}")
	require.Eventually(t, func() bool {
		return dryRun(t, tenants["wild"].Config, "wild", route("Host(`ok.w.test`)", "")) == nil
	}, time.Minute, 100*time.Millisecond, "the ConfigMap comes into force")

	const collide = "the names that this Ingress has in Traefik may be those of namespace "
	for _, o := range []struct{ namespace, description, manifest, refused string }{
		{"wild", "inside one's wildcard", route("Host(`x.w.test`)", ""), ""},
		{"wild", "another tenant's inside it", route("Host(`in.w.test`)", ""),
			"host in.w.test is not of tenant wild alone"},
		{"wild", "the wildcard itself", route("Host(`*.w.test`)", ""), "host *.w.test is not"},
		{"wild", "a wildcard without others", route("Host(`*.x.z.test`)", ""), ""},
		{"wild", "a wildcard with another tenant's name", route("Host(`*.z.test`)", ""),
			"host *.z.test"},
		{"wild", "below another tenant's name", route("Host(`b.a.z.test`)", ""), ""},
		{"wild", "HTTPRoute", httpRoute("[in.w.test]", "traefik", "[{name: web, port: 80}]"),
			"host in.w.test"},
		{"wild", "Ingress", ingress("", "host: in.w.test"), "host in.w.test"},
		{"inner", "its own", route("Host(`in.w.test`)", ""), ""},
		{"inner", "its own Ingress", ingress("", "host: in.w.test"), ""},
		{"visitor", "a guest", route("Host(`in.w.test`)", ""), ""},
		{"visitor", "a guest below another tenant's name", route("Host(`b.a.z.test`)", ""), ""},
		{"visitor", "a guest's HTTPRoute",
			httpRoute("[a.z.test]", "traefik", "[{name: web, port: 80}]"), ""},
		{"visitor", "a guest's Ingress", ingress("", "host: in.w.test"), ""},
		{"visitor", "TCP of a guest", tcpRoute("HostSNI(`in.w.test`)", "tls: {}"),
			"host in.w.test is not of tenant visitor alone"},
		{"visitor", "a host that no tenant has", route("Host(`v.test`)", ""), "host v.test"},
		{"shop-api", "the older", shopIngress("web", "gateway", "shop-api.test"), ""},
		{"shop", "row 7: a service of the older", shopIngress("web", "api-gateway", "shop.test"),
			collide + "shop-api"},
		{"shop", "a service without it", shopIngress("web", "gateway", "shop.test"), ""},
		{"shop", "a router of the older", shopIngress("api-web", "gateway", "shop.test"),
			collide + "shop-api"},
		{"shop", "a port that completes it", shopIngress("x", "api", "shop.test"), collide},
		{"shop", "the same as an IngressRoute", route("Host(`shop.test`)", ""), ""},
		{"shop-api-web", "all of its names", shopIngress("x", "z", "c.test"), collide + "shop"},
	} {
		err := dryRun(t, tenants[o.namespace].Config, o.namespace, o.manifest)
		if o.refused == "" {
			assert.NoError(t, err, o.description)
			continue
		}
		assert.True(t, apierrors.IsForbidden(err), "%s: %v", o.description, err)
		assert.ErrorContains(t, err, o.refused, o.description)
	}
}

func shopIngress(name, service, host string) string {
	return strings.NewReplacer("{name: web, annotations", "{name: "+name+", annotations",
		"{name: web, port", "{name: "+service+", port").Replace(ingress("", "host: "+host))
}

// warnings keeps what the API server warns of.
type warnings struct{ texts []string }

func (w *warnings) HandleWarningHeader(_ int, _, text string) { w.texts = append(w.texts, text) }

// testWarn checks that the other overlay says the same and refuses nothing but the marks.
func testWarn(t *testing.T, c *cluster.Cluster) {
	apply(t, c, "warn/*.yaml", "owners-warn.yaml")
	user := as(t, c, "tenant", "ted")
	said := &warnings{}
	user.WarningHandler = said
	require.Eventually(t, func() bool {
		return dryRun(t, user, "acme", foreignRoute) == nil && len(said.texts) > 0
	}, time.Minute, 100*time.Millisecond, "the overlay comes into force")
	assert.Contains(t, strings.Join(said.texts, "\n"),
		"host b.test is not a host of namespace acme")
}
