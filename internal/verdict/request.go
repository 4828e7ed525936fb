package verdict

import (
	"regexp"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// Request is what a request says before anybody looks at the certificate.
type Request struct {
	// Router is Pass where the router has a tenant, or else why it has none.
	Router Code
	// Tenant is the router's.
	Tenant *policy.Tenant
	// Host is the Host header or the authority, "" where that is not a host. X-Forwarded-Host and
	// its like decide nothing: a client writes what it likes there.
	Host hosts.Name
	// Path is the path as the client sent it, with its escapes.
	Path string
	// TLS reports whether the request came over TLS, and HasServerName whether it did with a server
	// name. ServerName is "" where that is not a DNS name.
	TLS           bool
	HasServerName bool
	ServerName    hosts.Name
	// Proxied reports whether the connection is a trusted proxy's.
	Proxied bool
}

// OfRequest decides what can be decided without the certificate. p is nil where no policy is in
// force.
func OfRequest(p *policy.Effective, r Request) Code {
	if p == nil {
		return PolicyInvalid
	}
	if r.Router != Pass {
		return r.Router
	}
	if r.Tenant == nil {
		return Undecided
	}
	if code := ofHost(p, r); code != Pass {
		return code
	}
	if r.Proxied {
		return Pass
	}
	if r.TLS {
		return ofServerName(p, r)
	}
	if p.DenyPlaintext && !IsChallenge(r.Path) {
		return TLSRequired
	}
	return Pass
}

// ofHost stops a router that claims another tenant's host, unless the operator lets it be a guest
// there.
func ofHost(p *policy.Effective, r Request) Code {
	if r.Host == "" {
		return HostInvalid
	}
	owner := p.Hosts.Owner(r.Host)
	if owner == r.Tenant.Name || r.Tenant.Guest.Covers(r.Host, r.Path) {
		return Pass
	}
	if owner == "" {
		return HostUnowned
	}
	return HostForeign
}

// ofServerName stops domain fronting: a Host that travels in another tenant's TLS connection.
// Another server name of the same tenant is no fronting, browsers reuse connections so (RFC 9113
// section 9.1.1).
func ofServerName(p *policy.Effective, r Request) Code {
	if !r.HasServerName {
		if hosts.IsAddress(r.Host) {
			return Pass // for which a client sends none (RFC 6066 section 3)
		}
		return SNIMissing
	}
	if r.ServerName == "" {
		return SNIForeign
	}
	if isForeign(p, r) && !mayBeShared(p, r) {
		return SNIForeign
	}
	return Pass
}

// isForeign reports whether the server name is not that of the tenant whose the Host is. For a Host
// that nobody owns it may be one that nobody owns either, or the guest's.
func isForeign(p *policy.Effective, r Request) bool {
	if !r.TLS || !r.HasServerName || r.Proxied {
		return false
	}
	owner := p.Hosts.Owner(r.ServerName)
	if owner == "" && p.Hosts.Owner(r.Host) == "" {
		return false
	}
	return owner != JudgedAs(p, r).Name
}

// IsPlain reports whether nothing but the Host and the server name's owner let a request over TLS
// pass: not that it comes from a trusted proxy, nor that it may share another tenant's server name.
func IsPlain(p *policy.Effective, r Request) bool {
	return r.TLS && !r.Proxied && (r.Tenant == nil || !isForeign(p, r))
}

// mayBeShared reports whether a foreign server name passes if the certificate is a shared one.
func mayBeShared(p *policy.Effective, r Request) bool {
	return p.ShareServerNames && JudgedAs(p, r).Certificates.Check && !IsChallenge(r.Path)
}

// JudgedAs returns the tenant whose settings decide on a request that passed ofHost: the router's,
// or, where that is a guest, the owner of the Host. A Host that nobody owns has no other than the
// guest.
func JudgedAs(p *policy.Effective, r Request) *policy.Tenant {
	if r.Tenant == nil || r.Tenant.Guest == nil {
		return r.Tenant
	}
	if owner := p.Tenant(p.Hosts.Owner(r.Host)); owner != nil && IsGuest(p, r) {
		return owner
	}
	return r.Tenant
}

// IsGuest reports whether the router's tenant serves a host that is not its own by the operator's
// leave.
func IsGuest(p *policy.Effective, r Request) bool {
	return p != nil && r.Tenant != nil && r.Tenant.Guest.Covers(r.Host, r.Path) &&
		p.Hosts.Owner(r.Host) != r.Tenant.Name
}

// NeedsCertificate reports whether the served certificate decides on a request that passed
// OfRequest.
func NeedsCertificate(p *policy.Effective, r Request) bool {
	if !r.TLS || r.Proxied || IsChallenge(r.Path) || !JudgedAs(p, r).Certificates.Check {
		return false
	}
	return p.Hosts.Owner(r.Host) != "" || isForeign(p, r)
}

const challengeFolder = "/.well-known/acme-challenge/"

// challengeToken has the characters of base64url (RFC 8555 section 8.3).
var challengeToken = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// IsChallenge reports whether a path, as the client sent it, is that of an ACME HTTP-01 challenge.
// It is asked for while there is no certificate yet, or no valid one, and a redirect to HTTPS is
// followed without a look at the certificate. Any other spelling of it is another path: a server
// behind Traefik may take it for one that is worth protecting.
func IsChallenge(path string) bool {
	token, found := strings.CutPrefix(path, challengeFolder)
	return found && challengeToken.MatchString(token)
}
