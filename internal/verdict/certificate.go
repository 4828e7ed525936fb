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

// Where says in which namespaces a Secret must have the leaf for a verdict to stand.
type Where int

// The namespaces of Where.
const (
	// Anywhere asks for no Secret.
	Anywhere Where = iota
	// InTenants are those of the tenant that the request is judged as, and the shared ones.
	InTenants
	// InShared are the shared ones alone.
	InShared
)

// Served is what came of the served certificate.
type Served struct {
	// Code is the verdict if a Secret has the leaf, and Otherwise the one if none has.
	Code      Code
	Secret    Where
	Otherwise Code
}

// Unobserved decides on a request whose certificate can't be observed. A foreign server name passes
// with a shared certificate only, which then nobody has seen.
func Unobserved(p *policy.Effective, r Request) Code {
	if isForeign(p, r) {
		return SNIForeign
	}
	return unavailable(JudgedAs(p, r))
}

// Unasked decides where nobody can be asked for the Secret. What passes with a Secret in a shared
// namespace only is denied whatever onError says: it names what is not the tenant's.
func (s Served) Unasked(tenant *policy.Tenant) Code {
	if s.Otherwise == CertificateSecret {
		return unavailable(tenant)
	}
	if s.Otherwise == SNIForeign {
		return SNIForeign
	}
	return CertificateUnavailable
}

// unavailable is what onError says.
func unavailable(tenant *policy.Tenant) Code {
	if tenant.Certificates.AllowUnobserved {
		return Pass
	}
	return CertificateUnavailable
}

// OfCertificate decides on the served chain, leaf first, for a request that passed OfRequest and
// needs the certificate.
func OfCertificate(
	p *policy.Effective, r Request, chain []*x509.Certificate, now time.Time,
) Served {
	leaf, tenant := chain[0], JudgedAs(p, r)
	isValid := validFor(leaf, r.Host) && (!r.HasServerName || validFor(leaf, r.ServerName))
	if isForeign(p, r) {
		return ofForeignServerName(p, r, chain, now, isValid)
	}
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return Served{Code: CertificateExpired}
	}
	if !isValid {
		return Served{Code: CertificateName}
	}
	sharedByPin := pinned(p.SharedPins, chain, now)
	code := ofTrust(tenant.Certificates, chain, now, sharedByPin)
	if _, foreign := OffendingName(p, tenant, leaf); foreign && !sharedByPin {
		return ofForeignNames(p, tenant, code)
	}
	if code != Pass || !tenant.Certificates.Secrets {
		return Served{Code: code}
	}
	if tenant.Certificates.Roots != nil && isSharedByNames(p, leaf) {
		return Served{Code: Pass} // a copy of a platform certificate, wherever it lies
	}
	return Served{Code: Pass, Secret: InTenants, Otherwise: CertificateSecret}
}

// ofTrust holds a chain to roots and pins.
func ofTrust(
	c policy.Certificates, chain []*x509.Certificate, now time.Time, sharedByPin bool,
) Code {
	if c.Roots != nil && !verifies(chain, c.Roots, now, x509.ExtKeyUsageServerAuth) {
		return CertificateUntrusted
	}
	if len(c.Pins) > 0 && !sharedByPin && !pinned(c.Pins, chain, now) {
		return CertificateUnpinned
	}
	return Pass
}

// ofForeignNames decides on a certificate with a name that is not the tenant's. What lies in a
// shared namespace may serve every tenant, if that can be found out.
func ofForeignNames(p *policy.Effective, tenant *policy.Tenant, code Code) Served {
	if !tenant.Certificates.Secrets || len(p.SharedNamespaces) == 0 {
		return Served{Code: CertificateForeign}
	}
	return Served{Code: code, Secret: InShared, Otherwise: CertificateForeign}
}

// ofForeignServerName lets another tenant's server name pass where the certificate is the
// platform's, by more than its names where that can be known: a tenant can forge these.
func ofForeignServerName(
	p *policy.Effective, r Request, chain []*x509.Certificate, now time.Time, isValid bool,
) Served {
	leaf, c := chain[0], JudgedAs(p, r).Certificates
	sharedByPin := pinned(p.SharedPins, chain, now)
	if !isValid || (!sharedByPin && !isSharedByNames(p, leaf)) {
		return Served{Code: SNIForeign}
	}
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return Served{Code: CertificateExpired}
	}
	code := ofTrust(c, chain, now, sharedByPin)
	if code != Pass || !c.Secrets || (c.Roots != nil && isSharedByNames(p, leaf)) {
		return Served{Code: code}
	}
	if sharedByPin {
		return Served{Code: Pass, Secret: InTenants, Otherwise: CertificateSecret}
	}
	return Served{Code: Pass, Secret: InShared, Otherwise: SNIForeign}
}

// validFor reports whether a certificate is valid for a host, as RFC 9525 section 6 has it: by
// subject alternative names only, a wildcard for one label.
func validFor(leaf *x509.Certificate, host hosts.Name) bool {
	return leaf.VerifyHostname(string(host)) == nil
}

// OffendingName returns the first name of a certificate that is neither the tenant's nor one that a
// platform certificate may carry, and reports whether there is one. It stops the hijack of
// Traefik's store: a certificate that names the victim's host and one more is preferred for the
// victim's host.
func OffendingName(
	p *policy.Effective, tenant *policy.Tenant, leaf *x509.Certificate,
) (string, bool) {
	for _, name := range names(leaf) {
		shared := p.SharedHosts.CoversAll(name, policy.SharedOwner)
		if !shared && !p.Hosts.CoversAll(name, tenant.Name) {
			return name, true
		}
	}
	return "", false
}

// isSharedByNames reports whether a certificate has no name but those that a platform certificate
// may carry.
func isSharedByNames(p *policy.Effective, leaf *x509.Certificate) bool {
	for _, name := range names(leaf) {
		if !p.SharedHosts.CoversAll(name, policy.SharedOwner) {
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
