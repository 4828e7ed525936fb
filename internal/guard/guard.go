// Package guard judges requests. The whole path of one reads in this file, from ServeHTTP down,
// in the order of the verdicts.
package guard

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/cluster"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/traefik"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// ServeHTTP passes what belongs together on to next, and denies the rest.
func (g *Guard) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	a := g.known.findAsWritten(req)
	if a == nil {
		if g.known.passesByName(req) {
			g.next.ServeHTTP(rw, req)
			return
		}
		g.look()
		a = g.decide(req)
	}
	if a.code == verdict.Pass {
		g.next.ServeHTTP(rw, req)
		return
	}
	g.refuse(rw, req, a)
}

// notInNames are characters that no Host has which is written as its name is: there is nothing to
// be found by what is written.
const notInNames = ":ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// decide finds the answer to a request that was found a moment ago, or judges the request.
func (g *Guard) decide(req *http.Request) *answer {
	chain := g.chainOf(req)
	if !strings.ContainsAny(req.Host, notInNames) {
		if a := g.known.find(writtenKey(req, chain), req); a != nil {
			g.rememberAgain(req, a)
			return a
		}
	}
	r := read(req, chain)
	if a := g.known.find(r.key(), req); a != nil {
		if a.code == verdict.Pass { // a denied Host comes in ever new spellings
			g.rememberAgain(req, a)
		}
		return a
	}
	return g.newAnswer(req, r)
}

// newAnswer checks a request, and remembers the answer.
func (g *Guard) newAnswer(req *http.Request, r request) *answer {
	d := g.check(req, r)
	g.count(d)
	a := &answer{code: d.code}
	if d.code == verdict.Pass {
		a.isPlain = verdict.IsPlain(d.policy, d.request.Request)
	} else {
		// A foreign server name may be denied for the certificate, which is the connection's.
		a.isPlain = d.chain == nil && verdict.IsOfNames(d.code)
		a.enforced = d.isEnforced()
		a.refusal = g.refusal(d.code)
		a.denial = report.Prepare(g.denial(req, d, a.enforced))
		a.byTenant = g.middleware.IsTenants()
	}
	g.remember(req, d, a)
	return a
}

// chainOf returns the chain that was served on the connection of a request, nil where Go does not
// say.
func (g *Guard) chainOf(req *http.Request) *observe.Chain {
	if !g.hasLocalCertificate || req.TLS == nil {
		return nil
	}
	return chains.Of(traefik.LocalCertificate(req.TLS))
}

// request is what a request says, parsed once.
type request struct {
	verdict.Request
	// chain is the served chain where Go gives it.
	chain *observe.Chain
	// local is the address that the client connected to if that chooses the certificate.
	local string
}

func read(req *http.Request, chain *observe.Chain) request {
	r := request{chain: chain, local: localOf(req)}
	r.Host = hosts.Parse(req.Host)
	r.Path = req.URL.EscapedPath()
	if req.TLS == nil {
		return r
	}
	r.TLS = true
	r.HasServerName = req.TLS.ServerName != ""
	r.ServerName = hosts.ParseDNS(req.TLS.ServerName)
	return r
}

// decision is what came of a request.
type decision struct {
	code    verdict.Code
	policy  *policy.Effective
	binding binding.Binding
	request request
	// chain is the served chain, nil where it was not looked at, and judged what it is for the
	// tenant.
	chain  *observe.Chain
	judged *verdict.Chain
	// validFor is how long what was found of the chain holds.
	validFor time.Duration
	// problem is why something could not be asked or observed, "" where all could.
	problem string
	// unlisted is true where the first list of Namespaces is on its way and report the mode.
	unlisted bool
}

// isEnforced reports whether a denial is carried out.
func (d decision) isEnforced() bool {
	return !d.unlisted && verdict.IsEnforced(d.policy, d.request.Request)
}

// conditions are those that the decision was made by, nil for none.
func (d decision) conditions() *conditions {
	c := &conditions{proxies: d.policy.Proxies}
	if d.binding.Tenant != nil {
		c.guest = d.binding.Tenant.Guest
	}
	if c.proxies == nil && c.guest == nil {
		return nil
	}
	return c
}

// check decides on a request: first by what it says, then, if that belongs together, by the
// certificate.
func (g *Guard) check(req *http.Request, r request) decision {
	d := g.findTenant(req)
	d.request = r
	g.noteConnection(req, r.chain)
	if d.policy == nil {
		d.code = verdict.PolicyInvalid
		return d
	}
	if d.binding.Internal {
		d.code = verdict.Pass
		return d
	}
	d.request.Router = d.binding.Code
	d.request.Tenant = d.binding.Tenant
	d.request.Proxied = d.policy.Proxies.Contains(req.RemoteAddr)
	d.code = verdict.OfRequest(d.policy, d.request.Request)
	if d.code != verdict.Pass || !verdict.NeedsCertificate(d.policy, d.request.Request) {
		return d
	}
	return g.checkCertificate(req, d)
}

// findTenant finds the policy in force, nil for none, and the router's tenant in it. Where that
// depends on the list of Namespaces, they must have been listed after the router was built: an
// attacker's new namespace may be what makes its name ambiguous.
func (g *Guard) findTenant(req *http.Request) decision {
	var err error
	p := g.middleware.Policy()
	if p == nil { // a first policy may wait for Namespaces
		p, err = g.middleware.PolicySince(req.Context(), time.Time{})
	}
	if p == nil {
		isSlow := errors.Is(err, cluster.ErrSlow)
		return decision{
			problem: textOf(err), unlisted: isSlow && g.middleware.ReportsUnlisted(),
		}
	}
	namespace := ""
	if g.router.HasIngressNamespace() {
		namespace = traefik.IngressNamespace(req.Context())
		g.reload.checks.note(traefik.CheckIngressNamespace, traefik.NoNamespace(namespace))
	}
	bound := g.bindOnce(p, namespace)
	if !bound.FromCluster {
		return decision{policy: p, binding: bound}
	}
	latest, err := g.middleware.PolicySince(req.Context(), g.reload.began)
	if err != nil {
		if bound.Code == verdict.Pass {
			bound = binding.Binding{Code: verdict.RouterAmbiguous, Namespaces: bound.Namespaces}
		}
		return decision{policy: p, binding: bound, problem: err.Error()}
	}
	if latest != nil && latest != p {
		bound = g.bindOnce(latest, namespace)
	}
	return decision{policy: latest, binding: bound}
}

// textOf returns the text of an error, "" for none.
func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// bind finds the tenant of the router and of those below it.
func (g *Guard) bind(p *policy.Effective, namespace string) binding.Binding {
	if g.moreChildren {
		bound := binding.Bind(p.Policy, g.router, namespace, p.LegacyNames)
		if !bound.Internal {
			return binding.Binding{Code: verdict.RouterAmbiguous, Namespaces: bound.Namespaces}
		}
	}
	return binding.BindAll(p.Policy, g.router, g.children, namespace, p.LegacyNames)
}

// checkCertificate looks at the certificate that is really served: what Traefik's store prefers
// for the server name may be another tenant's.
func (g *Guard) checkCertificate(req *http.Request, d decision) decision {
	tenant := verdict.JudgedAs(d.policy, d.request.Request)
	chain, validFor, err := g.observe(req, d.request, tenant)
	if err != nil {
		return d.unavailable(err, verdict.Unobserved(d.policy, d.request.Request))
	}
	d.chain = chain
	d.validFor = validFor
	if len(chain.Certificates) == 0 {
		d.code = verdict.Unaccepted(d.policy, d.request.Request)
		return d
	}
	now := time.Now()
	d.judged = g.reload.judge(d.policy, tenant, chain, now)
	leaf := chain.Certificates[0]
	served := verdict.OfCertificate(d.policy, d.request.Request, leaf, d.judged, now)
	d.code = served.Code
	if served.Secret != verdict.Anywhere {
		d = g.checkSecret(req, d, tenant, served)
	}
	if d.code == verdict.Pass {
		g.warnOfExpiry(tenant.Name, leaf, now)
	}
	return d
}

// observe finds the served chain, and how long it holds.
func (g *Guard) observe(
	req *http.Request, r request, tenant *policy.Tenant,
) (*observe.Chain, time.Duration, error) {
	certificates := tenant.Certificates
	if r.chain != nil {
		return r.chain, certificates.TTL, nil
	}
	address, err := addressOf(req, r)
	g.reload.checks.note(traefik.CheckListener, textOf(err))
	if err != nil {
		return nil, 0, err
	}
	observed := g.reload.observed
	if certificates.AcrossReloads {
		observed = lasting
	}
	return observed.Observe(
		req.Context(), g.shelfOf(tenant), address, string(r.ServerName), certificates.TTL)
}

// shelfOf returns under which name a tenant's observations are kept. In a policy of their own
// tenants call each other as they like.
func (g *Guard) shelfOf(tenant *policy.Tenant) string {
	if g.middleware.IsTenants() {
		return g.name
	}
	return tenant.Name
}

// addressOf returns the address of the entry point to observe at.
func addressOf(req *http.Request, r request) (string, error) {
	if r.HasServerName {
		return traefik.ListenerAddress(req.Context())
	}
	return traefik.ConnectedAddress(req.Context())
}

// checkSecret asks the cluster for the Secret that the certificate is from: one with the tenant's
// names in it, but from another's namespace, is a hijack too.
func (g *Guard) checkSecret(
	req *http.Request, d decision, tenant *policy.Tenant, served verdict.Served,
) decision {
	asked, err := clusters.Of(d.policy.Kubernetes)
	if err != nil {
		return d.unavailable(err, served.Unasked(tenant))
	}
	namespaces := d.policy.SharedNamespaces
	if served.Secret == verdict.InTenants {
		namespaces = d.secretNamespaces(tenant)
	}
	validFor, found, err := asked.Confirm(req.Context(), d.chain.Certificates[0].Raw, namespaces,
		tenant.Certificates.TTL, d.policy.Kubernetes.Grace)
	if err != nil {
		return d.unavailable(err, served.Unasked(tenant))
	}
	if !found {
		d.code = served.Otherwise
		validFor = notFoundValidFor
	}
	if validFor < d.validFor {
		d.validFor = validFor
	}
	return d
}

// secretNamespaces returns where the Secret of a tenant may be: the router's own namespace first,
// then the shared ones, of which there are few, and last the tenant's others, each of which may
// cost a list of all its Secrets. A guest's own namespace is none of the tenant's.
func (d decision) secretNamespaces(tenant *policy.Tenant) []string {
	var names, own []string
	known := map[string]bool{}
	others := d.policy.NamespacesOf(tenant)
	if tenant == d.binding.Tenant {
		own = d.binding.KnownNamespaces()
	}
	for _, some := range [][]string{own, d.policy.SharedNamespaces, others} {
		for _, name := range some {
			if !known[name] {
				known[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// unavailable decides where the certificate could not be observed or its Secret not asked for.
func (d decision) unavailable(err error, code verdict.Code) decision {
	d.problem = err.Error()
	d.code = code
	return d
}
