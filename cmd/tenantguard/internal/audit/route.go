package audit

import (
	"strings"

	"github.com/tenantguard/tenantguard/internal/binding"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/rules"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// protocol is what a router routes.
type protocol int

const (
	http protocol = iota
	tcp
	udp
)

// route is a router, of Traefik's API or of an object.
type route struct {
	// name is the qualified name, as Traefik says it, or would say it with safe naming.
	name string
	// base is the name without the entry point that Traefik puts before it where there are several.
	base string
	// object is the object that it is from, "" where that is not known, and where its place.
	object, where string
	// namespace is where the object lies, "" where nothing proves it.
	namespace string
	protocol  protocol

	entryPoints, middlewares, parents []string
	service, rule, syntax             string
	priority                          int
	// tls reports whether it is for TLS. Of an object without a section tls that is not known,
	// for the entry point may have one.
	tls, tlsKnown, passthrough bool
	options, resolver          string
	disabled                   bool

	parsed   *rules.Rule
	problem  error
	claims   []rules.Claim
	binding  binding.Binding
	verdicts []hostVerdict
}

// tenant returns the name of the router's tenant, "" for none.
func (r *route) tenant() string {
	if r.binding.Tenant == nil {
		return ""
	}

	return r.binding.Tenant.Name
}

// provider returns what the name ends with.
func (r *route) provider() string {
	return r.name[strings.LastIndexByte(r.name, '@')+1:]
}

// precedence returns what Traefik sorts routers by.
func (r *route) precedence() int {
	if r.priority != 0 {
		return r.priority
	}

	return len(r.rule)
}

// hasPriority reports whether somebody gave it a priority: Traefik's API has one of every router.
func (r *route) hasPriority() bool {
	return r.priority != 0 && r.priority != len(r.rule)
}

// title is the router for a reader: its object where there is one.
func (r *route) title() string {
	if r.object != "" {
		return r.object
	}

	return "router " + r.base
}

// readRoutes finds all routers: those that Traefik says where it was asked, for they are what runs,
// or else those that objects make.
func (a *auditor) readRoutes() {
	if a.Traefik != nil {
		for _, list := range []struct {
			routers  []running.Router
			protocol protocol
		}{{a.Traefik.Routers, http}, {a.Traefik.TCPRouters, tcp}, {a.Traefik.UDPRouters, udp}} {
			for _, router := range list.routers {
				a.routes = append(a.routes, a.ofAPI(router, list.protocol))
			}
		}
	} else {
		a.routes = ofObjects(a.Objects)
	}
	for _, r := range a.routes {
		a.prepare(r)
	}
	nameBases(a.routes)
}

// nameBases finds the routers that are one on several entry points.
func nameBases(routes []*route) {
	count := map[string]int{}
	base := func(r *route) string {
		if len(r.entryPoints) != 1 {
			return r.name
		}

		return strings.TrimPrefix(r.name, r.entryPoints[0]+"-")
	}
	for _, r := range routes {
		count[base(r)]++
	}
	for _, r := range routes {
		r.base = r.name
		if count[base(r)] > 1 {
			r.base = base(r)
		}
	}
}

// ofAPI is a router of Traefik's API.
func (a *auditor) ofAPI(router running.Router, p protocol) *route {
	r := &route{
		name: router.Name, protocol: p, where: a.Traefik.Where,
		entryPoints: router.EntryPoints, middlewares: router.Middlewares,
		parents: router.ParentRefs, service: router.Service, rule: router.Rule,
		syntax: router.RuleSyntax, priority: router.Priority, tls: router.TLS != nil,
		tlsKnown: true, disabled: router.Status == "disabled",
	}
	for i, name := range r.middlewares {
		r.middlewares[i] = running.Qualified(name, router.Provider)
	}
	if router.TLS != nil {
		r.passthrough = router.TLS.Passthrough
		r.options = router.TLS.Options
		r.resolver = router.TLS.CertResolver
	}
	ingress := router.Observability.Metadata.Ingress
	r.namespace = ingress.Namespace
	if ingress.IngressName != "" {
		r.object = "Ingress " + ingress.Namespace + "/" + ingress.IngressName
	}

	return r
}

// prepare parses the rule and finds the tenant, by the plugin's own rooms.
func (a *auditor) prepare(r *route) {
	entryPoint := ""
	if len(r.entryPoints) == 1 {
		entryPoint = r.entryPoints[0]
	}
	parsed := binding.Parse(r.name, entryPoint)
	namespace := ""
	if parsed.HasIngressNamespace() {
		namespace = r.namespace
	}
	r.binding = binding.Bind(a.Policy.Policy, parsed, namespace, a.Policy.LegacyNames)
	if r.namespace == "" && len(r.binding.Namespaces) == 1 {
		r.namespace = r.binding.Namespaces[0]
	}
	if r.protocol == udp || (r.rule == "" && r.parents != nil) {
		return
	}
	r.parsed, r.problem = rules.Parse(r.rule, rules.SyntaxOf(r.syntax, r.protocol == tcp))
	if r.problem != nil {
		return
	}
	r.claims = r.parsed.Claims()
	if r.protocol != http || r.binding.Internal || r.disabled {
		return
	}
	isVague := false
	for _, claim := range r.claims {
		if claim.Host == "" || strings.HasPrefix(claim.Host, "*") {
			isVague = true
			continue
		}
		if known := a.byHost[claim.Host]; len(known) == 0 || known[len(known)-1] != r {
			a.byHost[claim.Host] = append(known, r)
		}
	}
	if isVague {
		a.vague = append(a.vague, r)
	}
}
