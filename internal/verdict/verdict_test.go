package verdict_test

import (
	"crypto/x509"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry/registrytest"
	"github.com/tenantguard/tenantguard/internal/vectors"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const testdata = "../../testdata"

// TestVectors runs every decision vector through the pure functions.
func TestVectors(t *testing.T) {
	for _, topic := range vectors.Topics {
		cases, err := vectors.Load(testdata, topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			runVector(t, topic, c)
		}
	}
}

func runVector(t *testing.T, topic string, c vectors.Case) {
	t.Run(topic+"/"+c.Description, func(t *testing.T) {
		got, enforced := decide(t, c)
		if string(got) != c.Want {
			t.Errorf("verdict %q, want %q", got, c.Want)
		}
		if got != verdict.Pass && enforced == c.Reported {
			t.Errorf("%q is carried out %t, want %t", got, enforced, !c.Reported)
		}
	})
}

func clusterOf(c vectors.Case) *registrytest.Cluster {
	if c.Cluster == nil {
		return nil
	}
	if status := c.Cluster.Refused[kubetest.NamespacesPath]; status != 0 {
		return &registrytest.Cluster{Problem: http.StatusText(status)}
	}
	label := policy.ParseKeys(c.Policy, "", "").Settings.Kubernetes.TenantLabel
	snapshot := &policy.Snapshot{}
	for _, n := range c.Cluster.Namespaces {
		namespace := policy.NewNamespace(n.Name, n.Created, label, n.Labels, n.Annotations)
		snapshot.Namespaces = append(snapshot.Namespaces, namespace)
	}
	return &registrytest.Cluster{Namespaces: snapshot}
}

// decide returns the verdict, and whether a denial is carried out.
func decide(t *testing.T, c vectors.Case) (code verdict.Code, enforced bool) {
	p, _ := registrytest.Middleware{
		Name: "guard@file", Keys: c.Policy, Cluster: clusterOf(c), ReadFile: os.ReadFile,
	}.Policy()
	if p == nil {
		code = verdict.OfRequest(nil, verdict.Request{})
		enforced = verdict.IsEnforced(nil, verdict.Request{})
		return code, enforced
	}
	router := binding.Parse(c.Router, c.EntryPoint)
	if c.Router == "" {
		router = binding.FromMiddleware(c.Middleware)
	}
	bound := binding.Bind(p.Policy, router, c.IngressNamespace, p.LegacyNames)
	if bound.Internal {
		return verdict.Pass, false
	}
	sent := c.Request()
	r := verdict.Request{
		Router: bound.Code, Tenant: bound.Tenant, Host: hosts.Parse(c.Host),
		TLS: c.TLS, HasServerName: c.ServerName != "", ServerName: hosts.ParseDNS(c.ServerName),
		Path: sent.URL.EscapedPath(), Proxied: p.Proxies.Contains(sent.RemoteAddr),
	}
	code = verdict.OfRequest(p, r)
	checkAll(t, code, verdict.AllOfRequest(p, r))
	if code == verdict.Pass && verdict.NeedsCertificate(p, r) {
		code = ofServed(t, c, p, r)
	}
	enforced = verdict.IsEnforced(p, r)
	return code, enforced
}

// checkAll wants a verdict be the first of all codes, each of which is there once and in order.
func checkAll(t *testing.T, code verdict.Code, all []verdict.Code) {
	t.Helper()
	if code == verdict.Pass && len(all) > 0 || code != verdict.Pass && (len(all) == 0 ||
		all[0] != code) {
		t.Errorf("all codes are %q, want %q first", all, code)
	}
	place := map[verdict.Code]int{}
	for i, one := range []verdict.Code{
		verdict.PolicyInvalid, verdict.RouterUnknown, verdict.RouterUnbound,
		verdict.RouterAmbiguous,
		verdict.HostInvalid, verdict.HostUnowned, verdict.HostForeign, verdict.TLSRequired,
		verdict.SNIMissing, verdict.SNIForeign, verdict.CertificateExpired, verdict.CertificateName,
		verdict.CertificateForeign, verdict.CertificateUntrusted, verdict.CertificateUnpinned,
	} {
		place[one] = i + 1
	}
	last := 0
	for _, one := range all {
		if place[one] <= last {
			t.Errorf("all codes are %q, want each once and in order", all)
		}
		last = place[one]
	}
}

// ofServed decides by the case's certificate.
func ofServed(t *testing.T, c vectors.Case, p *policy.Effective, r verdict.Request) verdict.Code {
	if c.Certificate == "" {
		return verdict.Unobserved(p, r)
	}
	served, problem := observed(t, c.Certificate)
	if problem != nil {
		return verdict.Unaccepted(p, r)
	}
	found := ofChain(p, r, served, time.Now())
	if found.Secret == verdict.Anywhere {
		judged := verdict.OfChain(p, verdict.JudgedAs(p, r), served, time.Now())
		checkAll(t, found.Code, verdict.AllOfCertificate(p, r, served[0], judged, time.Now()))
	}
	return withoutSecrets(c, p, r, found)
}

// ofChain decides on a served chain.
func ofChain(
	p *policy.Effective, r verdict.Request, chain []*x509.Certificate, now time.Time,
) verdict.Served {
	judged := verdict.OfChain(p, verdict.JudgedAs(p, r), chain, now)
	return verdict.OfCertificate(p, r, chain[0], judged, now)
}

// withoutSecrets decides where the Secrets of the cluster, which the pure functions do not get,
// decide as well: by the verdict that is wanted, which must be one of those they leave open.
func withoutSecrets(
	c vectors.Case, p *policy.Effective, r verdict.Request, served verdict.Served,
) verdict.Code {
	want := verdict.Code(c.Want)
	unasked := served.Unasked(verdict.JudgedAs(p, r))
	if served.Secret != verdict.Anywhere && (want == served.Otherwise || want == unasked) {
		return want
	}
	return served.Code
}

func chain(t *testing.T, name string) []*x509.Certificate {
	t.Helper()
	parsed, err := observed(t, name)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// observed returns a chain as it is observed, or why Go does not accept it.
func observed(t *testing.T, name string) ([]*x509.Certificate, error) {
	t.Helper()
	certificate, err := vectors.Certificate(testdata, name)
	if err != nil {
		t.Fatal(err)
	}
	return observe.Parse(certificate.Certificate)
}

// TestValidityBounds looks at the very second, which a file can't say (RFC 5280 section 4.1.2.5:
// both ends included).
func TestValidityBounds(t *testing.T) {
	p := registrytest.MustPolicy(t, map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "namespaces": "acme", "hosts": "a.acme.example.com"},
	}}, nil)
	const host = "a.acme.example.com"
	r := verdict.Request{
		Tenant: p.Tenant("acme"), Host: host, TLS: true, HasServerName: true, ServerName: host,
	}
	served := chain(t, "acme-exact")
	bounds := []struct {
		description string
		at          time.Time
		want        verdict.Code
	}{
		{"a second before", served[0].NotBefore.Add(-time.Second), verdict.CertificateExpired},
		{"first second", served[0].NotBefore, verdict.Pass},
		{"last second", served[0].NotAfter, verdict.Pass},
		{"a second after", served[0].NotAfter.Add(time.Second), verdict.CertificateExpired},
	}
	for _, bound := range bounds {
		if got := ofChain(p, r, served, bound.at).Code; got != bound.want {
			t.Errorf("%s: verdict %q, want %q", bound.description, got, bound.want)
		}
	}
}

func TestStatuses(t *testing.T) {
	for code, want := range vectors.Statuses {
		if got := verdict.Status(verdict.Code(code)); got != want {
			t.Errorf("%q: status %d, want %d", code, got, want)
		}
	}
	codes := verdict.Codes()
	for _, code := range codes {
		if vectors.Statuses[string(code)] == 0 {
			t.Errorf("%q is not in the contract", code)
		}
	}
	if len(codes) != len(vectors.Statuses) {
		t.Errorf("%d denials, want %d", len(codes), len(vectors.Statuses))
	}
	for _, code := range []verdict.Code{verdict.Undecided, "no-such-code"} {
		if got := verdict.Status(code); got != http.StatusInternalServerError {
			t.Errorf("%q: status %d, want 500", code, got)
		}
	}
}

// TestUndecidedIsNoPass forgets to decide.
func TestUndecidedIsNoPass(t *testing.T) {
	p := registrytest.MustPolicy(t, map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "namespaces": "acme", "hosts": "a.acme.example.com"},
	}}, nil)
	var forgotten verdict.Code
	rows := []struct {
		description string
		request     verdict.Request
	}{
		{"nothing", verdict.Request{}},
		{"a tenant, but no word of the router", verdict.Request{Tenant: p.Tenant("acme")}},
		{"a router that passes, but no tenant", verdict.Request{Router: verdict.Pass}},
	}
	for _, row := range rows {
		row.request.Host = "a.acme.example.com"
		if got := verdict.OfRequest(p, row.request); got != forgotten {
			t.Errorf("%s: verdict %q, want none", row.description, got)
		}
	}
	if forgotten == verdict.Pass {
		t.Error("a forgotten verdict passes")
	}
}

// TestEveryVectorHasAKnownVerdict also finds a misspelled one.
func TestEveryVectorHasAKnownVerdict(t *testing.T) {
	for _, topic := range vectors.Topics {
		cases, err := vectors.Load(testdata, topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			if c.Want != "pass" && vectors.Statuses[c.Want] == 0 {
				t.Errorf("%s: %s: no verdict %q", topic, c.Description, c.Want)
			}
		}
	}
}

// TestEndsConnection tells the denials after which no request on the same connection is any better.
func TestEndsConnection(t *testing.T) {
	ends := map[string]bool{
		"sni-foreign":         true,
		"sni-missing":         true,
		"certificate-expired": true, "certificate-name": true, "certificate-foreign": true,
		"certificate-untrusted": true, "certificate-unpinned": true, "certificate-secret": true,
	}
	for code := range vectors.Statuses {
		if got := verdict.EndsConnection(verdict.Code(code)); got != ends[code] {
			t.Errorf("%q: ends the connection %t, want %t", code, got, ends[code])
		}
	}
	if verdict.EndsConnection(verdict.Pass) {
		t.Error("a pass ends the connection")
	}
}

// TestDescribe looks at what the log says of a certificate.
func TestDescribe(t *testing.T) {
	for name, want := range map[string]string{
		"acme-two": "a.acme.example.com,b.acme.example.com",
		"ip-v4":    "192.0.2.7",
	} {
		leaf := chain(t, name)[0]
		if got := verdict.Describe(leaf); got != verdict.Pin(leaf)+" "+want {
			t.Errorf("%s: %q, want its pin and %q", name, got, want)
		}
	}
}

func TestIsChallenge(t *testing.T) {
	const folder = "/.well-known/acme-challenge/"
	rows := []struct {
		description, path string
		want              bool
	}{
		{"a token", folder + "tok", true},
		{"all characters of base64url", folder + "aZ09_-", true},
		{"no token", folder, false},
		{"no folder", "/.well-known/acme-challenge", false},
		{"a second segment", folder + "tok/x", false},
		{"a slash at the end", folder + "tok/", false},
		{"padding", folder + "tok=", false},
		{"a dot", folder + "tok.txt", false},
		{"dots", folder + "..", false},
		{"dots that are escaped", folder + "%2e%2e", false},
		{"a letter that is escaped", folder + "t%6fk", false},
		{"a line end", folder + "tok\n", false},
		{"another character", folder + "tök", false},
		{"an empty segment", "/.well-known//acme-challenge/tok", false},
		{"an empty segment before", "/" + folder + "tok", false},
		{"other case", "/.well-known/ACME-challenge/tok", false},
		{"a path before", "/x" + folder + "tok", false},
		{"dots before", "/x/.." + folder + "tok", false},
	}
	for _, row := range rows {
		if got := verdict.IsChallenge(row.path); got != row.want {
			t.Errorf("%s: %q is a challenge %t, want %t", row.description, row.path, got, row.want)
		}
	}
}
