package proposal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/audit"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// oldestFirst returns Namespaces in the order in which the plugin gives them their hosts.
func oldestFirst(namespaces []running.Object) []running.Object {
	sorted := slices.Clone(namespaces)
	slices.SortFunc(sorted, func(a, b running.Object) int {
		return cmp.Or(cmp.Compare(audit.Created(a), audit.Created(b)),
			cmp.Compare(a.GetName(), b.GetName()))
	})

	return sorted
}

// keep takes over what a Namespace says of its tenant already, but for hosts that an older one of
// another tenant has.
func (m *maker) keep(name string, n running.Object) {
	tenant := m.tenant(name)
	tenant.Namespaces = append(tenant.Namespaces, n.GetName())
	for _, text := range strings.Split(n.GetAnnotations()[policy.HostsAnnotation], ",") {
		pattern, err := hosts.ParsePattern(strings.TrimSpace(text))
		if err != nil {
			continue
		}
		if owner := m.ownerOf(pattern.String()); owner != nil && owner != tenant {
			m.mark("host-contested", pattern.String(), n.Place(),
				fmt.Sprintf("Namespaces of tenants %s and %s name it. The older one has it, %s's.",
					owner.Name, name, owner.Name),
				fmt.Sprintf("Take it out of the annotation of %s, or of the other one.",
					n.GetName()))
			continue
		}
		tenant.Hosts = append(tenant.Hosts, pattern.String())
	}
}
