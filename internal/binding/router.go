// Package binding answers whose router this is: it parses the router's name, and finds the tenant
// that the name proves.
package binding

import (
	"regexp"
	"strings"

	"github.com/tenantguard/tenantguard/internal/text"
)

const (
	providerInternal = "internal"
	providerCRD      = "kubernetescrd"
	providerIngress  = "kubernetes"
	providerNginx    = "kubernetesingressnginx"
	providerGateway  = "kubernetesgateway"

	// conflicted is what Traefik puts, after the entry point, before the name of a router whose TLS
	// options conflict with another's for the same host. The other may be an attacker's: the victim
	// must keep its tenant.
	conflicted = "conflicted-"
)

// The safe names are namespace_name_index for a router and namespace_name for a middleware: no
// Kubernetes name has an underscore in it, so nobody can forge the namespace.
var (
	safeRouter     = regexp.MustCompile("^(" + text.NamespacePattern + ")_[a-z0-9.-]+_[0-9]+$")
	safeMiddleware = regexp.MustCompile("^(" + text.NamespacePattern + ")_[a-z0-9.-]+$")
)

// Router is a router by its qualified name, parsed once.
type Router struct {
	// Name is the qualified name, name@provider, "" where Traefik does not say.
	Name     string
	provider string
	// candidateNames are what the router's own name may be. See candidateNames.
	candidateNames []string
	// exact are the namespaces that safe names among them prove, and legacy are the names among
	// them that run namespace and name together. Both are those of CRDs.
	exact, legacy []string
}

// Parse reads the qualified name of a router, and the entry point it was built for, "" where that
// is not known.
func Parse(name, entryPoint string) Router {
	return parse(name, entryPoint, safeRouter)
}

// Internal is a router of Traefik's own whose name is not known.
func Internal() Router {
	return Router{provider: providerInternal}
}

// IsInternal reports whether the router is Traefik's own.
func (r Router) IsInternal() bool {
	return r.provider == providerInternal
}

// FromMiddleware stands in where Traefik does not say the router's name: a middleware from a CRD
// lies in the namespace that its own name says, and only routers of that namespace use it unless
// Traefik allows references across namespaces. The router is unknown where the middleware is not
// from a CRD.
func FromMiddleware(name string) Router {
	if providerOf(name) != providerCRD {
		return Router{}
	}
	return parse(name, "", safeMiddleware)
}

func parse(qualified, entryPoint string, safe *regexp.Regexp) Router {
	r := Router{Name: qualified, provider: providerOf(qualified)}
	name := strings.TrimSuffix(qualified, "@"+r.provider)
	if r.provider == "" || name == "" {
		r.provider = ""
		return r
	}
	r.candidateNames = candidateNames(name, entryPoint)
	if r.provider == providerGateway {
		r.candidateNames = trimRouteKind(r.candidateNames)
	}
	if r.provider == providerCRD {
		r.exact, r.legacy = splitCRD(r.candidateNames, safe)
	}
	return r
}

// HasIngressNamespace reports whether Traefik says the router's namespace with each request.
func (r Router) HasIngressNamespace() bool {
	return r.provider == providerIngress || r.provider == providerNginx
}

// providerOf returns what follows the last "@": a label or a file may put another "@" into a
// router's name to pass for another provider's.
func providerOf(router string) string {
	at := strings.LastIndex(router, "@")
	if at < 0 {
		return ""
	}
	return router[at+1:]
}

// candidateNames returns what a router's own name may be: as it is, and without what Traefik puts
// before the names of routers on several entry points, and then of those whose TLS options
// conflict. Each is put there once, so that a namespace that begins like an entry point does not
// lose its own beginning too.
func candidateNames(name, entryPoint string) []string {
	all := []string{name}
	if entryPoint == "" {
		return all
	}
	if rest, found := strings.CutPrefix(name, entryPoint+"-"); found {
		all = append(all, rest)
	}
	if rest, found := strings.CutPrefix(name, entryPoint+"-"+conflicted); found {
		all = append(all, rest)
		if rest, found = strings.CutPrefix(rest, entryPoint+"-"); found {
			all = append(all, rest)
		}
	}
	return all
}

// trimRouteKind takes off the kind of route with which the Gateway API's provider begins each
// name: otherwise a namespace called httproute would make all of them ambiguous. Where no name
// has one, the router is none that we know, and the names stay.
func trimRouteKind(names []string) []string {
	var trimmed []string
	for _, name := range names {
		for _, kind := range []string{"httproute-", "grpcroute-"} {
			if rest, found := strings.CutPrefix(name, kind); found {
				trimmed = append(trimmed, rest)
			}
		}
	}
	if len(trimmed) == 0 {
		return names
	}
	return trimmed
}

// splitCRD returns the namespaces of the safe names, and the legacy names. The underscores of a
// safe name are in no legacy one; a name with underscores in the wrong places is neither.
func splitCRD(names []string, safe *regexp.Regexp) (exact, legacy []string) {
	for _, name := range names {
		if match := safe.FindStringSubmatch(name); match != nil {
			exact = append(exact, match[1])
		}
		if name != "" && !strings.Contains(name, "_") {
			legacy = append(legacy, name)
		}
	}
	return exact, legacy
}
