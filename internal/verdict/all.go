package verdict

import (
	"crypto/x509"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
)

// This file finds every code that a request meets, where OfRequest and OfCertificate end with the
// first: in report mode one look at the traffic shall show all gaps.

// AllOfRequest returns every code that can be found without the certificate, in order, none for a
// request that passes. Its first one is OfRequest's.
func AllOfRequest(p *policy.Effective, r Request) []Code {
	if p == nil {
		return []Code{PolicyInvalid}
	}
	var all []Code
	add := func(code Code) {
		if code != Pass {
			all = append(all, code)
		}
	}
	if r.Router != Pass {
		r.Tenant = nil
	}
	add(r.Router)
	add(ofAnyHost(p, r))
	r = AsOwners(p, r)
	if r.Proxied {
		return all
	}
	if r.TLS {
		add(ofServerName(p, r))
	} else if p.DenyPlaintext && !IsChallenge(r.Path) {
		add(TLSRequired)
	}
	return all
}

// ofAnyHost is ofHost, also for a router without a tenant: it may be the owner's.
func ofAnyHost(p *policy.Effective, r Request) Code {
	if r.Tenant != nil {
		return ofHost(p, r)
	}
	if r.Host == "" {
		return HostInvalid
	}
	if p.Hosts.Owner(r.Host) == "" {
		return HostUnowned
	}
	return Pass
}

// AsOwners returns a request as it would be judged if router and Host were put right: as one of the
// Host's owner. What it would meet then is a gap of its own.
func AsOwners(p *policy.Effective, r Request) Request {
	if owner := p.Tenant(p.Hosts.Owner(r.Host)); owner != nil && !IsGuest(p, r) {
		r.Tenant = owner
	}
	if r.Tenant == nil {
		r.Tenant = &policy.Tenant{}
	}
	return r
}

// AllOfCertificate returns every code that OfCertificate could have, in order, but for those that
// need a Secret. The request is one of AsOwners.
func AllOfCertificate(
	p *policy.Effective, r Request, leaf *x509.Certificate, chain *Chain, now time.Time,
) []Code {
	var all []Code
	isValid := isValidFor(leaf, r)
	if isForeign(p, r) && !(isValid && (chain.IsPinned || chain.HasSharedNames)) {
		all = append(all, SNIForeign)
	}
	if isOver(leaf, now) {
		all = append(all, CertificateExpired)
	}
	if !isValid {
		all = append(all, CertificateName)
	}
	if IsDefault(leaf) {
		return all // for want of another: what else is wrong with it says nothing of that
	}
	if chain.IsForeign && !chain.IsPinned {
		all = append(all, CertificateForeign)
	}
	if chain.Trust == CertificateUntrusted {
		all = append(all, CertificateUntrusted)
	}
	if chain.IsUnpinned {
		all = append(all, CertificateUnpinned)
	}
	return all
}
