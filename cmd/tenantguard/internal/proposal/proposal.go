// Package proposal makes a starting policy of what runs.
package proposal

import (
	"cmp"
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/audit"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/rules"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// Input is what runs, and how tenants are told.
type Input struct {
	Traefik *running.Traefik
	Objects *running.Objects
	// Label is the label of Namespaces whose value names the tenant, "" for a tenant by namespace.
	Label string
	// OperatorNamespaces are those of the platform.
	OperatorNamespaces []string
	// Guess takes what is likely for what is not known.
	Guess bool
}

// Tenant is a tenant as it seems to be.
type Tenant struct {
	Name                string
	Namespaces, Routers []string
	Hosts               []string
	GuestHosts          []string
	GuestPaths          []string
	// NoSecrets reports whether a certificate of its hosts is in no Secret.
	NoSecrets bool
}

// Proposal is a starting policy.
type Proposal struct {
	Tenants          []*Tenant
	SharedHosts      []string
	SharedNamespaces []string
	// IsCluster reports whether there are Namespaces.
	IsCluster bool
	// Unclear is what could not be found out.
	Unclear finding.List
}

// platform is the tenant of the operators' namespaces.
const platform = "platform"

// maker makes one proposal.
type maker struct {
	Input
	tenants map[string]*Tenant
	// claims are the claims on each host.
	claims  map[string][]claim
	labels  map[string]string
	created map[string]string
	unclear finding.List
	store   []audit.Certificate
}

// claim is a router's claim on a host.
type claim struct {
	tenant *Tenant
	router audit.Seen
	rules.Claim
}

// Make makes a proposal.
func Make(in Input) *Proposal {
	m := &maker{
		Input: in, tenants: map[string]*Tenant{}, claims: map[string][]claim{},
		labels: map[string]string{}, created: map[string]string{},
	}
	for _, n := range oldestFirst(in.Objects.Of("Namespace")) {
		m.created[n.GetName()] = audit.Created(n)
		m.labels[n.GetName()] = n.GetLabels()[in.Label]
		if name := n.GetLabels()[policy.TenantLabel]; name != "" {
			m.labels[n.GetName()] = name
			m.keep(name, n)
		}
	}
	for _, router := range audit.Routers(in.Traefik, in.Objects) {
		m.add(router)
	}
	for _, host := range slices.Sorted(maps.Keys(m.claims)) {
		m.own(host)
	}
	p := &Proposal{IsCluster: in.Objects != nil, Unclear: m.unclear}
	m.certificates(p)
	for _, name := range slices.Sorted(maps.Keys(m.tenants)) {
		m.tenants[name].tidy()
		p.Tenants = append(p.Tenants, m.tenants[name])
	}
	p.Unclear = m.unclear
	p.Unclear.Sort()

	return p
}

// tenantOf returns whose a router is, nil where that is not known.
func (m *maker) tenantOf(router audit.Seen) *Tenant {
	if router.Namespace != "" {
		name := m.nameOf(router.Namespace)
		tenant := m.tenant(name)
		tenant.Namespaces = append(tenant.Namespaces, router.Namespace)

		return tenant
	}
	if strings.HasPrefix(router.Provider, "kubernetes") {
		m.mark("router-unclear", router.Title, router.Where,
			fmt.Sprintf("The name %s proves no namespace.", router.Name),
			"Say --kube as well, or turn on safeNaming.")

		return nil
	}
	own, _, _ := strings.Cut(router.Name, "@")
	name, _, _ := strings.Cut(own, "-")
	tenant := m.tenant(name)
	tenant.Routers = append(tenant.Routers, router.Name)

	return tenant
}

// nameOf returns the tenant of a namespace.
func (m *maker) nameOf(namespace string) string {
	if name := m.labels[namespace]; name != "" {
		return name
	}
	if slices.Contains(m.OperatorNamespaces, namespace) {
		return platform
	}

	return namespace
}

func (m *maker) tenant(name string) *Tenant {
	if m.tenants[name] == nil {
		m.tenants[name] = &Tenant{Name: name}
	}

	return m.tenants[name]
}

// mark notes what could not be found out.
func (m *maker) mark(id, subject, where, message, do string) {
	f := finding.New(id, subject, message, do)
	f.Where = where
	m.unclear = append(m.unclear, f)
}

// add notes whose a router is and what it claims.
func (m *maker) add(router audit.Seen) {
	tenant := m.tenantOf(router)
	if tenant == nil {
		return
	}
	if router.Problem != nil {
		m.mark("rule-unclear", router.Title, router.Where,
			fmt.Sprintf("Its rule can't be read: %v.", router.Problem),
			"Traefik leaves the router out: remove it.")

		return
	}
	for _, c := range router.Claims {
		switch {
		case c.Regexp != "":
			m.regexp(tenant, router, c)
		case c.IsAny():
			m.anyHost(tenant, router, c)
		default:
			m.claims[c.Host] = append(m.claims[c.Host], claim{tenant, router, c})
		}
		if c.Host != "" && router.HasResolver {
			tenant.NoSecrets = true
		}
	}
}

// regexp takes a guess at the hosts of an expression: all names below what it ends with.
func (m *maker) regexp(tenant *Tenant, router audit.Seen, c rules.Claim) {
	suffix := suffixOf(c.Regexp)
	do := "Write the hosts that it is for into the policy."
	if suffix != "" {
		do = fmt.Sprintf("Perhaps they are **.%s: init --guess takes that.", suffix)
	}
	if m.Guess && suffix != "" {
		pattern := "**." + suffix
		m.claims[pattern] = append(m.claims[pattern], claim{tenant, router, c})
		do = fmt.Sprintf("Taken for **.%s: see whether that is right.", suffix)
	}
	m.mark("rule-unclear", router.Title, router.Where,
		fmt.Sprintf("Its hosts are an expression, %q.", c.Regexp), do)
}

// anyHost takes a router for every host for a guest's.
func (m *maker) anyHost(tenant *Tenant, router audit.Seen, c rules.Claim) {
	do := "Name its hosts in the rule, or make its tenant a guest: init --guess does."
	if m.Guess {
		tenant.GuestHosts = append(tenant.GuestHosts, "**")
		tenant.GuestPaths = append(tenant.GuestPaths, c.Path)
		do = "Its tenant is taken for a guest on every host: see whether that is right."
	}
	m.mark("rule-unclear", router.Title, router.Where,
		fmt.Sprintf("Its rule names no host: %q.", router.Rule), do)
}

// suffixOf returns the name that every match of an expression ends with, "" for none of two labels
// or more.
func suffixOf(expression string) string {
	if _, after, isTemplate := strings.Cut(expression, "}"); isTemplate &&
		strings.HasPrefix(expression, "{") && !strings.Contains(after, "{") {
		return nameIn(after)
	}
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil || parsed.Op != syntax.OpConcat {
		return ""
	}
	subs := parsed.Sub
	last := len(subs) - 1
	if last < 1 || subs[last].Op != syntax.OpEndText || subs[last-1].Op != syntax.OpLiteral {
		return ""
	}

	return nameIn(string(subs[last-1].Rune))
}

// nameIn returns the name of at least two labels after the first dot of a text.
func nameIn(text string) string {
	_, name, found := strings.Cut(text, ".")
	if !found || !strings.Contains(name, ".") {
		return ""
	}

	return string(hosts.ParseDNS(name))
}

// own decides whose a host is: that of the Namespace that names it, or else of a tenant with a
// router for all of it. Those with paths may be guests. Of several the one counts whose namespace
// is the oldest, as in the plugin.
func (m *maker) own(host string) {
	pattern, err := hosts.ParsePattern(host)
	if err != nil {
		first := m.claims[host][0]
		m.mark("rule-unclear", first.router.Title, first.router.Where,
			fmt.Sprintf("%q is no host that a tenant can own.", host), "Put the rule right.")

		return
	}
	claims := slices.Clone(m.claims[host])
	slices.SortStableFunc(claims, func(a, b claim) int {
		return cmp.Or(
			compareBool(a.Path == "" || a.Path == "/", b.Path == "" || b.Path == "/"),
			cmp.Compare(m.created[a.router.Namespace], m.created[b.router.Namespace]),
			cmp.Compare(a.tenant.Name, b.tenant.Name))
	})
	owner := m.ownerOf(pattern.String())
	if owner == nil {
		owner = claims[0].tenant
		owner.Hosts = append(owner.Hosts, pattern.String())
	}
	told := map[*Tenant]bool{owner: true}
	for _, c := range claims {
		if c.tenant == owner {
			continue
		}
		c.tenant.GuestHosts = append(c.tenant.GuestHosts, pattern.String())
		c.tenant.GuestPaths = append(c.tenant.GuestPaths, c.Path)
		if !told[c.tenant] {
			told[c.tenant] = true
			m.mark("host-contested", host, c.router.Where,
				fmt.Sprintf("Tenants %s and %s have routers for it. It is taken for %s's, and "+
					"%s for a "+
					"guest there.", owner.Name, c.tenant.Name, owner.Name, c.tenant.Name),
				"See whose it is, and whether the other may serve it.")
		}
	}
}

// compareBool sorts true first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// tidy sorts the lists of a tenant, and leaves out what others of its hosts cover. Guests on every
// host, or for every path, need no more.
func (t *Tenant) tidy() {
	isOwned := map[string]bool{}
	for _, host := range t.Hosts {
		isOwned[host] = true
	}
	t.Hosts = slices.DeleteFunc(t.Hosts, func(host string) bool {
		_, suffix, _ := strings.Cut(host, ".")

		return !strings.HasPrefix(host, "*") && isOwned["*."+suffix]
	})
	for _, list := range []*[]string{
		&t.Namespaces, &t.Routers, &t.Hosts, &t.GuestHosts, &t.GuestPaths,
	} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if slices.Contains(t.GuestHosts, "**") {
		t.GuestHosts = []string{"**"}
	}
	if slices.Contains(t.GuestPaths, "") || slices.Contains(t.GuestPaths, "/") {
		t.GuestPaths = nil
	}
}
