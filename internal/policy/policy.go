// Package policy answers what the operator allows: it reads the configuration of middlewares and
// policy files, refuses what is wrong in it, and lays the Namespaces of a cluster over it. A
// policy is a function of these inputs: this package has no lock, reads no clock, and reads files
// only by functions that it is given.
package policy

import (
	"crypto/x509"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

// DefaultTTL is how long one observation of a served certificate holds at most when nothing else
// is said.
const DefaultTTL = 30 * time.Second

// Effective is a policy with the settings of the middleware that it is in force for.
type Effective struct {
	Settings
	*Policy
}

// Policy is who owns what: the tenants of one policy file, or of one middleware's own keys, and
// of the Namespaces of a cluster. It does not change once it is made.
type Policy struct {
	Tenants []*Tenant
	// Hosts maps host patterns to tenant names.
	Hosts *hosts.Table
	// SharedHosts are the names that a platform certificate may carry for every tenant. Their
	// owner is SharedOwner.
	SharedHosts *hosts.Table
	// SharedPins are the SPKI pins of certificates that may serve every tenant, whatever they name.
	SharedPins map[string]bool
	// SharedNamespaces are those whose Secrets may serve every tenant.
	SharedNamespaces []string
	// Alike are pairs of tenants' namespaces whose Ingresses can have the same names in Traefik.
	Alike []string
	// Broad are the patterns that claim more than one tenant is likely to own.
	Broad []string
	// LeftOut are the errors of the Namespaces that the policy does without.
	LeftOut []string
	// WrongMarks are the errors of Namespaces of which the policy has the rest.
	WrongMarks []string

	// cluster has every Namespace of the cluster, a tenant's or not. It is nil where no cluster
	// is asked.
	cluster map[string]bool
	// deleted has those of cluster that were deleted a short while ago, with the tenants they
	// were of, nil for unowned ones.
	deleted map[string]*Tenant
	// flattened has those of cluster that a legacy name writes in another way, by that.
	flattened map[string][]string
	// owned has the namespaces of each tenant, by its name: two policies that say the same are
	// equal.
	owned      map[string][]string
	byName     map[string]*Tenant
	namespaces map[string]*Tenant
	// prefixes have the tenants of all namespaces that begin so, and lengths are how long
	// prefixes are. One that begins with another is the same tenant's.
	prefixes map[string]*Tenant
	lengths  []int
	routers  []routerPattern
}

// SharedOwner owns the patterns of SharedHosts.
const SharedOwner = "shared"

// Tenant is one party that shares Traefik.
type Tenant struct {
	Name string
	// Mode is "enforce", "report", or "" for the middleware's own.
	Mode         string
	Certificates Certificates
	// Guest is what its routers may serve beside its own hosts, nil for nothing.
	Guest *Guest

	// configured is false for a tenant that only Namespaces make.
	configured bool
	// takesNamespaces lets a Namespace add itself to a configured tenant (kubernetesNamespaces:
	// true).
	takesNamespaces bool
}

// Certificates is what a tenant's served certificate must be: the general settings with the
// tenant's own in place of some.
type Certificates struct {
	// Check is false where the served certificate is not looked at.
	Check bool
	// Roots are what the served chain must verify to, nil for no such demand.
	Roots *x509.CertPool
	// RootsDigest is the same for the same roots, "" for none.
	RootsDigest string
	// Pins are SPKI pins of which one must match, empty for no such demand.
	Pins map[string]bool
	// Secrets demands that the leaf is in a Secret of one of the tenant's namespaces or of a
	// shared one.
	Secrets bool
	// TTL is how long one observation holds at most.
	TTL time.Duration
	// AcrossReloads lets an observation outlive a reload of Traefik's configuration (observe: ttl).
	AcrossReloads bool
	// AllowUnobserved lets a request pass when the certificate can't be observed (onError: allow).
	AllowUnobserved bool
}

type routerPattern struct {
	text   string
	match  *regexp.Regexp
	tenant *Tenant
}

// newPolicy returns a policy without tenants.
func newPolicy() *Policy {
	return &Policy{
		Hosts:       hosts.NewTable(),
		SharedHosts: hosts.NewTable(),
		byName:      map[string]*Tenant{},
		namespaces:  map[string]*Tenant{},
		prefixes:    map[string]*Tenant{},
	}
}

// Tenant returns the tenant of a name, nil for none.
func (p *Policy) Tenant(name string) *Tenant {
	return p.byName[name]
}

func (p *Policy) addTenant(tenant *Tenant) {
	p.byName[tenant.Name] = tenant
	p.Tenants = append(p.Tenants, tenant)
}

// NamespaceTenant returns the tenant that lists the namespace, nil for none.
func (p *Policy) NamespaceTenant(namespace string) *Tenant {
	if tenant := p.namespaces[namespace]; tenant != nil {
		return tenant
	}
	for _, length := range p.lengths {
		if length <= len(namespace) {
			if tenant := p.prefixes[namespace[:length]]; tenant != nil {
				return tenant
			}
		}
	}
	return nil
}

// addPrefix gives a tenant all namespaces that begin with a text.
func (p *Policy) addPrefix(text string, tenant *Tenant) {
	p.prefixes[text] = tenant
	for _, length := range p.lengths {
		if length == len(text) {
			return
		}
	}
	p.lengths = append(p.lengths, len(text))
}

// Candidate returns the tenant of one of several namespaces that a router may lie in, nil where
// it is unowned, and reports whether the namespace is deleted. One that its tenant has deleted is
// still the tenant's here: it must not make the tenant's other routers ambiguous.
func (p *Policy) Candidate(namespace string) (tenant *Tenant, deleted bool) {
	before, deleted := p.deleted[namespace]
	if tenant := p.NamespaceTenant(namespace); tenant != nil {
		return tenant, deleted
	}
	return before, deleted
}

// ClusterKnown reports whether every Namespace of the cluster is known.
func (p *Policy) ClusterKnown() bool {
	return p.cluster != nil
}

// Exists reports whether the cluster has the Namespace, or had it a short while ago.
func (p *Policy) Exists(namespace string) bool {
	return p.cluster[namespace]
}

// Listed reports whether the cluster has the Namespace now.
func (p *Policy) Listed(namespace string) bool {
	_, deleted := p.deleted[namespace]
	return p.cluster[namespace] && !deleted
}

// EachFlattened calls visit for every Namespace of the cluster that is written so in a legacy name.
func (p *Policy) EachFlattened(flat string, visit func(namespace string)) {
	if p.cluster[flat] && !strings.Contains(flat, "--") {
		visit(flat)
	}
	for _, namespace := range p.flattened[flat] {
		visit(namespace)
	}
}

// Flatten writes a namespace as Traefik does in a legacy name: several hyphens in a row become one.
func Flatten(namespace string) string {
	for strings.Contains(namespace, "--") {
		namespace = strings.ReplaceAll(namespace, "--", "-")
	}
	return namespace
}

// NamespacesOf returns the namespaces of a tenant: those listed by name, and those of the cluster
// that a prefix covers.
func (p *Policy) NamespacesOf(tenant *Tenant) []string {
	return p.owned[tenant.Name]
}

// listOwned makes the lists of NamespacesOf, and that of namespaces that are alike.
func (p *Policy) listOwned() {
	p.owned = map[string][]string{}
	for namespace, tenant := range p.namespaces {
		p.owned[tenant.Name] = append(p.owned[tenant.Name], namespace)
	}
	if len(p.prefixes) > 0 {
		p.listPrefixed()
	}
	for _, list := range p.owned {
		sort.Strings(list)
	}
	p.listAlike()
}

func (p *Policy) listPrefixed() {
	for namespace := range p.cluster {
		if tenant := p.NamespaceTenant(namespace); tenant != nil && p.namespaces[namespace] == nil {
			p.owned[tenant.Name] = append(p.owned[tenant.Name], namespace)
		}
	}
}

// EachNamespace calls visit for every listed namespace. Where prefix is true, every namespace
// that begins so is meant.
func (p *Policy) EachNamespace(visit func(namespace string, prefix bool, tenant *Tenant)) {
	for namespace, tenant := range p.namespaces {
		visit(namespace, false, tenant)
	}
	for text, tenant := range p.prefixes {
		visit(text, true, tenant)
	}
}

// RouterTenants returns the tenants that list the qualified name of a router.
func (p *Policy) RouterTenants(router string) []*Tenant {
	var tenants []*Tenant
	for _, pattern := range p.routers {
		if pattern.match.MatchString(router) {
			tenants = append(tenants, pattern.tenant)
		}
	}
	return tenants
}

// RouterPatterns returns the patterns of routers of each tenant, by its name.
func (p *Policy) RouterPatterns() map[string][]string {
	patterns := map[string][]string{}
	for _, pattern := range p.routers {
		name := pattern.tenant.Name
		patterns[name] = append(patterns[name], pattern.text)
	}
	return patterns
}

// HostPatterns returns the patterns of hosts of each tenant, by its name.
func (p *Policy) HostPatterns() map[string][]string {
	patterns := map[string][]string{}
	p.Hosts.Each(func(pattern hosts.Pattern, owner string) {
		patterns[owner] = append(patterns[owner], pattern.String())
	})
	for _, list := range patterns {
		sort.Strings(list)
	}
	return patterns
}

// CheckedByNameOnly returns the tenants whose certificates are held to their names alone, which a
// forged certificate can carry as well.
func (p *Policy) CheckedByNameOnly() []string {
	var names []string
	for _, tenant := range p.Tenants {
		c := tenant.Certificates
		if c.Check && c.Roots == nil && len(c.Pins) == 0 && !c.Secrets {
			names = append(names, tenant.Name)
		}
	}
	return names
}
