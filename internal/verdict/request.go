package verdict

import (
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// Request is what a request says before anybody looks at the certificate.
type Request struct {
	// Router is why the router has no tenant, or Pass.
	Router Code
	// Tenant is the router's.
	Tenant *policy.Tenant
	// Host is the Host header or the authority, as the client wrote it. X-Forwarded-Host and its like decide nothing:
	// a client writes what it likes there.
	Host string
	// TLS tells whether the request came over TLS, with ServerName as its server name.
	TLS        bool
	ServerName string
}

// OfRequest decides what can be decided without the certificate.
func OfRequest(p *policy.Effective, r Request) Code {
	if p == nil {
		return PolicyInvalid
	}
	if r.Router != Pass {
		return r.Router
	}
	if code := ofHost(p, r.Tenant, hosts.Parse(r.Host)); code != Pass {
		return code
	}
	if !r.TLS {
		if p.DenyPlaintext {
			return TLSRequired
		}
		return Pass
	}
	return ofServerName(p, r.Tenant, r.ServerName)
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

// ofServerName stops domain fronting: a Host that travels in another tenant's TLS connection. Another server name of
// the same tenant is no fronting, browsers reuse connections so (RFC 9113 section 9.1.1).
func ofServerName(p *policy.Effective, tenant *policy.Tenant, serverName string) Code {
	if serverName == "" {
		return SNIMissing
	}
	name := hosts.ParseDNS(serverName)
	if name == "" || p.Hosts.Owner(name) != tenant.Name {
		return SNIForeign
	}
	return Pass
}
