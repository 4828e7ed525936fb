package papers

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"gopkg.in/yaml.v3"
	corev1 "k8s.io/api/core/v1"
	kubernetesyaml "sigs.k8s.io/yaml"
)

// The sections of docs/recipes.md that tests are about.
const (
	challenges  = "HTTP-01 challenges"
	wildcards   = "Wildcard certificates"
	catchAlls   = "Catch-alls, error pages and default backends"
	signOn      = "Sign-on paths on every host"
	health      = "Health checks by address"
	twoTeams    = "One host for two teams"
	oneByOne    = "Hosts that any tenant may take one by one"
	balancers   = "Load balancers in front of Traefik"
	browsers    = "Browsers that reuse connections"
	previews    = "Preview environments"
	labels      = "Labels that a platform has already"
	capsule     = "capsule.clastix.io/tenant"
	challengeOf = "/.well-known/acme-challenge/tok"
)

// TestRecipes wants the policies of the recipes to give hosts to whom the recipes say.
func TestRecipes(t *testing.T) {
	for _, test := range []struct {
		section     string
		block       int
		host, owner string
	}{
		{wildcards, 0, "acme.example.com", "acme"},
		{wildcards, 0, "shop.example.com", ""},
		{catchAlls, 1, "acme.example.com", "acme"},
		{catchAlls, 1, "shop.acme.example.com", "acme"},
		{catchAlls, 1, "a.shop.acme.example.com", "platform"},
		{catchAlls, 1, "lost.example.com", "platform"},
		{catchAlls, 1, "example.org", ""},
		{previews, 0, "pr-42.preview.acme.example.com", "acme-previews"},
		{twoTeams, 0, "api.acme.example.com", "acme-api"},
		{twoTeams, 0, "www.acme.example.com", "acme"},
	} {
		guard := middleware{"guard@file", recipePolicy(t, test.section, test.block)}
		owner := hostOwner(t, guard, test.host)
		assert.Equal(t, test.owner, owner, "%s: %s", test.section, test.host)
	}
}

// TestRecipeRequests wants requests to be answered as the recipes say.
func TestRecipeRequests(t *testing.T) {
	const acme, elsewhere = "acme.example.com", "192.0.2.99"
	for _, test := range []struct {
		section string
		asked
		want string
	}{
		{challenges, asked{"acme", "https://acme.example.com" + challengeOf, acme, elsewhere},
			"pass"},
		{challenges, asked{"acme", "http://acme.example.com" + challengeOf, "", elsewhere},
			"pass"},
		{challenges, asked{"acme", "http://acme.example.com/", "", elsewhere}, "tls-required"},
		{challenges, asked{"platform", "https://acme.example.com" + challengeOf, acme, elsewhere},
			"pass"},
		{challenges, asked{"platform", "http://new.example.com" + challengeOf, "", elsewhere},
			"pass"},
		{challenges, asked{"platform", "http://acme.example.com/", "", elsewhere}, "host-foreign"},
		{challenges, asked{"platform", "https://acme.example.com" + challengeOf + "/x", acme,
			elsewhere}, looksAtCertificate},

		{catchAlls, asked{"platform", "https://acme.example.com/x", acme, elsewhere},
			looksAtCertificate},
		{catchAlls, asked{"platform", "https://lost.test/", "lost.test", elsewhere}, "pass"},
		{catchAlls, asked{"platform", "https://lost.test/", acme, elsewhere}, "sni-foreign"},
		{catchAlls, asked{"acme", "https://traefik.example.com/", acme, elsewhere},
			"host-foreign"},

		{signOn, asked{"sign-on", "https://acme.example.com/oauth2/callback", acme, elsewhere},
			looksAtCertificate},
		{signOn, asked{"sign-on", "https://acme.example.com/oauth2x", acme, elsewhere},
			"host-foreign"},
		{signOn, asked{"sign-on", "https://acme.example.com/x/../oauth2/", acme, elsewhere},
			"host-foreign"},
		{signOn, asked{"sign-on", "https://acme.example.com/%6fauth2/", acme, elsewhere},
			"host-foreign"},

		{health, asked{"platform", "https://198.51.100.9/healthz", "", elsewhere}, "pass"},
		{health, asked{"platform", "https://198.51.100.9/", "", elsewhere}, "host-unowned"},
		{health, asked{"platform", "https://192.0.2.7/", "", elsewhere}, looksAtCertificate},

		{twoTeams, asked{"acme-api", "https://acme.example.com/api/x", acme, elsewhere},
			looksAtCertificate},
		{twoTeams, asked{"acme-api", "https://acme.example.com/", acme, elsewhere},
			"host-foreign"},
		{twoTeams, asked{"acme", "https://acme.example.com/api", acme, elsewhere},
			looksAtCertificate},

		{balancers, asked{"acme", "https://acme.example.com/", "", "198.51.100.7"}, "pass"},
		{balancers, asked{"acme", "https://acme.example.com/", "lb.test", "192.0.2.10"}, "pass"},
		{balancers, asked{"acme", "https://globex.example.com/", "", "198.51.100.7"},
			"host-unowned"},
		{balancers, asked{"acme", "https://acme.example.com/", "", "192.0.2.11"}, "sni-missing"},

		{browsers, asked{"acme", "https://acme.example.com/", "globex.example.com", elsewhere},
			looksAtCertificate},
		{wildcards, asked{"acme", "https://acme.example.com/", "globex.example.com", elsewhere},
			"sni-foreign"},
	} {
		guard := middleware{"guard@file", recipePolicy(t, test.section, 0)}
		assert.Equal(t, test.want, test.decide(t, effectivePolicy(t, guard)), "%s: %s asks for %s",
			test.section, test.client, test.url)
	}
}

// TestRecipeNamespaces has Namespaces have the hosts that the recipes say.
func TestRecipeNamespaces(t *testing.T) {
	for _, test := range []struct {
		section string
		// policy and namespace are which of the section's blocks are read.
		policy, namespace int
		label             string
		host, owner       string
	}{
		{oneByOne, 0, 0, tenantLabel, "shop.example.net", "acme"},
		{oneByOne, 0, 0, tenantLabel, "blog.example.net", "acme"},
		{oneByOne, 0, 0, tenantLabel, "free.example.net", "platform"},
		{oneByOne, 0, 0, tenantLabel, "example.net", "platform"},
		{oneByOne, 0, 0, tenantLabel, "a.shop.example.net", ""},
		{previews, 0, 0, tenantLabel, "pr-42.preview.acme.example.com", "acme-previews"},
		{previews, 1, 1, tenantLabel, "acme-pr-43.preview.example.com", "acme-pr-43"},
		{previews, 1, 1, tenantLabel, "late.preview.example.com", "late"},
		{previews, 1, 1, tenantLabel, "www.preview.example.com", ""},
		{labels, 0, 0, capsule, "a.acme.example.com", "acme"},
		{labels, 0, 0, capsule, "web.acme.example.org", "acme"},
		{labels, 0, 0, capsule, "late.acme.example.org", ""},
		{labels, 0, 0, tenantLabel, "web.acme.example.org", ""},
	} {
		keys := recipeKeys(t, test.section, "kubernetes:\n", test.policy)
		early := recipeNamespace(t, test.section, test.namespace, test.label)
		early.Created = "2026-01-01T00:00:00Z"
		late := policy.Namespace{Name: "late", Created: "2026-01-02T00:00:00Z", Tenant: "late",
			Hosts: "shop.example.net"}
		effective := withNamespaces(t, keys, early, late)
		owner := effective.Hosts.Owner(hosts.Parse(test.host))
		assert.Equal(t, test.owner, owner, "%s: %s", test.section, test.host)
	}
}

// recipeBlocks returns the blocks of a recipe that have a text in them.
func recipeBlocks(t *testing.T, section, text string) []string {
	t.Helper()
	var found []string
	for _, b := range readPaper(t, "docs/recipes.md").blocks(t) {
		if b.section == section && strings.Contains(b.text, text) {
			found = append(found, b.text)
		}
	}

	return found
}

// recipePolicy returns the keys of the guard, with tenants, that a recipe shows, the first or a
// later one.
func recipePolicy(t *testing.T, section string, block int) map[string]any {
	t.Helper()
	return recipeKeys(t, section, "tenants:\n", block)
}

// recipeKeys returns the keys of the guard in one of the blocks that have a text in them.
func recipeKeys(t *testing.T, section, text string, block int) map[string]any {
	t.Helper()
	blocks := recipeBlocks(t, section, text)
	require.Greater(t, len(blocks), block, section)
	var keys map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(blocks[block]), &keys))

	return keys
}

// recipeNamespace returns what the guard reads of a Namespace that a recipe shows.
func recipeNamespace(t *testing.T, section string, block int, label string) policy.Namespace {
	t.Helper()
	blocks := recipeBlocks(t, section, "kind: Namespace\n")
	require.Greater(t, len(blocks), block, section)
	var namespace corev1.Namespace
	require.NoError(t, kubernetesyaml.UnmarshalStrict([]byte(blocks[block]), &namespace))

	return policy.NewNamespace(namespace.Name, "", label, namespace.Labels, namespace.Annotations)
}
