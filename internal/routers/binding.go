package routers

import (
	"regexp"
	"sort"
	"strings"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const (
	providerInternal = "internal"
	providerCRD      = "kubernetescrd"
	providerIngress  = "kubernetes"
	providerNginx    = "kubernetesingressnginx"
	providerGateway  = "kubernetesgateway"

	// conflicted is what Traefik puts, after the entry point, before the name of a router whose TLS options conflict
	// with another's for the same host. The other may be an attacker's: the victim must keep its tenant.
	conflicted = "conflicted-"
)

// The safe names are namespace_name_index for a router and namespace_name for a middleware: no Kubernetes name has an
// underscore in it, so nobody can forge the namespace.
var (
	safeRouter     = regexp.MustCompile(`^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)_[a-z0-9.-]+_[0-9]+$`)
	safeMiddleware = regexp.MustCompile(`^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)_[a-z0-9.-]+$`)
)

// Binding is whose a router is.
type Binding struct {
	// Code is why the router has no tenant, or Pass.
	Code verdict.Code
	// Internal marks Traefik's own routers, such as ping and the ACME challenge.
	Internal bool
	Tenant   *policy.Tenant
	// Namespaces are those that the router may lie in, one where it is certain. One that ends in "*" stands for all that
	// begin so.
	Namespaces []string
	// FromCluster tells that the answer rests on which Namespaces there are, so that it is as old as what is known of them.
	FromCluster bool
}

// Known are the namespaces that are known by name.
func (b Binding) Known() []string {
	var names []string
	for _, namespace := range b.Namespaces {
		if !strings.HasSuffix(namespace, "*") {
			names = append(names, namespace)
		}
	}
	return names
}

// Bind finds the tenant of a router. namespace is the one that Traefik tells with the request, "" where it does not.
func Bind(p *policy.Policy, router Router, namespace string, legacyNames bool) Binding {
	provider := providerOf(router.Name)
	if router.Name == "" || provider == "" {
		return Binding{Code: verdict.RouterUnknown}
	}
	name := strings.TrimSuffix(router.Name, "@"+provider)
	if name == "" {
		return Binding{Code: verdict.RouterUnknown}
	}
	if provider == providerInternal {
		return Binding{Code: verdict.Pass, Internal: true}
	}
	if provider == providerCRD {
		return bindCRD(p, router, name, legacyNames)
	}
	if ToldWithRequest(router) && namespace != "" {
		return bindNamespaces(p, []string{namespace})
	}
	if ToldWithRequest(router) {
		return bindIngress(p, readings(name, router.EntryPoint), legacyNames)
	}
	if provider == providerGateway {
		return bindLegacy(p, withoutKind(readings(name, router.EntryPoint)), legacyNames)
	}
	return bindPatterns(p, name, provider, router.EntryPoint)
}

// ToldWithRequest tells whether Traefik says the router's namespace with each request.
func ToldWithRequest(router Router) bool {
	provider := providerOf(router.Name)
	return provider == providerIngress || provider == providerNginx
}

// providerOf is what follows the last "@": a label or a file may put another "@" into a router's name to pass for
// another provider's.
func providerOf(router string) string {
	at := strings.LastIndex(router, "@")
	if at < 0 {
		return ""
	}
	return router[at+1:]
}

// readings are what a router's own name may be: as it is, and without what Traefik puts before the names of routers on
// several entry points, and then of those whose TLS options conflict. Each is put there once, so that a namespace
// that begins like an entry point does not lose its own beginning too.
func readings(name, entryPoint string) []string {
	all := []string{name}
	if entryPoint == "" {
		return all
	}
	if rest, found := strings.CutPrefix(name, entryPoint+"-"); found {
		all = append(all, rest)
	}
	if rest, found := strings.CutPrefix(name, entryPoint+"-"+conflicted); found {
		all = append(all, rest)
		if rest, found = strings.CutPrefix(rest, entryPoint+"-"); found {
			all = append(all, rest)
		}
	}
	return all
}

// bindCRD binds the router of an IngressRoute. One safe reading is enough: the underscores of a safe name are in no legacy
// one. A name with underscores in the wrong places is neither.
func bindCRD(p *policy.Policy, router Router, name string, legacyNames bool) Binding {
	form := safeRouter
	if router.FromMiddleware {
		form = safeMiddleware
	}
	var namespaces, legacy []string
	for _, reading := range readings(name, router.EntryPoint) {
		if match := form.FindStringSubmatch(reading); match != nil {
			namespaces = append(namespaces, match[1])
		}
		if reading != "" && !strings.Contains(reading, "_") {
			legacy = append(legacy, reading)
		}
	}
	if len(namespaces) > 0 {
		return bindNamespaces(p, namespaces)
	}
	if len(legacy) > 0 {
		return bindLegacy(p, legacy, legacyNames)
	}
	return Binding{Code: verdict.RouterUnknown}
}

// bindNamespaces binds to the namespace, or to the one of several that the router may lie in. Of several, those that exist
// count, a tenant's or not, where the cluster is known; elsewhere those that the policy lists.
func bindNamespaces(p *policy.Policy, namespaces []string) Binding {
	c := &candidates{tenants: map[string]*policy.Tenant{}}
	fromCluster := p.ClusterKnown() && len(namespaces) > 1
	for _, namespace := range namespaces {
		if fromCluster && p.Exists(namespace) {
			c.addCandidate(p, namespace)
		} else if tenant := p.NamespaceTenant(namespace); !fromCluster && tenant != nil {
			c.add(namespace, tenant)
		}
	}
	binding := c.bind()
	binding.FromCluster = fromCluster
	if binding.Namespaces == nil {
		binding.Namespaces = namespaces
	}
	return binding
}

// bindIngress binds the router of an Ingress whose namespace Traefik does not tell (before 3.7). The routers of default
// backends are called the same whatever namespace they are of, and read as the namespace default's.
func bindIngress(p *policy.Policy, readings []string, legacyNames bool) Binding {
	for _, reading := range readings {
		if reading == "default-router" || reading == "default-backend" || reading == "default-backend-tls" {
			return Binding{Code: verdict.RouterAmbiguous}
		}
	}
	return bindLegacy(p, readings, legacyNames)
}

// bindLegacy binds a name that flattens namespace and name into one: team + b-web and team-b + web are the same. Even
// one listed namespace is no proof, for one that no tenant lists could have forged it: so every Namespace of the cluster is
// a candidate, or, where the cluster is not known, the operator has to say that there are no others (legacyNames: allow).
func bindLegacy(p *policy.Policy, readings []string, legacyNames bool) Binding {
	c := &candidates{tenants: map[string]*policy.Tenant{}}
	for _, reading := range readings {
		c.addLegacy(p, reading)
	}
	binding := c.bind()
	binding.FromCluster = p.ClusterKnown()
	if binding.Code == verdict.RouterUnbound && len(binding.Namespaces) > 0 {
		binding.Code = verdict.RouterAmbiguous // nobody's namespaces prove no more than others
	}
	if !p.ClusterKnown() && !legacyNames {
		return Binding{Code: verdict.RouterAmbiguous, Namespaces: binding.Namespaces}
	}
	return binding
}

// candidates are the namespaces that a router may lie in, with their tenants, nil for nobody.
type candidates struct {
	tenants map[string]*policy.Tenant
	// there tells that one of them is not gone: a router that can be of none but a deleted one is nobody's.
	there bool
}

func (c *candidates) add(namespace string, tenant *policy.Tenant) {
	c.tenants[namespace] = tenant
	c.there = true
}

// addCandidate adds a Namespace of the cluster.
func (c *candidates) addCandidate(p *policy.Policy, namespace string) {
	tenant, gone := p.Candidate(namespace)
	c.tenants[namespace] = tenant
	if !gone {
		c.there = true
	}
}

// addLegacy adds the namespaces that a flattened name may begin with.
func (c *candidates) addLegacy(p *policy.Policy, name string) {
	if p.ClusterKnown() {
		c.addBeginnings(p, name)
		return
	}
	p.EachNamespace(func(namespace string, isPrefix bool, tenant *policy.Tenant) {
		if couldBegin(name, namespace, isPrefix) {
			c.add(listed(namespace, isPrefix), tenant)
		}
	})
}

// listed is an entry of the policy as it is written: a prefix is no namespace.
func listed(namespace string, isPrefix bool) string {
	if isPrefix {
		return namespace + "*"
	}
	return namespace
}

// addBeginnings adds the Namespaces of the cluster that are what stands before one of the name's hyphens.
func (c *candidates) addBeginnings(p *policy.Policy, name string) {
	add := func(namespace string) { c.addCandidate(p, namespace) }
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

// bind takes one candidate, or several of one tenant. Several that are nobody's are as ambiguous as several tenants'.
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
		return Binding{Code: verdict.RouterAmbiguous, Namespaces: namespaces}
	}
	if found == nil || !c.there {
		return Binding{Code: verdict.RouterUnbound, Namespaces: namespaces}
	}
	return Binding{Code: verdict.Pass, Tenant: found, Namespaces: namespaces}
}

// withoutKind takes off the kind of route with which the Gateway API's provider begins each name: otherwise a namespace
// called httproute would make all of them ambiguous. Where no reading has one, the name is none that we know.
func withoutKind(all []string) []string {
	var routes []string
	for _, reading := range all {
		for _, kind := range []string{"httproute-", "grpcroute-"} {
			if rest, found := strings.CutPrefix(reading, kind); found {
				routes = append(routes, rest)
			}
		}
	}
	if len(routes) == 0 {
		return all
	}
	return routes
}

// couldBegin tells whether a flattened name may begin with the namespace.
func couldBegin(name, namespace string, isPrefix bool) bool {
	flat := policy.Flatten(namespace)
	if isPrefix {
		return strings.HasPrefix(name, flat)
	}
	return strings.HasPrefix(name, flat+"-")
}

// bindPatterns binds routers of providers without namespaces by the operator's patterns.
func bindPatterns(p *policy.Policy, name, provider, entryPoint string) Binding {
	found := Binding{Code: verdict.RouterUnbound}
	for _, reading := range readings(name, entryPoint) {
		for _, tenant := range p.RouterTenants(reading + "@" + provider) {
			if found.Tenant != nil && found.Tenant != tenant {
				return Binding{Code: verdict.RouterAmbiguous}
			}
			found = Binding{Code: verdict.Pass, Tenant: tenant}
		}
	}
	return found
}
