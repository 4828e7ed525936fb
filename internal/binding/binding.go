package binding

import (
	"strings"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// Binding is whose a router is. The zero Binding is undecided, which is refused.
type Binding struct {
	// Code is Pass where the router has a tenant, or is Traefik's own, or else why it has none.
	Code verdict.Code
	// Internal marks Traefik's own routers, such as ping and the ACME challenge.
	Internal bool
	// Tenant is nil where Code is a denial, and for Traefik's own routers.
	Tenant *policy.Tenant
	// Namespaces are those that the router may lie in, one where it is certain. One that ends in
	// "*" is a prefix.
	Namespaces []string
	// Other names who else the router may be of where it is ambiguous: the tenants, with commas, or
	// the router below it. It is "" where nobody is known.
	Other string
	// FromCluster reports whether the result depends on the list of Namespaces, so that it is as
	// old as that list.
	FromCluster bool
}

// KnownNamespaces returns the namespaces without the prefixes among them.
func (b Binding) KnownNamespaces() []string {
	var names []string
	for _, namespace := range b.Namespaces {
		if !strings.HasSuffix(namespace, "*") {
			names = append(names, namespace)
		}
	}
	return names
}

// Bind finds the tenant of a router. namespace is the one that Traefik says with the request, ""
// where it does not. legacyNames allows the policy's namespaces to be taken for all there are.
func Bind(p *policy.Policy, router Router, namespace string, legacyNames bool) Binding {
	switch router.provider {
	case "":
		return Binding{Code: verdict.RouterUnknown}
	case providerInternal:
		return Binding{Code: verdict.Pass, Internal: true}
	case providerCRD:
		return bindCRD(p, router, legacyNames)
	case providerGateway:
		return bindLegacy(p, router.candidateNames, legacyNames)
	}
	if !router.HasIngressNamespace() {
		return bindPatterns(p, router)
	}
	if namespace != "" {
		return bindExact(p, []string{namespace})
	}
	return bindIngress(p, router, legacyNames)
}

// BindAll finds the tenant of a router, who must be that of the routers below it as well: no guard
// stands in front of those.
func BindAll(
	p *policy.Policy, router Router, children []Router, namespace string, legacyNames bool,
) Binding {
	bound := Bind(p, router, namespace, legacyNames)
	for _, child := range children {
		below := Bind(p, child, namespace, legacyNames)
		bound.FromCluster = bound.FromCluster || below.FromCluster
		same := below.Code == verdict.Pass && below.Tenant == bound.Tenant
		if bound.Code == verdict.Pass && !same {
			return Binding{
				Code:        verdict.RouterAmbiguous,
				Other:       child.Name,
				Namespaces:  append(append([]string{}, bound.Namespaces...), below.Namespaces...),
				FromCluster: bound.FromCluster,
			}
		}
	}
	return bound
}

// bindCRD binds the router of an IngressRoute. One safe name among the candidates is enough.
func bindCRD(p *policy.Policy, router Router, legacyNames bool) Binding {
	if len(router.exact) > 0 {
		return bindExact(p, router.exact)
	}
	if len(router.legacy) > 0 {
		return bindLegacy(p, router.legacy, legacyNames)
	}
	return Binding{Code: verdict.RouterUnknown}
}

// bindExact binds to the namespace, or to the one of several that the router may lie in. Of
// several, those that exist count, a tenant's or not, where the cluster is known; elsewhere those
// that the policy lists. A router without a tenant in a Namespace that the list does not have may
// be one of a Namespace made since.
func bindExact(p *policy.Policy, namespaces []string) Binding {
	c := newCandidates()
	fromCluster := p.ClusterKnown() && len(namespaces) > 1
	for _, namespace := range namespaces {
		if fromCluster && p.Exists(namespace) {
			c.addExisting(p, namespace)
		} else if tenant := p.NamespaceTenant(namespace); !fromCluster && tenant != nil {
			c.add(namespace, tenant)
		}
	}
	binding := c.bind()
	if binding.Namespaces == nil {
		binding.Namespaces = namespaces
	}
	isNew := binding.Code == verdict.RouterUnbound && p.ClusterKnown() && !p.Listed(namespaces[0])
	binding.FromCluster = fromCluster || isNew
	return binding
}

// bindIngress binds the router of an Ingress whose namespace Traefik does not say (before 3.7). The
// routers of default backends are called the same whatever namespace they are of, and would read as
// the namespace default's.
func bindIngress(p *policy.Policy, router Router, legacyNames bool) Binding {
	for _, name := range router.candidateNames {
		if name == "default-router" || name == "default-backend" || name == "default-backend-tls" {
			return Binding{Code: verdict.RouterAmbiguous}
		}
	}
	return bindLegacy(p, router.candidateNames, legacyNames)
}

// bindLegacy binds a name that runs namespace and name together: team + b-web and team-b + web
// are the same. Even one listed namespace is no proof, for one that no tenant lists could have
// forged it: so every Namespace of the cluster is a candidate, or, where the cluster is not
// known, the operator has to say that there are no others (legacyNames: allow).
func bindLegacy(p *policy.Policy, names []string, legacyNames bool) Binding {
	c := newCandidates()
	for _, name := range names {
		c.addLegacy(p, name)
	}
	binding := c.bind()
	binding.FromCluster = p.ClusterKnown()
	if !p.ClusterKnown() && !legacyNames {
		return Binding{
			Code: verdict.RouterAmbiguous, Namespaces: binding.Namespaces, Other: binding.Other,
		}
	}
	return binding
}

// bindPatterns binds routers of providers without namespaces by the operator's patterns.
func bindPatterns(p *policy.Policy, router Router) Binding {
	found := Binding{Code: verdict.RouterUnbound}
	for _, name := range router.candidateNames {
		for _, tenant := range p.RouterTenants(name + "@" + router.provider) {
			if found.Tenant != nil && found.Tenant != tenant {
				return Binding{
					Code: verdict.RouterAmbiguous, Other: found.Tenant.Name + "," + tenant.Name,
				}
			}
			found = Binding{Code: verdict.Pass, Tenant: tenant}
		}
	}
	return found
}
