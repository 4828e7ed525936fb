package admission

func (o Options) tls() check {
	return check{
		name: "tls",
		comment: `
Stops what is everybody's, whatever Namespace it lies in: the TLSOption named default, with which a
tenant could ask all clients for certificates, and TLSStores, with their default certificate.`,
		resources:  []resource{{"traefik.io", []string{"tlsoptions", "tlsstores"}}},
		everywhere: true,
		parts:      []string{"spec"},
		validations: []validation{
			require("request.kind.kind != 'TLSStore'",
				"a TLSStore is everybody's, so it is the operators'; name the Secret in"+
					" tls.secretName"),
			require("object.metadata.name != 'default' && request.name != 'default'",
				"the TLSOption default is everybody's, so it is the operators'; give yours"+
					" another name"),
		},
	}
}

func (o Options) middlewares() check {
	return check{
		name: "middlewares",
		comment: `
Stops a Middleware that uses what is another tenant's, or that has a plugin do what is the
operators' to say: a tenant may write ` + o.Plugin + `: {} only, and other plugins if its
Namespace's annotation ` + o.Prefix + `/allow names plugins.`,
		resources: []resource{{"traefik.io", []string{"middlewares"}}},
		parts:     []string{"spec"},
		variables: []expression{allowed,
			// A plugin's keys may be anything: their type is not checked.
			{"plugins", "dyn(object).?spec.?plugin.orValue({})"},
		},
		validations: []validation{
			require("!('$plugin' in variables.plugins) ||\n"+
				"type(variables.plugins['$plugin']) == map &&"+
				" variables.plugins['$plugin'].size() == 0",
				"the keys of $plugin are the operators'; write $plugin: {}"),
			mayOnly("variables.plugins.all(name, name == '$plugin')", "plugins",
				"another plugin than $plugin"),
			require("object.spec.?chain.?middlewares.orValue([]).all(ref, "+own("ref")+")",
				"chain.middlewares may be of this namespace only, without @"),
			require("object.spec.?errors.?service.optMap(ref,\n  "+ownService("ref")+
				").orValue(true)",
				"errors.service may be of this namespace only, without @"),
		},
	}
}

func (o Options) traefikServices() check {
	return check{
		name:      "traefikservices",
		comment:   "Stops a TraefikService that uses what is another tenant's.",
		resources: []resource{{"traefik.io", []string{"traefikservices"}}},
		parts:     []string{"spec"},
		variables: []expression{{"refs", `
object.spec.?weighted.?services.orValue([]) +
object.spec.?highestRandomWeight.?services.orValue([]) +
object.spec.?mirroring.optMap(ref, [ref] + ref.?mirrors.orValue([])).orValue([]) +
object.spec.?failover.?service.optMap(ref, [ref]).orValue([]) +
object.spec.?failover.?fallback.optMap(ref, [ref]).orValue([])`}},
		validations: []validation{
			require("variables.refs.all(ref,\n  "+ownService("ref")+")",
				"services, and their serversTransport and middlewares, may be of this namespace"+
					" only, without @"),
		},
	}
}

func (o Options) services() check {
	return check{
		name: "services",
		comment: `
Stops an ExternalName, which leads Traefik to where only Traefik may go, such as another tenant's
Service, unless the Namespace's annotation ` + o.Prefix + `/allow names externalname, and a Service
whose annotations name what is another tenant's.`,
		resources: []resource{{"", []string{"services", "services/status"}}},
		parts:     []string{"spec"},
		variables: []expression{allowed,
			{"annotations", "object.metadata.?annotations.orValue({})"}},
		validations: []validation{
			mayOnly("object.spec.?type.orValue('') != 'ExternalName'", "externalname",
				"an ExternalName"),
			requireComputed(`
variables.annotations.filter(key, key.lowerAscii() in [
  '`+traefikMark+`service.serverstransport',
  '`+traefikMark+`service.middlewares'])
  .map(key, variables.annotations[key]).join(',').split(',').map(value, value.trim())
  .all(value, value == '' ||
    value.startsWith(variables.ns + '_') && value.endsWith('@kubernetescrd'))`,
				"'service.serverstransport and service.middlewares may name only ' +\n"+
					"variables.ns + '_NAME@kubernetescrd (with safeNaming)'"),
		},
	}
}

func (o Options) endpoints() check {
	return check{
		name: "endpoints",
		comment: `
Stops tenants from writing Endpoints and EndpointSlices, which lead a Service to any address. The
cluster's controllers write them. Unless the Namespace's annotation ` + o.Prefix + `/allow names
endpoints.`,
		resources: []resource{
			{"discovery.k8s.io", []string{"endpointslices"}},
			{"", []string{"endpoints"}},
		},
		parts: []string{"endpoints", "ports", "subsets"},
		conditions: []expression{{"not-a-controller", `
!('system:serviceaccounts:kube-system' in request.userInfo.groups) &&
request.userInfo.username != 'system:kube-controller-manager'`}},
		variables: []expression{allowed},
		validations: []validation{requireComputed("'endpoints' in variables.allowed",
			"request.kind.kind + ' could lead Traefik to any address: it is for namespaces whose"+
				" annotation $allow names endpoints;' +\n"+
				"' ask your operators, or give the Service a selector'")},
	}
}

// pem is how "-----BEGIN" begins in base64.
const pem = "LS0tLS1CRUdJTi"

func (o Options) secrets() check {
	return check{
		name: "secrets",
		comment: `
Stops a Secret whose tls.crt or tls.key is a path: Traefik reads the file of that name from its own
disk, with a certificate that is not the tenant's. PEM begins with "-----BEGIN", in base64
` + pem + `.`,
		resources: []resource{{"", []string{"secrets"}}},
		parts:     []string{"data"},
		validations: []validation{require(`
['tls.crt', 'tls.key'].all(key, object.?data[?key].orValue('') == '' ||
  object.data[key].startsWith('`+pem+`'))`,
			"tls.crt and tls.key must begin with -----BEGIN: anything else may be a path that"+
				" Traefik reads from its own disk")},
	}
}
