package lab

import (
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
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Spec describes a certificate. The zero value is valid from an hour ago until an hour from now,
// with an ECDSA key and no common name.
type Spec struct {
	// Names are DNS names and IP addresses, all of them subject alternative names.
	Names      []string
	CommonName string
	NotBefore  time.Time
	NotAfter   time.Time
	RSA        bool
	// Key is used instead of a new one, as in a renewal that keeps the key.
	Key crypto.Signer
}

// Cert is a certificate with its key, in memory and on disk.
type Cert struct {
	*x509.Certificate
	Key      crypto.Signer
	CertFile string
	KeyFile  string

	issuer *Cert
}

// NewCA makes a certificate authority.
func NewCA(t T, name string) *Cert {
	t.Helper()
	template := Spec{CommonName: name}.template(t)
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature

	return sign(t, template, newKey(t, false), nil)
}

// Issue issues a certificate for the names.
func (c *Cert) Issue(t T, names ...string) *Cert {
	t.Helper()
	return c.IssueSpec(t, Spec{Names: names})
}

// IssueSpec issues a certificate.
func (c *Cert) IssueSpec(t T, spec Spec) *Cert {
	t.Helper()
	return sign(t, spec.template(t), spec.key(t), c)
}

// SelfSigned makes a self-signed certificate for the names.
func SelfSigned(t T, names ...string) *Cert {
	t.Helper()
	return SelfSignedSpec(t, Spec{Names: names})
}

// SelfSignedSpec makes a self-signed certificate.
func SelfSignedSpec(t T, spec Spec) *Cert {
	t.Helper()
	return sign(t, spec.template(t), spec.key(t), nil)
}

// Pin returns the certificate's public key pin as in RFC 7469, written "sha256/BASE64".
func (c *Cert) Pin() string { return Pin(c.Certificate) }

// Pin returns a certificate's public key pin, written "sha256/BASE64".
func Pin(c *x509.Certificate) string {
	hash := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(hash[:])
}

// TLS returns the certificate for crypto/tls.
func (c *Cert) TLS() tls.Certificate {
	certificate := tls.Certificate{
		Certificate: [][]byte{c.Raw}, PrivateKey: c.Key, Leaf: c.Certificate,
	}
	if c.issuer != nil {
		certificate.Certificate = append(certificate.Certificate, c.issuer.Raw)
	}

	return certificate
}

// Pool returns a pool of roots with only this certificate.
func (c *Cert) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.Certificate)

	return pool
}

func (s Spec) template(t T) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	Fatal(t, err, "making a serial number")

	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: s.CommonName},
		NotBefore:    s.NotBefore,
		NotAfter:     s.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth,
			x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	for _, name := range s.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, name)
	}

	return template
}

func (s Spec) key(t T) crypto.Signer {
	t.Helper()
	if s.Key != nil {
		return s.Key
	}

	return newKey(t, s.RSA)
}

func newKey(t T, asRSA bool) crypto.Signer {
	t.Helper()
	if asRSA {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		Fatal(t, err, "making an RSA key")
		return key
	}

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Fatal(t, err, "making an ECDSA key")

	return key
}

// sign signs the template with the issuer's key, or with its own if issuer is nil, and writes it to
// disk. As with an ACME client, the file of an issued certificate contains its issuer too.
func sign(t T, template *x509.Certificate, key crypto.Signer, issuer *Cert) *Cert {
	t.Helper()
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	Fatal(t, err, "signing a certificate")
	certificate, err := x509.ParseCertificate(der)
	Fatal(t, err, "reading the certificate signed")
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	Fatal(t, err, "encoding a key")

	dir := t.TempDir()
	cert := &Cert{
		Certificate: certificate,
		Key:         key,
		CertFile:    filepath.Join(dir, "tls.crt"),
		KeyFile:     filepath.Join(dir, "tls.key"),
		issuer:      issuer,
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if issuer != nil {
		chain = append(chain,
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Raw})...)
	}
	Fatal(t, os.WriteFile(cert.CertFile, chain, 0o644), "writing a certificate")
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	Fatal(t, os.WriteFile(cert.KeyFile, keyPEM, 0o600), "writing a key")

	return cert
}
