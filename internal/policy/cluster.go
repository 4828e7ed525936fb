package policy

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

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

// NewNamespace takes from a Namespace's labels and annotations what it says of its tenant.
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
	// Gone are namespaces deleted a short while ago: routers of theirs may still be in use.
	Gone []string
}

// Cluster tells the Namespaces of a cluster.
type Cluster interface {
	// Address tells one cluster from another.
	Address() string
	// Snapshot is what is known, nil before all are known and another one when something changed, and why it is not kept up
	// to date, "" if it is.
	Snapshot() (snapshot *Snapshot, problem string)
	// ListedSince makes sure that the snapshot is no older than a time, and tells whether it had to ask for that.
	ListedSince(ctx context.Context, since time.Time) (asked bool, err error)
}

// addCluster adds the tenants, namespaces and hosts that Namespaces claim: the oldest first, so that a later claim never
// takes what an earlier one has. One with an error in it is left out, for half a claim may be worse than none.
func (b *builder) addCluster(cluster *Snapshot, general Certificates) {
	b.policy.cluster = map[string]bool{}
	b.policy.flattened = map[string][]string{}
	namespaces := append([]Namespace{}, cluster.Namespaces...)
	sort.Slice(namespaces, func(i, j int) bool { return older(namespaces[i], namespaces[j]) })
	for _, name := range cluster.Gone {
		b.addExisting(name)
	}
	for _, namespace := range namespaces {
		b.addExisting(namespace.Name)
		if errs := b.addNamespace(namespace, general); len(errs) > 0 {
			b.policy.LeftOut = append(b.policy.LeftOut, errs...)
		}
	}
}

// addExisting adds a Namespace as one that a router may lie in.
func (b *builder) addExisting(namespace string) {
	if b.policy.cluster[namespace] {
		return
	}
	b.policy.cluster[namespace] = true
	flat := Flatten(namespace)
	b.policy.flattened[flat] = append(b.policy.flattened[flat], namespace)
}

func older(one, other Namespace) bool {
	if one.Created != other.Created {
		return one.Created < other.Created
	}
	return one.Name < other.Name
}

// addNamespace adds one Namespace, or nothing of it and the errors.
func (b *builder) addNamespace(n Namespace, general Certificates) []string {
	if n.Tenant == "" {
		return withoutLabel(n)
	}
	c := &clusterClaim{namespace: n}
	tenant := b.policy.byName[n.Tenant]
	c.checkTenant(tenant, b.policy.NamespaceTenant(n.Name))
	c.checkMode(tenant)
	c.checkHosts(b.policy.Hosts)
	if len(c.errs) > 0 {
		return c.errs
	}
	if tenant == nil {
		tenant = &Tenant{Name: n.Tenant, Certificates: general}
		b.policy.byName[n.Tenant] = tenant
		b.policy.Tenants = append(b.policy.Tenants, tenant)
	}
	if tenant.Mode == "" {
		tenant.Mode = n.Mode
	}
	b.policy.namespaces[n.Name] = tenant
	for _, pattern := range c.patterns {
		b.policy.Hosts.Add(pattern, tenant.Name)
	}
	return nil
}

func withoutLabel(n Namespace) []string {
	if n.Hosts == "" && n.Mode == "" {
		return nil
	}
	return []string{fmt.Sprintf("namespace %q: it has annotations of tenantguard.io, wanted the label %s as well", n.Name, TenantLabel)}
}

// clusterClaim is what one Namespace claims.
type clusterClaim struct {
	namespace Namespace
	patterns  []hosts.Pattern
	errs      []string
}

func (c *clusterClaim) fail(key, value, wanted string) {
	c.errs = append(c.errs, fmt.Sprintf("namespace %q: %s: %q: %s", c.namespace.Name, key, value, wanted))
}

// checkTenant stops a Namespace that adds itself to a tenant of the configuration unasked, or is another's already.
func (c *clusterClaim) checkTenant(tenant, owner *Tenant) {
	n := c.namespace
	if owner != nil && owner != tenant {
		c.fail(TenantLabel, n.Tenant, fmt.Sprintf("tenant %q lists this namespace", owner.Name))
		return
	}
	if tenant != nil && tenant.configured && owner != tenant && !tenant.takesNamespaces {
		c.fail(TenantLabel, n.Tenant, "the tenant neither lists this namespace nor sets kubernetesNamespaces")
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
		c.fail(ModeAnnotation, mode, fmt.Sprintf("tenant %q has the mode %q", tenant.Name, tenant.Mode))
	}
}

func (c *clusterClaim) checkHosts(table *hosts.Table) {
	if c.namespace.Hosts == "" {
		return
	}
	for _, text := range strings.Split(c.namespace.Hosts, ",") {
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
