package guard

import (
	"net/http"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// denial returns what the log says of a denied request. It is made once for each answer that is
// remembered.
func (g *Guard) denial(req *http.Request, d decision, enforced bool) report.Denial {
	denial := report.Denial{
		Mode:       policy.ModeEnforce,
		Reason:     string(d.code),
		Status:     verdict.Status(d.code),
		EntryPoint: g.entryPoint,
		Middleware: g.name,
		Router:     g.router.Name,
		Namespace:  strings.Join(d.binding.Namespaces, ","),
		Host:       req.Host,
		Owner:      verdict.NameOwner(d.policy, d.request.Request, d.code),
		Other:      d.binding.Other,
	}
	if d.request.Host != "" { // one line for all its spellings
		denial.Host = hosts.Authority(d.request.Host)
	}
	if req.TLS != nil {
		denial.SNI = req.TLS.ServerName
	}
	if d.binding.Tenant != nil {
		denial.Tenant = d.binding.Tenant.Name
		denial.Guest = verdict.IsGuest(d.policy, d.request.Request)
	}
	if d.code == verdict.CertificateForeign {
		denial.Offending = d.judged.Offending
	}
	denial.Certificate = d.certificate()
	denial.Detail = g.detail(d)
	if !enforced {
		denial.Mode = policy.ModeReport
		denial.Also = g.also(req, d)
	}
	return denial
}

// certificate returns what there is to say of the served certificate, or why that is nothing.
func (d decision) certificate() string {
	if d.problem != "" && d.isOfCertificate() {
		return d.problem
	}
	if d.chain == nil || d.problem != "" {
		return ""
	}
	if len(d.chain.Certificates) == 0 {
		return d.chain.Problem
	}
	return verdict.Describe(d.chain.Certificates[0])
}

// isOfCertificate reports whether it was the certificate that came to the decision.
func (d decision) isOfCertificate() bool {
	return d.policy != nil && !verdict.IsOfRouter(d.code)
}

// detail returns what there is to say beside the code.
func (g *Guard) detail(d decision) string {
	if d.problem != "" {
		if d.isOfCertificate() {
			return ""
		}
		return d.problem
	}
	if d.code == verdict.RouterUnknown {
		return "Traefik does not say the router's name"
	}
	if d.code == verdict.RouterAmbiguous && g.moreChildren {
		return "the routers below it can't be read"
	}
	if d.code == verdict.RouterAmbiguous && d.binding.Other == "" {
		return "its name proves no namespace"
	}
	if d.chain == nil || len(d.chain.Certificates) == 0 {
		return ""
	}
	leaf := d.chain.Certificates[0]
	return verdict.Explain(d.code, d.request.Request, leaf, d.judged, time.Now())
}

// also returns the further codes that a request would have met, with commas: one look at the
// traffic in report mode shows all gaps.
func (g *Guard) also(req *http.Request, d decision) string {
	if d.policy == nil {
		return "" // while Namespaces are not listed yet
	}
	first := d.code
	codes := verdict.AllOfRequest(d.policy, d.request.Request)
	d.request.Request = verdict.AsOwners(d.policy, d.request.Request)
	if verdict.NeedsCertificate(d.policy, d.request.Request) {
		codes = append(codes, g.allOfCertificate(req, d)...)
	}
	said := map[verdict.Code]bool{first: true}
	var further []string
	for _, code := range codes {
		if !said[code] {
			said[code] = true
			further = append(further, string(code))
		}
	}
	return strings.Join(further, ",")
}

// allOfCertificate returns every code that the served certificate comes to.
func (g *Guard) allOfCertificate(req *http.Request, d decision) []verdict.Code {
	judged := verdict.JudgedAs(d.policy, d.request.Request)
	chain, validFor, err := g.observe(req, d.request, judged)
	if err != nil {
		return denials(verdict.Unobserved(d.policy, d.request.Request))
	}
	if len(chain.Certificates) == 0 {
		return denials(verdict.Unaccepted(d.policy, d.request.Request))
	}
	now := time.Now()
	d.chain = chain
	d.validFor = validFor
	d.judged = g.reload.judge(d.policy, judged, chain, now)
	codes := verdict.AllOfCertificate(
		d.policy, d.request.Request, chain.Certificates[0], d.judged, now)
	isCopy := judged.Certificates.Roots != nil && d.judged.HasSharedNames
	if !judged.Certificates.Secrets || isCopy {
		return codes
	}
	d.code = verdict.Pass
	inTenants := verdict.Served{
		Code: verdict.Pass, Secret: verdict.InTenants, Otherwise: verdict.CertificateSecret,
	}
	return append(codes, denials(g.checkSecret(req, d, judged, inTenants).code)...)
}

// denials returns a list with a code if that is a denial.
func denials(code verdict.Code) []verdict.Code {
	if code == verdict.Pass {
		return nil
	}
	return []verdict.Code{code}
}
