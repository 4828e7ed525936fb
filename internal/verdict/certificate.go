package verdict

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
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

// Unaccepted decides on a request whose certificate is none that Go accepts: it is valid for no
// host.
func Unaccepted(p *policy.Effective, r Request) Code {
	if isForeign(p, r) {
		return SNIForeign
	}
	return CertificateName
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

// Chain is what there is to say of a served chain for one tenant under one policy, whatever the
// request. It takes long to find out for a certificate with many names, but changes only with the
// time.
type Chain struct {
	// Offending is the first name that is neither the tenant's nor a shared one, if IsForeign.
	Offending string
	IsForeign bool
	// IsPinned reports whether it is shared by pin, and HasSharedNames whether it has no name but
	// those that a platform certificate may carry.
	IsPinned       bool
	HasSharedNames bool
	// Trust is what roots and pins say, and IsUnpinned whether pins say so whatever roots do.
	Trust      Code
	IsUnpinned bool
	// Problem is why the chain does not verify to roots, "" where it does or need not.
	Problem string
}

// OfChain holds a served chain, leaf first, to the demands of a tenant.
func OfChain(
	p *policy.Effective, tenant *policy.Tenant, chain []*x509.Certificate, now time.Time,
) *Chain {
	c := &Chain{IsPinned: pinned(p.SharedPins, chain, now)}
	c.holdNames(p, tenant, chain[0])
	c.holdToTrust(tenant.Certificates, chain, now)
	return c
}

// OfCertificate decides on a served certificate, with what OfChain says of it for the tenant of
// JudgedAs, for a request that passed OfRequest and needs the certificate.
func OfCertificate(
	p *policy.Effective, r Request, leaf *x509.Certificate, chain *Chain, now time.Time,
) Served {
	tenant := JudgedAs(p, r)
	isValid := isValidFor(leaf, r)
	isShared := chain.IsPinned || chain.HasSharedNames
	if isForeign(p, r) && !(isValid && isShared) {
		return Served{Code: SNIForeign}
	}
	if isOver(leaf, now) {
		return Served{Code: CertificateExpired}
	}
	if !isValid {
		return Served{Code: CertificateName}
	}
	if chain.IsForeign && !chain.IsPinned {
		return ofForeignNames(p, tenant, chain.Trust)
	}
	if chain.Trust != Pass || !tenant.Certificates.Secrets {
		return Served{Code: chain.Trust}
	}
	if tenant.Certificates.Roots != nil && chain.HasSharedNames {
		return Served{Code: Pass} // a copy of a platform certificate, wherever it lies
	}
	if isForeign(p, r) && !chain.IsPinned { // its names alone anybody can forge
		return Served{Code: Pass, Secret: InShared, Otherwise: SNIForeign}
	}
	return Served{Code: Pass, Secret: InTenants, Otherwise: CertificateSecret}
}

// holdToTrust holds a chain to roots and pins.
func (c *Chain) holdToTrust(
	wanted policy.Certificates, chain []*x509.Certificate, now time.Time,
) {
	c.Trust = Pass
	c.IsUnpinned = len(wanted.Pins) > 0 && !c.IsPinned && !pinned(wanted.Pins, chain, now)
	if c.IsUnpinned {
		c.Trust = CertificateUnpinned
	}
	if wanted.Roots == nil {
		return
	}
	if err := verify(chain, wanted.Roots, now, x509.ExtKeyUsageServerAuth); err != nil {
		c.Trust = CertificateUntrusted
		c.Problem = err.Error()
	}
}

// ofForeignNames decides on a certificate with a name that is not the tenant's. What lies in a
// shared namespace may serve every tenant, if that can be found out.
func ofForeignNames(p *policy.Effective, tenant *policy.Tenant, code Code) Served {
	if !tenant.Certificates.Secrets || len(p.SharedNamespaces) == 0 {
		return Served{Code: CertificateForeign}
	}
	return Served{Code: code, Secret: InShared, Otherwise: CertificateForeign}
}

func isValidFor(leaf *x509.Certificate, r Request) bool {
	return validFor(leaf, r.Host) && (!r.HasServerName || validFor(leaf, r.ServerName))
}

func isOver(leaf *x509.Certificate, now time.Time) bool {
	return now.Before(leaf.NotBefore) || now.After(leaf.NotAfter)
}

// validFor reports whether a certificate is valid for a host, as RFC 9525 section 6 has it: by
// subject alternative names only, a wildcard for one label.
func validFor(leaf *x509.Certificate, host hosts.Name) bool {
	return leaf.VerifyHostname(string(host)) == nil
}

// maxNames bounds the names of a certificate that are looked at. A public authority's have some
// hundred, and each costs the interpreter microseconds.
const maxNames = 1000

// holdNames holds a certificate's names to the tenant's and the shared ones. It stops the hijack of
// Traefik's store: a certificate that names the victim's host and one more is preferred for the
// victim's host.
func (c *Chain) holdNames(p *policy.Effective, tenant *policy.Tenant, leaf *x509.Certificate) {
	all := names(leaf)
	c.HasSharedNames = len(all) <= maxNames
	for i, name := range all {
		if i == maxNames {
			c.IsForeign = true
			c.Offending = fmt.Sprintf("one of %d names, of which %d are looked at", len(all), i)
			return
		}
		if p.SharedHosts.CoversAll(name, policy.SharedOwner) {
			continue
		}
		c.HasSharedNames = false
		if !p.Hosts.CoversAll(name, tenant.Name) {
			c.IsForeign = true
			c.Offending = name
			return
		}
	}
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
		if verify(chain, anchor, now, x509.ExtKeyUsageAny) == nil {
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

// maxDescribed bounds the names that Describe lists.
const maxDescribed = 20

// Describe returns what the log says of a certificate: its pin, and its first names.
func Describe(leaf *x509.Certificate) string {
	all := names(leaf)
	if len(all) > maxDescribed {
		all = append(all[:maxDescribed:maxDescribed], "…")
	}
	return Pin(leaf) + " " + strings.Join(all, ",")
}

// names returns a certificate's DNS and IP subject alternative names.
func names(leaf *x509.Certificate) []string {
	all := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

// verify returns why the leaf does not verify to the roots for a use, nil if it does.
func verify(
	chain []*x509.Certificate, roots *x509.CertPool, now time.Time, usage x509.ExtKeyUsage,
) error {
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
	return err
}
