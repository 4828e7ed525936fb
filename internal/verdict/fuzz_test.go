package verdict_test

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// fuzzed are the host patterns of two tenants, and those that are shared.
var fuzzed = map[string][]string{
	"acme":   {"a.test", "*.a.test", "**.b.a.test", "c.test", "192.0.2.7", "2001:db8::7"},
	"globex": {"b.test", "**.b.test", "x.a.test", "*.c.test"},
	"shared": {"*.apps.test", "apps.test"},
}

func fuzzedPolicy(f *testing.F) *policy.Effective {
	list := func(owner string) []any {
		var all []any
		for _, pattern := range fuzzed[owner] {
			all = append(all, pattern)
		}
		return all
	}
	parsed, errs := policy.Parse(map[string]any{
		"tenants": []any{
			map[string]any{"name": "acme", "hosts": list("acme")},
			map[string]any{"name": "globex", "hosts": list("globex")},
		},
		"shared": map[string]any{"hosts": list("shared")},
	}, nil, "", false)
	if parsed == nil {
		f.Fatal(errs)
	}
	return &policy.Effective{Policy: parsed.Policy}
}

// FuzzNames holds certificates with any names to two plain readings: of RFC 9525, which
// crypto/x509 has to come to as well, and of whose a name is. What passes must be covered by a
// pattern of the tenant's or a shared one, whatever else the certificate names.
func FuzzNames(f *testing.F) {
	for _, seed := range [][2]string{
		{"a.test", "a.test"}, {"*.a.test x.a.test", "b.a.test"}, {"*.test", "a.test"},
		{"A.Test", "a.test"}, {"a.test. *", "a.test"}, {"*.*.a.test", "b.b.a.test"},
		{"*.apps.test apps.test", "x.apps.test"}, {"192.0.2.7 *.0.2.7", "192.0.2.7"},
		{"2001:db8::7", "[2001:DB8:0::7]"}, {"x*.a.test *x.a.test", "xx.a.test"},
		{"xn--a.test *.xn--a.test", "xn--b.a.test"}, {"*a.test a.*.test", "b.a.test"},
	} {
		f.Add(seed[0], seed[1])
	}
	p := fuzzedPolicy(f)
	f.Fuzz(func(t *testing.T, names, written string) {
		compareNames(t, p, strings.Fields(names), written)
	})
}

// FuzzGeneratedNames does the same with names that are more often somebody's: of these labels.
func FuzzGeneratedNames(f *testing.F) {
	labels := []string{"a", "b", "c", "x", "apps", "test", "*", "A", "", "xn--a", "192.0.2", "7"}
	f.Add([]byte{0, 5, 99, 6, 0, 5}, []byte{0, 5})
	f.Add([]byte{6, 4, 5, 99, 3, 0, 5, 99, 10, 11}, []byte{3, 4, 5})
	f.Add([]byte{3, 1, 0, 5, 99, 6, 1, 5, 99, 6}, []byte{2, 2, 1, 0, 5})
	p := fuzzedPolicy(f)
	join := func(choices []byte) string {
		var name []string
		for _, choice := range choices {
			name = append(name, labels[int(choice)%len(labels)])
		}
		return strings.Join(name, ".")
	}
	f.Fuzz(func(t *testing.T, names, host []byte) {
		if len(names) > 100 {
			return
		}
		var all []string
		for {
			end := 0
			for end < len(names) && names[end] < 99 {
				end++
			}
			all = append(all, join(names[:end]))
			if end == len(names) {
				break
			}
			names = names[end+1:]
		}
		below := strings.Replace(all[0], "*", "b", 1)
		for _, written := range []string{join(host), all[0], below} {
			compareNames(t, p, all, written)
		}
	})
}

// compareNames compares what comes of a certificate with these names, for a Host written so.
func compareNames(t *testing.T, p *policy.Effective, names []string, written string) {
	t.Helper()
	now := time.Now()
	host := hosts.Parse(written)
	leaf := &x509.Certificate{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	for _, tenant := range p.Tenants {
		r := verdict.Request{Router: verdict.Pass, Tenant: tenant, Host: host, TLS: true,
			HasServerName: true, ServerName: host}
		if hosts.IsAddress(host) {
			r.HasServerName = false
			r.ServerName = ""
		}
		if verdict.OfRequest(p, r) != verdict.Pass {
			continue
		}
		chain := verdict.OfChain(p, tenant, []*x509.Certificate{leaf}, now)
		got := verdict.OfCertificate(p, r, leaf, chain, now).Code
		want := verdict.Pass
		if !isNamed(leaf, string(host)) {
			want = verdict.CertificateName
		} else if !areOwned(leaf, tenant.Name) {
			want = verdict.CertificateForeign
		}
		if got != want {
			t.Errorf("%q with %q of %s: %s, want %s", host, names, tenant.Name, got, want)
		}
	}
}

// isNamed reports whether a certificate names a host: by the name itself, or by one with "*" for
// its first label (RFC 9525 section 6.3). An address is named by an address alone.
func isNamed(leaf *x509.Certificate, host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		for _, address := range leaf.IPAddresses {
			if address.Equal(ip) {
				return true
			}
		}
		return false
	}
	label, below, _ := strings.Cut(host, ".")
	for _, name := range leaf.DNSNames {
		name = lower(name)
		isWildcard := (label != host && name == "*."+below) || (label == host && name == "*")
		if name == host || isWildcard {
			return true
		}
	}
	return false
}

// lower makes lower case of ASCII alone.
func lower(text string) string {
	letters := []byte(text)
	for i, letter := range letters {
		if 'A' <= letter && letter <= 'Z' {
			letters[i] = letter + 'a' - 'A'
		}
	}
	return string(letters)
}

// areOwned reports whether all names are the tenant's or shared, in a plain reading of patterns.
func areOwned(leaf *x509.Certificate, tenant string) bool {
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	for _, name := range names {
		if !isOwned(lower(name), "shared", nil) && !isOwned(lower(name), tenant, fuzzed) {
			return false
		}
	}
	return true
}

// isOwned reports whether a pattern of an owner covers all that a name stands for. others have
// patterns, of which a more specific one counts for a name without a wildcard.
func isOwned(name, owner string, others map[string][]string) bool {
	below, isWildcard := strings.CutPrefix(name, "*.")
	if !isWildcard {
		best, whose := rank(fuzzed[owner], name), owner
		for _, other := range []string{"acme", "globex"} {
			if r := rank(others[other], name); r > best {
				best, whose = r, other
			}
		}
		return best > 0 && whose == owner
	}
	if hosts.ParseDNS(below) == "" {
		return false
	}
	for _, pattern := range fuzzed[owner] {
		isAll := true
		for _, label := range []string{"a", "x", "nobody"} {
			isAll = isAll && rank([]string{pattern}, label+"."+below) > 0
		}
		if isAll {
			return true
		}
	}
	return false
}

// rank is how specific the best of some patterns is for a name, 0 if none covers it.
func rank(patterns []string, name string) int {
	best := 0
	if hosts.ParseName(name) == "" {
		return 0
	}
	for _, pattern := range patterns {
		suffix := strings.TrimLeft(pattern, "*")
		stars := len(pattern) - len(suffix)
		labels, below := strings.CutSuffix(name, suffix)
		r := 0
		if pattern == name {
			r = 1 << 20
		} else if stars == 2 && below && labels != "" {
			r = 2 * len(suffix)
		} else if stars == 1 && below && labels != "" && !strings.Contains(labels, ".") {
			r = 2*len(suffix) + 1
		}
		if r > best {
			best = r
		}
	}
	return best
}

// FuzzCertificate judges what is served, of which all is the attacker's to choose.
func FuzzCertificate(f *testing.F) {
	files, err := filepath.Glob(testdata + "/certificates/*.pem")
	if err != nil || len(files) == 0 {
		f.Fatal("no certificates", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if block, _ := pem.Decode(content); block != nil {
			f.Add(block.Bytes, block.Bytes, "a.test")
		}
	}
	p := fuzzedPolicy(f)
	f.Fuzz(func(t *testing.T, leaf, behind []byte, written string) {
		chain, err := observe.Parse([][]byte{leaf, behind})
		if err != nil {
			chain, err = observe.Parse([][]byte{leaf})
		}
		if err != nil {
			return
		}
		if len(verdict.Describe(chain[0])) > 100_000 {
			t.Error("what the log says is not bounded")
		}
		now := time.Now()
		for _, tenant := range p.Tenants {
			of := *tenant
			of.Certificates.Roots = x509.NewCertPool()
			of.Certificates.Pins = map[string]bool{"sha256/none": true}
			judged := verdict.OfChain(p, &of, chain, now)
			r := verdict.Request{Router: verdict.Pass, Tenant: &of, TLS: true,
				Host: hosts.Parse(written)}
			got := verdict.OfCertificate(p, r, chain[0], judged, now).Code
			if got == verdict.Pass || got == verdict.Undecided {
				t.Errorf("%s without any root and with a pin that none has", got)
			}
		}
	})
}
