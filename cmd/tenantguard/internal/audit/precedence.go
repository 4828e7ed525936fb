package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/verdict"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
)

// claimedTwice finds hosts that routers of several tenants claim, and says who gets the requests.
func (a *auditor) claimedTwice() {
	for _, host := range slices.Sorted(maps.Keys(a.byHost)) {
		for _, group := range byEntryPoint(a.byHost[host]) {
			winner := first(group)
			for _, r := range group {
				other := r.tenant() != winner.tenant()
				if !other || a.mayServe(winner, host) && a.mayServe(r, host) {
					continue
				}
				a.find(a.twice(host, winner, r))
				break
			}
		}
	}
}

// first returns the router that Traefik asks first.
func first(routes []*route) *route {
	return slices.MinFunc(routes, func(a, b *route) int {
		return cmp.Or(cmp.Compare(b.precedence(), a.precedence()), cmp.Compare(a.name, b.name))
	})
}

// byEntryPoint groups routers that meet at one entry point. Those of which it is not known meet
// all others.
func byEntryPoint(routes []*route) [][]*route {
	groups := map[string][]*route{}
	var everywhere []*route
	for _, r := range routes {
		if len(r.entryPoints) == 0 {
			everywhere = append(everywhere, r)
		}
		for _, name := range r.entryPoints {
			groups[name] = append(groups[name], r)
		}
	}
	if len(groups) == 0 {
		return [][]*route{everywhere}
	}
	var all [][]*route
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		all = append(all, append(groups[name], everywhere...))
	}

	return all
}

// mayServe reports whether requests for a host pass at a router.
func (a *auditor) mayServe(r *route, host string) bool {
	return slices.ContainsFunc(r.verdicts, func(v hostVerdict) bool {
		return v.host == host && v.code == verdict.Pass
	})
}

func (a *auditor) twice(host string, winner, other *route) finding.Finding {
	why := fmt.Sprintf("its rule is longer (%d to %d)", winner.precedence(), other.precedence())
	if winner.precedence() == other.precedence() {
		why = "both have the same precedence, so it may be either"
	} else if winner.hasPriority() || other.hasPriority() {
		why = fmt.Sprintf("its priority is higher (%d to %d)",
			winner.precedence(), other.precedence())
	}
	f := finding.New("host-claimed-twice", host,
		fmt.Sprintf("%s of %s and %s of %s claim it. For what both match Traefik takes %s: %s.",
			upper(winner.title()), whose(winner), other.title(), whose(other), winner.title(), why),
		fmt.Sprintf("The host is %s: remove it from the other route.",
			whoseHost(a.Policy.Hosts.Owner(hosts.Parse(host)))))
	f.Tenant = a.Policy.Hosts.Owner(hosts.Parse(host))
	f.Where = winner.where

	return f
}

// shadowed finds routers that match hosts which they do not name, before the hosts' own.
func (a *auditor) shadowed() {
	for _, r := range a.vague {
		var taken []string
		for _, host := range a.sortedHosts() {
			owner := a.Policy.Hosts.Owner(hosts.Parse(host))
			if owner == "" || owner == r.tenant() || !r.parsed.MayMatch(host) {
				continue
			}
			for _, own := range a.byHost[host] {
				if own.tenant() == owner && own.precedence() < r.precedence() && meet(r, own) &&
					a.ofHost(r, host, r.claims[0]) != verdict.Pass {
					taken = append(taken, host)
					break
				}
			}
		}
		if len(taken) == 0 {
			continue
		}
		f := a.ofRoute("host-shadowed", r,
			fmt.Sprintf("With precedence %d it stands before the routers of %s, and gets their "+
				"requests, which are denied.", r.precedence(), bounded(taken)),
			"Lower its priority, or name its hosts in the rule.")
		a.find(f)
	}
}

func (a *auditor) sortedHosts() []string {
	if a.hosts == nil {
		a.hosts = slices.Sorted(maps.Keys(a.byHost))
	}

	return a.hosts
}

// meet reports whether two routers can get the same requests.
func meet(a, b *route) bool {
	if len(a.entryPoints) == 0 || len(b.entryPoints) == 0 {
		return true
	}

	return slices.ContainsFunc(a.entryPoints, func(name string) bool {
		return slices.Contains(b.entryPoints, name)
	})
}
