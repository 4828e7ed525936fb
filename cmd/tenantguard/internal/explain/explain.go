// Package explain says how the plugin comes to its verdict on a request: with its own functions, in
// their order, and with everything that they look at.
package explain

import (
	"time"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/certs"
	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// Undecided is said in place of a verdict where the certificate decides and is not known.
const Undecided = "undecided"

// Request is a request, as Traefik has it.
type Request struct {
	// Router is its qualified name, "" where Traefik does not say it, and EntryPoint the entry
	// point that it is on, "" where that is not known. Namespace is what Traefik says of an
	// Ingress.
	Router, EntryPoint, Namespace string
	// Children are the routers below it, which no guard stands in front of.
	Children []string
	// Middleware is the qualified name of the guard's middleware, which stands in for the router's.
	Middleware string
	// Host is the Host header, and Path the target.
	Host, Path string
	// TLS reports whether it comes over TLS, with ServerName, "" for none.
	TLS        bool
	ServerName string
	// Client is the address of the connection's peer, with or without a port.
	Client string
	// Certificate is what is served, nil where that is not known. Unobserved is why it can't be
	// observed, "" where it can.
	Certificate *certs.Chain
	Unobserved  string
	// Secrets are the namespaces that have the certificate in a Secret, nil where they are not
	// known.
	Secrets []string
}

// Step is one thing that was looked at.
type Step struct {
	// Name is what was looked at: policy, router, host, connection, server name, certificate,
	// secret or mode.
	Name string `json:"name"`
	// Code is the denial that it came to, "" where it came to none.
	Code string `json:"code,omitempty"`
	// Text says what was found.
	Text string `json:"text"`
}

// Explanation is a verdict and the way to it.
type Explanation struct {
	// Verdict is pass, a code, or Undecided.
	Verdict string `json:"verdict"`
	// Status is that of the answer, 0 where there is none of the guard's.
	Status int `json:"status,omitempty"`
	// Enforced reports whether a denial is carried out, and not only logged.
	Enforced bool `json:"enforced"`
	// Unless is what the verdict is instead where no Secret of Namespaces has the certificate, and
	// that is not known.
	Unless     string   `json:"unless,omitempty"`
	Namespaces []string `json:"namespaces,omitempty"`
	Router     string   `json:"router,omitempty"`
	Tenant     string   `json:"tenant,omitempty"`
	Host       string   `json:"host"`
	Owner      string   `json:"owner,omitempty"`
	Steps      []Step   `json:"steps"`
	// Also are the denials that would follow if the first was put right.
	Also []string `json:"also,omitempty"`
	Do   string   `json:"do,omitempty"`
	// Unasked is the verdict where the API can't be asked for the Secret.
	Unasked string `json:"-"`
}

// explainer explains one request.
type explainer struct {
	Explanation
	policy *policy.Effective
	sent   Request
	parsed verdict.Request
	bound  binding.Binding
	now    time.Time
	// judged is what there is to say of the certificate, nil where it was not looked at.
	judged *verdict.Chain
}

// Of explains a request under a policy, nil where none is in force. errs are why.
func Of(p *policy.Effective, errs []string, r Request, now time.Time) *Explanation {
	e := &explainer{policy: p, sent: r, now: now}
	e.Host = r.Host
	e.explain(errs)

	return &e.Explanation
}

func (e *explainer) explain(errs []string) {
	e.stepPolicy(errs)
	if e.policy == nil {
		e.decide(verdict.OfRequest(nil, verdict.Request{}))

		return
	}
	router := e.router()
	e.bound = binding.BindAll(e.policy.Policy, router, e.children(), e.sent.Namespace,
		e.policy.LegacyNames)
	e.stepRouter(router)
	if e.bound.Internal {
		e.Verdict = string(verdict.Pass)

		return
	}
	e.parse()
	code := verdict.OfRequest(e.policy, e.parsed)
	e.stepHost(code)
	e.stepConnection(code)
	if code == verdict.Pass && verdict.NeedsCertificate(e.policy, e.parsed) {
		e.certificate()
	} else {
		e.decide(code)
	}
	e.stepMode()
	if e.Verdict != string(verdict.Pass) && e.Verdict != Undecided {
		e.also()
	}
}

// router returns the router of the request. The operator's own middleware stands in front of
// everybody's routers, so that its name proves nothing about them.
func (e *explainer) router() binding.Router {
	if e.sent.Router == "" {
		return binding.FromMiddleware(e.sent.Middleware)
	}

	return binding.Parse(e.sent.Router, e.sent.EntryPoint)
}

func (e *explainer) children() []binding.Router {
	var all []binding.Router
	for _, name := range e.sent.Children {
		all = append(all, binding.Parse(name, e.sent.EntryPoint))
	}

	return all
}

// parse reads the request as the guard does.
func (e *explainer) parse() {
	e.parsed = verdict.Request{
		Router: e.bound.Code, Tenant: e.bound.Tenant, Host: hosts.Parse(e.sent.Host),
		Path: e.sent.Path, TLS: e.sent.TLS, HasServerName: e.sent.TLS && e.sent.ServerName != "",
		ServerName: hosts.ParseDNS(e.sent.ServerName),
		Proxied:    e.policy.Proxies.Contains(withPort(e.sent.Client)),
	}
	if !e.sent.TLS {
		e.parsed.ServerName = ""
	}
	if e.bound.Tenant != nil {
		e.Tenant = e.bound.Tenant.Name
	}
	if e.parsed.Host != "" {
		e.Host = hosts.Authority(e.parsed.Host)
		e.Owner = e.policy.Hosts.Owner(e.parsed.Host)
	}
	e.Router = e.sent.Router
}

// decide notes the verdict.
func (e *explainer) decide(code verdict.Code) {
	e.Verdict = string(code)
	if code == verdict.Pass {
		return
	}
	e.Status = verdict.Status(code)
	e.Enforced = verdict.IsEnforced(e.policy, e.parsed)
	e.Do = whatToDo[code]
	if entryPoint := e.likelyEntryPoint(); code == verdict.RouterUnbound && entryPoint != "" {
		e.Do = "If the name begins with its entry point, as in the log, say so: --entrypoint " +
			entryPoint + "."
	}
}

// likelyEntryPoint returns what may be an entry point before the name of a router that has no
// tenant: without it the router has one. "" is none.
func (e *explainer) likelyEntryPoint() string {
	if e.sent.EntryPoint != "" || e.policy == nil {
		return ""
	}
	for i, r := range e.sent.Router {
		if r != '-' {
			continue
		}
		entryPoint := e.sent.Router[:i]
		bound := binding.BindAll(e.policy.Policy, binding.Parse(e.sent.Router, entryPoint),
			e.children(), e.sent.Namespace, e.policy.LegacyNames)
		if bound.Code == verdict.Pass {
			return entryPoint
		}
	}

	return ""
}

// certificate decides by the served certificate.
func (e *explainer) certificate() {
	chain := e.sent.Certificate
	switch {
	case e.sent.Unobserved != "":
		e.decide(verdict.Unobserved(e.policy, e.parsed))
		e.step("certificate", "It can't be observed: %s.", e.sent.Unobserved)
	case chain == nil:
		e.Verdict = Undecided
		e.Do = "Say which certificate is served, with --cert FILE or --cert HOST:PORT."
		e.step("certificate", "It decides, and is not known.")
	case chain.Leaf() == nil:
		e.decide(verdict.Unaccepted(e.policy, e.parsed))
		e.step("certificate", "Go accepts no such certificate: %s.", chain.Problem)
	default:
		tenant := verdict.JudgedAs(e.policy, e.parsed)
		e.judged = verdict.OfChain(e.policy, tenant, chain.Certificates, e.now)
		e.served(tenant, verdict.OfCertificate(
			e.policy, e.parsed, chain.Leaf(), e.judged, e.now))
	}
}

// served decides where a Secret decides as well.
func (e *explainer) served(tenant *policy.Tenant, served verdict.Served) {
	if served.Secret == verdict.Anywhere {
		e.decide(served.Code)
		e.stepCertificate(served.Code)

		return
	}
	namespaces := e.secretNamespaces(tenant, served.Secret)
	e.Unasked = string(served.Unasked(tenant))
	code := served.Code
	if e.sent.Secrets != nil && !haveOneInCommon(e.sent.Secrets, namespaces) {
		code = served.Otherwise
	}
	e.decide(code)
	e.stepCertificate(code)
	if e.sent.Secrets == nil {
		e.Unless = string(served.Otherwise)
		e.Namespaces = namespaces
	}
	e.stepSecret(code, namespaces)
}

// secretNamespaces returns where a Secret must have the certificate.
func (e *explainer) secretNamespaces(tenant *policy.Tenant, where verdict.Where) []string {
	all := append([]string{}, e.policy.SharedNamespaces...)
	if where == verdict.InTenants {
		all = append(all, e.policy.NamespacesOf(tenant)...)
		if tenant == e.bound.Tenant {
			all = append(all, e.bound.KnownNamespaces()...)
		}
	}

	return sortedOnce(all)
}
