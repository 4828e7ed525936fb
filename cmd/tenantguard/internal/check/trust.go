package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/certs"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/source"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// trust looks at what certificates are held to.
func (c *policyCheck) trust() {
	if names := c.loaded.Effective.CheckedByNameOnly(); len(names) > 0 {
		f := c.add("certificates-by-name-only", "certificates", strings.Join(names, ", "),
			"With none of roots, pins and secrets only names are compared, and a forged "+
				"certificate carries the same names.",
			"Say what certificates must verify to: system for public authorities, or a PEM file.")
		f.Fix = "certificates:\n  roots: system"
	}
	unchecked, unobserved := []string{}, []string{}
	for _, tenant := range c.loaded.Effective.Tenants {
		if !tenant.Certificates.Check {
			unchecked = append(unchecked, tenant.Name)
		} else if tenant.Certificates.AllowUnobserved {
			unobserved = append(unobserved, tenant.Name)
		}
	}
	if len(unchecked) > 0 {
		c.add("certificates-unchecked", "certificates.check", strings.Join(unchecked, ", "),
			"The served certificate is not looked at: who has another tenant's name in a "+
				"certificate of his own is served under it.",
			"Leave certificates.check out.")
	}
	if len(unobserved) > 0 {
		c.add("certificates-unobserved-pass", "certificates.onError",
			strings.Join(unobserved, ", "),
			"A request passes if its certificate cannot be observed.",
			"Set onError to allow for as long as something is repaired only.").Fix =
			"certificates:\n  onError: deny"
	}
	c.eachSection(func(path, tenant string, section *source.Certificates) {
		if section.Pins != nil && len(*section.Pins) == 1 {
			c.add("pins-without-spare", path+".pins", (*section.Pins)[0],
				"There is one pin: before a certificate with another key is served the policy "+
					"must have its pin.",
				"Pin the next key as well, or an authority (RFC 7469 section 4.3).").
				Tenant = tenant
		}
	})
}

// eachSection calls visit for the general settings of certificates, and for those of tenants.
func (c *policyCheck) eachSection(visit func(path, tenant string, section *source.Certificates)) {
	if c.document.Certificates != nil {
		visit("certificates", "", c.document.Certificates)
	}
	for i, tenant := range c.document.Tenants {
		if tenant.Certificates != nil {
			visit(fmt.Sprintf("tenants[%d].certificates", i), tenant.Name, tenant.Certificates)
		}
	}
}

// expiresSoon is how long before its end an authority is warned of.
const expiresSoon = 60 * 24 * time.Hour

// authorities looks at the files of roots.
func (c *policyCheck) authorities() {
	seen := map[string]bool{}
	c.eachSection(func(path, tenant string, section *source.Certificates) {
		content, read := c.loaded.Written[section.Roots]
		if !read || seen[section.Roots] {
			return
		}
		seen[section.Roots] = true
		all := certs.ReadAll(content)
		valid := 0
		for _, certificate := range all {
			if !isOver(certificate.NotBefore, certificate.NotAfter, c.Now) {
				valid++
			}
		}
		for _, certificate := range all {
			name := certificate.Subject.String()
			switch {
			case isOver(certificate.NotBefore, certificate.NotAfter, c.Now):
				f := c.add("authority-expired", path+".roots", name,
					fmt.Sprintf("%s in %s is valid from %s to %s.", name, section.Roots,
						day(certificate.NotBefore), day(certificate.NotAfter)),
					"Put the authority's next certificate into the file, and take this one out.")
				if valid > 0 {
					f.Severity = finding.Warning
				}
			case certificate.NotAfter.Sub(c.Now) < expiresSoon:
				c.add("authority-expires", path+".roots", name,
					fmt.Sprintf("%s in %s is valid until %s.", name, section.Roots,
						day(certificate.NotAfter)),
					"Put the authority's next certificate into the file beside it.")
			}
			if !certificate.IsCA {
				c.add("authority-not-ca", path+".roots", name,
					fmt.Sprintf("%s in %s is no authority's: only this certificate itself "+
						"verifies to it.", name, section.Roots),
					"Put the authority's certificate there, or pin this one's key.")
			}
		}
	})
}

func isOver(from, to, now time.Time) bool {
	return now.Before(from) || now.After(to)
}

func day(t time.Time) string {
	return t.UTC().Format(time.DateOnly)
}

// unusedPins finds pins that no certificate has.
func (c *policyCheck) unusedPins() {
	have := map[string]bool{}
	for _, chain := range c.Certificates {
		for _, certificate := range chain.Certificates {
			have[verdict.Pin(certificate)] = true
		}
	}
	pins := map[string]string{}
	c.eachSection(func(path, _ string, section *source.Certificates) {
		if section.Pins != nil {
			for i, pin := range *section.Pins {
				pins[pin] = fmt.Sprintf("%s.pins[%d]", path, i)
			}
		}
	})
	if c.document.Shared != nil {
		for i, pin := range c.document.Shared.Pins {
			pins[pin] = fmt.Sprintf("shared.pins[%d]", i)
		}
	}
	for _, pin := range slices.Sorted(maps.Keys(pins)) {
		if !have[pin] {
			c.add("pin-unused", pins[pin], pin, "None of the certificates given has this pin.",
				"Take it out, unless it is the next key's.")
		}
	}
}
