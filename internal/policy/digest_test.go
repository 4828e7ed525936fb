package policy

import (
	"encoding/json"
	"strings"
	"testing"
)

// digestText is the configuration whose parts TestDigest changes.
const digestText = `{"kubernetes":{"enabled":true,"grace":"5m","hosts":"{namespace}.apps.test"},
	"mode":"report","trustedProxies":["192.0.2.1","192.0.2.2"],"tenants":[
	{"name":"acme","namespaces":["acme","acme-b*"],"hosts":["a.test","*.a.test"],
	 "routers":"a@docker","mode":"enforce","kubernetesNamespaces":true,
	 "guest":{"hosts":"b.test","paths":"/x"}},
	{"name":"globex","namespaces":["globex"],"hosts":["b.test"],"certificates":{"ttl":"5s",
	 "pins":"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}],
	"shared":{"hosts":"*.s.test","namespaces":["traefik","certs"]},
	"certificates":{"roots":"../../testdata/certificates/roots-platform.pem"}}`

// digest returns the digest of keys in JSON and of Namespaces.
func digest(t *testing.T, text string, namespaces ...Namespace) string {
	t.Helper()
	var raw map[string]any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	settings := ParseKeys(raw, "", "").Settings
	return settings.Digest(over(t, text, namespaces...).Digest())
}

// TestDigest changes what a policy says, and how it says it.
func TestDigest(t *testing.T) {
	labelled := Namespace{Name: "initech", Tenant: "initech", Hosts: "i.test", Created: "1"}
	rows := []struct {
		description, from, to string
		namespaces            []Namespace
		same                  bool
	}{
		{"nothing", "", "", nil, true},
		{"the order of hosts", `"a.test","*.a.test"`, `"*.a.test","a.test"`, nil, true},
		{"the order of shared namespaces", `"traefik","certs"`, `"certs","traefik"`, nil, true},
		{"a Namespace without a tenant", "", "", []Namespace{{Name: "other"}}, true},
		{"a Namespace with a tenant", "", "", []Namespace{labelled}, false},
		{"a Namespace of a prefix", "", "", []Namespace{{Name: "acme-b1"}}, false},
		{"the mode", `"report"`, `"enforce"`, nil, false},
		{"a proxy", "192.0.2.1", "192.0.2.3", nil, false},
		{"the grace", "5m", "6m", nil, false},
		{"the hosts of Namespaces", "apps.test", "app.test", nil, false},
		{"a tenant's name", `"acme","namespaces"`, `"acmes","namespaces"`, nil, false},
		{"a tenant's mode", `"mode":"enforce",`, ``, nil, false},
		{"a tenant's namespace", `["globex"]`, `["globe"]`, nil, false},
		{"a prefix", "acme-b*", "acme-c*", nil, false},
		{"Namespaces may join", `"kubernetesNamespaces":true`, `"kubernetesNamespaces":false`, nil,
			false},
		{"a router", "a@docker", "b@docker", nil, false},
		{"a host", "*.a.test", "**.a.test", nil, false},
		{"a guest's host", `"hosts":"b.test"`, `"hosts":"**"`, nil, false},
		{"a guest's path", `"/x"`, `"/y"`, nil, false},
		{"a pin", "sha256/AAAA", "sha256/BBBB", nil, false},
		{"a ttl", "5s", "6s", nil, false},
		{"shared hosts", "*.s.test", "*.t.test", nil, false},
		{"shared namespaces", `"certs"`, `"cert"`, nil, false},
		{"roots", "roots-platform.pem", "roots-other.pem", nil, false},
		{"no roots", "../../testdata/certificates/roots-platform.pem", "none", nil, false},
		{"the system's roots", "../../testdata/certificates/roots-platform.pem", "system", nil,
			false},
	}
	want := digest(t, digestText)
	for _, row := range rows {
		text := strings.Replace(digestText, row.from, row.to, 1)
		if text == digestText && row.from != "" {
			t.Fatalf("%s: nothing is changed", row.description)
		}
		got := digest(t, text, row.namespaces...)
		if (got == want) != row.same || len(got) != digestLength {
			t.Errorf("%s: digest %q after %q, want the same: %t",
				row.description, got, want, row.same)
		}
	}
}

// TestDigestOfTenants has tenants come in another order.
func TestDigestOfTenants(t *testing.T) {
	const one, two = `{"name":"a","hosts":"a.test"}`, `{"name":"b","hosts":"b.test"}`
	got := digest(t, `{"tenants":[`+one+`,`+two+`]}`)
	if want := digest(t, `{"tenants":[`+two+`,`+one+`]}`); got != want {
		t.Errorf("digest %q, in another order %q, want the same", got, want)
	}
}

// TestCounts looks at how much is in force.
func TestCounts(t *testing.T) {
	p := over(t, digestText, Namespace{Name: "acme-b1"}, Namespace{Name: "other"},
		Namespace{Name: "initech", Tenant: "initech", Hosts: "i.test", Created: "1"})
	rows := []struct {
		description string
		policy      *Policy
		report      bool
		want        Counts
	}{
		{"report mode", p, true, Counts{Tenants: 3, Enforcing: 1, Namespaces: 4, Hosts: 5}},
		{"a mode for all", p, false, Counts{Tenants: 3, Enforcing: 3, Namespaces: 4, Hosts: 5}},
		{"no cluster", parsed(t, digestText).Policy, false,
			Counts{Tenants: 2, Enforcing: 2, Namespaces: 3, Hosts: 3}},
	}
	for _, row := range rows {
		if got := row.policy.Counts(row.report); got != row.want {
			t.Errorf("%s: %+v, want %+v", row.description, got, row.want)
		}
	}
}
