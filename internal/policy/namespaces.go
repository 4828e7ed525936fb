package policy

import (
	"fmt"
	"sort"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

// What a Namespace says of its tenant. Whoever may write these decides who owns which host.
const (
	TenantLabel     = "tenantguard.io/tenant"
	HostsAnnotation = "tenantguard.io/hosts"
	ModeAnnotation  = "tenantguard.io/mode"
)

// Namespace is what the cluster says of one Namespace.
type Namespace struct {
	Name string
	// Created is the creation time as the API writes it (RFC 3339, UTC), which sorts as text.
	Created string
	// Tenant, Hosts and Mode are the label and the annotations, "" where there is none.
	Tenant, Hosts, Mode string
}

// NewNamespace returns what the labels and annotations of a Namespace say of its tenant.
func NewNamespace(name, created string, labels, annotations map[string]string) Namespace {
	return Namespace{
		Name:    name,
		Created: created,
		Tenant:  labels[TenantLabel],
		Hosts:   annotations[HostsAnnotation],
		Mode:    annotations[ModeAnnotation],
	}
}

// Snapshot is what the cluster says of all its Namespaces at one time.
type Snapshot struct {
	Namespaces []Namespace
	// Deleted are Namespaces deleted a short while ago, as they were last known: routers of
	// theirs may still be in use.
	Deleted []Namespace
}

// overlay adds the Namespaces of a cluster to a copy of what is configured.
type overlay struct {
	policy  *Policy
	general Certificates
}

// Over returns the policy with the tenants, namespaces and hosts that Namespaces claim: the
// oldest first, so that a later claim never takes what an earlier one has. A Namespace with an
// error in it is left out, for half a claim may be worse than none.
func (b *Parsed) Over(cluster *Snapshot) *Policy {
	p := b.copyPolicy()
	p.cluster = make(map[string]bool, len(cluster.Namespaces)+len(cluster.Deleted))
	p.deleted = map[string]*Tenant{}
	p.flattened = map[string][]string{}
	o := &overlay{policy: p, general: b.general}
	var claims []Namespace
	for _, namespace := range cluster.Namespaces {
		o.addExisting(namespace.Name)
		if namespace.Tenant != "" || namespace.Hosts != "" || namespace.Mode != "" {
			claims = append(claims, namespace)
		}
	}
	for _, i := range byAge(claims) {
		p.LeftOut = append(p.LeftOut, o.addNamespace(claims[i])...)
	}
	if len(p.LeftOut) > maxErrors {
		p.LeftOut = append(p.LeftOut[:maxErrors:maxErrors], moreErrors())
	}
	for _, namespace := range cluster.Deleted {
		o.addDeleted(namespace)
	}
	p.listOwned()
	return p
}

// copyPolicy returns a copy of the policy for Namespaces to be added to.
func (b *Parsed) copyPolicy() *Policy {
	p := newPolicy()
	p.SharedHosts = b.Policy.SharedHosts
	p.SharedPins = b.Policy.SharedPins
	p.SharedNamespaces = b.Policy.SharedNamespaces
	p.lengths = b.Policy.lengths
	p.Broad = append(p.Broad, b.Policy.Broad...)
	for _, pattern := range b.patterns {
		p.Hosts.Add(pattern.pattern, pattern.owner)
	}
	for _, tenant := range b.Policy.Tenants {
		p.addTenant(&Tenant{
			Name: tenant.Name, Mode: tenant.Mode, Certificates: tenant.Certificates,
			Guest: tenant.Guest, configured: true, takesNamespaces: tenant.takesNamespaces,
		})
	}
	for namespace, tenant := range b.Policy.namespaces {
		p.namespaces[namespace] = p.byName[tenant.Name]
	}
	for text, tenant := range b.Policy.prefixes {
		p.prefixes[text] = p.byName[tenant.Name]
	}
	for _, pattern := range b.Policy.routers {
		p.routers = append(p.routers,
			routerPattern{match: pattern.match, tenant: p.byName[pattern.tenant.Name]})
	}
	return p
}

// addExisting adds a Namespace as one that a router may lie in.
func (o *overlay) addExisting(namespace string) {
	o.policy.cluster[namespace] = true
	if strings.Contains(namespace, "--") {
		flat := Flatten(namespace)
		o.policy.flattened[flat] = append(o.policy.flattened[flat], namespace)
	}
}

// addDeleted adds a Namespace that was deleted, unless there is another of its name, as one that
// a router may still lie in. It has no claims any more: only whose it was counts, and that by the
// same rule as while it was there.
func (o *overlay) addDeleted(n Namespace) {
	if o.policy.cluster[n.Name] {
		return
	}
	o.addExisting(n.Name)
	c := &clusterClaim{namespace: n}
	tenant := o.policy.byName[n.Tenant]
	c.checkTenant(tenant, o.policy.NamespaceTenant(n.Name))
	if len(c.errs) > 0 {
		tenant = nil
	}
	o.policy.deleted[n.Name] = tenant
}

// byAge returns the indexes of Namespaces from the oldest on. Texts are sorted: the interpreter
// takes its time for every comparison of its own.
func byAge(namespaces []Namespace) []int {
	keys := make([]string, 0, len(namespaces))
	indexes := make(map[string]int, len(namespaces))
	for i, n := range namespaces {
		key := n.Created + " " + n.Name
		keys = append(keys, key)
		indexes[key] = i
	}
	sort.Strings(keys)
	order := make([]int, 0, len(keys))
	for _, key := range keys {
		order = append(order, indexes[key])
	}
	return order
}

// addNamespace adds one Namespace, or adds nothing of it and returns its errors.
func (o *overlay) addNamespace(n Namespace) []string {
	if n.Tenant == "" {
		return withoutLabel(n)
	}
	c := &clusterClaim{namespace: n}
	tenant := o.policy.byName[n.Tenant]
	c.checkTenant(tenant, o.policy.NamespaceTenant(n.Name))
	c.checkMode(tenant)
	c.checkHosts(o.policy.Hosts)
	if len(c.errs) > 0 {
		return c.errs
	}
	if tenant == nil {
		tenant = &Tenant{Name: n.Tenant, Certificates: o.general}
		o.policy.addTenant(tenant)
	}
	if tenant.Mode == "" {
		tenant.Mode = n.Mode
	}
	o.policy.namespaces[n.Name] = tenant
	for _, pattern := range c.patterns {
		o.policy.Hosts.Add(pattern, tenant.Name)
		if reason := tooBroad(pattern); reason != "" {
			o.policy.addBroad(fmt.Sprintf("namespace %q: %s: %s: %s",
				n.Name, HostsAnnotation, quote(pattern.String()), reason))
		}
	}
	return nil
}

func withoutLabel(n Namespace) []string {
	return []string{fmt.Sprintf(
		"namespace %q: it has annotations of tenantguard.io, wanted the label %s as well",
		n.Name, TenantLabel)}
}

// clusterClaim is what one Namespace claims.
type clusterClaim struct {
	namespace Namespace
	patterns  []hosts.Pattern
	errs      []string
}

func (c *clusterClaim) fail(key, value, wanted string) {
	text := fmt.Sprintf("namespace %q: %s: %s: %s", c.namespace.Name, key, quote(value), wanted)
	c.errs = append(c.errs, text)
}

// checkTenant refuses a Namespace that adds itself to a tenant of the configuration unasked, or
// that is another tenant's already.
func (c *clusterClaim) checkTenant(tenant, owner *Tenant) {
	n := c.namespace
	if owner != nil && owner != tenant {
		c.fail(TenantLabel, n.Tenant, fmt.Sprintf("tenant %q lists this namespace", owner.Name))
		return
	}
	if tenant != nil && tenant.configured && owner != tenant && !tenant.takesNamespaces {
		c.fail(TenantLabel, n.Tenant,
			"the tenant neither lists this namespace nor sets kubernetesNamespaces")
	}
}

func (c *clusterClaim) checkMode(tenant *Tenant) {
	mode := c.namespace.Mode
	if mode == "" {
		return
	}
	if mode != ModeEnforce && mode != ModeReport {
		c.fail(ModeAnnotation, mode, "wanted enforce or report")
	} else if tenant != nil && tenant.Mode != "" && tenant.Mode != mode {
		c.fail(ModeAnnotation, mode,
			fmt.Sprintf("tenant %q has the mode %q", tenant.Name, tenant.Mode))
	}
}

// maxClaimErrors bounds the errors of one Namespace: it is read again with each change of any.
const maxClaimErrors = 10

func (c *clusterClaim) checkHosts(table *hosts.Table) {
	if c.namespace.Hosts == "" {
		return
	}
	if size := len(c.namespace.Hosts); size > maxKeys {
		c.fail(HostsAnnotation, fmt.Sprintf("%d bytes", size),
			fmt.Sprintf("wanted at most %d bytes", maxKeys))
		return
	}
	for _, text := range strings.Split(c.namespace.Hosts, ",") {
		if len(c.errs) >= maxClaimErrors {
			return
		}
		text = strings.TrimSpace(text)
		pattern, err := hosts.ParsePattern(text)
		if err != nil {
			c.fail(HostsAnnotation, text, err.Error())
			continue
		}
		if owner := table.PatternOwner(pattern); owner != "" && owner != c.namespace.Tenant {
			c.fail(HostsAnnotation, text, fmt.Sprintf("tenant %q has this host", owner))
		}
		c.patterns = append(c.patterns, pattern)
	}
}
