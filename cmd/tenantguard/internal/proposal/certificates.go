package proposal

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tenantguard/tenantguard/internal/hosts"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/audit"
)

// certificates finds whose the names of certificates are. Those that are served for hosts of
// several tenants, or lie in the operators' namespaces, are the platform's; the names of others
// are their tenant's.
func (m *maker) certificates(p *Proposal) {
	m.store = audit.Certificates(m.Traefik, m.Objects)
	owners := map[string]*Tenant{}
	for _, tenant := range m.tenants {
		for _, host := range tenant.Hosts {
			owners[host] = tenant
		}
	}
	for _, c := range m.store {
		served := map[string]*Tenant{}
		for host, tenant := range owners {
			if c.IsFor(host) && m.isPreferred(c, host) {
				served[tenant.Name] = tenant
			}
		}
		for _, tenant := range served {
			tenant.NoSecrets = tenant.NoSecrets || m.Objects != nil && len(c.Namespaces) == 0
		}
		isPlatforms := slices.ContainsFunc(c.Namespaces, func(namespace string) bool {
			return slices.Contains(m.OperatorNamespaces, namespace)
		})
		switch {
		case len(served) == 0:
		case len(served) == 1 && !isPlatforms:
			for _, tenant := range served {
				m.ownNames(tenant, c)
			}
		default:
			p.SharedHosts = append(p.SharedHosts, c.Names...)
			m.share(p, c, slices.Sorted(maps.Keys(served)))
		}
	}
	slices.Sort(p.SharedHosts)
	p.SharedHosts = slices.Compact(p.SharedHosts)
	slices.Sort(p.SharedNamespaces)
	p.SharedNamespaces = slices.Compact(p.SharedNamespaces)
}

// ownNames gives a tenant the names of its certificate.
func (m *maker) ownNames(tenant *Tenant, c audit.Certificate) {
	for _, name := range c.Names {
		pattern, err := hosts.ParsePattern(name)
		if err != nil || slices.Contains(tenant.Hosts, pattern.String()) {
			continue
		}
		if other := m.ownerOf(pattern.String()); other != nil {
			m.mark("certificate-unclear", name, "",
				fmt.Sprintf("A certificate of tenant %s names it, and it is tenant %s's.",
					tenant.Name, other.Name),
				"Have the certificate issued without it, or share it.")
			continue
		}
		tenant.Hosts = append(tenant.Hosts, pattern.String())
	}
}

// ownerOf returns the tenant that has a pattern, nil for none.
func (m *maker) ownerOf(pattern string) *Tenant {
	for _, tenant := range m.tenants {
		if slices.Contains(tenant.Hosts, pattern) {
			return tenant
		}
	}

	return nil
}

// isPreferred reports whether it is the certificate that Traefik serves for a host.
func (m *maker) isPreferred(c audit.Certificate, host string) bool {
	for _, other := range m.store {
		if other.IsFor(host) {
			return slices.Equal(other.Names, c.Names)
		}
	}

	return false
}

// share makes the namespaces of a platform certificate shared ones, if they are the platform's:
// what lies in others must not serve everybody.
func (m *maker) share(p *Proposal, c audit.Certificate, tenants []string) {
	for _, namespace := range c.Namespaces {
		if slices.Contains(m.OperatorNamespaces, namespace) {
			p.SharedNamespaces = append(p.SharedNamespaces, namespace)
			continue
		}
		m.mark("certificate-unclear", "namespace "+namespace, namespace,
			"A certificate that is served for the tenants "+list(tenants)+" lies in it, which is "+
				"no namespace of the platform.",
			"Keep it in a namespace of the platform, or set certificates.roots.")
	}
}
