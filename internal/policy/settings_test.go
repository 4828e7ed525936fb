package policy

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestSettings looks at what each key of a middleware sets.
func TestSettings(t *testing.T) {
	defaults := Settings{Kubernetes: Kubernetes{
		Grace: 10 * time.Minute, TenantLabel: "tenantguard.io/tenant",
	}}
	rows := []struct {
		description string
		keys        object
		change      func(s *Settings)
	}{
		{"nothing", object{}, func(s *Settings) {}},
		{"the defaults", object{
			"mode": "enforce", "legacyNames": "deny", "plaintext": "allow", "exposeReason": false,
			"status": false, "kubernetes": object{"enabled": false, "grace": "10m"},
		}, func(s *Settings) {}},
		{"mode", object{"mode": "report"}, func(s *Settings) { s.Report = true }},
		{"legacyNames", object{"legacyNames": "allow"}, func(s *Settings) { s.LegacyNames = true }},
		{"plaintext", object{"plaintext": "deny"}, func(s *Settings) { s.DenyPlaintext = true }},
		{"exposeReason", object{"exposeReason": "true"},
			func(s *Settings) { s.ExposeReason = true }},
		{"kubernetes", object{"kubernetes": object{
			"enabled": true, "endpoint": "https://api", "tokenFile": "/token", "caFile": "/ca",
			"grace": "5m", "tenantLabel": "team",
			"hosts": "{namespace}.example.com, *.{tenant}.test",
		}}, func(s *Settings) {
			s.Kubernetes = Kubernetes{
				Enabled: true, Endpoint: "https://api", TokenFile: "/token", CAFile: "/ca",
				Grace: 5 * time.Minute, TenantLabel: "team",
				HostRules: "{namespace}.example.com,*.{tenant}.test",
			}
		}},
		{"kubernetes without grace", object{"kubernetes": object{"enabled": true}},
			func(s *Settings) { s.Kubernetes.Enabled = true }},
	}
	for _, row := range rows {
		row.keys["tenants"] = "x"
		want := defaults
		row.change(&want)
		keys := ParseKeys(row.keys, "", "")
		if keys.Settings != want || len(keys.Errors) > 0 {
			t.Errorf("%s: %+v %q, want %+v", row.description, keys.Settings, keys.Errors, want)
		}
	}
}

// TestWherePoliciesAre looks at whether a policy is inline or in a file.
func TestWherePoliciesAre(t *testing.T) {
	enabled := object{"enabled": true}
	rows := []struct {
		description string
		keys        object
		defaultFile string
		file        string
		hasInline   bool
		// wrong is part of each error, one for each.
		wrong []string
	}{
		{"tenants", object{"tenants": "x"}, "/d.json", "", true, nil},
		{"a file", object{"policyFile": "/p.json"}, "/d.json", "/p.json", false, nil},
		{"a cluster", object{"kubernetes": enabled}, "/d.json", "", false, nil},
		{"a cluster that is not enabled", object{"kubernetes": object{}}, "/d.json", "/d.json",
			false, nil},
		{"nothing", object{}, "/d.json", "/d.json", false, nil},
		{"nothing at all", object{}, "", "", false,
			[]string{"wanted tenants, a policyFile, kubernetes, or a file named by TENANTGUARD"}},
		{"keys beside a file", object{"policyFile": "/p.json", "shared": 1, "certificates": 2}, "",
			"/p.json", true, []string{
				`shared: "1": wanted in the file "/p.json" of policyFile and not`,
				`certificates: "2": wanted in the file "/p.json" of policyFile and not`,
			}},
		{"keys beside the file of the environment", object{"shared": 1}, "/d.json", "/d.json", true,
			[]string{`shared: "1": wanted in the file "/d.json" of TENANTGUARD_POLICY_FILE`}},
		{"a status page", object{"status": true}, "/d.json", "", false, nil},
		{"a status page beside a policy", object{"tenants": "x", "status": true, "mode": "report"},
			"", "", true, []string{`mode: "report": wanted no key beside status`,
				`tenants: "x": wanted no key beside status`}},
	}
	for _, row := range rows {
		keys := ParseKeys(row.keys, "", row.defaultFile)
		if keys.File != row.file || keys.HasInline() != row.hasInline {
			t.Errorf("%s: file %q, inline %t, want %q, %t",
				row.description, keys.File, keys.HasInline(), row.file, row.hasInline)
		}
		if !eachBegins(keys.Errors, row.wrong) {
			t.Errorf("%s: errors %q, want %q", row.description, keys.Errors, row.wrong)
		}
	}
}

func TestWantsStatus(t *testing.T) {
	rows := []struct {
		description string
		keys        object
		want        bool
	}{
		{"a boolean", object{"status": true}, true},
		{"a label, in another case", object{"Status": "true"}, true},
		{"off", object{"status": "false"}, false},
		{"another key", object{"exposeReason": true}, false},
		{"nothing", nil, false},
		{"no boolean", object{"status": "page"}, false},
	}
	for _, row := range rows {
		if got := WantsStatus(row.keys); got != row.want {
			t.Errorf("%s: %t, want %t", row.description, got, row.want)
		}
		if keys := ParseKeys(row.keys, "", "/d.json"); keys.Status != row.want {
			t.Errorf("%s: parsed as %t, want %t", row.description, keys.Status, row.want)
		}
	}
}

// eachBegins reports whether there are as many errors as wanted, each with its text in it.
func eachBegins(errs, wants []string) bool {
	if len(errs) != len(wants) {
		return false
	}
	for i, want := range wants {
		if !strings.Contains(errs[i], want) {
			return false
		}
	}
	return true
}

// TestCertificates looks at what each key of a section replaces of the general one.
func TestCertificates(t *testing.T) {
	const pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	defaults := Certificates{Check: true, TTL: 30 * time.Second}
	other := Certificates{
		TTL: time.Second, AcrossReloads: true, AllowUnobserved: true, Secrets: true,
		Pins: map[string]bool{pin: true},
	}
	others := object{
		"check": "off", "ttl": "1s", "observe": "ttl", "onError": "allow", "secrets": true,
		"pins": pin,
	}
	backs := object{
		"check": "served", "ttl": "30s", "observe": "reload", "onError": "deny", "secrets": false,
		"pins": "",
	}
	rows := []struct {
		description  string
		general, own object
		want         Certificates
		ofNamespace  Certificates
		change       func(c *Certificates)
	}{
		{"nothing", nil, nil, defaults, defaults, nil},
		{"general ones", others, nil, other, other, nil},
		{"the tenant's own", nil, others, other, defaults, nil},
		{"the tenant's own in place of others", others, backs, defaults, other,
			func(c *Certificates) { c.Pins = map[string]bool{} }},
		{"one of the tenant's own", others, object{"ttl": "2s"}, other, other,
			func(c *Certificates) { c.TTL = 2 * time.Second }},
	}
	for _, row := range rows {
		tenant := object{"name": "acme", "namespaces": "acme"}
		keys := object{"tenants": []any{tenant}}
		if row.general != nil {
			keys["certificates"] = row.general
		}
		if row.own != nil {
			tenant["certificates"] = row.own
		}
		made, errs := Parse(keys, readText, "", false)
		if len(errs) > 0 {
			t.Fatalf("%s: errors %q", row.description, errs)
		}
		want := row.want
		if row.change != nil {
			row.change(&want)
		}
		if got := made.Policy.Tenant("acme").Certificates; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", row.description, got, want)
		}
		if !reflect.DeepEqual(made.general, row.ofNamespace) {
			t.Errorf("%s: those of Namespaces %+v, want %+v",
				row.description, made.general, row.ofNamespace)
		}
	}
}

// TestRoots looks at what each text makes of the roots.
func TestRoots(t *testing.T) {
	const platform = "../../testdata/certificates/roots-platform.pem"
	rows := []struct {
		description, roots string
		refusal            string
		isSet              bool
		wrong              []string
	}{
		{"none", "none", "", false, nil},
		{"an empty text", "", "", false, nil},
		{"the system's", "system", "a tenant's", true, nil},
		{"a file", platform, "", true, nil},
		{"a tenant's file", platform, "a tenant's", false,
			[]string{"certificates.roots"}},
		{"a file that is not there", "nowhere.pem", "", false,
			[]string{`wanted "none", "system" or the path of a PEM file: open nowhere.pem`}},
		{"a file without a certificate", "settings_test.go", "", false,
			[]string{"wanted a PEM file with a certificate"}},
	}
	for _, row := range rows {
		reads := 0
		readFile := func(path string) (string, error) {
			reads++
			return readText(path)
		}
		section := object{"roots": row.roots}
		made, errs := Parse(object{"certificates": section, "tenants": []any{
			object{"name": "acme", "namespaces": "acme", "certificates": section},
		}}, readFile, row.refusal, false)
		if !eachBegins(errs, append(row.wrong, row.wrong...)) {
			t.Errorf("%s: errors %q, want %q twice", row.description, errs, row.wrong)
			continue
		}
		if made == nil {
			continue
		}
		c := made.Policy.Tenant("acme").Certificates
		if (c.Roots != nil) != row.isSet || c.Roots != made.general.Roots || reads > 1 {
			t.Errorf("%s: set %t, read %d times", row.description, c.Roots != nil, reads)
		}
	}
}

func TestCheckedByNameOnly(t *testing.T) {
	const pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	rows := []struct {
		description  string
		certificates object
		want         bool
	}{
		{"the defaults", object{}, true},
		{"no check", object{"check": "off"}, false},
		{"roots", object{"roots": "system"}, false},
		{"pins", object{"pins": pin}, false},
		{"secrets", object{"secrets": true}, false},
		{"no roots, pins and secrets", object{"roots": "none", "pins": "", "secrets": false}, true},
	}
	for _, row := range rows {
		made, errs := Parse(object{"tenants": []any{
			object{"name": "acme", "namespaces": "acme", "certificates": row.certificates},
		}}, readText, "", false)
		if len(errs) > 0 {
			t.Fatalf("%s: errors %q", row.description, errs)
		}
		if got := strings.Join(made.Policy.CheckedByNameOnly(), ","); (got == "acme") != row.want {
			t.Errorf("%s: %q, want acme: %t", row.description, got, row.want)
		}
	}
}

// TestTenantsThatAreWrong looks at all that is said of some tenants.
func TestTenantsThatAreWrong(t *testing.T) {
	rows := []struct {
		description string
		keys        object
		clustered   bool
		// wrong is part of each error, one for each.
		wrong []string
	}{
		{"no key", object{}, false, nil},
		{"an empty list", object{"tenants": array{}}, false,
			[]string{"wanted at least one tenant"}},
		{"an empty list, and a cluster", object{"tenants": array{}}, true, nil},
		{"a tenant that is a text", object{"tenants": array{"acme"}}, false,
			[]string{`tenants[0]: "acme": wanted a map`}},
		{"two without a name, with one host", object{"tenants": array{
			object{"hosts": "a.example.com"}, object{"hosts": "a.example.com"},
		}}, false, []string{
			`tenants[0].name: wanted the tenant's name`,
			`tenants[1].name: wanted the tenant's name`,
			`tenants[1].hosts[0]: "a.example.com": tenant "tenants[0]" claims this host`,
		}},
		{"a tenant that says all twice", object{"tenants": array{object{
			"name": "acme", "hosts": "a.example.com,a.example.com", "namespaces": "acme,acme",
			"routers": "a@docker,a@docker",
		}}}, false, nil},
		{"a tenant's Middleware without Secrets", object{
			"certificates": object{"secrets": false},
			"tenants":      array{object{"name": "acme", "namespaces": "acme"}},
		}, false, nil},
		{"a tenant's Middleware with Secrets", object{
			"certificates": object{"secrets": true},
			"tenants":      array{object{"name": "acme", "namespaces": "acme"}},
		}, false, []string{`certificates.secrets: "true": `}},
	}
	for _, row := range rows {
		_, errs := Parse(row.keys, readText, "a tenant's", row.clustered)
		if !eachBegins(errs, row.wrong) {
			t.Errorf("%s: errors %q, want %q", row.description, errs, row.wrong)
		}
	}
}
