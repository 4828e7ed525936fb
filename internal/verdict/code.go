// Package verdict decides: the router's tenant, the Host, the server name and the certificate
// really served either belong together or they do not. Everything here is a pure function: the
// plugin, the command line and the tests ask it alike.
package verdict

import (
	"net/http"
	"strings"
)

// Code is a verdict: Pass, or why a request is denied. The zero Code is no decision, which is
// refused: what somebody forgot to decide must not pass.
type Code string

// The verdicts, in the order in which they are looked at.
const (
	Undecided              Code = ""
	Pass                   Code = "pass"
	PolicyInvalid          Code = "policy-invalid"
	RouterUnknown          Code = "router-unknown"
	RouterUnbound          Code = "router-unbound"
	RouterAmbiguous        Code = "router-ambiguous"
	HostInvalid            Code = "host-invalid"
	HostUnowned            Code = "host-unowned"
	HostForeign            Code = "host-foreign"
	TLSRequired            Code = "tls-required"
	SNIMissing             Code = "sni-missing"
	SNIForeign             Code = "sni-foreign"
	CertificateUnavailable Code = "certificate-unavailable"
	CertificateExpired     Code = "certificate-expired"
	CertificateName        Code = "certificate-name"
	CertificateForeign     Code = "certificate-foreign"
	CertificateUntrusted   Code = "certificate-untrusted"
	CertificateUnpinned    Code = "certificate-unpinned"
	CertificateSecret      Code = "certificate-secret"
)

// status lists the statuses of denials. 421 lets a client retry on a new connection (RFC 9110
// section 15.5.20), where another server name or certificate may be in force; 403 does not.
var status = map[Code]int{
	PolicyInvalid:          http.StatusServiceUnavailable,
	RouterUnknown:          http.StatusForbidden,
	RouterUnbound:          http.StatusForbidden,
	RouterAmbiguous:        http.StatusForbidden,
	HostInvalid:            http.StatusBadRequest,
	HostUnowned:            http.StatusForbidden,
	HostForeign:            http.StatusForbidden,
	TLSRequired:            http.StatusForbidden,
	SNIMissing:             http.StatusMisdirectedRequest,
	SNIForeign:             http.StatusMisdirectedRequest,
	CertificateUnavailable: http.StatusServiceUnavailable,
	CertificateExpired:     http.StatusMisdirectedRequest,
	CertificateName:        http.StatusMisdirectedRequest,
	CertificateForeign:     http.StatusMisdirectedRequest,
	CertificateUntrusted:   http.StatusMisdirectedRequest,
	CertificateUnpinned:    http.StatusMisdirectedRequest,
	CertificateSecret:      http.StatusMisdirectedRequest,
}

// EndsConnection reports whether a client should make a new connection. Where the certificate that
// a connection was made with is refused no later request on it is any better, even when another
// certificate is served by then. And some browsers take a 421 for no reason to make a new one: on
// this one each request for such a host would be denied again.
func EndsConnection(code Code) bool {
	return code == SNIForeign || code == SNIMissing ||
		(strings.HasPrefix(string(code), "certificate-") && code != CertificateUnavailable)
}

// IsOfRouter reports whether a denial says that the router has no tenant.
func IsOfRouter(code Code) bool {
	return strings.HasPrefix(string(code), "router-")
}

// IsOfNames reports whether a denial is by the router, the Host and the server name: a foreign
// server name by the certificate too, where a shared one lets it pass.
func IsOfNames(code Code) bool {
	return IsOfRouter(code) || strings.HasPrefix(string(code), "host-") ||
		strings.HasPrefix(string(code), "sni-")
}

// Codes returns the denials.
func Codes() []Code {
	codes := make([]Code, 0, len(status))
	for code := range status {
		codes = append(codes, code)
	}
	return codes
}

// Status returns the HTTP status of a denial. What is none of them, such as an undecided verdict,
// is an error of ours.
func Status(code Code) int {
	if known := status[code]; known != 0 {
		return known
	}
	return http.StatusInternalServerError
}
