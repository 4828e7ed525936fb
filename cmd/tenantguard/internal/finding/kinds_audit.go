package finding

// auditKinds are what audit finds.
var auditKinds = []Kind{
	{"router-unknown", "audit", Error, "the guard can't tell which router it is"},
	{"router-unbound", "audit", Error, "the router has no tenant, so its requests are denied"},
	{"router-ambiguous", "audit", Error, "the router could be several tenants', so its requests " +
		"are denied"},
	{"host-invalid", "audit", Error, "the rule names something that is no host"},
	{"host-unowned", "audit", Error, "the rule names a host that no tenant owns"},
	{"host-foreign", "audit", Error, "the rule names, or matches, another tenant's host"},
	{"tls-required", "audit", Error, "the router serves plaintext, which the policy denies"},
	{"rule-any-host", "audit", Error, "the rule names no host, so it takes requests for hosts of " +
		"others"},
	{"rule-unreadable", "audit", Warning, "the rule is one that Traefik does not take"},
	{"host-claimed-twice", "audit", Error, "routers of several tenants claim one host"},
	{"host-shadowed", "audit", Error, "a router of another tenant has precedence over a host's own"},
	{"certificate-name", "audit", Error, "the certificate that Traefik serves for a host is not " +
		"valid for it"},
	{"certificate-expired", "audit", Error, "the certificate that Traefik serves for a host is " +
		"expired, or not valid yet"},
	{"certificate-foreign", "audit", Error, "the certificate that Traefik serves for a host " +
		"carries a name that is neither its tenant's nor shared"},
	{"certificate-untrusted", "audit", Error, "the certificate that Traefik serves for a host does " +
		"not verify to the roots"},
	{"certificate-unpinned", "audit", Error, "the certificate that Traefik serves for a host " +
		"matches none of the pins"},
	{"certificate-secret", "audit", Error, "the certificate that Traefik serves for a host is in " +
		"no Secret of its tenant's"},
	{"certificate-contested", "audit", Warning, "several tenants have a certificate for one host"},
	{"certificate-copied", "audit", Warning, "one wildcard certificate lies in namespaces of " +
		"several tenants"},
	{"shared-host-missing", "audit", Error, "a platform certificate has a name that shared.hosts " +
		"lacks"},
	{"secret-path", "audit", Error, "a Secret holds a path, and Traefik reads that file"},
	{"secret-unreadable", "audit", Warning, "a Secret that a route names has no certificate that " +
		"can be read"},
	{"entrypoint-unguarded", "audit", Error, "no guard stands before the routers of an entry point"},
	{"entrypoint-middleware-missing", "audit", Error, "an entry point names a middleware that does " +
		"not exist"},
	{"guard-unqualified", "audit", Error, "an entry point names the guard without its provider"},
	{"router-unguarded", "audit", Error, "no guard stands before a router of a guarded entry point"},
	{"router-orphan", "audit", Error, "a router's parents do not exist, so it has no middlewares " +
		"of the entry point"},
	{"router-child-foreign", "audit", Error, "a router hangs below another tenant's"},
	{"tcp-host-foreign", "audit", Error, "a TCP router takes connections for another tenant's host"},
	{"tcp-over-guarded-host", "audit", Warning, "a TCP router takes connections before the guard " +
		"sees them"},
	{"tcp-catch-all", "audit", Error, "a TCP router takes connections for every name"},
	{"udp-router", "audit", Warning, "a tenant's router takes a whole entry point of UDP"},
	{"tls-options-conflict", "audit", Error, "routers for one host have different TLS options"},
	{"reference-foreign", "audit", Error, "an object uses what is another tenant's"},
	{"service-internal", "audit", Error, "a tenant's route leads to Traefik itself"},
	{"service-control-plane", "audit", Error, "a Service leads to the cluster's or the platform's " +
		"own addresses"},
	{"service-collision", "audit", Error, "services of Ingresses of several tenants have one name " +
		"in Traefik"},
	{"router-collision", "audit", Error, "routers of Ingresses of several tenants have one name " +
		"in Traefik"},
	{"safe-naming-off", "audit", Error, "routers have legacy names, which prove no namespace"},
	{"setting-safe-naming", "audit", Warning, "breaks when safeNaming is turned on"},
	{"setting-cross-namespace", "audit", Warning, "breaks with allowCrossNamespace: false"},
	{"setting-cross-provider", "audit", Warning, "breaks when kubernetesCRD.crossProviderNamespaces " +
		"is set"},
	{"setting-ingress-cross-provider", "audit", Info, "breaks when " +
		"kubernetesIngress.crossProviderNamespaces is set"},
	{"setting-default-tls", "audit", Warning, "breaks when defaultTLSResourcesNamespace is set"},
	{"setting-strict-tls", "audit", Warning, "breaks with strictTLSOptions: true"},
	{"not-looked", "audit", Warning, "something could not be read, so nothing was found in it"},
	{"admission-refused", "audit", Warning, "an admission policy would refuse the object"},
}
