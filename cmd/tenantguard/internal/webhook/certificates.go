package webhook

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/text"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const (
	// maxNames is how many names of a certificate are looked at one by one. One with more is
	// refused by the plugin's rule.
	maxNames = 1000
	// maxShown is how many bytes of somebody's text a message has.
	maxShown = 200
)

// secret refuses a Secret with a certificate that is not the Namespace's own.
func (r *Reviewer) secret(ctx context.Context, v *view, namespace string, data map[string][]byte,
) Answer {
	chain, err := servedChain(data)
	if errors.Is(err, errNotServed) {
		return pass()
	}
	if err != nil {
		return refuse(ReasonUnreadable, err.Error()+
			"; write the PEM of a certificate and its key")
	}
	tenant := v.tenant(namespace)
	if tenant == nil {
		return refuse(ReasonNoTenant, fmt.Sprintf("namespace %s is of no tenant, so no "+
			"certificate is its own; ask your operators for the label %s",
			namespace, r.tenants.label))
	}

	return r.certificate(ctx, v, namespace, tenant, chain)
}

// certificate holds the names of a chain's leaf to the tenant's and the shared ones, as the plugin
// does with a served one. Whether it expires, who issued it and what pins it matches is left to the
// plugin: a temporary certificate is self-signed.
func (r *Reviewer) certificate(ctx context.Context, v *view, namespace string,
	tenant *policy.Tenant, chain []*x509.Certificate,
) Answer {
	leaf := chain[0]
	names := allNames(leaf)
	if len(names) <= maxNames {
		names = r.unexcused(v, namespace, names)
	}
	named := append([]*x509.Certificate{withNames(leaf, names)}, chain[1:]...)
	verdict := verdict.OfChain(v.policy, tenant, named, time.Now())
	switch {
	case verdict.IsPinned:
		return pass()
	case verdict.IsForeign && len(names) > maxNames:
		return refuse(ReasonUnreadable, fmt.Sprintf("the certificate in %s has %d names, and no "+
			"more than %d are looked at; use several certificates",
			certificateKey, len(names), maxNames))
	case verdict.IsForeign:
		return r.foreign(v, namespace, tenant, verdict.Offending)
	case ofPlatform(v.policy, tenant.Name, names):
		return r.platform(ctx, v, tenant, chain, verdict.Trust)
	default:
		return pass()
	}
}

// unexcused leaves out the names that a certificate of the Namespace may have although they are
// not the tenant's.
func (r *Reviewer) unexcused(v *view, namespace string, names []string) []string {
	local := local{view: v, namespace: namespace, domain: r.options.ClusterDomain}
	allowed := allowed(v.allow[namespace])
	var rest []string
	for _, name := range names {
		if !local.has(name) && !allowed.CoversAll(name, allowWord) {
			rest = append(rest, name)
		}
	}

	return rest
}

// foreign says which name is not the tenant's, whose it is, and what to do.
func (r *Reviewer) foreign(v *view, namespace string, tenant *policy.Tenant, name string) Answer {
	whose, reason := "which no tenant has", ReasonUnowned
	owner := v.owner(name, tenant.Name)
	switch {
	case owner == tenant.Name:
		whose = "which also stands for names that this tenant does not have"
	case owner != "":
		reason = ReasonForeign
		whose = "which another tenant has"
		if strings.HasPrefix(name, "*.") {
			whose = "which stands for names that another tenant has"
		}
		if r.options.NameOwners {
			whose += fmt.Sprintf(" (%s)", shown(owner))
		}
	case hosts.ParseName(strings.TrimPrefix(name, "*.")) == "":
		reason = ReasonUnreadable
		whose = "which is no host name that can be checked"
	}
	own := v.patterns(tenant.Name)
	sort.Strings(own)
	message := fmt.Sprintf("the certificate in %s has the name %s, %s; hosts of tenant %s: %s. "+
		"Use a certificate with names of these only, or ask your operators to add the name to the "+
		"annotation %s of namespace %s",
		certificateKey, shown(name), whose, tenant.Name, bound(orNone(strings.Join(own, ", "))),
		policy.HostsAnnotation, namespace)
	answer := refuse(reason, message)
	answer.Tenant, answer.Owner, answer.Name = tenant.Name, owner, name

	return answer
}

// ofPlatform reports whether one of the names is no more the tenant's than that of all others.
func ofPlatform(p *policy.Effective, tenant string, names []string) bool {
	for _, name := range names {
		if !p.Hosts.CoversAll(name, tenant) {
			return true
		}
	}

	return false
}

// platform decides on a certificate with names that are everybody's. Its names anybody can forge,
// so it must be one of the platform's: by the roots where there are any, or else by lying in a
// shared namespace as well. Where neither is configured there is nothing to tell it by.
func (r *Reviewer) platform(ctx context.Context, v *view, tenant *policy.Tenant,
	chain []*x509.Certificate, trust verdict.Code,
) Answer {
	if tenant.Certificates.Roots != nil {
		if trust != verdict.CertificateUntrusted {
			return pass()
		}

		return refuse(ReasonForged, "the certificate has a name of shared.hosts and does not "+
			"verify to certificates.roots, so it is not your platform's; copy the platform's")
	}
	if len(v.policy.SharedNamespaces) == 0 || r.options.Shared == nil {
		answer := pass()
		answer.Warning = "the certificate has a name of shared.hosts, and nothing tells whether " +
			"it is the platform's: set certificates.roots or shared.namespaces"

		return answer
	}
	found, err := r.options.Shared(ctx, v.policy.SharedNamespaces, chain[0].Raw)
	if err != nil {
		return refuse(ReasonUnavailable, "the certificate has a name of shared.hosts, and the "+
			"Secrets in "+bound(strings.Join(v.policy.SharedNamespaces, ", "))+
			" can't be read to compare it: "+err.Error())
	}
	if !found {
		return refuse(ReasonForged, "the certificate has a name of shared.hosts and lies in no "+
			"Secret in "+bound(strings.Join(v.policy.SharedNamespaces, ", "))+
			", so it is not your platform's; copy the platform's, or leave the name out")
	}

	return pass()
}

// shown quotes a text that somebody else wrote, bounded.
func shown(s string) string {
	return strconv.Quote(bound(s))
}

func bound(s string) string {
	return text.Bound(s, maxShown)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}

	return s
}
