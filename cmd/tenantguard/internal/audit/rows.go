package audit

import (
	"slices"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// rows lists every router, host and certificate.
func (a *auditor) rows() {
	for _, r := range a.routes {
		if r.binding.Internal {
			continue
		}
		row := RouterRow{Router: r.name, Object: r.object, Tenant: r.tenant(), Hosts: []string{}}
		for _, claim := range r.claims {
			name := claim.Host
			if claim.Regexp != "" {
				name = "~" + claim.Regexp
			} else if claim.IsAny() {
				name = "any"
			}
			if !slices.Contains(row.Hosts, name) {
				row.Hosts = append(row.Hosts, name)
			}
		}
		row.Verdict = string(r.worst())
		a.report.Routers = append(a.report.Routers, row)
	}
	for _, host := range a.sortedHosts() {
		winner := first(a.byHost[host])
		row := HostRow{
			Host: host, Owner: a.Policy.Hosts.Owner(hosts.Parse(host)), Router: winner.name,
			Verdict: string(verdict.Pass),
		}
		for _, v := range winner.verdicts {
			if v.host == host {
				row.Verdict = string(v.code)
			}
		}
		if s, found := a.certificates[host]; found {
			if s.certificate != nil {
				row.Certificate, row.Until = described(s.certificate), until(s.certificate)
			}
			if row.Verdict == string(verdict.Pass) {
				row.Verdict = string(s.code)
			}
		}
		a.report.Hosts = append(a.report.Hosts, row)
	}
	for _, s := range a.store {
		row := CertificateRow{
			Names: s.names, Hosts: s.hosts, Until: until(s), Verdict: s.verdict,
			Secrets: []string{},
		}
		for _, secret := range s.secrets {
			row.Secrets = append(row.Secrets, secret.Namespace+"/"+secret.Name)
		}
		if row.Verdict == "" {
			row.Verdict = string(verdict.Pass)
		}
		a.report.Certificates = append(a.report.Certificates, row)
	}
}

// What stands in place of a verdict: of a router that Traefik leaves out, so that no request comes
// to it, and of one that stands before the guard.
const (
	leftOut = "left out"
	notSeen = "not seen"
)

// worst returns a verdict on the router's hosts that is no pass, or else a pass.
func (r *route) worst() verdict.Code {
	if r.disabled || r.problem != nil {
		return leftOut
	}
	if r.protocol != http {
		return notSeen
	}
	if r.binding.Code != verdict.Pass {
		return r.binding.Code
	}
	for _, v := range r.verdicts {
		if v.code != verdict.Pass {
			return v.code
		}
	}

	return verdict.Pass
}
