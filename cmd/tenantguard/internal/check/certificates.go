package check

import (
	"fmt"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/certs"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// maxNames bounds the names of a certificate that are looked at.
const maxNames = 100

// certificates looks at what came with --cert.
func (c *policyCheck) certificates() {
	if len(c.Certificates) == 0 {
		return
	}
	c.unusedPins()
	for _, chain := range c.Certificates {
		c.certificate(chain)
	}
}

// certificate judges a certificate for the names that it has, as if it was served for each.
func (c *policyCheck) certificate(chain *certs.Chain) {
	leaf := chain.Leaf()
	if leaf == nil {
		f := c.add("certificate-refused", "", chain.Name,
			fmt.Sprintf("Go accepts no such certificate, %s: certificate-name for every host.",
				chain.Problem), "Have another one made.")
		f.Where = chain.Name

		return
	}
	if !isOver(leaf.NotBefore, leaf.NotAfter, c.Now) && verdict.ExpiresSoon(leaf, c.Now) {
		f := c.add("certificate-expires", "", chain.Name,
			fmt.Sprintf("It is valid until %s.", leaf.NotAfter.UTC().Format(time.RFC3339)),
			"Renew it.")
		f.Where = chain.Name
	}
	names := leaf.DNSNames
	for _, address := range leaf.IPAddresses {
		names = append(names[:len(names):len(names)], address.String())
	}
	said := map[string]bool{}
	for i, name := range names {
		if i == maxNames {
			break
		}
		id, tenant, message, do := c.judge(chain, name)
		if id == "" || said[id+tenant] {
			continue
		}
		said[id+tenant] = true
		f := c.add(id, "", name, message, do)
		f.Tenant = tenant
		f.Where = chain.Name
	}
}

// judge says what comes of a certificate that is served for one of its names.
func (c *policyCheck) judge(chain *certs.Chain, name string) (id, tenant, message, do string) {
	p := c.loaded.Effective
	host := hosts.ParseName(strings.Replace(name, "*.", "tenantguard-example.", 1))
	owner := p.Tenant(p.Hosts.Owner(host))
	if owner == nil {
		if p.SharedHosts.CoversAll(name, policy.SharedOwner) {
			return "", "", "", ""
		}

		return "certificate-unowned", "", fmt.Sprintf("No tenant owns %s.", name),
			"Give the name to its tenant, or list it in shared.hosts if this is the platform's."
	}
	r := verdict.Request{
		Router: verdict.Pass, Tenant: owner, Host: host, Path: "/", TLS: true,
		HasServerName: !hosts.IsAddress(host), ServerName: host,
	}
	if !verdict.NeedsCertificate(p, r) {
		return "", "", "", ""
	}
	judged := verdict.OfChain(p, owner, chain.Certificates, c.Now)
	code := verdict.OfCertificate(p, r, chain.Leaf(), judged, c.Now).Code
	if code == verdict.Pass {
		return "", "", "", ""
	}
	message = fmt.Sprintf("Served for %s of tenant %q it is denied: %s.", name, owner.Name, code)
	if judged.Offending != "" && code == verdict.CertificateForeign {
		message = fmt.Sprintf("Served for %s of tenant %q it is denied, for it names %s as well: "+
			"%s.", name, owner.Name, judged.Offending, code)
	}

	return "certificate-refused", owner.Name, message,
		"See docs/verdicts.md for what the code asks for."
}
