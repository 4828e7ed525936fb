package proposal

import (
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/audit"
)

// certificates finds platform certificates: those that are served for hosts of several tenants, or
// lie in the operators' namespaces, with names that are not one tenant's alone.
func (m *maker) certificates(p *Proposal) {
	owners := map[string]*Tenant{}
	table := hosts.NewTable()
	for _, tenant := range m.tenants {
		for _, text := range tenant.Hosts {
			owners[text] = tenant
			if pattern, err := hosts.ParsePattern(text); err == nil {
				table.Add(pattern, tenant.Name)
			}
		}
	}
	m.store = audit.Certificates(m.Traefik, m.Objects)
	for _, c := range m.store {
		served := map[string]*Tenant{}
		for host, tenant := range owners {
			if c.IsFor(host) && m.isPreferred(c, host) {
				served[tenant.Name] = tenant
			}
		}
		inPlatform := slices.ContainsFunc(c.Namespaces, func(namespace string) bool {
			return slices.Contains(m.OperatorNamespaces, namespace)
		})
		for name, tenant := range served {
			if m.Objects != nil && len(c.Namespaces) == 0 {
				tenant.NoSecrets = true
			}
			if isAll(table, c.Names, name) && !inPlatform {
				delete(served, name)
			}
		}
		isOthers := len(served) > 1 || inPlatform && len(served) > 0 ||
			len(served) == 1 && strings.HasPrefix(c.Names[0], "*.")
		if !isOthers {
			continue
		}
		p.SharedHosts = append(p.SharedHosts, c.Names...)
		p.SharedNamespaces = append(p.SharedNamespaces, c.Namespaces...)
	}
	slices.Sort(p.SharedHosts)
	p.SharedHosts = slices.Compact(p.SharedHosts)
	m.keepPlatforms(p)
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

// isAll reports whether all names of a certificate are a tenant's.
func isAll(table *hosts.Table, names []string, tenant string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		return !table.CoversAll(name, tenant)
	})
}

// keepPlatforms leaves of the shared namespaces those of the platform: what lies in others must not
// serve everybody.
func (m *maker) keepPlatforms(p *Proposal) {
	var kept []string
	for _, namespace := range p.SharedNamespaces {
		isTenants := !slices.Contains(m.OperatorNamespaces, namespace)
		if isTenants {
			m.mark("certificate-unclear", "namespace "+namespace, namespace,
				"A certificate that is served for several tenants lies in it, which is no namespace "+
					"of the platform.",
				"Keep it in a namespace of the platform, or set certificates.roots.")
			continue
		}
		kept = append(kept, namespace)
	}
	slices.Sort(kept)
	p.SharedNamespaces = slices.Compact(kept)
}
