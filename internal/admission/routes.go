package admission

import "fmt"

const routes = "object.spec.?routes.orValue([])"

// routeHosts are the hosts of an IngressRoute or IngressRouteTCP: those of its rules, and the names
// of tls.domains, which Traefik asks its certificate resolver for.
func routeHosts(r Rule) []expression {
	variables := []expression{
		{"rules", routes + ".map(route, route.?match.orValue(''))"},
		{"names", `
object.spec.?tls.?domains.orValue([]).map(domain,
  domain.?main.orValue('') + ',' + domain.?sans.orValue([]).join(',')).join(',')`},
		{"tooLarge", fmt.Sprintf(
			"variables.rules.join('').size() + variables.names.size() > %d", maxText)},
	}
	variables = append(variables, r.variables()...)
	return append(variables, expression{"hosts", "variables.ruleHosts +" + splitNames})
}

// Validations of an IngressRoute and an IngressRouteTCP.
var (
	onlyV3 = require(routes+".all(route, route.?syntax.orValue('') in ['', 'v3', 'default'])",
		"a match in syntax v2 can not be checked; write it in v3")
	ownMiddlewares = require(
		routes+".all(route, route.?middlewares.orValue([]).all(ref,\n  "+own("ref")+"))",
		"middlewares may be of this namespace only, without @; copy the Middleware to it")
	ownServices = require(
		routes+".all(route, route.?services.orValue([]).all(ref,\n  "+ownService("ref")+"))",
		"services, and their serversTransport and middlewares, may be of this namespace only,"+
			" without @")
	ownOptions = require("object.spec.?tls.?options.optMap(ref, "+own("ref")+").orValue(true)",
		"tls.options may name a TLSOption of this namespace only, without @")
	noStore = require("!object.spec.?tls.?store.hasValue()",
		"tls.store is the operators'; leave it out")
	noResolver = mayOnly("object.spec.?tls.?certResolver.orValue('') == ''", "certresolver",
		"tls.certResolver")
	// orphan is the router that Traefik gives no middlewares of the entry point, so no guard.
	orphan = require("object.spec.?parentRefs.orValue([]).size() == 0 ||\n"+
		"object.spec.?entryPoints.orValue([]).size() == 0 && !has(object.spec.tls)",
		"a route with parentRefs may have neither entryPoints nor tls: its parents have them")
	ownParents = require("object.spec.?parentRefs.orValue([]).all(ref, "+own("ref")+")",
		"parentRefs may name IngressRoutes of this namespace only, without @")
)

func (o Options) ingressRoutes() check {
	r := HTTPRule()
	variables := append(o.patternsAndGuests(), routeHosts(r)...)
	validations := append(
		[]validation{tenant, onlyV3, notTooLarge, r.wellFormed().orGuestAnywhere()},
		guestHostValidations()...)
	return check{
		name: "ingressroutes",
		comment: `
Stops an IngressRoute that takes requests for a host that is not one of its Namespace's, also by a
rule without a host or below another route, that leaves the entry point's guard behind (parentRefs
beside entryPoints or tls), or that uses what is another tenant's.`,
		resources:  []resource{{"traefik.io", []string{"ingressroutes"}}},
		everywhere: true,
		parts:      []string{"spec"},
		variables:  append(variables, hostVariables()...),
		validations: append(validations, orphan, ownParents, ownMiddlewares, ownServices,
			ownOptions, noStore, noResolver),
	}
}

func (o Options) ingressRouteTCPs() check {
	r := TCPRule()
	variables := append(append(o.patterns(), allowed), routeHosts(r)...)
	validations := []validation{tenant,
		mayOnly("", "tcp", "an IngressRouteTCP"),
		require("has(object.spec.tls)", "an IngressRouteTCP needs tls: without it Traefik sees no"+
			" server name to tell tenants by"),
		mayOnly("!object.spec.?tls.?passthrough.orValue(false)", "passthrough", "tls.passthrough"),
		onlyV3, notTooLarge, r.wellFormed(),
	}
	validations = append(validations, hostValidations()...)
	return check{
		name: "ingressroutetcps",
		comment: `
Stops an IngressRouteTCP, which the guard never sees and Traefik asks before all HTTP routers,
unless the Namespace's annotation ` + o.Prefix + `/allow names tcp, and passthrough for
TLS passthrough. One that is allowed may take the Namespace's own hosts only.`,
		resources:  []resource{{"traefik.io", []string{"ingressroutetcps"}}},
		everywhere: true,
		parts:      []string{"spec"},
		variables:  append(variables, hostVariables()...),
		validations: append(validations, ownMiddlewares, ownServices, ownOptions, noStore,
			noResolver),
	}
}

func (o Options) ingressRouteUDPs() check {
	return check{
		name: "ingressrouteudps",
		comment: `
Stops an IngressRouteUDP, which takes a whole entry point as UDP has no names, unless the
Namespace's annotation ` + o.Prefix + `/allow names udp.`,
		resources:  []resource{{"traefik.io", []string{"ingressrouteudps"}}},
		everywhere: true,
		parts:      []string{"spec"},
		variables:  []expression{allowed},
		validations: []validation{tenant, mayOnly("", "udp", "an IngressRouteUDP"),
			require(routes+".all(route, route.?services.orValue([]).all(ref,\n  "+own("ref")+"))",
				"services may be of this namespace only, without @")},
	}
}
