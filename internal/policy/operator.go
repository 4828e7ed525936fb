package policy

import (
	"fmt"
	"strings"
)

const (
	// OperatorNamespacesVariable lists, separated by commas, the namespaces whose Middlewares are
	// the operator's.
	OperatorNamespacesVariable = "TENANTGUARD_OPERATOR_NAMESPACES"
	// OperatorProvidersVariable lists, separated by commas, the providers beside the file provider
	// whose middlewares are the operator's.
	OperatorProvidersVariable = "TENANTGUARD_OPERATOR_PROVIDERS"

	providerCRD = "kubernetescrd"
)

// IsOperators reports whether a middleware is the operator's, by its qualified name.
func IsOperators(middleware string, getenv func(name string) string) bool {
	return Refusal(middleware, getenv) == ""
}

// Refusal returns why a middleware is not the operator's and what would make it so, "" if it is.
// getenv reads Traefik's environment. The file provider's and Traefik's own are the operator's.
// One from a CRD is written by whoever may write to its namespace, and others by whoever may
// write labels or key-value pairs: any container's owner, perhaps.
func Refusal(middleware string, getenv func(name string) string) string {
	at := strings.LastIndex(middleware, "@")
	if at < 0 {
		return "the middleware has no provider, define it in a file"
	}
	name, provider := middleware[:at], middleware[at+1:]
	if provider == "file" || provider == "internal" {
		return ""
	}
	if provider == providerCRD {
		return refusalOfCRD(name, getenv(OperatorNamespacesVariable))
	}
	if lists(getenv(OperatorProvidersVariable), provider) {
		return ""
	}
	return fmt.Sprintf("define the middleware in a file, or list %s in %s "+
		"if nobody else defines middlewares there", quote(provider), OperatorProvidersVariable)
}

// refusalOfCRD takes nothing but a safe name, namespace_name, as proof of a CRD's namespace:
// traefik + evil-mw and traefik-evil + mw have the same legacy name.
func refusalOfCRD(name, namespaces string) string {
	namespace, _, safe := strings.Cut(name, "_")
	if !safe || namespace == "" {
		return refusalOfLegacy(name, namespaces)
	}
	if lists(namespaces, namespace) {
		return ""
	}
	return fmt.Sprintf("list the namespace %s in %s if nobody else writes there",
		quote(namespace), OperatorNamespacesVariable)
}

// unproven begins the refusal of a Middleware that may well be the operator's.
const unproven = "the middleware's name "

// refusalOfLegacy says how to prove the namespace, and with which name where the operator's
// namespaces leave one: the Middleware may be the operator's, who knows who the operator is.
func refusalOfLegacy(name, namespaces string) string {
	for _, listed := range strings.Split(namespaces, ",") {
		listed = strings.TrimSpace(listed)
		rest, begins := strings.CutPrefix(name, listed+"-")
		if listed != "" && begins {
			return fmt.Sprintf("%s%s proves no namespace: turn "+
				"providers.kubernetesCRD.safeNaming on and name %s",
				unproven, quote(name), quote(listed+"_"+rest+"@"+providerCRD))
		}
	}
	return fmt.Sprintf("the name %s proves no namespace, set "+
		"providers.kubernetesCRD.safeNaming and list the namespace in %s",
		quote(name), OperatorNamespacesVariable)
}

// lists reports whether a list, separated by commas, has an item.
func lists(list, item string) bool {
	for _, listed := range strings.Split(list, ",") {
		if item != "" && strings.TrimSpace(listed) == item {
			return true
		}
	}
	return false
}

// operatorsAlone returns what is said of a key that only the operator may set.
func operatorsAlone(refusal string) string {
	if strings.HasPrefix(refusal, unproven) {
		return refusal
	}
	return "only the operator may set this: " + refusal
}

// operatorOnly refuses what reads Traefik's disk, uses its token or shows other tenants.
func (d *decoder) operatorOnly(section map[string]any, refusal string) {
	for _, key := range []string{"policyFile", "kubernetes", "status"} {
		if v := section[key]; v != nil && refusal != "" {
			if _, isMap := asMap(v); isMap {
				v = nil // of which there is nothing to repeat
			}
			d.fail(key, v, operatorsAlone(refusal))
		}
	}
}
