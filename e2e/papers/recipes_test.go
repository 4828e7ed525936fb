package papers

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// TestRecipes wants the policies of the recipes to give hosts to whom the recipes say.
func TestRecipes(t *testing.T) {
	for _, test := range []struct{ section, host, owner string }{
		{"Wildcard certificates", "acme.example.com", "acme"},
		{"Wildcard certificates", "shop.example.com", ""},
		{"Catch-alls and error pages", "acme.example.com", "acme"},
		{"Catch-alls and error pages", "shop.acme.example.com", "acme"},
		{"Catch-alls and error pages", "a.shop.acme.example.com", "platform"},
		{"Catch-alls and error pages", "lost.example.com", "platform"},
		{"Catch-alls and error pages", "example.org", ""},
		{"Preview environments", "pr-42.preview.acme.example.com", "acme-previews"},
		{"One host for two teams", "api.acme.example.com", "acme-api"},
		{"One host for two teams", "www.acme.example.com", "acme"},
	} {
		guard := middleware{"guard@file", recipePolicy(t, test.section)}
		owner := hostOwner(t, guard, test.host)
		assert.Equal(t, test.owner, owner, "%s: %s", test.section, test.host)
	}
}

// recipePolicy returns the keys of the guard that a recipe shows.
func recipePolicy(t *testing.T, section string) map[string]any {
	t.Helper()
	for _, b := range readPaper(t, "docs/recipes.md").blocks(t) {
		if b.section == section && strings.Contains(b.text, "tenants:\n") {
			var keys map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(b.text), &keys))
			return keys
		}
	}
	require.Fail(t, "no policy", section)

	return nil
}
