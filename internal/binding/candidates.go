package binding

import (
	"sort"
	"strings"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// candidates are the namespaces that a router may lie in.
type candidates struct {
	// tenants has the tenant of each, nil where it is unowned.
	tenants map[string]*policy.Tenant
	// exists reports whether one of them is not deleted: a router that can only be of a deleted
	// Namespace is unowned.
	exists bool
}

func newCandidates() *candidates {
	return &candidates{tenants: map[string]*policy.Tenant{}}
}

func (c *candidates) add(namespace string, tenant *policy.Tenant) {
	c.tenants[namespace] = tenant
	c.exists = true
}

// addExisting adds a Namespace of the cluster.
func (c *candidates) addExisting(p *policy.Policy, namespace string) {
	tenant, deleted := p.Candidate(namespace)
	c.tenants[namespace] = tenant
	if !deleted {
		c.exists = true
	}
}

// addLegacy adds the namespaces that a legacy name may begin with.
func (c *candidates) addLegacy(p *policy.Policy, name string) {
	if p.ClusterKnown() {
		c.addBeginnings(p, name)
		return
	}
	p.EachNamespace(func(namespace string, isPrefix bool, tenant *policy.Tenant) {
		if !couldBegin(name, namespace, isPrefix) {
			return
		}
		if isPrefix {
			namespace += "*" // as the policy writes it: a prefix is no namespace
		}
		c.add(namespace, tenant)
	})
}

// addBeginnings adds the Namespaces of the cluster that are what comes before one of the name's
// hyphens.
func (c *candidates) addBeginnings(p *policy.Policy, name string) {
	add := func(namespace string) { c.addExisting(p, namespace) }
	end := 0
	for {
		hyphen := strings.IndexByte(name[end:], '-')
		if hyphen < 0 {
			return
		}
		end += hyphen
		p.EachFlattened(name[:end], add)
		end++
	}
}

// bind takes one candidate, or several of one tenant. Several that are unowned are as ambiguous as
// those of several tenants.
func (c *candidates) bind() Binding {
	var namespaces []string
	var found *policy.Tenant
	first, several := true, false
	for namespace, tenant := range c.tenants {
		namespaces = append(namespaces, namespace)
		several = several || (!first && tenant != found)
		found = tenant
		first = false
	}
	sort.Strings(namespaces)
	if several || (found == nil && len(namespaces) > 1) {
		return Binding{
			Code: verdict.RouterAmbiguous, Namespaces: namespaces, Other: c.names(namespaces),
		}
	}
	if found == nil || !c.exists {
		return Binding{Code: verdict.RouterUnbound, Namespaces: namespaces}
	}
	return Binding{Code: verdict.Pass, Tenant: found, Namespaces: namespaces}
}

// nobody stands for a namespace without a tenant among the names of tenants, none of which is so.
const nobody = "(no tenant)"

// names returns the tenants of namespaces, each once, with commas.
func (c *candidates) names(namespaces []string) string {
	var names []string
	known := map[string]bool{}
	for _, namespace := range namespaces {
		name := nobody
		if tenant := c.tenants[namespace]; tenant != nil {
			name = tenant.Name
		}
		if !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// couldBegin reports whether a legacy name may begin with the namespace.
func couldBegin(name, namespace string, isPrefix bool) bool {
	flat := policy.Flatten(namespace)
	if isPrefix {
		return strings.HasPrefix(name, flat)
	}
	return strings.HasPrefix(name, flat+"-")
}
