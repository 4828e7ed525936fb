package observe

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
)

// maxRSA is how many bits crypto/tls takes of an RSA key.
const maxRSA = 8192

// Parse parses a chain of certificates in DER, leaf first, which must be one that Go accepts.
func Parse(chain [][]byte) ([]*x509.Certificate, error) {
	certificates := make([]*x509.Certificate, 0, len(chain))
	for _, der := range chain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
	if problem := problemOf(certificates); problem != "" {
		return nil, errors.New(problem)
	}
	return certificates, nil
}

// problemOf returns why crypto/tls does not take a chain in TLS 1.3, "" if it does. A chain must be
// judged alike whichever version it was served with, and whether it was observed or Go has it.
func problemOf(chain []*x509.Certificate) string {
	for _, certificate := range chain {
		key, isRSA := certificate.PublicKey.(*rsa.PublicKey)
		if isRSA && key.N.BitLen() > maxRSA {
			return fmt.Sprintf("an RSA key of %d bits, more than %d", key.N.BitLen(), maxRSA)
		}
	}
	if len(chain) == 0 {
		return "no certificate"
	}
	leaf := chain[0]
	if _, isRSA := leaf.PublicKey.(*rsa.PublicKey); isRSA {
		return ""
	}
	if _, isEd25519 := leaf.PublicKey.(ed25519.PublicKey); isEd25519 {
		return ""
	}
	key, isECDSA := leaf.PublicKey.(*ecdsa.PublicKey)
	if !isECDSA {
		return fmt.Sprintf("a key of type %T", leaf.PublicKey)
	}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		if key.Curve == curve {
			return ""
		}
	}
	return "a key on the curve " + key.Curve.Params().Name
}
