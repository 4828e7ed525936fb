package webhook

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"time"
)

const (
	// authorityLife is how long an authority is valid. After two thirds another follows.
	authorityLife = 365 * 24 * time.Hour
	// maturity is how old an authority is before it issues: until then every API server knows it.
	maturity = 10 * time.Minute
	// leafLife is how long a serving certificate is valid. After two thirds another follows.
	leafLife = 30 * 24 * time.Hour
	// leeway is how far clocks may differ.
	leeway = 5 * time.Minute
)

// authority issues serving certificates.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// isWorn reports whether two thirds of a certificate's life are over.
func isWorn(c *x509.Certificate, now time.Time) bool {
	life := c.NotAfter.Sub(c.NotBefore)

	return now.After(c.NotBefore.Add(life * 2 / 3))
}

// newAuthority makes an authority.
func newAuthority(now time.Time) (authority, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "tenantguard webhook"},
		NotBefore:             now.Add(-leeway),
		NotAfter:              now.Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	certificate, key, err := sign(template, nil)

	return authority{certificate, key}, err
}

// issue issues a serving certificate.
func (a authority) issue(now time.Time, names ...string) (*tls.Certificate, error) {
	template := &x509.Certificate{
		DNSNames:    names,
		NotBefore:   now.Add(-leeway),
		NotAfter:    now.Add(leafLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if template.NotAfter.After(a.certificate.NotAfter) {
		template.NotAfter = a.certificate.NotAfter
	}
	leaf, key, err := sign(template, &a)
	if err != nil {
		return nil, err
	}

	return &tls.Certificate{
		Certificate: [][]byte{leaf.Raw, a.certificate.Raw}, PrivateKey: key, Leaf: leaf,
	}, nil
}

// sign signs a template by its issuer, or by itself for nil.
func sign(template *x509.Certificate, issuer *authority) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	if issuer == nil {
		issuer = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.certificate, key.Public(),
		issuer.key)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := x509.ParseCertificate(der)

	return certificate, key, err
}

// The types of the blocks of PEM in which authorities are kept.
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

// encode writes authorities, each with its key behind it.
func encode(authorities []authority) ([]byte, error) {
	var content bytes.Buffer
	for _, a := range authorities {
		key, err := x509.MarshalPKCS8PrivateKey(a.key)
		if err != nil {
			return nil, err
		}
		content.Write(pem.EncodeToMemory(
			&pem.Block{Type: certificateBlock, Bytes: a.certificate.Raw}))
		content.Write(pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: key}))
	}

	return content.Bytes(), nil
}

// decode reads what encode writes.
func decode(content []byte) ([]authority, error) {
	var authorities []authority
	for {
		var certificate, key *pem.Block
		certificate, content = pem.Decode(content)
		if certificate == nil {
			return authorities, nil
		}
		key, content = pem.Decode(content)
		if key == nil || certificate.Type != certificateBlock || key.Type != keyBlock {
			return nil, errors.New("wanted a certificate and its key, by turns")
		}
		parsed, err := x509.ParseCertificate(certificate.Bytes)
		if err != nil {
			return nil, err
		}
		any, err := x509.ParsePKCS8PrivateKey(key.Bytes)
		if err != nil {
			return nil, err
		}
		signer, ok := any.(crypto.Signer)
		if !ok {
			return nil, errors.New("wanted a key that signs")
		}
		authorities = append(authorities, authority{parsed, signer})
	}
}

// renewed returns the authorities without expired ones, the newest first, with one more if the
// newest is worn, and reports whether they changed.
func renewed(authorities []authority, now time.Time) ([]authority, bool, error) {
	var valid []authority
	for _, a := range authorities {
		if now.Before(a.certificate.NotAfter) {
			valid = append(valid, a)
		}
	}
	changed := len(valid) != len(authorities)
	if len(valid) > 0 && !isWorn(valid[0].certificate, now) {
		return valid, changed, nil
	}
	another, err := newAuthority(now)
	if err != nil {
		return nil, false, err
	}

	return append([]authority{another}, valid...), true, nil
}

// issuer returns the newest authority that every API server knows, or else the oldest.
func issuer(authorities []authority, now time.Time) authority {
	for _, a := range authorities {
		if now.After(a.certificate.NotBefore.Add(leeway + maturity)) {
			return a
		}
	}

	return authorities[len(authorities)-1]
}

// bundle returns the certificates of the authorities, for caBundle.
func bundle(authorities []authority) []byte {
	var content []byte
	for _, a := range authorities {
		content = append(content, pem.EncodeToMemory(
			&pem.Block{Type: certificateBlock, Bytes: a.certificate.Raw})...)
	}

	return content
}
