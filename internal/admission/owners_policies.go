package admission

import (
	"fmt"
	"strconv"
	"strings"
)

// maxLabels is how many labels a host may have for its owner to be looked up.
const maxLabels = 20

// ownersForeign are the hosts that are not this tenant's, nor, for routes of HTTP, those that it
// may serve as a guest. A host's keys are tried from the most specific on: the name itself, "*" for
// its longest suffix, and "**" for each suffix. A wildcard has no key for itself, and must not have
// names of others right below it.
func ownersForeign(http bool) []expression {
	var numbers []string
	for i := 1; i < maxLabels; i++ {
		numbers = append(numbers, strconv.Itoa(i))
	}
	variables := []expression{
		{"owners", "params.?data.orValue({})"},
		{"tenant", "namespaceObject.metadata.?labels[?'$label'].orValue('')"},
	}
	others := "variables.hosts"
	if http {
		variables = append(variables, allowed, guests, guestAnywhere, deep("guests"))
		others = "(variables.guestAnywhere ? [] : variables.hosts.filter(host, !(" +
			covered("guests") + ")))"
	}
	return append(variables,
		expression{"foreign", fmt.Sprintf(`
`+others+`.filter(host,
  !host.matches(r'^(\*\.)?%[1]s$') || host.split('.').size() > %[2]d ||
  [[%[3]s]
    .filter(i, i < host.split('.').size()).map(i, host.split('.', i + 1)[i])].exists(suffixes,
    [((host.startsWith('*.') ? [] : [host]) +
      (suffixes.size() > 0 ? ['-.' + suffixes[0]] : []) +
      suffixes.map(suffix, '--.' + suffix)).filter(key, key in variables.owners)].exists(keys,
      keys.size() == 0 || variables.owners[keys[0]] != variables.tenant)) ||
  host.startsWith('*.') && variables.owners[?'%[4]s' + host.substring(2)]
    .orValue(variables.tenant).split(',').exists(owner, owner != variables.tenant))`,
			name, maxLabels, strings.Join(numbers, ", "), insideKey)})
}

// ownersHosts holds where every host is the tenant's.
var ownersHosts = requireComputed("variables.foreign.size() == 0",
	"'host ' + "+short("variables.foreign[0]")+" +\n' is not of tenant ' + "+
		"variables.tenant + ' alone: no pattern, or a more specific one of another tenant, has it"+
		" or a name below it;' +\n"+
		"' write only hosts that no other tenant has, or ask your operators'")

// ownersNames are what names of this Ingress in Traefik would be another tenant's. Traefik joins
// the parts of a name with hyphens, and one Namespace's may be read as those of another.
var ownersNames = []expression{
	{"ingress", "object.metadata.?name.orValue(request.name)"},
	{"colliding", fmt.Sprintf(`
variables.owners[?'%s' + variables.ns].orValue('').split(',').filter(item, item != '').filter(item,
  item.startsWith('=') ||
  [variables.ingress + '-rule', variables.ingress + '-default-backend'].exists(text,
    (text.findAll('[a-z0-9]+').join('-') + '-').startsWith(item.split('=')[0] + '-')) ||
  %s.exists(rule, rule.?http.?paths.orValue([]).exists(path,
    [path.?backend.?service.?name.orValue('') + '-' +
      path.?backend.?service.?port.?name.orValue(
        string(path.?backend.?service.?port.?number.orValue(0)))].exists(text,
      [text, variables.ingress + '-' + text].exists(text,
        (text.findAll('[a-z0-9]+').join('-') + '-').startsWith(item.split('=')[0] + '-'))))))`,
		namesKey, ingressRules)},
}

var noCollision = requireComputed("variables.colliding.size() == 0",
	"'the names that this Ingress has in Traefik may be those of namespace ' + "+
		"variables.colliding[0].split('=')[1] +\n' of another tenant, which is older;"+
		" write an IngressRoute, or use another namespace'")

// ownersPolicies returns the policies whose parameter is the ConfigMap of owners.
func (o Options) ownersPolicies() []check {
	http := ownersPolicy("ingressroutes", "traefik.io", true, routeHosts(HTTPRule()),
		"ingressroutes")
	http.comment = `
The second layer, for clusters where one tenant's hosts lie inside another tenant's wildcard, or
where Ingresses are used and the name of one Namespace begins with that of another. What a Namespace
can not say of itself comes from the ConfigMap ` + o.OwnersNamespace + "/" + o.OwnersName + `. These
policies do nothing before they are bound by owners-warn.yaml or owners.yaml.

Stops an IngressRoute with a host that is more specifically another tenant's.`
	tcp := ownersPolicy("ingressroutetcps", "traefik.io", false, routeHosts(TCPRule()),
		"ingressroutetcps")
	tcp.comment = "Stops an IngressRouteTCP with such a host."
	gateway := ownersPolicy("httproutes", gatewayGroup, true, []expression{gatewayHosts},
		"httproutes", "grpcroutes")
	gateway.comment = "Stops an HTTPRoute or GRPCRoute with such a host."
	tls := ownersPolicy("tlsroutes", gatewayGroup, false, []expression{gatewayHosts}, "tlsroutes")
	tls.comment = "Stops a TLSRoute with such a host."
	ingress := ownersPolicy("ingresses", "networking.k8s.io", true, ingressHosts(),
		"ingresses", "ingresses/status")
	ingress.comment = `
Stops an Ingress with such a host, and one whose names in Traefik may be those of another tenant's
older Namespace: shop and shop-api both have a service shop-api-gateway-80 if one calls a Service
api-gateway and the other gateway, and Traefik takes the last.`
	ingress.variables = append(ingress.variables, ownersNames...)
	ingress.validations = append(ingress.validations, noCollision)
	return []check{http, tcp, gateway, tls, ingress}
}

func ownersPolicy(
	name, group string, http bool, hosts []expression, resources ...string,
) check {
	validations := []validation{ownersHosts}
	if group != gatewayGroup {
		validations = []validation{notTooLarge, ownersHosts}
	}
	return check{
		name:        "owners-" + name,
		resources:   []resource{{group, resources}},
		parts:       []string{"spec"},
		variables:   append(append([]expression{}, hosts...), ownersForeign(http)...),
		validations: validations,
		owners:      true,
	}
}
