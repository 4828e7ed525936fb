package guard

import (
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// reasonHeader carries the code of a denial where exposeReason is set.
const reasonHeader = "Tenantguard-Reason"

// deny answers in plain text that names no tenant, and that no cache may keep for the tenant it
// belongs to.
func (g *Guard) deny(rw http.ResponseWriter, req *http.Request, code verdict.Code) {
	status := verdict.Status(code)
	header := rw.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
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
		Client:      req.RemoteAddr,
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
		judged := verdict.JudgedAs(d.policy, d.request.Request)
		denial.Offending, _ = verdict.OffendingName(d.policy, judged, d.chain[0])
	}
	if len(d.chain) > 0 && d.problem == "" {
		denial.Certificate = verdict.Describe(d.chain[0])
	}
	if client, _, err := net.SplitHostPort(req.RemoteAddr); err == nil {
		denial.Client = client
	}
	return denial
}
