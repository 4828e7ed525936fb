package verdict

import (
	"crypto/x509"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
)

// This file has what the log says of a denial beside its code.

// NameOwner returns the tenant whose the name is that a verdict is about: the server name for those
// on server names, the Host for all others. It is "" for nobody, and where no policy is in force.
func NameOwner(p *policy.Effective, r Request, code Code) string {
	if p == nil {
		return ""
	}
	if code == SNIForeign {
		return p.Hosts.Owner(r.ServerName)
	}
	return p.Hosts.Owner(r.Host)
}

// defaultName and defaultSuffix are in Traefik's own default certificate.
const (
	defaultName   = "TRAEFIK DEFAULT CERT"
	defaultSuffix = ".traefik.default"
)

// IsDefault reports whether a certificate is the one that Traefik makes for itself.
func IsDefault(leaf *x509.Certificate) bool {
	return leaf.Subject.CommonName == defaultName && len(leaf.DNSNames) == 1 &&
		strings.HasSuffix(leaf.DNSNames[0], defaultSuffix)
}

// Explain returns why a served certificate came to a code, "" where the code says it all. chain is
// what OfChain says, nil where it was not asked.
func Explain(code Code, r Request, leaf *x509.Certificate, chain *Chain, now time.Time) string {
	if code == CertificateExpired && now.Before(leaf.NotBefore) {
		return "it is not valid before " + leaf.NotBefore.UTC().Format(time.RFC3339)
	}
	if code == CertificateExpired {
		return "it expired at " + leaf.NotAfter.UTC().Format(time.RFC3339)
	}
	if code == CertificateName && IsDefault(leaf) {
		return "this is Traefik's own default certificate: it has none for this name"
	}
	if code == CertificateName && !validFor(leaf, r.Host) {
		return "it is not valid for the Host"
	}
	if code == CertificateName {
		return "it is not valid for the server name"
	}
	if code == CertificateUntrusted && chain != nil {
		return chain.Problem
	}
	return ""
}
