package finding

// initKinds are what init can't tell.
var initKinds = []Kind{
	{"router-unclear", "init", Warning,
		"nothing proves whose a router is"},
	{"rule-unclear", "init", Warning,
		"the rule of a router does not say its hosts"},
	{"host-contested", "init", Warning,
		"routers of several tenants are for one host"},
	{"certificate-unclear", "init", Warning,
		"a certificate for hosts of several tenants is not in a namespace of the platform"},
}

// diffKinds are the differences that diff finds.
var diffKinds = []Kind{
	{"policy-host-missing", "diff", Error,
		"a tenant's router is for a host that the policy does not give it"},
	{"policy-host-unused", "diff", Info,
		"the policy gives a tenant a host that no router is for"},
	{"policy-namespace-missing", "diff", Error,
		"a namespace with routers has no tenant"},
	{"policy-namespace-unused", "diff", Warning,
		"the policy lists a namespace that does not exist"},
	{"policy-router-missing", "diff", Error,
		"a router has no tenant"},
	{"policy-shared-missing", "diff", Error,
		"a certificate that is served for a tenant has names that are neither its own nor " +
			"shared"},
	{"policy-shared-unused", "diff", Warning,
		"no certificate has a name that is in shared.hosts"},
}
