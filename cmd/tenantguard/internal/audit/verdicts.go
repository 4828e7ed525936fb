package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/rules"
)

// hostVerdict is the verdict on requests for a host that a router gets.
type hostVerdict struct {
	host string
	code verdict.Code
}

// unowned is a name that nobody owns: whoever may serve it is a guest on every host.
const unowned = "tenantguard-audit.invalid"

// verdicts asks for the verdict on each host of each router, but for the certificate.
func (a *auditor) verdicts() {
	for _, r := range a.routes {
		if r.protocol != http || r.binding.Internal {
			continue
		}
		if r.problem != nil {
			a.find(a.ofRoute("rule-unreadable", r,
				fmt.Sprintf("The rule %s can't be read: %s.", quoted(r.rule), r.problem),
				"Put the rule right, or remove the router: Traefik leaves it out."))
		}
		if r.problem != nil || r.disabled {
			continue
		}
		if r.binding.Code != verdict.Pass {
			a.unbound(r)
			continue
		}
		for _, claim := range r.claims {
			a.ofClaim(r, claim)
		}
		a.sayVerdicts(r)
	}
}

// ofRoute is a finding about a router.
func (a *auditor) ofRoute(id string, r *route, message, do string) finding.Finding {
	f := finding.New(id, r.title(), message, do)
	f.Tenant, f.Where = r.tenant(), r.where

	return f
}

// unbound says that a router has no tenant, and what would give it one.
func (a *auditor) unbound(r *route) {
	message := fmt.Sprintf("The router %s has no tenant: its requests are denied as %s.",
		r.base, r.binding.Code)
	do := "List its namespace in a tenant's namespaces."
	fix := ""
	switch {
	case r.binding.Code == verdict.RouterAmbiguous && strings.HasSuffix(r.name, "@kubernetescrd"):
		do = "Turn on providers.kubernetesCRD.safeNaming: then the name proves the namespace."
		fix = "--providers.kubernetesCRD.safeNaming=true"
	case r.binding.Code == verdict.RouterAmbiguous:
		do = "Rename a namespace, or use an IngressRoute with safeNaming: the name could be " +
			"that of several namespaces: " + bounded(r.binding.Namespaces) + "."
	case r.namespace != "":
		do = fmt.Sprintf("Give the namespace %s a tenant.", r.namespace)
		fix = fmt.Sprintf("kubectl label namespace %s %s=TENANT", finding.Word(r.namespace),
			a.Policy.Kubernetes.TenantLabel)
	case !strings.HasPrefix(r.provider(), "kubernetes"):
		do = fmt.Sprintf("List the router in a tenant's routers: %s.", quoted(r.base))
	}
	f := a.ofRoute(string(r.binding.Code), r, message, do)
	f.Fix = fix
	a.find(f)
	for _, claim := range r.claims {
		r.verdicts = append(r.verdicts, hostVerdict{claim.Host, r.binding.Code})
	}
}

// ofClaim notes the verdicts on one alternative of a rule.
func (a *auditor) ofClaim(r *route, claim rules.Claim) {
	if claim.IsAny() {
		if a.ofHost(r, unowned, claim) != verdict.Pass {
			a.anyHost(r)
		}
		return
	}
	for _, name := range a.probes(r, claim) {
		r.verdicts = append(r.verdicts, hostVerdict{name, a.ofHost(r, name, claim)})
	}
}

func (a *auditor) anyHost(r *route) {
	f := a.ofRoute("rule-any-host", r,
		"The rule "+quoted(r.rule)+" names no host, so it takes requests for hosts that are not "+
			"its tenant's. They are denied.",
		"Name the hosts in the rule, or make the tenant a guest on every host in the policy.")
	f.Fix = "guest:\n  hosts: [\"**\"]"
	r.verdicts = append(r.verdicts, hostVerdict{"", verdict.HostForeign})
	a.find(f)
}

// ofHost asks for the verdict on requests for a host that a router gets by a claim.
func (a *auditor) ofHost(r *route, host string, claim rules.Claim) verdict.Code {
	path := claim.Path
	if path == "" {
		path = "/"
	}
	name := hosts.Parse(host)
	request := verdict.Request{
		Router: r.binding.Code, Tenant: r.binding.Tenant, Host: name, Path: path,
		TLS: r.tls || !r.tlsKnown, HasServerName: !hosts.IsAddress(name),
		ServerName: hosts.ParseDNS(host),
	}

	return verdict.OfRequest(a.Policy, request)
}

// probes returns names that stand for what a claim matches: the host itself, or, of a wildcard or
// an expression, one name that is unowned, and all known ones that it matches.
func (a *auditor) probes(r *route, claim rules.Claim) []string {
	if claim.Host != "" && !strings.HasPrefix(claim.Host, "*") {
		return []string{claim.Host}
	}
	var names []string
	if suffix, found := strings.CutPrefix(claim.Host, "*."); found {
		names = append(names, "tenantguard-audit."+suffix)
	}
	for _, name := range a.knownNames() {
		_, below, _ := strings.Cut(name, ".")
		isBelow := claim.Host == "" || claim.Host == "*."+below
		if isBelow && r.parsed.MayMatch(name) {
			names = append(names, name)
		}
	}

	return names
}

// knownNames returns all names in the policy and in rules, and one for each wildcard of the policy.
func (a *auditor) knownNames() []string {
	if a.names == nil {
		set := map[string]bool{}
		for name := range a.byHost {
			set[name] = true
		}
		a.Policy.Hosts.Each(func(pattern hosts.Pattern, _ string) {
			name := pattern.String()
			if suffix, found := strings.CutPrefix(strings.TrimLeft(name, "*"), "."); found {
				name = "tenantguard-audit." + suffix
			}
			set[name] = true
		})
		a.names = slices.Sorted(maps.Keys(set))
	}

	return a.names
}

// sayVerdicts says what would be denied of a router's hosts, once for each code.
func (a *auditor) sayVerdicts(r *route) {
	denied := map[verdict.Code][]string{}
	for _, v := range r.verdicts {
		if v.code != verdict.Pass && v.host != "" {
			denied[v.code] = append(denied[v.code], v.host)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(denied)) {
		names := slices.Compact(slices.Sorted(slices.Values(denied[code])))
		if code == verdict.HostUnowned && len(names) == 1 && isProbe(names[0]) && hasRegexp(r) {
			continue
		}
		a.sayDenied(r, code, names)
	}
}

// isProbe reports whether a name was made up here.
func isProbe(name string) bool {
	return strings.HasPrefix(name, "tenantguard-audit.")
}

func hasRegexp(r *route) bool {
	return slices.ContainsFunc(r.claims, func(c rules.Claim) bool { return c.Regexp != "" })
}

// shown writes the names that were made up as the wildcards that they stand for.
func shown(names []string) []string {
	var all []string
	for _, name := range names {
		if suffix, found := strings.CutPrefix(name, "tenantguard-audit."); found {
			name = "*." + suffix
		}
		all = append(all, name)
	}

	return all
}

func (a *auditor) sayDenied(r *route, code verdict.Code, names []string) {
	list := bounded(shown(names))
	tenant := r.tenant()
	var message, do, fix string
	switch code {
	case verdict.HostForeign:
		message = fmt.Sprintf("It claims %s, of tenant %s, so requests are denied, also those "+
			"that the owner should get.", list, a.ownersOf(names))
		do = fmt.Sprintf("Remove the host from the route, or give it to tenant %s in the policy.",
			tenant)
	case verdict.HostUnowned:
		message = fmt.Sprintf("No tenant owns %s, so requests are denied.", list)
		do = fmt.Sprintf("Give the host to tenant %s in the policy, if it is theirs.", tenant)
		fix = "hosts: [" + strings.Join(quotedAll(firstOf(shown(names))), ", ") + "]"
		if a.Policy.Kubernetes.Enabled && r.namespace != "" {
			fix = fmt.Sprintf("kubectl annotate namespace %s --overwrite %s=%s",
				finding.Word(r.namespace), policy.HostsAnnotation,
				finding.Quoted(a.hostsWith(r.namespace, shown(names))))
		}
	case verdict.TLSRequired:
		message = "It serves " + list + " without TLS, which plaintext: deny refuses."
		do = "Redirect to HTTPS at the entry point, or set plaintext: allow."
	default:
		message = fmt.Sprintf("Requests for %s are denied as %s.", list, code)
		do = "Write the host as a name in lower case without a port."
	}
	f := a.ofRoute(string(code), r, message, do)
	f.Fix = fix
	a.find(f)
}

// ownersOf returns the tenants of hosts.
func (a *auditor) ownersOf(names []string) string {
	set := map[string]bool{}
	for _, name := range names {
		set[a.Policy.Hosts.Owner(hosts.Parse(name))] = true
	}

	return bounded(slices.Sorted(maps.Keys(set)))
}

// hostsWith returns the annotation of a Namespace with more hosts in it.
func (a *auditor) hostsWith(namespace string, more []string) string {
	all := splitList(a.namespaceObject(namespace).Annotations[policy.HostsAnnotation])

	return strings.Join(slices.Compact(append(all, more...)), ", ")
}
