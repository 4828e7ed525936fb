package guard

import (
	"io"
	"net/http"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// reasonHeader carries the code of a denial where exposeReason is set.
const reasonHeader = "Tenantguard-Reason"

// The values of headers, so that none is made for each denial. Nobody changes them: what adds to a
// header makes a longer slice.
var (
	plainText = []string{"text/plain; charset=utf-8"}
	noSniff   = []string{"nosniff"}
	noStore   = []string{"no-store"}
)

// deny answers in plain text that names no tenant, and that no cache may keep for the tenant it
// belongs to.
func (g *Guard) deny(rw http.ResponseWriter, req *http.Request, code verdict.Code) {
	status := verdict.Status(code)
	header := rw.Header()
	header["Content-Type"] = plainText
	header["X-Content-Type-Options"] = noSniff
	header["Cache-Control"] = noStore
	if g.middleware.ExposeReason() {
		header.Set(reasonHeader, string(code))
	}
	if verdict.EndsConnection(code) && req.ProtoMajor < 3 {
		header.Set("Connection", "close") // HTTP/2 makes GOAWAY of it; HTTP/3 has no such header
	}
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, http.StatusText(status)+"\n")
}

// denial returns what the log says of a denied request.
func (g *Guard) denial(req *http.Request, d decision, enforced bool) report.Denial {
	denial := report.Denial{
		Mode:        policy.ModeReport,
		Reason:      string(d.code),
		Status:      verdict.Status(d.code),
		Router:      g.router.Name,
		Namespace:   strings.Join(d.binding.Namespaces, ","),
		Host:        req.Host,
		Certificate: d.problem,
	}
	if d.request.Host != "" { // one line for all its spellings
		denial.Host = hosts.Authority(d.request.Host)
	}
	if enforced {
		denial.Mode = policy.ModeEnforce
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
	if d.chain != nil && d.problem == "" {
		denial.Certificate = d.chain.Problem
		if len(d.chain.Certificates) > 0 {
			denial.Certificate = verdict.Describe(d.chain.Certificates[0])
		}
	}
	return denial
}
