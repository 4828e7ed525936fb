package policy

import (
	"fmt"
	"sort"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

// Snapshot is what the cluster says of all its Namespaces at one time.
type Snapshot struct {
	Namespaces []Namespace
	// Deleted are Namespaces deleted a short while ago, as they were last known: routers of
	// theirs may still be in use.
	Deleted []Namespace
}

// overlay adds the Namespaces of a cluster to a copy of what is configured.
type overlay struct {
	policy      *Policy
	general     Certificates
	tenantLabel string
	templates   []string
}

// Over returns the policy with the tenants, namespaces and hosts that Namespaces claim: the
// oldest first, so that a later claim never takes what an earlier one has. A Namespace whose label
// is wrong is left out. Of one with another error only what is wrong is left out: the rest serves
// somebody, who may have nothing to do with it.
func (b *Parsed) Over(cluster *Snapshot) *Policy {
	p := b.copyPolicy()
	p.cluster = make(map[string]bool, len(cluster.Namespaces)+len(cluster.Deleted))
	p.deleted = map[string]*Tenant{}
	p.flattened = map[string][]string{}
	o := &overlay{
		policy: p, general: b.general, tenantLabel: b.tenantLabel, templates: b.templates,
	}
	var claims []Namespace
	for _, namespace := range cluster.Namespaces {
		o.addExisting(namespace.Name)
		if namespace.isMarked() {
			claims = append(claims, namespace)
		}
	}
	for _, i := range byAge(claims) {
		o.addNamespace(claims[i])
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
		p.routers = append(p.routers, routerPattern{
			text: pattern.text, match: pattern.match, tenant: p.byName[pattern.tenant.Name]})
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
	tenant := o.policy.byName[n.Tenant]
	if o.labelError(n, tenant) != "" {
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

// addNamespace adds one Namespace, and says what of it is left out.
func (o *overlay) addNamespace(n Namespace) {
	if n.Unknown != "" {
		o.sayWrong(fmt.Sprintf("namespace %q: %s: %s", n.Name, n.Unknown,
			wantedMarks(o.tenantLabel)))
	}
	if n.Tenant == "" {
		o.addUnlabelled(n)
		return
	}
	tenant := o.policy.byName[n.Tenant]
	if wanted := o.labelError(n, tenant); wanted != "" {
		o.leaveOut(markError(n, o.tenantLabel, n.Tenant, wanted))
		return
	}
	if tenant == nil {
		tenant = &Tenant{Name: n.Tenant, Certificates: o.general}
		o.policy.addTenant(tenant)
	}
	o.policy.namespaces[n.Name] = tenant
	o.addMode(n, tenant)
	o.addHosts(n)
	o.addTemplates(n)
}

// addUnlabelled adds nothing of a Namespace without the label, and says so if it has annotations.
func (o *overlay) addUnlabelled(n Namespace) {
	if n.Hosts != "" || n.Mode != "" {
		o.leaveOut(fmt.Sprintf(
			"namespace %q: it has annotations of tenantguard.io, wanted the label %s as well",
			n.Name, o.tenantLabel))
	}
}

// labelError returns why a Namespace can't be of the tenant in its label, "" if it can: it must not
// add itself to a tenant of the configuration unasked, and not be another tenant's already.
func (o *overlay) labelError(n Namespace, tenant *Tenant) string {
	owner := o.policy.NamespaceTenant(n.Name)
	if owner != nil && owner != tenant {
		return fmt.Sprintf("tenant %q lists this namespace", owner.Name)
	}
	if tenant != nil && tenant.configured && owner != tenant && !tenant.takesNamespaces {
		return "the tenant neither lists this namespace nor sets kubernetesNamespaces"
	}
	return ""
}

// addMode gives the tenant the mode of one of its Namespaces. Of two the stricter counts, so that
// they can be changed one after the other.
func (o *overlay) addMode(n Namespace, tenant *Tenant) {
	if n.Mode == "" || n.Mode == tenant.Mode {
		return
	}
	if n.Mode != ModeEnforce && n.Mode != ModeReport {
		o.sayWrong(markError(n, ModeAnnotation, n.Mode, "wanted enforce or report"))
		return
	}
	if tenant.Mode == "" {
		tenant.Mode = n.Mode
		return
	}
	wanted := fmt.Sprintf("tenant %q has the mode %q as well, the stricter one counts",
		tenant.Name, tenant.Mode)
	o.sayWrong(markError(n, ModeAnnotation, n.Mode, wanted))
	tenant.Mode = ModeEnforce
}

// maxClaimErrors bounds the errors that are said of one Namespace's hosts.
const maxClaimErrors = 10

// addHosts adds the hosts of a Namespace's annotation, but for those that are wrong or another
// tenant's. With very many of these it does not read on: the annotation is read again with each
// change of any Namespace.
func (o *overlay) addHosts(n Namespace) {
	if size := len(n.Hosts); size > maxKeys {
		o.sayWrong(markError(n, HostsAnnotation, fmt.Sprintf("%d bytes", size),
			fmt.Sprintf("wanted at most %d bytes", maxKeys)))
		return
	}
	wrong := 0
	for _, text := range strings.Split(n.Hosts, ",") {
		text = strings.TrimSpace(text)
		wanted := ""
		if text != "" {
			wanted = o.addHost(n, text)
		}
		if wanted == "" {
			continue
		}
		wrong++
		if wrong <= maxClaimErrors {
			o.sayWrong(markError(n, HostsAnnotation, text, wanted))
		}
		if wrong == maxErrors {
			break
		}
	}
	if wrong > maxClaimErrors {
		o.sayWrong(fmt.Sprintf("namespace %q: %s: there are more errors than these %d, "+
			"after %d nothing more is read", n.Name, HostsAnnotation, maxClaimErrors, maxErrors))
	}
}

// addHost adds a host pattern of a Namespace, or returns why it can't be the Namespace's.
func (o *overlay) addHost(n Namespace, text string) string {
	pattern, err := hosts.ParsePattern(text)
	if err != nil {
		return err.Error()
	}
	if owner := o.policy.Hosts.PatternOwner(pattern); owner != "" && owner != n.Tenant {
		return fmt.Sprintf("tenant %q has this host", owner)
	}
	o.addPattern(n, HostsAnnotation, pattern)
	return ""
}

// addPattern gives the tenant of a Namespace a host pattern, by an annotation or a rule.
func (o *overlay) addPattern(n Namespace, key string, pattern hosts.Pattern) {
	o.policy.Hosts.Add(pattern, n.Tenant)
	if reason := tooBroad(pattern); reason != "" {
		o.policy.addBroad(markError(n, key, pattern.String(), reason))
	}
}

// markError returns what is said of the value of a label or an annotation.
func markError(n Namespace, key, value, wanted string) string {
	return fmt.Sprintf("namespace %q: %s: %s: %s", n.Name, key, quote(value), wanted)
}

func (o *overlay) leaveOut(text string) {
	o.policy.LeftOut = appendBounded(o.policy.LeftOut, text)
}

func (o *overlay) sayWrong(text string) {
	o.policy.WrongMarks = appendBounded(o.policy.WrongMarks, text)
}

// appendBounded adds an error, or instead of one too many that there are more.
func appendBounded(errs []string, text string) []string {
	if len(errs) == maxErrors {
		text = moreErrors()
	}
	if len(errs) > maxErrors {
		return errs
	}
	return append(errs, text)
}
