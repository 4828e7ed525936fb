package admission_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/internal/admission"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// TestVariant applies policies for another platform's label and for hosts by rule.
func TestVariant(t *testing.T) {
	const label = "capsule.clastix.io/tenant"
	options := admission.Defaults()
	options.Label, options.LabelByPlatform = label, true
	options.Hosts = []string{"{namespace}.{tenant}.test", "*.{tenant}.apps.test",
		"{namespace}.pr.test"}
	require.NoError(t, options.Check())
	c := cluster.StartWith(t, cluster.Options{Flags: []string{"--emulated-version=1.33"}})
	for name, content := range options.Files() {
		if name != "warn/bindings.yaml" && name != "owners.yaml" && name != "owners-warn.yaml" {
			c.Apply(t, c.Admin(), content)
		}
	}
	tenants := map[string]*cluster.Tenant{
		"pr-1":    c.Tenant(t, "pr-1", label+"=acme", "@tenantguard.io/hosts=own.test"),
		"pr-2":    c.Tenant(t, "pr-2", label+"=acme"),
		"dotted":  c.Tenant(t, "dotted", label+"=a.acme"),
		"upper":   c.Tenant(t, "upper", label+"=Acme"),
		"default": c.Tenant(t, "default-label", "tenantguard.io/tenant=acme"),
	}
	c.AwaitPolicies(t)

	const foreign = "is not a host of namespace "
	for _, row := range []struct{ namespace, description, manifest, refused string }{
		{"pr-1", "namespace and tenant", route("Host(`pr-1.acme.test`)", ""), ""},
		{"pr-1", "below the tenant", route("Host(`x.acme.apps.test`)", ""), ""},
		{"pr-1", "the wildcard itself", route("Host(`*.acme.apps.test`)", ""), ""},
		{"pr-1", "namespace alone", ingress("", "host: pr-1.pr.test"), ""},
		{"pr-1", "the annotation", route("Host(`own.test`)", ""), ""},
		{"pr-1", "another Namespace's", route("Host(`pr-2.acme.test`)", ""), foreign + "pr-1"},
		{"pr-1", "another tenant's", route("Host(`x.globex.apps.test`)", ""), foreign},
		{"pr-1", "two labels more", route("Host(`y.x.acme.apps.test`)", ""), foreign},
		{"pr-1", "the template as it is", route("Host(`{namespace}.pr.test`)", ""),
			"can not be checked"},
		{"pr-1", "HTTPRoute",
			httpRoute("[pr-1.acme.test]", "traefik", "[{name: web, port: 80}]"), ""},
		{"pr-1", "HTTPRoute of another Namespace's",
			httpRoute("[pr-2.acme.test]", "traefik", "[{name: web, port: 80}]"), foreign},
		{"pr-2", "no annotation", route("Host(`pr-2.acme.test`)", ""), ""},
		{"pr-2", "another's annotation", route("Host(`own.test`)", ""), foreign + "pr-2"},
		{"dotted", "a tenant with a dot reaches below another", route(
			"Host(`x.a.acme.apps.test`)", ""), foreign + "dotted"},
		{"dotted", "all templates with the tenant", route(
			"Host(`dotted.a.acme.test`)", ""), foreign + "dotted"},
		{"dotted", "one without the tenant", route("Host(`dotted.pr.test`)", ""), ""},
		{"upper", "a tenant in upper case", route("Host(`upper.acme.test`)", ""), foreign},
		{"upper", "hosts have no case", route("Host(`UPPER.pr.test`)", ""), ""},
		{"default", "the label of others", route("Host(`default-label.pr.test`)", ""),
			"belongs to no tenant; ask your operators for the label " + label},
	} {
		tenant := tenants[row.namespace]
		err := dryRun(t, tenant.Config, tenant.Namespace, row.manifest)
		if row.refused == "" {
			assert.NoError(t, err, row.description)
			continue
		}
		assert.True(t, apierrors.IsForbidden(err), "%s: %v", row.description, err)
		assert.ErrorContains(t, err, row.refused, row.description)
	}
}
