package papers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry/registrytest"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// The papers are checked by the plugin's own code, which this file asks.

const (
	tenantLabel     = policy.TenantLabel
	hostsAnnotation = policy.HostsAnnotation
	modeAnnotation  = policy.ModeAnnotation
	// allowAnnotation is read by the policies of admission only.
	allowAnnotation = "tenantguard.io/allow"
)

// middleware is one that a paper or an example defines: its qualified name and its keys.
type middleware struct {
	name   string
	config map[string]any
}

// effectivePolicy returns what the plugin makes of a middleware, in the environment of
// helm-values.yaml and in a cluster without tenants.
func effectivePolicy(t *testing.T, m middleware) *policy.Effective {
	t.Helper()
	helm := readHelm(t, "examples/helm-values.yaml")
	effective, notices := registrytest.Middleware{
		Name:   m.name,
		Keys:   m.config,
		Getenv: helm.variable,
		ReadFile: func(path string) ([]byte, error) {
			if filepath.Dir(path) != helm.Volumes[0].MountPath {
				return nil, os.ErrNotExist
			}
			return readFile(t, "examples/"+filepath.Base(path)), nil
		},
	}.Policy()
	require.NotNil(t, effective, "%s: %+v", m.name, notices)

	return effective
}

// hostOwner returns the tenant that owns a host by a middleware's policy, "" for none.
func hostOwner(t *testing.T, m middleware, host string) string {
	t.Helper()
	return effectivePolicy(t, m).Hosts.Owner(hosts.Parse(host))
}

// asked is a request as a recipe speaks of it.
type asked struct {
	// tenant is the router's.
	tenant string
	// url is what the client asks for, and serverName what it says in TLS, "" for none.
	url, serverName string
	// client is the address of the connection.
	client string
}

// looksAtCertificate is what decide returns where the served certificate decides.
const looksAtCertificate = "certificate"

// decide returns the code of the verdict.
func (a asked) decide(t *testing.T, effective *policy.Effective) string {
	t.Helper()
	target, err := url.Parse(a.url)
	require.NoError(t, err)
	r := verdict.Request{
		Router: verdict.Pass, Tenant: effective.Tenant(a.tenant), Host: hosts.Parse(target.Host),
		Path: target.EscapedPath(), TLS: target.Scheme == "https",
		HasServerName: a.serverName != "", ServerName: hosts.Parse(a.serverName),
		Proxied: effective.Proxies.Contains(a.client + ":443"),
	}
	require.NotNil(t, r.Tenant, a.tenant)
	code := verdict.OfRequest(effective, r)
	if code == verdict.Pass && verdict.NeedsCertificate(effective, r) {
		return looksAtCertificate
	}

	return string(code)
}

// withNamespaces returns what the plugin makes of a middleware where the cluster has Namespaces.
func withNamespaces(
	t *testing.T, keys map[string]any, namespaces ...policy.Namespace,
) *policy.Effective {
	t.Helper()
	cluster := &registrytest.Cluster{Namespaces: &policy.Snapshot{Namespaces: namespaces}}

	return registrytest.MustPolicy(t, keys, cluster)
}

// policyErrors returns what the plugin finds wrong with the keys of a middleware.
func policyErrors(t *testing.T, config map[string]any) []string {
	t.Helper()
	effective, notices := registrytest.Middleware{Name: "guard@file", Keys: config}.Policy()
	require.Nil(t, effective)
	var errs []string
	for _, n := range notices {
		errs = append(errs, n.Errors...)
	}
	require.NotEmpty(t, errs)

	return errs
}

// withoutRoots takes out what can't be compared.
func withoutRoots(effective *policy.Effective) *policy.Effective {
	for _, tenant := range effective.Tenants {
		tenant.Certificates.Roots = nil
	}

	return effective
}

// knownKeys returns the keys that the plugin offers for the unknown one in a configuration.
func knownKeys(t *testing.T, config map[string]any) []string {
	t.Helper()
	for _, text := range policyErrors(t, config) {
		if _, offered, found := strings.Cut(text, "unknown key, wanted one of "); found {
			return strings.Split(offered, ", ")
		}
	}
	require.Fail(t, "no key was unknown", config)

	return nil
}

// checkMark wants a label or an annotation to be one of those that the plugin reads, if it looks
// like one, and its value to be one that it takes.
func checkMark(t *testing.T, key, value string, known ...string) {
	t.Helper()
	if !strings.HasPrefix(key, "tenantguard.io/") {
		return
	}
	assert.Contains(t, known, key)
	assert.NotEmpty(t, value)
	if key == modeAnnotation {
		assert.Contains(t, []string{policy.ModeEnforce, policy.ModeReport}, value)
	}
	if key != hostsAnnotation {
		return
	}
	for _, text := range strings.Split(value, ",") {
		_, err := hosts.ParsePattern(strings.TrimSpace(text))
		assert.NoError(t, err, value)
	}
}

// verdictCodes returns the denials, in their order.
func verdictCodes(t *testing.T) []string {
	t.Helper()
	var codes []string
	for _, text := range constants(t, "internal/verdict/code.go") {
		if text != "" && text != string(verdict.Pass) {
			codes = append(codes, text)
		}
	}

	return codes
}

// variables returns the environment variables that the plugin reads.
func variables(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range productionFiles(t) {
		for _, text := range constants(t, name) {
			if isVariable.MatchString(text) {
				found = append(found, text)
			}
		}
	}

	return found
}

// constants returns the constants and variables of a Go file that are text, in their order.
func constants(t *testing.T, name string) []string {
	t.Helper()
	set := token.NewFileSet()
	source, err := parser.ParseFile(set, filepath.Join(root(t), name), nil, 0)
	require.NoError(t, err)
	var found []string
	ast.Inspect(source, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok {
			for _, value := range spec.Values {
				literal, isLiteral := value.(*ast.BasicLit)
				if isLiteral && literal.Kind == token.STRING {
					found = append(found, strings.Trim(literal.Value, "`\""))
				}
			}
		}
		return true
	})

	return found
}
