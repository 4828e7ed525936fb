package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
)

// streams looks at routers of TCP and UDP, which the guard never sees.
func (a *auditor) streams() {
	for _, r := range a.routes {
		if r.binding.Internal || r.disabled || a.isOperators(r.namespace) {
			continue
		}
		if r.protocol == udp && !a.mayDo(r.namespace, "udp") {
			a.find(a.ofRoute("udp-router", r,
				"It takes all of an entry point of UDP, which has no names to tell tenants by.",
				"Let only operators write routers of UDP."))
		}
		if r.protocol != tcp {
			continue
		}
		if r.problem != nil {
			a.find(a.ofRoute("rule-unreadable", r,
				fmt.Sprintf("The rule %s can't be read: %s.", quoted(r.rule), r.problem),
				"Put the rule right, or remove the router: Traefik leaves it out."))
			continue
		}
		a.ofTCP(r)
	}
}

// meetsHTTP reports whether routers of HTTP are at an entry point of the router.
func (a *auditor) meetsHTTP(r *route) bool {
	return slices.ContainsFunc(a.routes, func(other *route) bool {
		return other.protocol == http && !other.binding.Internal && meet(r, other)
	})
}

func (a *auditor) ofTCP(r *route) {
	if !a.meetsHTTP(r) {
		return
	}
	foreign, own := []string{}, []string{}
	for _, claim := range r.claims {
		if claim.IsAny() {
			a.anyServerName(r)
			continue
		}
		for _, name := range a.probes(r, claim) {
			owner := a.Policy.Hosts.Owner(hosts.Parse(name))
			switch {
			case owner != "" && owner != r.tenant():
				foreign = append(foreign, name)
			case owner != "":
				own = append(own, name)
			}
		}
	}
	if len(foreign) > 0 {
		a.find(a.ofRoute("tcp-host-foreign", r,
			fmt.Sprintf("Traefik asks it before all routers of HTTP, so it takes whole "+
				"connections for %s, of tenant %s. The guard sees none of them.%s",
				bounded(shown(foreign)), a.ownersOf(foreign), relay(r)),
			"Remove the router, and refuse such ones with the admission policies."))
	}
	if len(own) > 0 && !a.mayDo(r.namespace, "tcp", "passthrough") {
		a.find(a.overGuarded(r, own))
	}
}

func (a *auditor) overGuarded(r *route, own []string) finding.Finding {
	f := a.ofRoute("tcp-over-guarded-host", r,
		fmt.Sprintf("It takes connections for %s, its tenant's own, past the guard: server name, "+
			"Host and certificate are its own affair.%s", bounded(shown(own)), relay(r)),
		"If that is meant, say so at the Namespace. If not, use a route of HTTP.")
	if r.namespace != "" {
		f.Fix = fmt.Sprintf("kubectl annotate namespace %s --overwrite tenantguard.io/allow='%s'",
			finding.Word(r.namespace), "tcp, passthrough")
	}

	return f
}

func (a *auditor) anyServerName(r *route) {
	what := "that match no other rule"
	if r.tls {
		what = "of TLS that match no longer rule"
	}
	a.find(a.ofRoute("tcp-catch-all", r,
		fmt.Sprintf("Its rule %s takes all connections %s, at an entry point that tenants share.",
			quoted(r.rule), what),
		"Give it an entry point of its own, or name the hosts in HostSNI."))
}

// relay says what a matcher of addresses can be for.
func relay(r *route) string {
	for _, claim := range r.claims {
		if slices.Contains(claim.Others, "ClientIP") {
			return " It is for some addresses only: one for Traefik's own deceives the guard's " +
				"look at the certificate."
		}
	}

	return ""
}

// mayDo reports whether the annotation of a Namespace allows one of the words.
func (a *auditor) mayDo(namespace string, words ...string) bool {
	allowed := a.namespaceObject(namespace).Annotations["tenantguard.io/allow"]
	for _, word := range strings.Split(allowed, ",") {
		if slices.Contains(words, strings.TrimSpace(word)) {
			return true
		}
	}

	return false
}
