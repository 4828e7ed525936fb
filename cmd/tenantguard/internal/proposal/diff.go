package proposal

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/audit"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/rules"
)

// difference compares one policy with what runs.
type difference struct {
	Input
	policy *policy.Effective
	// used has, by tenant, every pattern that could own a host of one of its routers.
	used  map[string]map[string]bool
	found finding.List
}

// Diff returns what a policy lacks of what runs, and what it has that does not run.
func Diff(in Input, p *policy.Effective) finding.List {
	d := &difference{Input: in, policy: p, used: map[string]map[string]bool{}}
	missing := map[string]bool{}
	for _, router := range audit.Routers(in.Traefik, in.Objects) {
		d.router(router, missing)
	}
	d.shared()
	d.unusedHosts()
	d.namespaces()
	d.found.Sort()

	return d.found
}

func (d *difference) say(id, subject, tenant, where, message, do, fix string) {
	f := finding.New(id, subject, message, do)
	f.Tenant, f.Where, f.Fix = tenant, where, fix
	d.found = append(d.found, f)
}

// router compares one router with the policy.
func (d *difference) router(router audit.Seen, missing map[string]bool) {
	bound := binding.Bind(d.policy.Policy, binding.Parse(router.Name, ""), router.Namespace,
		d.policy.LegacyNames)
	if bound.Tenant == nil {
		d.unbound(router, bound, missing)
		return
	}
	name := bound.Tenant.Name
	if d.used[name] == nil {
		d.used[name] = map[string]bool{}
	}
	for _, claim := range router.Claims {
		if claim.Host == "" {
			continue
		}
		for _, pattern := range patternsFor(claim.Host) {
			d.used[name][pattern] = true
		}
		owned := d.policy.Hosts.CoversAll(claim.Host, name)
		key := name + " " + claim.Host
		if owned || missing[key] || d.isGuests(bound.Tenant, claim) {
			continue
		}
		missing[key] = true
		whose := "nobody's"
		if owner := d.policy.Hosts.Owner(hosts.Parse(claim.Host)); owner != "" {
			whose = "tenant " + owner + "'s"
		}
		d.say("policy-host-missing", claim.Host, name, router.Where,
			fmt.Sprintf("%s of tenant %s is for it, and in the policy it is %s.",
				upper(router.Title), name, whose),
			fmt.Sprintf("Add it to the hosts of tenant %s, or remove the route.", name),
			fmt.Sprintf("- name: %s\n  hosts: [%q]", name, claim.Host))
	}
}

// isGuests reports whether a claim is one that the policy lets a guest have.
func (d *difference) isGuests(tenant *policy.Tenant, claim rules.Claim) bool {
	path := claim.Path
	if path == "" {
		path = "/"
	}

	return tenant.Guest.Covers(hosts.Parse(claim.Host), path)
}

func (d *difference) unbound(router audit.Seen, bound binding.Binding, missing map[string]bool) {
	if router.Namespace != "" && bound.Code == verdict.RouterUnbound {
		if !missing[router.Namespace] {
			missing[router.Namespace] = true
			d.say("policy-namespace-missing", router.Namespace, "", router.Where,
				fmt.Sprintf("%s is in it, and it has no tenant.", upper(router.Title)),
				"List it in a tenant's namespaces, or label it.",
				fmt.Sprintf("kubectl label namespace %s %s=TENANT",
					finding.Word(router.Namespace), d.policy.Kubernetes.TenantLabel))
		}
		return
	}
	d.say("policy-router-missing", router.Name, "", router.Where,
		fmt.Sprintf("It has no tenant: %s.", bound.Code), "List it in a tenant's routers.",
		fmt.Sprintf("routers: [%q]", router.Name))
}

// patternsFor returns all patterns that can own a name, or cover a wildcard.
func patternsFor(name string) []string {
	all := []string{name}
	_, suffix, _ := strings.Cut(name, ".")
	if suffix != "" {
		all = append(all, "*."+suffix)
	}
	for suffix != "" {
		all = append(all, "**."+suffix)
		_, suffix, _ = strings.Cut(suffix, ".")
	}

	return all
}

// unusedHosts finds hosts that no router and no certificate of their tenant is for. Those below
// expressions and catch-alls nobody can tell.
func (d *difference) unusedHosts() {
	unused := map[string][]string{}
	d.policy.Hosts.Each(func(pattern hosts.Pattern, owner string) {
		text := pattern.String()
		if !d.used[owner][text] {
			unused[owner] = append(unused[owner], text)
		}
	})
	for _, owner := range slices.Sorted(maps.Keys(unused)) {
		slices.Sort(unused[owner])
		for _, text := range unused[owner] {
			d.say("policy-host-unused", text, owner, "",
				fmt.Sprintf("The policy gives it to tenant %s, and no router of theirs is for it.",
					owner),
				"Remove it from the policy, if no route is to come.", "")
		}
	}
}

// namespaces finds those of the policy that the cluster does not have.
func (d *difference) namespaces() {
	if len(d.Objects.Of("Namespace")) == 0 {
		return
	}
	exists := map[string]bool{}
	for _, n := range d.Objects.Of("Namespace") {
		exists[n.GetName()] = true
	}
	var gone []string
	tenants := map[string]string{}
	d.policy.EachNamespace(func(namespace string, prefix bool, tenant *policy.Tenant) {
		if !prefix && !exists[namespace] {
			gone = append(gone, namespace)
			tenants[namespace] = tenant.Name
		}
	})
	slices.Sort(gone)
	for _, namespace := range gone {
		d.say("policy-namespace-unused", namespace, tenants[namespace], "",
			"The policy lists it, and the cluster does not have it: whoever creates it is that "+
				"tenant.",
			"Remove it from the policy, or create it.", "")
	}
}

// shared compares certificates with shared.hosts.
func (d *difference) shared() {
	names := map[string]bool{}
	store := audit.Certificates(d.Traefik, d.Objects)
	for _, c := range store {
		var missing []string
		owners := map[string]bool{}
		for _, name := range c.Names {
			for _, pattern := range patternsFor(name) {
				names[pattern] = true
			}
			owner := d.ownerOf(name)
			owners[owner] = true
			if owner == "" {
				missing = append(missing, name)
			}
			if d.used[owner] != nil {
				d.used[owner][name] = true
			}
		}
		if len(missing) == 0 && (len(owners) < 2 || owners[policy.SharedOwner]) {
			continue
		}
		if len(missing) == 0 {
			missing = c.Names
		}
		d.say("policy-shared-missing", strings.Join(missing, ", "), "", "",
			"A certificate has these names, which are neither shared nor one tenant's own.",
			"Add them to shared.hosts if it is the platform's, or to its tenant's hosts.",
			"shared:\n  hosts: [\""+strings.Join(missing, `", "`)+"\"]")
	}
	if len(store) == 0 {
		return
	}
	d.policy.SharedHosts.Each(func(pattern hosts.Pattern, _ string) {
		if !names[pattern.String()] {
			d.say("policy-shared-unused", pattern.String(), "", "",
				"shared.hosts has it, and no certificate that Traefik has does.",
				"Remove it from the policy, if no certificate is to come.", "")
		}
	})
}

// ownerOf returns the tenant whose a certificate's name is, or SharedOwner, "" for nobody.
func (d *difference) ownerOf(name string) string {
	if d.policy.SharedHosts.CoversAll(name, policy.SharedOwner) {
		return policy.SharedOwner
	}
	for _, tenant := range d.policy.Tenants {
		if d.policy.Hosts.CoversAll(name, tenant.Name) {
			return tenant.Name
		}
	}

	return ""
}

// upper begins a sentence.
func upper(text string) string {
	return strings.ToUpper(text[:1]) + text[1:]
}
