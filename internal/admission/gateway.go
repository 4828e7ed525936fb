package admission

const (
	gatewayGroup = "gateway.networking.k8s.io"
	gatewayRules = "object.spec.?rules.orValue([])"
)

// gatewayHosts are the hosts of a route of the Gateway API.
var gatewayHosts = expression{"hosts",
	"object.spec.?hostnames.orValue([]).map(host, host.lowerAscii())"}

// gatewayNames are the operators' Gateways.
var gatewayNames = expression{"gateways", "[$gateways]"}

// ownBackend holds where a backend of a route is of the Namespace, and of a kind that leads nowhere
// else.
func ownBackend() string {
	return own("ref") + " && (\n" +
		"    ref.?kind.orValue('Service') == 'Service' && ref.?group.orValue('') == '' ||\n" +
		"    ref.?kind.orValue('') == 'TraefikService' && ref.?group.orValue('') == 'traefik.io')"
}

// ownFilters holds where the filters of a rule or of a backend are.
func ownFilters(of string) string {
	return of + ".?filters.orValue([]).all(filter,\n" +
		"    !filter.?extensionRef.?name.orValue('').contains('@') &&\n" +
		"    filter.?requestMirror.?backendRef.optMap(ref, " + ownBackend() + ").orValue(true))"
}

// Validations of the routes of the Gateway API.
var (
	hasHostname = require("variables.hosts.size() > 0",
		"a route without hostnames takes the requests for every host of its Gateway;"+
			" write hostnames")
	ownGateway = requireComputed(`
object.spec.?parentRefs.orValue([]).all(ref, ref.?kind.orValue('Gateway') == 'Gateway' &&
  ref.?group.orValue('gateway.networking.k8s.io') == 'gateway.networking.k8s.io' &&
  ref.?namespace.orValue(variables.ns) + '/' + ref.name in variables.gateways)`,
		"'parentRefs may name the Gateways ' + variables.gateways.join(', ') + ' only'")
	ownBackends = require(
		gatewayRules+".all(rule, rule.?backendRefs.orValue([]).all(ref, "+ownBackend()+"))",
		"backends may be Services and TraefikServices of this namespace only, without @")
	ownRuleFilters = require(
		gatewayRules+".all(rule, "+ownFilters("rule")+" &&\n"+
			"  rule.?backendRefs.orValue([]).all(backend, "+ownFilters("backend")+"))",
		"filters may name what is in this namespace only, without @")
)

func (o Options) httpRoutes() check {
	validations := append([]validation{tenant, hasHostname.orGuestAnywhere()},
		guestHostValidations()...)
	return check{
		name: "httproutes",
		comment: `
Stops an HTTPRoute or GRPCRoute that takes requests for a host that is not one of its Namespace's,
also by naming no host, that is attached to anything but the operators' Gateways (put yours into the
list), or that uses what is another tenant's.`,
		resources:  []resource{{gatewayGroup, []string{"httproutes", "grpcroutes"}}},
		everywhere: true,
		parts:      []string{"spec"},
		variables: append(append(o.patternsAndGuests(), gatewayHosts, gatewayNames),
			hostVariables()...),
		validations: append(validations, ownGateway, ownBackends, ownRuleFilters),
	}
}

func (o Options) tlsRoutes() check {
	validations := []validation{tenant, mayOnly("", "passthrough", "a TLSRoute"), hasHostname}
	validations = append(validations, hostValidations()...)
	return check{
		name: "tlsroutes",
		comment: `
Stops a TLSRoute, whose connections the guard never sees, unless the Namespace's annotation
` + o.Prefix + `/allow names passthrough. One that is allowed may take the Namespace's
own hosts only.`,
		resources:  []resource{{gatewayGroup, []string{"tlsroutes"}}},
		everywhere: true,
		parts:      []string{"spec"},
		variables: append(append(o.patterns(), allowed, gatewayHosts, gatewayNames),
			hostVariables()...),
		validations: append(validations, ownGateway, ownBackends),
	}
}

func (o Options) gateways() check {
	return check{
		name: "gateways",
		comment: `
Stops Gateways, whose listeners take hosts and ports, ListenerSets, and TCPRoutes and UDPRoutes,
which have no names. They are the operators'.`,
		resources: []resource{
			{gatewayGroup, []string{"gateways", "listenersets", "tcproutes", "udproutes"}},
			{"gateway.networking.x-k8s.io", []string{"xlistenersets"}},
		},
		everywhere: true,
		parts:      []string{"spec"},
		validations: []validation{requireComputed("false",
			`"a " + request.kind.kind + " is the operators' to write"`)},
	}
}
