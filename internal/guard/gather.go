package guard

import (
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/status"
	"github.com/tenantguard/tenantguard/internal/traefik"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// gather makes a state of what all rooms say.
func gather(full bool) *status.State {
	s := &status.State{Now: time.Now(), EntryPoints: []status.EntryPoint{}}
	s.Routers = []status.Router{}
	s.Versions.Go = traefik.GoVersion()
	s.Versions.Plugin = report.Version
	inUse := middlewares.States(namesInUse())
	s.Policies = policiesOf(inUse)
	s.Tenants = tenantsOf(inUse)
	found := findings()
	s.Traefik = found.Traefik
	s.EntryPoints = append(s.EntryPoints, found.EntryPoints...)
	s.Routers = append(s.Routers, found.Unguarded...)
	if full {
		s.Routers = append(s.Routers, wrongRouters(found.Names, inUse)...)
	}
	s.SelfCheck = selfChecks()
	s.Kubernetes = kubernetes()
	counters.Fill(s)
	s.Summarize()
	return s
}

// findings returns what Traefik's API says, and why nothing is known where it does not.
func findings() *status.Findings {
	if page := currentPage(); page != nil {
		return page.ask()
	}
	return &status.Findings{Traefik: status.Traefik{
		Problem: "no router leads to the status page in Traefik's present configuration",
	}}
}

// policyKey is what middlewares have in common that are shown as one.
type policyKey struct {
	file, errs, outdated string
	policy               *policy.Policy
	settings             policy.Settings
}

// policiesOf returns the policies of middlewares, once for those that have the same.
func policiesOf(inUse []registry.State) []status.Policy {
	all := []status.Policy{}
	at := map[policyKey]int{}
	for _, m := range inUse {
		key := policyKey{file: m.File, outdated: m.Outdated, policy: policyOf(m)}
		key.errs = strings.Join(m.Errors, "\n")
		if m.Policy != nil {
			key.settings = m.Policy.Settings
		}
		if i, known := at[key]; known {
			all[i].Middlewares++
			continue
		}
		at[key] = len(all)
		all = append(all, policyState(m))
	}
	return all
}

// policyOf returns the policy of a middleware without its settings, nil for none.
func policyOf(m registry.State) *policy.Policy {
	if m.Policy == nil {
		return nil
	}
	return m.Policy.Policy
}

func policyState(m registry.State) status.Policy {
	p := status.Policy{
		Middleware: m.Name, Middlewares: 1, Source: m.File, FromNamespaces: m.Clustered,
		Since: m.InForce, Changed: m.Changed, Wrong: m.Wrong, Outdated: m.Outdated,
		Errors: append([]string{}, m.Errors...), Warnings: []string{},
	}
	if p.Source == "" {
		p.Source = "inline"
	}
	if m.Policy == nil {
		return p
	}
	p.InForce = true
	p.Mode = policy.ModeEnforce
	if m.Policy.Report {
		p.Mode = policy.ModeReport
	}
	p.Digest = m.Digest
	counts := m.Policy.Counts(m.Policy.Report)
	p.Tenants = counts.Tenants
	p.Enforcing = counts.Enforcing
	p.Hosts = counts.Hosts
	p.Namespaces = counts.Namespaces
	p.Warnings = append(p.Warnings, warnings(m.Policy.Policy)...)
	return p
}

// warnings returns what an operator should look at in a policy without errors.
func warnings(p *policy.Policy) []string {
	var all []string
	if names := p.CheckedByNameOnly(); len(names) > 0 {
		all = append(all, "certificates are checked by their names only: "+
			strings.Join(names, ", "))
	}
	for _, list := range [][]string{p.LeftOut, p.WrongMarks, p.Broad, p.Alike} {
		all = append(all, list...)
	}
	return all
}

// described are the tenants of the policies in force, which take long to describe where there are
// thousands. Whoever calls gather holds the lock of states.
var described = map[*policy.Effective][]status.Tenant{}

// tenantsOf returns the tenants of the policies in force, those of each policy once.
func tenantsOf(inUse []registry.State) []status.Tenant {
	all := []status.Tenant{}
	seen := map[*policy.Policy]bool{}
	next := map[*policy.Effective][]status.Tenant{}
	for _, m := range inUse {
		p := policyOf(m)
		if p == nil || seen[p] {
			continue
		}
		seen[p] = true
		tenants := described[m.Policy]
		if tenants == nil {
			tenants = describeTenants(m)
		}
		next[m.Policy] = tenants
		all = append(all, tenants...)
	}
	described = next
	return all
}

// describeTenants returns the tenants of the policy of a middleware.
func describeTenants(m registry.State) []status.Tenant {
	hosts, routers := m.Policy.HostPatterns(), m.Policy.RouterPatterns()
	namespaces := namespacesOf(m.Policy.Policy)
	var tenants []status.Tenant
	for _, tenant := range m.Policy.Tenants {
		tenants = append(tenants, status.Tenant{
			Name: tenant.Name, Middleware: m.Name, Mode: modeOf(m.Policy, tenant),
			Namespaces:   append([]string{}, namespaces[tenant.Name]...),
			Hosts:        append([]string{}, hosts[tenant.Name]...),
			Routers:      append([]string{}, routers[tenant.Name]...),
			Certificates: demands(tenant.Certificates),
		})
	}
	return tenants
}

// namespacesOf returns the namespaces of each tenant, with the prefixes among them.
func namespacesOf(p *policy.Policy) map[string][]string {
	sets := map[string]map[string]bool{}
	p.EachNamespace(func(namespace string, prefix bool, tenant *policy.Tenant) {
		if prefix {
			namespace += "*"
		}
		if sets[tenant.Name] == nil {
			sets[tenant.Name] = map[string]bool{}
		}
		sets[tenant.Name][namespace] = true
	})
	all := map[string][]string{}
	for name, set := range sets {
		all[name] = sortedNames(set)
	}
	return all
}

func modeOf(p *policy.Effective, tenant *policy.Tenant) string {
	if tenant.Mode != "" {
		return tenant.Mode
	}
	if p.Report {
		return policy.ModeReport
	}
	return policy.ModeEnforce
}

// demands says what the certificates of a tenant are held to.
func demands(c policy.Certificates) string {
	if !c.Check {
		return "not looked at"
	}
	demanded := "names"
	if c.Roots != nil {
		demanded += ", roots"
	}
	if len(c.Pins) > 0 {
		demanded += ", pins"
	}
	if c.Secrets {
		demanded += ", Secrets"
	}
	return demanded
}

// wrongRouters finds the routers that are no tenant's, by their names. What Traefik says of an
// Ingress only with a request is left out.
func wrongRouters(routers []status.GuardedRouter, inUse []registry.State) []status.Router {
	policies := map[string]*policy.Effective{}
	for _, m := range inUse {
		if m.Policy != nil {
			policies[m.Name] = m.Policy
		}
	}
	var wrong []status.Router
	for _, r := range routers {
		p := policies[r.Guard]
		parsed := binding.Parse(r.Name, r.EntryPoint)
		if p == nil || parsed.HasIngressNamespace() {
			continue
		}
		bound := binding.Bind(p.Policy, parsed, "", p.LegacyNames)
		if bound.Code == verdict.Pass {
			continue
		}
		wrong = append(wrong, status.Router{
			Name: r.Name, Problem: strings.TrimPrefix(string(bound.Code), "router-"),
			EntryPoints: []string{r.EntryPoint}, Rule: r.Rule, Detail: candidates(bound),
		})
	}
	return wrong
}

func candidates(bound binding.Binding) string {
	if len(bound.Namespaces) == 0 {
		return "no tenant has it"
	}
	return "it may lie in " + strings.Join(bound.Namespaces, ", ")
}

// selfChecks returns what was found out about whether Traefik can be read.
func selfChecks() []status.Check {
	all := []status.Check{}
	for _, c := range SelfChecks() {
		all = append(all, status.Check{
			Check: c.Check, State: c.State, Detail: c.Detail, Consequence: c.Consequence,
		})
	}
	return all
}

func kubernetes() []status.Kubernetes {
	all := []status.Kubernetes{}
	for _, c := range clusters.States() {
		name := c.Endpoint
		if name == "" {
			name = "in-cluster"
		}
		all = append(all, status.Kubernetes{
			Cluster: name, Namespaces: c.Namespaces, UpToDate: c.Problem == "",
			Problem: c.Problem, Listed: c.Listed, Outdated: c.Outdated,
		})
	}
	return all
}
