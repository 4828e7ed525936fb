package guard

import (
	"io"
	"net/http"
	"time"

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
	closed    = []string{"close"}
)

// refuse says a denial, and carries it out.
func (g *Guard) refuse(rw http.ResponseWriter, req *http.Request, a *answer) {
	denial := a.denial
	if a.code == verdict.HostInvalid { // any of these is one answer, but said as it was written
		denial = denial.WithHost(req.Host)
	}
	log.Deny(denial, req)
	counters.Denied(denial, a.byTenant, req, time.Now())
	if !a.enforced {
		g.next.ServeHTTP(rw, req)
		return
	}
	a.refusal.deny(rw, req)
}

// refusal is how a denied request is answered.
type refusal struct {
	status int
	text   string
	// reason is the value of reasonHeader, nil where it is not exposed.
	reason         []string
	endsConnection bool
}

// refusal returns how a request with a code is answered. It is made once for each answer.
func (g *Guard) refusal(code verdict.Code) *refusal {
	r := &refusal{status: verdict.Status(code), endsConnection: verdict.EndsConnection(code)}
	r.text = http.StatusText(r.status) + "\n"
	if g.middleware.ExposeReason() {
		r.reason = []string{string(code)}
	}
	return r
}

// deny answers in plain text that names no tenant, and that no cache may keep for the tenant it
// belongs to.
func (r *refusal) deny(rw http.ResponseWriter, req *http.Request) {
	header := rw.Header()
	header["Content-Type"] = plainText
	header["X-Content-Type-Options"] = noSniff
	header["Cache-Control"] = noStore
	if r.reason != nil {
		header[reasonHeader] = r.reason
	}
	if r.endsConnection && req.ProtoMajor < 3 {
		header["Connection"] = closed // HTTP/2 makes GOAWAY of it; HTTP/3 has no such header
	}
	rw.WriteHeader(r.status)
	_, _ = io.WriteString(rw, r.text)
}
