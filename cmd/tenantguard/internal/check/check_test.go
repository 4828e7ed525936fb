package check

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/certs"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/source"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

const testdata = "../../../../testdata"

// now is when the certificates of testdata are valid that are not called otherwise.
var now = time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)

// clean begins a policy that there is nothing to say of.
const clean = `{"certificates":{"roots":"roots-platform.pem"},"tenants":[
	{"name":"acme","namespaces":["acme"],"hosts":["acme.example.com","*.acme.example.com"]}`

// load loads keys of a middleware. Certificates are those of testdata.
func load(t *testing.T, keys string, namespaces ...string) *source.Loaded {
	t.Helper()
	found, err := source.Read("policy.yaml", []byte(`{"plugin":{"tenantguard":`+keys+`}}`),
		source.Options{Plugin: "tenantguard"})
	require.NoError(t, err)
	require.Len(t, found, 1)
	env := source.Environment{Files: map[string]string{}}
	for _, name := range []string{
		"roots-platform.pem", "acme-exact.pem", "acme-expired.pem", "roots-other.pem",
	} {
		env.Files[name] = filepath.Join(testdata, "certificates", name)
	}
	if len(namespaces) > 0 {
		env.Namespaces, err = source.ReadNamespaces("ns",
			[]byte(`{"kind":"NamespaceList","items":[`+strings.Join(namespaces, ",")+`]}`))
		require.NoError(t, err)
	}

	return found[0].Load(env)
}

func chain(t *testing.T, name string) *certs.Chain {
	t.Helper()
	read, err := certs.ReadFile(filepath.Join(testdata, "certificates", name+".pem"))
	require.NoError(t, err)

	return read
}

// remarks are policies, and what is to be said of each.
var remarks = []struct {
	description, keys string
	namespaces        []string
	certificates      []string
	later             time.Duration
	want              []string // id, subject and tenant
}{
	{description: "nothing", keys: clean + `]}`},
	{description: "a status page", keys: `{"status":true}`,
		want: []string{"status-page guard@file "}},
	{description: "wildcards below public suffixes",
		keys: clean + `,{"name":"b","namespaces":["b"],"guest":{"hosts":["**","*.net"],` +
			`"paths":["/x"]},"hosts":["*.readthedocs.io","*.co.uk","**.github.io",` +
			`"**.kawasaki.jp","*.b.co.uk","**.internal","b.com"]}],` +
			`"shared":{"hosts":["**.dev"]}}`,
		want: []string{
			"wildcard-public-suffix *.readthedocs.io b", "wildcard-public-suffix *.co.uk b",
			"wildcard-public-suffix **.github.io b",
			"wildcard-public-suffix **.kawasaki.jp b", "wildcard-public-suffix *.net b",
			"wildcard-public-suffix **.dev ",
		}},
	{description: "hosts inside those of others", keys: clean + `,{"name":"b","namespaces":["b"],` +
		`"hosts":["x.acme.example.com","**.acme.example.com","a.b.c.test","**.c.test",` +
		`"*.acme.example.org","192.0.2.1"]}]}`,
		want: []string{
			"hosts-nested *.acme.example.com acme", "hosts-nested x.acme.example.com b",
			"hosts-redundant a.b.c.test b",
		}},
	{description: "routers", keys: clean + `,{"name":"b","hosts":["b.test"],"routers":[` +
		`"b-*@docker","b-x@docker","*@consul","x*@kubernetescrd"]},` +
		`{"name":"c","hosts":["c.test"],` +
		`"routers":["*-c@docker","*-c@file","c@docker"]}]}`,
		want: []string{
			"routers-whole-provider *@consul b", "routers-without-effect x*@kubernetescrd b",
			"routers-overlap b-*@docker b",
		}},
	{description: "namespaces that are alike", keys: clean + `,{"name":"b","hosts":["b.test"],` +
		`"namespaces":["acme-b","acme-c*","b","b-b*"]}]}`,
		want: []string{
			`namespaces-alike "acme" of tenant "acme" and "acme-b" of tenant "b" `,
			`namespaces-alike "acme" of tenant "acme" and "acme-c*" of tenant "b" `,
		}},
	{description: "tenants that lack something", keys: clean + `,{"name":"b","namespaces":["b"]},` +
		`{"name":"c","hosts":["c.test"]},{"name":"d","namespaces":["d"],` +
		`"guest":{"hosts":["**"]}}]}`,
		want: []string{
			"tenant-without-hosts b b", "tenant-without-routers c c", "guest-everywhere d d",
		}},
	{description: "the cluster may have what tenants lack",
		keys: `{"kubernetes":{"enabled":true},"tenants":[{"name":"b","namespaces":["b"]}]}`},
	{description: "the cluster has something else", namespaces: []string{
		`{"metadata":{"name":"b","labels":{"tenantguard.io/tenant":"c"}}}`,
		`{"metadata":{"name":"d","labels":{"tenantguard.io/tenant":"d"},` +
			`"annotations":{"tenantguard.io/hosts":"d.test,*"}}}`,
	}, keys: `{"kubernetes":{"enabled":true},"tenants":[{"name":"b","namespaces":["b"]}]}`,
		want: []string{
			"namespace-left-out b ", "namespace-marks d ", "tenant-without-hosts b b",
		}},
	{description: "a wildcard of the platform without its apex",
		keys: clean + `],"shared":{"hosts":["*.example.com","*.example.org","example.org"]}}`,
		want: []string{"shared-apex-missing *.example.com "}},
	{description: "what is switched off", keys: `{"mode":"report","legacyNames":"allow",` +
		`"trustedProxies":["0.0.0.0/0"],"certificates":{"onError":"allow"},"tenants":[` +
		`{"name":"a","namespaces":["a"],"hosts":["a.test"],"certificates":{"check":"off"}},` +
		`{"name":"b","namespaces":["b"],"hosts":["b.test"],"mode":"report"}]}`,
		want: []string{
			"report-mode mode ", "report-mode b b", "legacy-names-trusted legacyNames ",
			"proxies-everybody 0.0.0.0/0 ", "certificates-by-name-only b ",
			"certificates-unchecked a ", "certificates-unobserved-pass b ",
		}},
	{description: "pins", keys: clean[:len(clean)-1] +
		`,"certificates":{"pins":["@pin(acme-exact)"]}},{"name":"b","namespaces":["b"],` +
		`"hosts":["b.test"],"certificates":{"pins":["@pin(acme-two)","@pin(acme-exact)"]}}],` +
		`"shared":{"pins":["@pin(acme-wildcard)"]}}`, certificates: []string{"acme-exact"},
		want: []string{
			"pins-without-spare @pin(acme-exact) acme", "pin-unused @pin(acme-two) ",
			"pin-unused @pin(acme-wildcard) ",
		}},
	{description: "authorities", keys: `{"certificates":{"roots":"acme-expired.pem"},"tenants":[` +
		`{"name":"a","namespaces":["a"],"hosts":["a.test"],` +
		`"certificates":{"roots":"acme-exact.pem"}}]}`,
		want: []string{
			"authority-expired CN=acme-expired,O=tenantguard test data ",
			"authority-not-ca CN=acme-expired,O=tenantguard test data ",
			"authority-not-ca CN=acme-exact,O=tenantguard test data ",
		}},
	{description: "authorities that are over soon", keys: clean + `]}`,
		later: time.Date(2125, 12, 1, 0, 0, 0, 0, time.UTC).Sub(now),
		want:  []string{"authority-expires CN=root-platform,O=tenantguard test data "}},
	{description: "certificates that are denied", keys: clean + `]}`,
		certificates: []string{
			"acme-exact", "acme-expired", "acme-other-ca", "hijack-sorts-last", "acme-p224",
			"globex-exact",
		},
		want: []string{
			"certificate-refused a.acme.example.com acme",
			"certificate-refused a.acme.example.com acme",
			"certificate-refused a.acme.example.com acme",
			"certificate-unowned zzz.evil.test ",
			"certificate-refused acme-p224.pem ", "certificate-unowned a.globex.example.com ",
		}},
}

func TestPolicy(t *testing.T) {
	found := map[string]bool{"policy-error": true, "policy-not-json": true,
		"certificate-expires": true} // by tests of their own
	for _, c := range remarks {
		t.Run(c.description, func(t *testing.T) {
			l := load(t, withPins(t, c.keys), c.namespaces...)
			require.Empty(t, l.Errors)
			o := Options{Now: now.Add(c.later)}
			for _, name := range c.certificates {
				one := chain(t, name)
				one.Name = filepath.Base(one.Name)
				o.Certificates = append(o.Certificates, one)
			}
			var got []string
			for _, f := range Policy(l, o) {
				found[f.ID] = true
				assert.NotEmpty(t, f.Where, f.ID)
				assert.Regexp(t, `^[A-Z*"a-z].*[^.]\.$|^trustedProxies|^namespace`,
					f.Message)
				assert.Regexp(t, `^[A-Z].*\.$`, f.Do)
				got = append(got, f.ID+" "+f.Subject+" "+f.Tenant)
			}
			for i, text := range c.want {
				c.want[i] = withPins(t, text)
			}
			assert.ElementsMatch(t, c.want, got)
		})
	}
	for _, kind := range finding.Kinds() {
		assert.True(t, kind.Command != "check" || found[kind.ID], "%s is never found", kind.ID)
	}
}

// withPins puts the pins of certificates in place of their names.
func withPins(t *testing.T, text string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(testdata, "certificates", "pins.json"))
	require.NoError(t, err)
	pins := map[string]string{}
	require.NoError(t, json.Unmarshal(content, &pins))
	for name, pin := range pins {
		text = strings.ReplaceAll(text, "@pin("+name+")", pin)
	}

	return text
}

// TestExpiringCertificate looks at a certificate in its last days.
func TestExpiringCertificate(t *testing.T) {
	l := load(t, clean+`]}`)
	leaf := chain(t, "acme-exact")
	for _, c := range []struct {
		description string
		left        time.Duration
		want        bool
	}{
		{"weeks", 15 * 24 * time.Hour, false},
		{"days", 13 * 24 * time.Hour, true},
		{"over", -time.Hour, false},
	} {
		found := Policy(l, Options{
			Now: leaf.Leaf().NotAfter.Add(-c.left), Certificates: []*certs.Chain{leaf},
		})
		got := slices.ContainsFunc(found, func(f finding.Finding) bool {
			return f.ID == "certificate-expires"
		})
		assert.Equal(t, c.want, got, c.description)
	}
	short := *leaf.Leaf()
	short.NotBefore, short.NotAfter = now.Add(-time.Hour), now.Add(6*24*time.Hour)
	for _, f := range Policy(l, Options{Now: now, Certificates: []*certs.Chain{
		{Name: "short", Certificates: []*x509.Certificate{&short}},
	}}) {
		assert.NotEqual(t, "certificate-expires", f.ID, "one that lives for a week is renewed late")
	}
}

// TestErrors wants each error of a configuration as the plugin says it, with its place.
func TestErrors(t *testing.T) {
	all, err := vectors.LoadConfigurations(testdata)
	require.NoError(t, err)
	seen := 0
	for _, c := range all {
		if len(c.Errors) == 0 || c.OperatorNamespaces+c.OperatorProviders != "" {
			continue
		}
		seen++
		content, err := json.Marshal(c.Policy)
		require.NoError(t, err)
		text := []byte(`{"plugin":{"tenantguard":` + string(content) + `}}`)
		found, err := source.Read("p.json", text, source.Options{Plugin: "tenantguard"})
		require.NoError(t, err)
		found[0].Middleware = c.Middleware
		l := found[0].Load(source.Environment{})
		var got []string
		for _, f := range Policy(l, Options{Now: now}) {
			assert.Equal(t, "policy-error", f.ID)
			assert.True(t, strings.HasPrefix(f.Where, "p.json:1") || strings.Contains(f.Where, "/"),
				f.Where)
			assert.True(t, strings.HasPrefix(f.Message, f.Subject) || f.Subject == c.Middleware)
			got = append(got, f.Message)
		}
		assert.Equal(t, l.Errors, got, c.Description)
		for _, fragments := range c.Errors {
			assert.True(t, slices.ContainsFunc(got, func(text string) bool {
				return !slices.ContainsFunc(fragments, func(fragment string) bool {
					return !strings.Contains(text, fragment)
				})
			}), "%s: %q has none with all of %q", c.Description, got, fragments)
		}
	}
	assert.Greater(t, seen, 50)
}

func TestErrorPlaces(t *testing.T) {
	const text = "tenants:\n- name: acme\n  hosts:\n  - a.test\n  - 'b c'\n  hots: x\n"
	found, err := source.Read("p.yaml", []byte(text), source.Options{})
	require.NoError(t, err)
	list := Policy(found[0].Load(source.Environment{}), Options{Now: now})
	list.Sort()
	require.Len(t, list, 3)
	assert.Equal(t, "p.yaml:5", list[0].Where)
	assert.Equal(t, "acme", list[0].Tenant)
	assert.Equal(t, "tenants[0].hosts[1]", list[0].Subject)
	assert.Equal(t, "p.yaml:6", list[1].Where)
	assert.Equal(t, "policy-not-json", list[2].ID)
	assert.Contains(t, list[2].Fix, "tenantguard check p.yaml --print json")
}

func TestDoAbout(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"x: stat y: no such file or directory", "--file PATH=FILE"},
		{"list it in TENANTGUARD_OPERATOR_NAMESPACES", "--operator-namespaces"},
		{"list it in TENANTGUARD_OPERATOR_PROVIDERS", "--operator-providers"},
		{"or a file named by TENANTGUARD_POLICY_FILE", "--policy-file"},
		{"mode: wanted enforce or report", "Correct it."},
	} {
		assert.Contains(t, doAbout(c.text), c.want)
	}
}

func TestBoth(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"a@x", "a@x", "a@x"}, {"a@x", "b@x", ""}, {"a*@x", "*b@x", "ab@x"},
		{"*a*@x", "b@x", ""}, {"*@x", "*@x", "@x"}, {"a*c*@x", "abc@x", "abc@x"},
		{"a*", "b*", ""}, {"*-web@x", "acme-*@x", "acme-web@x"},
	} {
		assert.Equal(t, c.want, both(c.a, c.b), "%s and %s", c.a, c.b)
		assert.Equal(t, c.want, both(c.b, c.a), "%s and %s", c.b, c.a)
	}
}

// TestBundle looks at an expired certificate among others.
func TestBundle(t *testing.T) {
	var content []byte
	for _, name := range []string{"roots-platform.pem", "acme-expired.pem"} {
		one, err := os.ReadFile(filepath.Join(testdata, "certificates", name))
		require.NoError(t, err)
		content = append(content, one...)
	}
	file := filepath.Join(t.TempDir(), "bundle.pem")
	require.NoError(t, os.WriteFile(file, content, 0o600))
	leaf := chain(t, "acme-expired").Leaf()
	alone := filepath.Join(t.TempDir(), "alone.pem")
	require.NoError(t, os.WriteFile(alone, pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: leaf.Raw,
	}), 0o600))
	severities := map[string]finding.Severity{}
	for _, keys := range []string{file, alone} {
		l := load(t, strings.Replace(clean, "roots-platform.pem", keys, 1)+`]}`)
		for _, f := range Policy(l, Options{Now: now}) {
			if f.ID == "authority-expired" {
				severities[keys] = f.Severity
			}
		}
	}
	assert.Equal(t, map[string]finding.Severity{
		file: finding.Warning, alone: finding.Error,
	}, severities)
}

// TestErrorInFile looks at a policy file that a middleware names.
func TestErrorInFile(t *testing.T) {
	for _, c := range []struct{ description, content, where, tenant string }{
		{"no JSON", "{\n\"tenants\": [}", ":2", ""},
		{"a wrong host", `{
			"tenants": [
			{"name": "a",
			"hosts": ["a b"]}]}`, ":4", "a"},
		{"a name that is there twice", `{"tenants": [{"name": "a", "hosts": "a.test"},
			{"name": "a", "hosts": "b.test"}]}`, ":2", "a"},
	} {
		file := filepath.Join(t.TempDir(), "p.json")
		require.NoError(t, os.WriteFile(file, []byte(c.content), 0o600))
		found := Policy(load(t, `{"policyFile":"`+file+`"}`), Options{Now: now})
		require.Len(t, found, 1, c.description)
		assert.Equal(t, file+c.where, found[0].Where, c.description)
		assert.Equal(t, c.tenant, found[0].Tenant, c.description)
	}
}
