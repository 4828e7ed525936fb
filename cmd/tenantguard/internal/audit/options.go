package audit

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tenantguard/tenantguard/internal/hosts"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
)

// defaultOptions is what Traefik calls the TLS options of routers that name none.
const defaultOptions = "default"

// options finds hosts whose routers have different TLS options. Traefik gives such hosts the
// default options, or with strictTLSOptions no connection.
func (a *auditor) options() {
	for _, host := range a.sortedHosts() {
		for _, group := range byEntryPoint(a.byHost[host]) {
			a.optionsOf(host, group)
		}
	}
	for _, r := range a.vague {
		isNamed := r.options != "" && r.options != defaultOptions
		if r.tls && isNamed && !r.disabled {
			a.find(a.ofRoute("setting-strict-tls", r,
				fmt.Sprintf("It names no host and has the TLS options %s: with strictTLSOptions "+
					"it is gone.", r.options),
				"Name the hosts in the rule, or take the options off it."))
		}
	}
}

func (a *auditor) optionsOf(host string, group []*route) {
	byOptions := map[string]*route{}
	tenants := map[string]bool{}
	for _, r := range group {
		if !r.tls && r.tlsKnown || !r.tls && r.options == "" && len(group) > 1 && !r.tlsKnown &&
			!a.anyTLS(group) {
			continue
		}
		name := r.options
		if name == "" {
			name = defaultOptions
		}
		tenants[r.tenant()] = true
		if byOptions[name] == nil {
			byOptions[name] = r
		}
	}
	if len(byOptions) < 2 {
		return
	}
	names := slices.Sorted(maps.Keys(byOptions))
	one, other := byOptions[names[0]], byOptions[names[1]]
	id, do := "setting-strict-tls", "Give all routes of the host the same TLS options."
	if len(tenants) > 1 {
		id, do = "tls-options-conflict", "Remove the route that is not the owner's: each takes "+
			"the other's options away."
	}
	f := finding.New(id, host,
		fmt.Sprintf("%s has the TLS options %s, and %s has %s: Traefik gives the host the default "+
			"ones, and with strictTLSOptions no connection at all.",
			upper(one.title()), names[0], other.title(), names[1]), do)
	f.Tenant, f.Where = a.Policy.Hosts.Owner(hosts.Parse(host)), one.where
	a.find(f)
}

// anyTLS reports whether a router of a group is known to be for TLS with options.
func (a *auditor) anyTLS(group []*route) bool {
	return slices.ContainsFunc(group, func(r *route) bool { return r.tls })
}
