package verdict

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// OfCertificate decides on the served chain, leaf first, for a request that passed OfRequest.
func OfCertificate(p *policy.Effective, r Request, chain []*x509.Certificate, now time.Time) Code {
	leaf := chain[0]
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return CertificateExpired
	}
	if !validFor(leaf, r.Host) || !validFor(leaf, r.ServerName) {
		return CertificateName
	}
	c := r.Tenant.Certificates
	sharedByPin := pinned(p.SharedPins, chain, now)
	if !sharedByPin && !ownNames(p, r.Tenant, leaf) {
		return CertificateForeign
	}
	if c.Roots != nil && !verifies(chain, c.Roots, now, x509.ExtKeyUsageServerAuth) {
		return CertificateUntrusted
	}
	if len(c.Pins) > 0 && !sharedByPin && !pinned(c.Pins, chain, now) {
		return CertificateUnpinned
	}
	return Pass
}

// validFor reports whether a certificate is valid for a host, as RFC 9525 section 6 has it: by
// subject alternative names only, a wildcard for one label.
func validFor(leaf *x509.Certificate, host hosts.Name) bool {
	return leaf.VerifyHostname(string(host)) == nil
}

// ownNames reports whether each name of a certificate is the tenant's or one that a platform
// certificate may carry. It stops the hijack of Traefik's store: a certificate that names the
// victim's host and one more is preferred for the victim's host.
func ownNames(p *policy.Effective, tenant *policy.Tenant, leaf *x509.Certificate) bool {
	for _, name := range names(leaf) {
		shared := p.SharedHosts.CoversAll(name, policy.SharedOwner)
		if !shared && !p.Hosts.CoversAll(name, tenant.Name) {
			return false
		}
	}
	return true
}

// pinned reports whether one of the pins is the leaf's, or that of a certificate in the chain
// that the leaf verifies to. A certificate that merely lies in the chain proves nothing: whoever
// forges a leaf can serve the genuine authority's certificate behind it. RFC 7469 section 2.6
// therefore compares pins with the validated chain.
func pinned(pins map[string]bool, chain []*x509.Certificate, now time.Time) bool {
	if len(pins) == 0 {
		return false
	}
	if pins[Pin(chain[0])] {
		return true
	}
	for _, authority := range chain[1:] {
		if !pins[Pin(authority)] {
			continue
		}
		anchor := x509.NewCertPool()
		anchor.AddCert(authority)
		if verifies(chain, anchor, now, x509.ExtKeyUsageAny) {
			return true
		}
	}
	return false
}

// Pin returns a certificate's SPKI pin in the form of RFC 7469 section 2.4.
func Pin(certificate *x509.Certificate) string {
	digest := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(digest[:])
}

// Describe returns what the log says of a certificate: its pin, and its names.
func Describe(leaf *x509.Certificate) string {
	return Pin(leaf) + " " + strings.Join(names(leaf), ",")
}

// names returns a certificate's DNS and IP subject alternative names.
func names(leaf *x509.Certificate) []string {
	all := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

// verifies reports whether the leaf verifies to the roots for a use.
func verifies(
	chain []*x509.Certificate, roots *x509.CertPool, now time.Time, usage x509.ExtKeyUsage,
) bool {
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{usage},
	})
	return err == nil
}
