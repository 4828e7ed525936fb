package policy

import (
	"fmt"
	"sort"
	"strings"
)

// listAlike notes the namespaces of two tenants of which one is the other with a hyphen and more.
// Traefik joins the names of Ingresses and of their services with hyphens, and the last one of a
// name wins (traefik#10105): shop + api-gateway and shop-api + gateway are one service, so that a
// router of the victim leads to the claimant's servers with every check satisfied.
func (p *Policy) listAlike() {
	names := make([]string, 0, len(p.namespaces))
	for name := range p.namespaces {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		p.addAlike(name)
	}
}

// addAlike notes the namespaces of other tenants that are a beginning of one.
func (p *Policy) addAlike(name string) {
	tenant := p.namespaces[name]
	end := strings.LastIndexByte(name, '-')
	for end > 0 && len(p.Alike) <= maxErrors {
		other := p.namespaces[name[:end]]
		text := ""
		if other != nil && other != tenant {
			text = fmt.Sprintf("%q of tenant %q and %q of tenant %q",
				name[:end], other.Name, name, tenant.Name)
		}
		if text != "" && len(p.Alike) == maxErrors {
			text = fmt.Sprintf("there are more than these %d", maxErrors)
		}
		if text != "" {
			p.Alike = append(p.Alike, text)
		}
		end = strings.LastIndexByte(name[:end], '-')
	}
}
