package guard

import (
	"io"
	"net/http"

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
