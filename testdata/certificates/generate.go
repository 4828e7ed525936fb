//go:build ignore

// Generate writes the static certificates that the decision vectors refer to.
//
//	go run testdata/certificates/generate.go [-missing]
//
// Each leaf becomes NAME.pem: the leaf, the chain as a server would send it, and the
// private key. Authorities become roots-*.pem, and authority-*.pem with their keys.
// pins.json holds the SPKI pin of every certificate. Keys are new at every run; names,
// dates and serial numbers are not. With -missing what is there stays, and only what the
// tables have beyond it is made.
package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// The validity of everything without dates in the table.
var (
	longAgo   = date(2020)
	expiry    = date(2021)
	notYet    = date(2125)
	farFuture = date(2126)
)

func date(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }

type authority struct {
	name   string
	issuer string // "" signs itself
	until  time.Time
	only   []string // name constraint: permitted DNS domains
}

var authorities = []authority{
	{name: "root-platform"},
	{name: "intermediate-platform", issuer: "root-platform"},
	{name: "intermediate-expired", issuer: "root-platform", until: expiry},
	{name: "intermediate-constrained", issuer: "root-platform", only: []string{"acme.example.com"}},
	{name: "root-other"},
	{name: "root-second"},
}

type leaf struct {
	name   string
	issuer string   // "" signs itself
	names  []string // dNSName
	ips    []string
	emails []string
	uris   []string

	commonName string // the file's name if empty
	from, to   time.Time
	key        string // P-256 if empty
	clientOnly bool
	emptySAN   bool
	dn         string // issuer name and key id copied from this authority, which did not sign

	// chain names the certificates that the server sends after the leaf. The default is everything
	// up to the root, without the root. "-" is nothing, and "?" something that is no certificate.
	chain []string
}

const (
	platform = "intermediate-platform"
	other    = "root-other"
	second   = "root-second"
	self     = ""
)

// The keys that are not P-256. Go takes neither of the last two for TLS 1.3.
const (
	rsa2048 = "RSA 2048"
	rsa8448 = "RSA 8448"
	p224    = "P-224"
)

func dns(names ...string) []string { return names }

// numbered returns so many names of the same tenant, the Host first.
func numbered(count int) []string {
	names := dns("a.acme.example.com")
	for len(names) < count {
		names = append(names, fmt.Sprintf("n%d.acme.example.com", len(names)))
	}
	return names
}

// The order matters only in that an issuer precedes what it signs.
var leaves = []leaf{
	// Tenants' own.
	{name: "acme-exact", issuer: platform, names: dns("a.acme.example.com")},
	{name: "acme-b", issuer: platform, names: dns("b.acme.example.com")},
	{name: "acme-two", issuer: platform, names: dns("a.acme.example.com", "b.acme.example.com")},
	{name: "acme-apex", issuer: platform, names: dns("acme.example.com")},
	{name: "acme-wildcard", issuer: platform, names: dns("*.acme.example.com")},
	{name: "acme-wildcard-apex", issuer: platform,
		names: dns("acme.example.com", "*.acme.example.com")},
	{name: "acme-deep", issuer: platform, names: dns("a.b.acme.example.com")},
	{name: "acme-deep-wildcard", issuer: platform, names: dns("*.b.acme.example.com")},
	{name: "acme-rsa", issuer: platform, names: dns("a.acme.example.com"), key: rsa2048},
	{name: "acme-other-ca", issuer: other, names: dns("a.acme.example.com")},
	{name: "acme-self-signed", issuer: self, names: dns("a.acme.example.com")},
	{name: "acme-constrained", issuer: "intermediate-constrained",
		names: dns("a.acme.example.com")},
	{name: "globex-exact", issuer: platform, names: dns("a.globex.example.com")},
	{name: "globex-wildcard", issuer: platform, names: dns("*.globex.example.com")},
	{name: "globex-other-ca", issuer: other, names: dns("a.globex.example.com")},
	{name: "globex-constrained", issuer: "intermediate-constrained",
		names: dns("a.globex.example.com")},

	// Validity.
	{name: "acme-expired", issuer: platform, names: dns("a.acme.example.com"), to: expiry},
	{name: "acme-not-yet", issuer: platform, names: dns("a.acme.example.com"), from: notYet},
	{name: "globex-expired", issuer: platform, names: dns("a.globex.example.com"), to: expiry},
	{name: "hijack-expired", issuer: self, names: dns("a.acme.example.com", "zzz.evil.test"),
		to: expiry},

	// The platform's.
	{name: "platform-wildcard", issuer: platform, names: dns("*.example.com")},
	{name: "platform-list", issuer: platform,
		names: dns("*.acme.example.com", "*.globex.example.com")},
	{name: "platform-exact", issuer: platform,
		names: dns("a.acme.example.com", "a.globex.example.com", "www.example.com")},
	{name: "platform-apex", issuer: platform, names: dns("a.acme.example.com", "example.com")},
	{name: "platform-legacy", issuer: platform,
		names: dns("a.acme.example.com", "a.globex.example.com", "legacy.corp.test")},
	{name: "platform-legacy-other-ca", issuer: other,
		names: dns("a.acme.example.com", "a.globex.example.com", "legacy.corp.test")},
	{name: "platform-legacy-forged", issuer: self,
		names: dns("a.acme.example.com", "a.globex.example.com", "legacy.corp.test"),
		chain: []string{platform, "root-platform"}},
	{name: "platform-legacy-expired", issuer: platform,
		names: dns("a.acme.example.com", "legacy.corp.test"), to: expiry},

	// Attacks by names.
	{name: "hijack-sorts-last", issuer: self, names: dns("a.acme.example.com", "zzz.evil.test")},
	{name: "hijack-sorts-first", issuer: self, names: dns("0.evil.test", "a.acme.example.com")},
	{name: "hijack-wildcard", issuer: self, names: dns("*.acme.example.com", "zzz.evil.test")},
	{name: "spanning-tenants", issuer: self,
		names: dns("a.acme.example.com", "a.globex.example.com")},
	{name: "spanning-wildcards", issuer: self,
		names: dns("a.acme.example.com", "*.globex.example.com")},
	{name: "spanning-nested", issuer: self,
		names: dns("a.acme.example.com", "b.acme.example.com", "c.acme.example.com")},
	{name: "spanning-platform", issuer: self, names: dns("a.acme.example.com", "*.example.com")},
	{name: "traefik-default", issuer: self, commonName: "TRAEFIK DEFAULT CERT",
		names: dns(
			"0f3c9a6b1d2e4f5a8b7c6d5e4f3a2b1c.9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b.traefik.default",
		)},

	// Attacks by chain.
	{name: "forged", issuer: self, names: dns("a.acme.example.com")},
	{name: "forged-appended", issuer: self, names: dns("a.acme.example.com"),
		chain: []string{platform, "root-platform"}},
	{name: "forged-appended-leaf", issuer: self, names: dns("a.acme.example.com"),
		chain: []string{"acme-exact", platform}},
	{name: "forged-issuer", issuer: other, dn: platform, names: dns("a.acme.example.com"),
		chain: []string{platform, "root-platform"}},
	{name: "forged-by-leaf", issuer: "acme-exact", names: dns("a.acme.example.com"),
		chain: []string{"acme-exact", platform}},
	{name: "client-auth", issuer: platform, names: dns("a.acme.example.com"), clientOnly: true},

	// Chains of other shapes.
	{name: "acme-with-root", issuer: platform, names: dns("a.acme.example.com"),
		chain: []string{platform, "root-platform"}},
	{name: "acme-without-chain", issuer: platform, names: dns("a.acme.example.com"),
		chain: []string{"-"}},
	{name: "acme-shuffled", issuer: platform, names: dns("a.acme.example.com"),
		chain: []string{"root-platform", platform}},
	{name: "acme-with-stranger", issuer: platform, names: dns("a.acme.example.com"),
		chain: []string{other, platform}},
	{name: "acme-expired-intermediate", issuer: "intermediate-expired",
		names: dns("a.acme.example.com")},

	// What Go does not accept, or is not looked at to the end.
	{name: "acme-rsa-8448", issuer: self, names: dns("a.acme.example.com"), key: rsa8448},
	{name: "acme-p224", issuer: self, names: dns("a.acme.example.com"), key: p224},
	{name: "acme-unparsable", issuer: self, names: dns("a.acme.example.com"), chain: dns("?")},
	{name: "acme-1000-names", issuer: self, names: numbered(1000)},
	{name: "acme-1001-names", issuer: self, names: numbered(1001)},

	// Spelling of names.
	{name: "upper-case", issuer: platform, names: dns("A.ACME.Example.COM")},
	{name: "upper-case-wildcard", issuer: platform, names: dns("*.ACME.Example.COM")},
	{name: "trailing-dot", issuer: platform, names: dns("a.acme.example.com.")},
	{name: "trailing-dot-beside", issuer: platform,
		names: dns("a.acme.example.com", "a.acme.example.com.")},
	{name: "underscore", issuer: platform, names: dns("under_score.acme.example.com")},
	{name: "idn", issuer: platform, names: dns("xn--bcher-kva.acme.example.com")},
	{name: "idn-wildcard", issuer: platform, names: dns("*.xn--bcher-kva.acme.example.com")},
	{name: "idn-partial", issuer: platform, names: dns("xn--*-kva.acme.example.com")},
	{name: "partial-prefix", issuer: platform, names: dns("a*.acme.example.com")},
	{name: "partial-suffix", issuer: platform, names: dns("*a.acme.example.com")},
	{name: "partial-middle", issuer: platform, names: dns("a*b.acme.example.com")},
	{name: "partial-beside", issuer: platform,
		names: dns("a.acme.example.com", "a*.acme.example.com")},
	{name: "wildcard-inside", issuer: platform, names: dns("a.*.example.com")},
	{name: "wildcard-inside-beside", issuer: platform,
		names: dns("a.acme.example.com", "a.*.example.com")},
	{name: "wildcard-double", issuer: platform, names: dns("*.*.example.com")},
	{name: "wildcard-double-beside", issuer: platform,
		names: dns("a.acme.example.com", "*.*.example.com")},
	{name: "wildcard-stars", issuer: platform, names: dns("**.acme.example.com")},
	{name: "wildcard-bare", issuer: platform, names: dns("*")},
	{name: "wildcard-bare-beside", issuer: platform, names: dns("a.acme.example.com", "*")},
	{name: "wildcard-com", issuer: platform, names: dns("*.com")},
	{name: "blank-beside", issuer: platform, names: dns("a.acme.example.com", "")},
	{name: "two-dots", issuer: platform, names: dns("a..acme.example.com")},
	{name: "two-dots-beside", issuer: platform,
		names: dns("a.acme.example.com", "a..acme.example.com")},
	{name: "nul-byte", issuer: platform, names: dns("a.acme.example.com\x00.evil.test")},
	{name: "nul-beside", issuer: platform,
		names: dns("a.acme.example.com", "a.acme.example.com\x00.evil.test")},
	{name: "space-beside", issuer: platform,
		names: dns("a.acme.example.com", " a.acme.example.com")},
	{name: "comma", issuer: platform, names: dns("a.acme.example.com,b.acme.example.com")},
	{name: "alternation", issuer: platform, names: dns("(a|b).acme.example.com")},
	{name: "port-beside", issuer: platform,
		names: dns("a.acme.example.com", "a.acme.example.com:443")},

	// Names that are not DNS names.
	{name: "common-name-only", issuer: platform, commonName: "a.acme.example.com"},
	{name: "common-name-empty-san", issuer: platform, commonName: "a.acme.example.com",
		emptySAN: true},
	{name: "common-name-foreign", issuer: platform, commonName: "a.globex.example.com",
		names: dns("a.acme.example.com")},
	{name: "ip-v4", issuer: platform, ips: dns("192.0.2.7")},
	{name: "ip-v6", issuer: platform, ips: dns("2001:db8::7")},
	{name: "ip-as-name", issuer: platform, names: dns("192.0.2.7")},
	{name: "ip-wildcard", issuer: platform, names: dns("*.0.2.7")},
	{name: "ip-beside", issuer: platform, names: dns("a.acme.example.com"), ips: dns("192.0.2.7")},
	{name: "ip-v6-beside", issuer: platform, names: dns("a.acme.example.com"),
		ips: dns("2001:db8::7")},
	{name: "ip-foreign-beside", issuer: platform, names: dns("a.acme.example.com"),
		ips: dns("198.51.100.9")},
	{name: "ip-v6-foreign-beside", issuer: platform, names: dns("a.acme.example.com"),
		ips: dns("2001:db8::9")},
	{name: "email-uri-beside", issuer: platform, names: dns("a.acme.example.com"),
		emails: dns("security@globex.example.com"), uris: dns("https://a.globex.example.com/")},
	{name: "email-uri-only", issuer: platform, emails: dns("root@a.acme.example.com"),
		uris: dns("https://a.acme.example.com/")},
	{name: "ip-self-signed", issuer: self, ips: dns("192.0.2.7")},
	{name: "ip-expired", issuer: second, ips: dns("192.0.2.7"), to: expiry},
	{name: "ip-second", issuer: second, ips: dns("192.0.2.7")},
	{name: "ip-hijack", issuer: self, names: dns("zzz.evil.test"), ips: dns("192.0.2.7")},
	{name: "ip-two-tenants", issuer: self, ips: dns("192.0.2.7", "198.51.100.9")},

	// The platform's wildcard, renewed and forged.
	{name: "wildcard-second", issuer: second, names: dns("*.example.com")},
	{name: "wildcard-apex", issuer: second, names: dns("*.example.com", "example.com")},
	{name: "wildcard-expired", issuer: second, names: dns("*.example.com"), to: expiry},
	{name: "wildcard-and-own", issuer: second, names: dns("*.example.com", "acme.example.net")},
	{name: "wildcard-forged", issuer: self, names: dns("*.example.com")},
	{name: "wildcard-forged-appended", issuer: self, names: dns("*.example.com"),
		chain: []string{second}},

	// The platform's certificates that name several tenants, renewed and forged.
	{name: "legacy-second", issuer: second,
		names: dns("a.acme.example.com", "a.globex.example.com", "legacy.corp.test")},
	{name: "legacy-expired", issuer: second,
		names: dns("a.acme.example.com", "a.globex.example.com", "legacy.corp.test"),
		to:    expiry},
	{name: "list-second", issuer: second,
		names: dns("*.acme.example.com", "*.globex.example.com")},
	{name: "list-expired", issuer: second,
		names: dns("*.acme.example.com", "*.globex.example.com"), to: expiry},
	{name: "list-forged", issuer: self,
		names: dns("*.acme.example.com", "*.globex.example.com")},
}

// Files of authorities, for certificates.roots.
var roots = map[string][]string{
	"roots-platform":     {"root-platform"},
	"roots-other":        {"root-other"},
	"roots-both":         {"root-platform", "root-other"},
	"roots-intermediate": {"intermediate-platform"},
	"roots-self-signed":  {"acme-self-signed"},
	"roots-second":       {"root-second"},
}

type made struct {
	cert   *x509.Certificate
	key    crypto.Signer
	issuer string
}

var (
	all    = map[string]made{}
	pins   = map[string]string{}
	serial int64

	folder  = flag.String("folder", "testdata/certificates", "where the files go")
	missing = flag.Bool("missing", false, "leave what is there and make the rest")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if *missing {
		check(json.Unmarshal(read("pins.json"), &pins))
	}

	for _, a := range authorities {
		makeAuthority(a)
	}
	for _, l := range leaves {
		makeLeaf(l)
	}
	for name, members := range roots {
		if isThere(name + ".pem") {
			continue
		}
		var out bytes.Buffer
		for _, m := range members {
			encode(&out, "CERTIFICATE", known(m).cert.Raw)
		}
		write(name+".pem", out.Bytes())
	}
	if !*missing {
		write("roots-empty.pem", []byte("No certificate in here.\n"))
		var broken bytes.Buffer
		encode(&broken, "CERTIFICATE", all["root-platform"].cert.Raw[:100])
		write("roots-broken.pem", broken.Bytes())
	}

	out, err := json.MarshalIndent(pins, "", "  ")
	check(err)
	write("pins.json", append(out, '\n'))
	fmt.Printf("%s: %d leaves, %d authorities, %d pins\n", *folder, len(leaves), len(authorities),
		len(pins))
}

// isThere reports whether a file is left as it is.
func isThere(file string) bool {
	_, err := os.Stat(filepath.Join(*folder, file))
	return *missing && err == nil
}

// known returns a certificate with its key. Authorities that were made before their keys were
// written to files sign nothing any more.
func known(name string) made {
	m, ok := all[name]
	if !ok {
		log.Fatalf("no certificate %s, or not of this run; try without -missing", name)
	}
	return m
}

func makeAuthority(a authority) {
	t := template(a.name, longAgo, farFuture)
	file := "authority-" + a.name + ".pem"
	if isThere(file) {
		pair, err := tls.X509KeyPair(read(file), read(file))
		check(err)
		all[a.name] = made{cert: pair.Leaf, key: pair.PrivateKey.(crypto.Signer), issuer: a.issuer}
		return
	}
	if pins[a.name] != "" {
		return
	}
	if !a.until.IsZero() {
		t.NotAfter = a.until
	}
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	t.PermittedDNSDomains, t.PermittedDNSDomainsCritical = a.only, len(a.only) > 0
	sign(a.name, t, a.issuer, newKey(""))
	var out bytes.Buffer
	encode(&out, "CERTIFICATE", all[a.name].cert.Raw)
	encodeKey(&out, all[a.name].key)
	write(file, out.Bytes())
}

func template(commonName string, from, to time.Time) *x509.Certificate {
	serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject: pkix.Name{Organization: []string{"tenantguard test data"},
			CommonName: commonName},
		NotBefore: from,
		NotAfter:  to,
	}
}

func makeLeaf(l leaf) {
	if l.commonName == "" {
		l.commonName = l.name
	}
	if l.from.IsZero() {
		l.from = longAgo
	}
	if l.to.IsZero() {
		l.to = farFuture
	}
	t := template(l.commonName, l.from, l.to)
	if isThere(l.name + ".pem") {
		return
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if l.clientOnly {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	t.DNSNames, t.EmailAddresses = l.names, l.emails
	for _, ip := range l.ips {
		t.IPAddresses = append(t.IPAddresses, net.ParseIP(ip))
	}
	for _, text := range l.uris {
		u, err := url.Parse(text)
		check(err)
		t.URIs = append(t.URIs, u)
	}
	if l.emptySAN {
		t.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 17}, Value: []byte{0x30, 0}}}
	}
	if l.dn != "" {
		// The certificate names l.dn as its issuer, but l.issuer's key signs it.
		as := *known(l.dn).cert
		as.PublicKey = known(l.issuer).cert.PublicKey
		all["as "+l.dn] = made{cert: &as, key: known(l.issuer).key}
		sign(l.name, t, "as "+l.dn, newKey(l.key))
		delete(all, "as "+l.dn)
	} else {
		sign(l.name, t, l.issuer, newKey(l.key))
	}

	m := all[l.name]
	var out bytes.Buffer
	encode(&out, "CERTIFICATE", m.cert.Raw)
	if l.chain == nil {
		for at := l.issuer; at != "" && all[at].issuer != ""; at = all[at].issuer {
			encode(&out, "CERTIFICATE", all[at].cert.Raw)
		}
	}
	for _, name := range l.chain {
		if name == "?" {
			encode(&out, "CERTIFICATE", []byte("no certificate"))
		} else if name != "-" {
			encode(&out, "CERTIFICATE", known(name).cert.Raw)
		}
	}
	encodeKey(&out, m.key)
	if _, err := tls.X509KeyPair(out.Bytes(), out.Bytes()); err != nil {
		log.Fatalf("%s can't be served: %v", l.name, err)
	}
	write(l.name+".pem", out.Bytes())
}

func sign(name string, t *x509.Certificate, issuer string, key crypto.Signer) {
	if _, twice := all[name]; twice {
		log.Fatalf("two certificates are named %s", name)
	}
	parent := made{cert: t, key: key}
	if issuer != "" {
		parent = known(issuer)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent.cert, key.Public(), parent.key)
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	all[name] = made{cert: cert, key: key, issuer: issuer}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	pins[name] = "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

func newKey(kind string) crypto.Signer {
	switch kind {
	case rsa2048:
		return newRSA(2048)
	case rsa8448:
		return newRSA(8448)
	case p224:
		return newECDSA(elliptic.P224())
	default:
		return newECDSA(elliptic.P256())
	}
}

func newRSA(bits int) crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	check(err)
	return key
}

func newECDSA(curve elliptic.Curve) crypto.Signer {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	check(err)
	return key
}

func encode(out *bytes.Buffer, kind string, der []byte) {
	check(pem.Encode(out, &pem.Block{Type: kind, Bytes: der}))
}

func encodeKey(out *bytes.Buffer, key crypto.Signer) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	encode(out, "PRIVATE KEY", der)
}

func read(name string) []byte {
	content, err := os.ReadFile(filepath.Join(*folder, name))
	check(err)
	return content
}

func write(name string, content []byte) {
	check(os.WriteFile(filepath.Join(*folder, name), content, 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
