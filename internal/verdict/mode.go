package verdict

import (
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// IsEnforced reports whether a denial is carried out, and not only reported: it is where the
// router's tenant enforces, or the owner of the Host or of the server name does. A tenant that
// enforces keeps its hosts, whoever claims them. A guest's request is judged as the owner's. The
// general mode is that of a router without a tenant. Without a policy there is no mode to report
// in. p is nil where no policy is in force.
func IsEnforced(p *policy.Effective, r Request) bool {
	return p == nil || enforces(p, JudgedAs(p, r)) || ownerEnforces(p, r.Host) ||
		(!r.Proxied && ownerEnforces(p, r.ServerName))
}

func ownerEnforces(p *policy.Effective, host hosts.Name) bool {
	owner := p.Tenant(p.Hosts.Owner(host))
	return owner != nil && enforces(p, owner)
}

// enforces reports what the tenant's own mode says, or else the middleware's.
func enforces(p *policy.Effective, tenant *policy.Tenant) bool {
	if tenant != nil && tenant.Mode != "" {
		return tenant.Mode == policy.ModeEnforce
	}
	return !p.Report
}
