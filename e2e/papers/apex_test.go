package papers

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
	"gopkg.in/yaml.v3"
)

// TestApex wants whoever names a wildcard as shared to name its apex too, for a certificate of that
// wildcard carries both.
func TestApex(t *testing.T) {
	operator, _ := exampleMiddlewares(t)
	guards := map[string]middleware{
		"dynamic.yml":     {"guard@file", exampleFile(t, "dynamic.yml")},
		"middleware.yaml": operator,
		"kubernetes": crdMiddleware(t,
			decodeMiddleware(t, readFile(t, "examples/kubernetes/middleware.yaml"))),
	}
	for _, p := range papers(t) {
		for _, b := range p.blocks(t) {
			if keys := sharedKeys(t, b); keys != nil {
				guards[b.String()] = middleware{"guard@file", keys}
			}
		}
	}
	assert.GreaterOrEqual(t, len(guards), 5)
	for name, guard := range guards {
		effective := effectivePolicy(t, guard)
		tenant := &policy.Tenant{Name: "one without hosts"}
		for _, names := range [][]string{{"*.example.com"}, {"*.example.com", "example.com"}} {
			judged := verdict.OfChain(effective, tenant,
				[]*x509.Certificate{{DNSNames: names}}, time.Now())
			assert.False(t, judged.IsForeign, "%s: %s of %s", name, judged.Offending, names)
		}
		judged := verdict.OfChain(effective, tenant,
			[]*x509.Certificate{{DNSNames: []string{"*.example.com", "example.org"}}}, time.Now())
		assert.Equal(t, "example.org", judged.Offending, name)
	}
}

// sharedKeys returns the keys of a guard that a block shows, if it shares a wildcard.
func sharedKeys(t *testing.T, b block) map[string]any {
	t.Helper()
	if b.language != "yaml" || !strings.Contains(b.text, `"*.example.com"`) ||
		!strings.Contains(b.text, "shared:\n") {
		return nil
	}
	if strings.HasPrefix(b.text, "http:") {
		return decodeFile(t, "dynamic.yml", b.text)
	}
	var keys map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(b.text), &keys))

	return keys
}
