package explain

import (
	"slices"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// also finds every further denial, as the guard does in report mode: of the request as if router
// and Host were put right.
func (e *explainer) also() {
	codes := verdict.AllOfRequest(e.policy, e.parsed)
	e.parsed = verdict.AsOwners(e.policy, e.parsed)
	if verdict.NeedsCertificate(e.policy, e.parsed) {
		codes = append(codes, e.allOfCertificate()...)
	}
	for _, code := range codes {
		text := string(code)
		if code != verdict.Pass && text != e.Verdict && !slices.Contains(e.Also, text) {
			e.Also = append(e.Also, text)
		}
	}
}

// allOfCertificate returns every code that the served certificate comes to, as far as it is known.
func (e *explainer) allOfCertificate() []verdict.Code {
	chain := e.sent.Certificate
	if e.sent.Unobserved != "" {
		return []verdict.Code{verdict.Unobserved(e.policy, e.parsed)}
	}
	if chain == nil {
		e.stepWith("certificate", "", "It is not known. What else it would be denied for says "+
			"--cert.")

		return nil
	}
	if chain.Leaf() == nil {
		return []verdict.Code{verdict.Unaccepted(e.policy, e.parsed)}
	}
	tenant := verdict.JudgedAs(e.policy, e.parsed)
	judged := verdict.OfChain(e.policy, tenant, chain.Certificates, e.now)
	codes := verdict.AllOfCertificate(e.policy, e.parsed, chain.Leaf(), judged, e.now)
	if e.isInNoSecret(tenant, judged) {
		codes = append(codes, verdict.CertificateSecret)
	}

	return codes
}

// isInNoSecret reports whether it is known that no Secret has the certificate which must.
func (e *explainer) isInNoSecret(tenant *policy.Tenant, judged *verdict.Chain) bool {
	isCopy := tenant.Certificates.Roots != nil && judged.HasSharedNames
	if !tenant.Certificates.Secrets || isCopy || e.sent.Secrets == nil {
		return false
	}

	return !haveOneInCommon(e.sent.Secrets, e.secretNamespaces(tenant, verdict.InTenants))
}
