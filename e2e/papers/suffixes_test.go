package papers

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/publicsuffix"
)

// TestPublicSuffixes holds the plugin's short list against the Public Suffix List: a wildcard below
// a name of one owner must not be warned of.
func TestPublicSuffixes(t *testing.T) {
	texts := constants(t, "internal/hosts/suffix.go")
	require.NotEmpty(t, texts)
	listed := strings.Fields(texts[0])
	assert.Greater(t, len(listed), 100)
	for _, name := range listed {
		found, _ := publicsuffix.PublicSuffix(name)
		assert.Equal(t, name, found)
		assert.Contains(t, name, ".", "a name of one label need not be listed")
	}
}
