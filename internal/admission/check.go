package admission

// check is one ValidatingAdmissionPolicy.
type check struct {
	name string
	// comment says what it stops.
	comment   string
	resources []resource
	// everywhere reports whether the policy is for Namespaces without a tenant too: nobody may
	// take hosts from there. What only routes can refer to is left alone there.
	everywhere bool
	// cluster reports whether the objects lie in no Namespace.
	cluster bool
	// parts are the fields in which a change counts, beside labels and annotations.
	parts []string
	// conditions are when the policy is asked, beside those that all policies have.
	conditions  []expression
	variables   []expression
	validations []validation
	// owners reports whether the ConfigMap of owners is the policy's parameter.
	owners bool
}

// resource is what one rule of a policy matches.
type resource struct {
	group string
	names []string
}

// expression is an expression of CEL with its name.
type expression struct {
	name string
	cel  string
}

// validation must be true for an object to be admitted.
type validation struct {
	cel string
	// message is what the refused user reads: text, or an expression if computed.
	message  string
	computed bool
}

func require(cel, message string) validation {
	return validation{cel: cel, message: message}
}

func requireComputed(cel, message string) validation {
	return validation{cel: cel, message: message, computed: true}
}

// policies returns all policies but those of owners.
func (o Options) policies() []check {
	return []check{
		o.namespaces(),
		o.ingressRoutes(), o.ingressRouteTCPs(), o.ingressRouteUDPs(),
		o.ingresses(),
		o.httpRoutes(), o.tlsRoutes(), o.gateways(),
		o.tls(), o.middlewares(), o.traefikServices(), o.services(), o.endpoints(), o.secrets(),
	}
}
