package audit

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// expiresSoon is how long before its end a certificate is warned of, at most: one of a few days a
// fifth of its life before. Renewal is usual a third of its life before.
const expiresSoon = 14 * 24 * time.Hour

// served is the certificate of a host, nil where that is not known, with the verdict on it.
type served struct {
	certificate *stored
	code        verdict.Code
}

func parseIP(text string) net.IP {
	return net.ParseIP(text)
}

// until is when a certificate ends, for a reader.
func until(s *stored) string {
	return s.leaf.NotAfter.UTC().Format("2006-01-02")
}

// serve finds which certificate Traefik serves for each host, and asks for the verdict on it.
func (a *auditor) serve() {
	isKnown := len(a.store) > 0 || a.Traefik != nil && a.Traefik.HasCertificates
	if !isKnown && len(a.Served) == 0 {
		return
	}
	for _, host := range a.sortedHosts() {
		r := a.ownRouter(host)
		if r == nil || (r.tlsKnown && !r.tls) {
			continue
		}
		a.ofServed(host, r)
	}
	a.contested()
	a.expiring()
	a.copied()
	a.sharedMissing()
}

// ownRouter returns a router that may serve a host, of TLS if there is one, nil for none.
func (a *auditor) ownRouter(host string) *route {
	var found *route
	for _, r := range a.byHost[host] {
		if a.mayServe(r, host) && !r.passthrough && (found == nil || r.tls && !found.tls) {
			found = r
		}
	}

	return found
}

// candidates returns the certificates that Traefik could serve for a host, the one it takes first.
func (a *auditor) candidates(host string) []*stored {
	var found, defaults []*stored
	for _, s := range a.store {
		switch {
		case s.isDefault:
			defaults = append(defaults, s)
		case s.isFor(host):
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return defaults
	}

	return found
}

// withServed puts the certificate that was really served first. What the store says of it is kept:
// the Secrets that have it.
func (a *auditor) withServed(candidates []*stored, chain []*x509.Certificate) []*stored {
	key, names := keyOf(chain[0])
	served := &stored{key: key, names: names, chain: chain, leaf: chain[0]}
	var others []*stored
	for _, s := range candidates {
		isSame := s.key == key && s.leaf.NotAfter.Equal(chain[0].NotAfter)
		if len(s.chain) > 0 {
			isSame = s.leaf.Equal(chain[0])
		}
		if isSame {
			served = s
			served.chain, served.leaf = chain, chain[0]
			continue
		}
		others = append(others, s)
	}
	if !slices.Contains(a.store, served) {
		a.store = append(a.store, served)
	}

	return append([]*stored{served}, others...)
}

// ServedNames returns the hosts of routers of TLS, for each of which Traefik serves a certificate.
func ServedNames(traefik *running.Traefik, objects *running.Objects) []string {
	set := map[string]bool{}
	for _, router := range Routers(traefik, objects) {
		for _, claim := range router.Claims {
			name := hosts.ParseDNS(claim.Host)
			if router.MayBeTLS && name != "" {
				set[string(name)] = true
			}
		}
	}

	return slices.Sorted(maps.Keys(set))
}

// ofServed notes the verdict on the certificate of a host.
func (a *auditor) ofServed(host string, r *route) {
	candidates := a.candidates(host)
	if chain := a.Served[host]; len(chain) > 0 {
		candidates = a.withServed(candidates, chain)
	}
	name := hosts.Parse(host)
	request := verdict.Request{
		Router: verdict.Pass, Tenant: r.binding.Tenant, Host: name, Path: "/", TLS: true,
		HasServerName: !hosts.IsAddress(name), ServerName: hosts.ParseDNS(host),
	}
	if !verdict.NeedsCertificate(a.Policy, request) {
		return
	}
	if len(candidates) == 0 {
		a.noCertificate(host, r)
		return
	}
	s := candidates[0]
	code := a.judge(request, s)
	s.hosts = append(s.hosts, host)
	a.certificates[host] = served{s, code}
	if code == verdict.Pass {
		return
	}
	s.verdict = string(code)
	a.find(a.wrongCertificate(host, r, s, candidates, code))
}

// What is said of a host for which Traefik has no certificate, so that it serves its own.
const (
	noneInStore     = "No certificate in Traefik's store is for it, so the default one is served."
	giveCertificate = "Give the route a certificate by tls.secretName, or a platform certificate " +
		"whose names are in shared.hosts."
)

// noCertificate says that none is for a host. Objects alone do not tell of certificates from
// files and of Traefik's own ACME.
func (a *auditor) noCertificate(host string, r *route) {
	if a.Traefik == nil || !a.Traefik.HasCertificates || r.resolver != "" {
		return
	}
	a.certificates[host] = served{nil, verdict.CertificateName}
	f := finding.New("certificate-name", host, noneInStore, giveCertificate)
	f.Tenant, f.Where = r.tenant(), r.where
	a.find(f)
}

// judge asks for the verdict on a certificate. Of one that only the API tells of there is no chain,
// so that roots and pins are not held against it.
func (a *auditor) judge(request verdict.Request, s *stored) verdict.Code {
	effective, tenant := a.Policy, verdict.JudgedAs(a.Policy, request)
	chain := s.chain
	if len(chain) == 0 {
		chain = append(chain, s.leaf)
		named := *tenant
		named.Certificates.Roots, named.Certificates.Pins = nil, nil
		tenant = &named
	}
	judged := verdict.OfChain(effective, tenant, chain, a.Now)
	result := verdict.OfCertificate(effective, request, s.leaf, judged, a.Now)
	if result.Secret == verdict.Anywhere || len(s.chain) == 0 {
		return result.Code
	}
	namespaces := a.Policy.SharedNamespaces
	if result.Secret == verdict.InTenants {
		namespaces = append(slices.Clone(namespaces), a.Policy.NamespacesOf(tenant)...)
	}
	for _, secret := range s.secrets {
		if slices.Contains(namespaces, secret.Namespace) {
			return result.Code
		}
	}

	return result.Otherwise
}

func (a *auditor) wrongCertificate(
	host string, r *route, s *stored, candidates []*stored, code verdict.Code,
) finding.Finding {
	message := fmt.Sprintf("Traefik serves the certificate %s for it, until %s, and requests are "+
		"denied as %s.", described(s), until(s), code)
	if len(candidates) > 1 {
		message += fmt.Sprintf(" Of %d that match it takes the one whose joined names sort last.",
			len(candidates))
	}
	do := "Have the certificate issued anew, with the tenant's own names."
	switch code {
	case verdict.CertificateName:
		if verdict.IsDefault(s.leaf) {
			message, do = noneInStore, giveCertificate
		}
	case verdict.CertificateForeign, verdict.CertificateSecret:
		do = "Remove the Secret or the route that names it, or make the certificate a shared one."
	case verdict.CertificateUntrusted:
		do = "Have it issued by an authority in certificates.roots, or add its root there."
	case verdict.CertificateExpired:
		do = "Renew it, or remove it so that another one is served."
	case verdict.CertificateUnpinned:
		do = "Add the pin " + verdict.Pin(s.leaf) + " to certificates.pins, if it is yours."
	}
	f := finding.New(string(code), host, message, do)
	f.Tenant, f.Where = r.tenant(), s.place()
	for _, secret := range s.secrets {
		// A wildcard may be a copy of the platform's.
		if slices.Contains(s.names, host) && !a.isOperators(secret.Namespace) &&
			a.tenantOf(secret.Namespace) != r.tenant() {
			f.Fix = fmt.Sprintf("kubectl delete secret --namespace %s %s",
				finding.Word(secret.Namespace), finding.Word(secret.Name))
		}
	}

	return f
}

// described names a certificate in a sentence.
func described(s *stored) string {
	text := "for " + bounded(s.names)
	if len(s.secrets) > 0 {
		text += " in " + s.secrets[0].Title()
	}

	return text
}

// place is where a certificate lies, "" where that is not known.
func (s *stored) place() string {
	if len(s.secrets) == 0 {
		return ""
	}

	return s.secrets[0].Place()
}

// contested finds hosts for which several tenants have certificates.
func (a *auditor) contested() {
	for _, host := range a.sortedHosts() {
		tenants := map[string]bool{}
		candidates := a.candidates(host)
		for _, s := range candidates {
			for _, secret := range s.secrets {
				if !a.isOperators(secret.Namespace) && !s.isDefault {
					tenants[a.tenantOf(secret.Namespace)] = true
				}
			}
		}
		if len(tenants) < 2 || a.sameShared(candidates) {
			continue
		}
		s := candidates[0]
		f := finding.New("certificate-contested", host,
			fmt.Sprintf("The namespaces of %s have certificates for it. Traefik serves the one "+
				"%s, whose joined names sort last, until %s.",
				tenantList(slices.Sorted(maps.Keys(tenants))), described(s), until(s)),
			"Remove the certificates that are not the owner's.")
		f.Tenant, f.Where = a.Policy.Hosts.Owner(hosts.Parse(host)), s.place()
		a.find(f)
	}
}

// sameShared reports whether all certificates are one and the same, or have only shared names.
func (a *auditor) sameShared(all []*stored) bool {
	if len(all) == 1 {
		return true
	}
	for _, s := range all {
		if !a.isShared(s) {
			return false
		}
	}

	return true
}

// isShared reports whether all names of a certificate are shared ones.
func (a *auditor) isShared(s *stored) bool {
	return !slices.ContainsFunc(s.names, func(name string) bool {
		return !a.Policy.SharedHosts.CoversAll(name, policy.SharedOwner)
	})
}

func (a *auditor) expiring() {
	for _, s := range a.store {
		left := s.leaf.NotAfter.Sub(a.Now)
		soon := min(expiresSoon, s.leaf.NotAfter.Sub(s.leaf.NotBefore)/5)
		if len(s.hosts) == 0 || left < 0 || left > soon {
			continue
		}
		f := finding.New("certificate-expires", "certificate "+described(s),
			fmt.Sprintf("It expires on %s. It is served for %s.", until(s), bounded(s.hosts)),
			"See why it was not renewed.")
		f.Where = s.place()
		a.find(f)
	}
}

// secrets finds Secrets that Traefik takes for paths, and those that it can't read.
func (a *auditor) secrets() {
	if a.Objects == nil {
		return
	}
	named, defaults := namedSecrets(a.Objects)
	for _, secret := range a.Objects.Secrets {
		place := secret.Namespace + "/" + secret.Name
		if len(secret.Paths) > 0 && !a.isOperators(secret.Namespace) {
			f := finding.New("secret-path", secret.Title(),
				fmt.Sprintf("Its %s is no PEM: Traefik takes it for a path, and serves that file "+
					"from its own disk.", strings.Join(secret.Paths, " and ")),
				"Remove it, and refuse such Secrets with the admission policies.")
			f.Fix = fmt.Sprintf("kubectl delete secret --namespace %s %s",
				finding.Word(secret.Namespace), finding.Word(secret.Name))
			f.Tenant, f.Where = a.tenantOf(secret.Namespace), secret.Place()
			a.find(f)
		} else if secret.Problem != "" && (named[place] || defaults[place]) {
			f := finding.New("secret-unreadable", secret.Title(), sentence(secret.Problem),
				"Put a certificate into it, leaf first.")
			f.Tenant, f.Where = a.tenantOf(secret.Namespace), secret.Place()
			a.find(f)
		}
	}
}
