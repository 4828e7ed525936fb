package admission_test

import "strings"

// object is one that a tenant with the hosts a.test, *.a.test and **.deep.test creates.
type object struct {
	description string
	// refused is what the message says, "" for an object that passes.
	refused  string
	manifest string
}

// objects are at least one for each validation of each policy.
var objects = []object{
	{"own host", "", route("Host(`a.test`)", "")},
	{"own host, in capitals, with a path", "", route("Host(`X.A.test`) && PathPrefix(`/`)", "")},
	{"two own hosts", "", route("Host(`a.test`) || Host(`y.x.deep.test`)", "")},
	{"own wildcard", "", route("Host(`*.a.test`)", "")},
	{"wildcard below **", "", route("Host(`*.deep.test`)", "")},
	{"apex of **", "host deep.test is not a host of namespace acme; its hosts are a.test, *.a.",
		route("Host(`deep.test`)", "")},
	{"two labels below *", "host y.x.a.test is not", route("Host(`y.x.a.test`)", "")},
	{"suffix without a dot", "host xa.test is not", route("Host(`xa.test`)", "")},
	{"another tenant's host, too", "host b.test is not",
		route("Host(`a.test`) || Host(`b.test`)", "")},
	{"two of others", "host b.test (and 1 more)", route("Host(`b.test`) || Host(`c.test`)", "")},
	{"a path alone", "needs exactly one Host(`name`)", route("PathPrefix(`/`)", "")},
	{"a path besides", "needs exactly one", route("Host(`a.test`) || PathPrefix(`/`)", "")},
	{"syntax v2", "syntax v2", strings.Replace(route("Host(`a.test`)", ""), "kind: Rule",
		"kind: Rule, syntax: v2", 1)},
	{"row 1: a child without parents", "may have neither entryPoints nor tls",
		route("Host(`a.test`)", ", parentRefs: [{name: ghost}], entryPoints: [websecure]")},
	{"row 1: a child with tls", "may have neither entryPoints nor tls",
		route("Host(`a.test`)", ", parentRefs: [{name: ghost}], tls: {}")},
	{"row 2: a child for every host", "needs exactly one Host",
		route("PathPrefix(`/`)", ", parentRefs: [{name: empty}]")},
	{"a child", "", route("Host(`a.test`)", ", parentRefs: [{name: web}]")},
	{"another tenant's child", "parentRefs may name",
		route("Host(`a.test`)", ", parentRefs: [{name: web, namespace: globex}]")},
	{"row 8: TLS options of one's own for another tenant's host", "host b.test is not",
		route("Host(`b.test`) && Path(`/nobody`)", ", tls: {options: {name: mine}}")},
	{"own names of a certificate", "",
		route("Host(`a.test`)", ", tls: {domains: [{main: a.test, sans: [x.a.test]}]}")},
	{"another tenant's name of a certificate", "host b.test is not",
		route("Host(`a.test`)", ", tls: {domains: [{main: a.test, sans: [x.a.test, b.test]}]}")},
	{"another tenant's main name", "host b.test is not",
		route("Host(`a.test`)", ", tls: {domains: [{main: b.test}]}")},
	{"a resolver", "names certresolver", route("Host(`a.test`)", ", tls: {certResolver: le}")},
	{"a store", "tls.store is", route("Host(`a.test`)", ", tls: {store: {name: default}}")},
	{"another tenant's TLS options", "tls.options may name",
		route("Host(`a.test`)", ", tls: {options: {name: x, namespace: globex}}")},
	{"another tenant's Middleware", "middlewares may be of", strings.Replace(
		route("Host(`a.test`)", ""), "kind: Rule",
		"kind: Rule, middlewares: [{name: x, namespace: globex}]", 1)},
	{"Traefik's own service", "services, and their", strings.Replace(
		route("Host(`a.test`)", ""), "[{name: web, port: 80}]",
		"[{name: api@internal, kind: TraefikService}]", 1)},

	{"TCP", "names tcp", tcpRoute("HostSNI(`a.test`)", "tls: {}")},
	{"UDP", "names udp", "{apiVersion: traefik.io/v1alpha1, kind: IngressRouteUDP, " +
		"metadata: {name: x}, spec: {routes: []}}"},

	{"Ingress", "", ingress("", "host: a.test")},
	{"Ingress with a foreign host", "host b.test is not", ingress("", "host: b.test")},
	{"Ingress without a host", "a rule without a host", ingress("", "")},
	{"Ingress with a foreign name of TLS", "host b.test is not",
		strings.Replace(ingress("", "host: a.test"), "rules:", "tls: [{hosts: [b.test]}], rules:",
			1)},
	{"default backend", "defaultBackend takes", strings.Replace(ingress("", "host: a.test"),
		"rules:", "defaultBackend: {service: {name: web, port: {number: 80}}}, rules:", 1)},
	{"row 6: TLS passthrough", "nginx.ingress.kubernetes.io/ssl-passthrough is not for tenants",
		ingress("nginx.ingress.kubernetes.io/ssl-passthrough: 'true'", "host: a.test")},
	{"alias", "host b.test is not",
		ingress("nginx.ingress.kubernetes.io/server-alias: 'x.a.test, b.test'", "host: a.test")},
	{"own alias", "",
		ingress("nginx.ingress.kubernetes.io/server-alias: 'x.a.test,*.a.test'", "host: a.test")},
	{"www", "host www.x.a.test is not",
		ingress("nginx.ingress.kubernetes.io/from-to-www-redirect: 'true'", "host: x.a.test")},
	{"a snippet", "is not for tenants",
		ingress("nginx.ingress.kubernetes.io/server-snippet: x", "host: a.test")},
	{"a rule as path matcher", "router.pathmatcher may be",
		ingress("traefik.ingress.kubernetes.io/router.pathmatcher: 'Host(`b.test`) || Path'",
			"host: a.test")},
	{"the same in other letters", "router.pathmatcher may be",
		ingress("traefik.ingress.kubernetes.io/Router.PathMatcher: HostRegexp", "host: a.test")},
	{"rule syntax v2", "router.rulesyntax may be",
		ingress("traefik.ingress.kubernetes.io/router.rulesyntax: v2", "host: a.test")},
	{"resolver of an Ingress", "names certresolver",
		ingress("traefik.ingress.kubernetes.io/router.tls.certresolver: le", "host: a.test")},
	{"domain of an Ingress", "host b.test is not",
		ingress("traefik.ingress.kubernetes.io/router.tls.domains.0.main: b.test", "host: a.test")},
	{"another tenant's Middleware at an Ingress", "may name only acme_NAME@kubernetescrd",
		ingress("traefik.ingress.kubernetes.io/router.middlewares: globex_x@kubernetescrd",
			"host: a.test")},
	{"own Middlewares", "", ingress("traefik.ingress.kubernetes.io/router.middlewares: "+
		"'acme_x@kubernetescrd, acme_y@kubernetescrd'", "host: a.test")},
	{"another tenant's Secret", "may name what is in", ingress(
		"nginx.ingress.kubernetes.io/auth-secret: globex/x", "host: a.test")},
	{"a backquote", "no backquote", strings.Replace(
		ingress("", "host: a.test"), "path: /", "path: '/`) || Host(`b.test'", 1)},

	{"HTTPRoute", "", httpRoute("[a.test]", "traefik", "[{name: web, port: 80}]")},
	{"HTTPRoute of a foreign host", "host b.test is not",
		httpRoute("[b.test]", "traefik", "[{name: web, port: 80}]")},
	{"HTTPRoute without hosts", "a route without hostnames",
		httpRoute("[]", "traefik", "[{name: web, port: 80}]")},
	{"another Gateway", "parentRefs may name the Gateways traefik/gateway only",
		httpRoute("[a.test]", "globex", "[{name: web, port: 80}]")},
	{"another tenant's backend", "backends may be",
		httpRoute("[a.test]", "traefik", "[{name: web, namespace: globex, port: 80}]")},
	{"Traefik's own backend", "backends may be",
		httpRoute("[a.test]", "traefik", "[{name: api@internal, kind: TraefikService, "+
			"group: traefik.io}]")},
	{"another tenant's mirror", "filters may name", httpRoute("[a.test]", "traefik",
		"[{name: web, port: 80, filters: [{type: RequestMirror, requestMirror: "+
			"{backendRef: {name: web, namespace: globex, port: 80}}}]}]")},
	{"TLSRoute", "names passthrough", "{apiVersion: gateway.networking.k8s.io/v1, " +
		"kind: TLSRoute, metadata: {name: x}, spec: {hostnames: [a.test], rules: " +
		"[{backendRefs: [{name: web, port: 80}]}]}}"},
	{"Gateway", "a Gateway is the operators' to write", "{apiVersion: " +
		"gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: x}, spec: " +
		"{gatewayClassName: traefik, listeners: [{name: x, port: 80, protocol: HTTP}]}}"},

	{"TLSOption", "", crd("TLSOption", "mine", "{}")},
	{"TLSOption default", "the TLSOption default", crd("TLSOption", "default", "{}")},
	{"TLSStore", "a TLSStore is everybody's", crd("TLSStore", "mine", "{}")},
	{"the guard", "", crd("Middleware", "x", "{plugin: {tenantguard: {}}}")},
	{"the guard with keys", "the keys of tenantguard are",
		crd("Middleware", "x", "{plugin: {tenantguard: {mode: report}}}")},
	{"another plugin", "names plugins", crd("Middleware", "x", "{plugin: {other: {}}}")},
	{"own chain", "", crd("Middleware", "x", "{chain: {middlewares: [{name: z}]}}")},
	{"another tenant's chain", "chain.middlewares may be",
		crd("Middleware", "x", "{chain: {middlewares: [{name: z, namespace: globex}]}}")},
	{"another tenant's error page", "errors.service may be", crd("Middleware", "x",
		"{errors: {status: ['404'], query: /, service: {name: z, namespace: globex, port: 80}}}")},
	{"own error page", "", crd("Middleware", "x",
		"{errors: {status: ['404'], query: /, service: {name: z, port: 80}}}")},
	{"own weights", "", crd("TraefikService", "x",
		"{weighted: {services: [{name: z, port: 80}]}}")},
	{"another tenant's mirrored service", "services, and their", crd("TraefikService", "x",
		"{mirroring: {name: z, port: 80, mirrors: [{name: w, namespace: globex, port: 80}]}}")},
	{"Service", "", service("", "{ports: [{port: 80}]}")},
	{"ExternalName", "names externalname", service("", "{type: ExternalName, externalName: x}")},
	{"another tenant's transport", "may name only acme_NAME@kubernetescrd", service(
		"traefik.ingress.kubernetes.io/service.serverstransport: globex_x@kubernetescrd",
		"{ports: [{port: 80}]}")},
	{"EndpointSlice", "EndpointSlice could lead Traefik", "{apiVersion: discovery.k8s.io/v1, " +
		"kind: EndpointSlice, metadata: {name: x}, addressType: IPv4, endpoints: []}"},
	{"Endpoints", "Endpoints could lead Traefik",
		"{apiVersion: v1, kind: Endpoints, metadata: {name: x}}"},
	{"row 9: a path as certificate", "must begin with -----BEGIN",
		secret("{tls.crt: /etc/passwd, tls.key: '-----BEGIN PRIVATE KEY-----'}")},
	{"row 9: a path as key", "must begin with -----BEGIN",
		secret("{tls.crt: '-----BEGIN CERTIFICATE-----', tls.key: /tls/tls.key}")},
	{"PEM", "", secret("{tls.crt: '-----BEGIN CERTIFICATE-----', tls.key: '-----BEGIN X-----'}")},
	{"nothing yet", "", secret("{tls.crt: '', tls.key: ''}")},
	{"another Secret", "", secret("{password: /etc/passwd}")},
}

func tcpRoute(match, more string) string {
	return "{apiVersion: traefik.io/v1alpha1, kind: IngressRouteTCP, metadata: {name: x}, " +
		"spec: {routes: [{match: '" + match + "', services: [{name: web, port: 80}]}], " +
		more + "}}"
}

// ingress returns an Ingress with an annotation and a rule for a host.
func ingress(annotation, host string) string {
	if host != "" {
		host += ", "
	}

	return "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, " +
		"annotations: {" + annotation + "}}, spec: {rules: [{" + host +
		"http: {paths: [{path: /, pathType: " +
		"ImplementationSpecific, backend: {service: {name: web, port: {number: 80}}}}]}}]}}"
}

func httpRoute(hostnames, gateway, backends string) string {
	return "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: web}, " +
		"spec: {parentRefs: [{name: gateway, namespace: " + gateway + "}], hostnames: " +
		hostnames + ", rules: [{backendRefs: " + backends + "}]}}"
}

func crd(kind, name, spec string) string {
	return "{apiVersion: traefik.io/v1alpha1, kind: " + kind + ", metadata: {name: " + name +
		"}, spec: " + spec + "}"
}

func service(annotation, spec string) string {
	return "{apiVersion: v1, kind: Service, metadata: {name: x, annotations: {" + annotation +
		"}}, spec: " + spec + "}"
}

func secret(data string) string {
	return "{apiVersion: v1, kind: Secret, metadata: {name: x}, stringData: " + data + "}"
}
