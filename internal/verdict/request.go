package verdict

import (
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
	// TLS reports whether the request came over TLS, and HasServerName whether it did with a server
	// name. ServerName is "" where that is not a DNS name.
	TLS           bool
	HasServerName bool
	ServerName    hosts.Name
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
	if code := ofHost(p, r.Tenant, r.Host); code != Pass {
		return code
	}
	if r.TLS {
		return ofServerName(p, r)
	}
	if p.DenyPlaintext {
		return TLSRequired
	}
	return Pass
}

// ofHost stops a router that claims another tenant's host.
func ofHost(p *policy.Effective, tenant *policy.Tenant, host hosts.Name) Code {
	if host == "" {
		return HostInvalid
	}
	owner := p.Hosts.Owner(host)
	if owner == "" {
		return HostUnowned
	}
	if owner != tenant.Name {
		return HostForeign
	}
	return Pass
}

// ofServerName stops domain fronting: a Host that travels in another tenant's TLS connection.
// Another server name of the same tenant is no fronting, browsers reuse connections so (RFC 9113
// section 9.1.1).
func ofServerName(p *policy.Effective, r Request) Code {
	if !r.HasServerName {
		return SNIMissing
	}
	if r.ServerName == "" || p.Hosts.Owner(r.ServerName) != r.Tenant.Name {
		return SNIForeign
	}
	return Pass
}
