package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

// digestLength is how many hexadecimal digits of a digest are said.
const digestLength = 12

// Digest returns a text that is the same for policies that say the same of tenants: two instances
// of Traefik with the same digest decide alike. Namespaces without a tenant do not count.
func (p *Policy) Digest() string {
	var lines []string
	for _, tenant := range p.Tenants {
		lines = append(lines, fmt.Sprintf("tenant %q %q %t %s %s", tenant.Name,
			tenant.Mode, tenant.takesNamespaces, tenant.Certificates.text(), tenant.Guest.text()))
		for _, namespace := range p.owned[tenant.Name] {
			lines = append(lines, fmt.Sprintf("namespace %q %q", namespace, tenant.Name))
		}
	}
	for prefix, tenant := range p.prefixes {
		lines = append(lines, fmt.Sprintf("prefix %q %q", prefix, tenant.Name))
	}
	for _, pattern := range p.routers {
		lines = append(lines, fmt.Sprintf("routers %q %q", pattern.match.String(),
			pattern.tenant.Name))
	}
	lines = append(lines, patterns(p.Hosts)...)
	lines = append(lines, "shared "+strings.Join(patterns(p.SharedHosts), " "))
	lines = append(lines, "shared "+sortedSet(p.SharedPins))
	shared := append([]string{}, p.SharedNamespaces...)
	sort.Strings(shared)
	lines = append(lines, fmt.Sprintf("shared %q", shared))
	sort.Strings(lines)
	return digestOf(strings.Join(lines, "\n"))
}

// Digest is Policy.Digest with the settings. ofPolicy is what that returns.
func (s Settings) Digest(ofPolicy string) string {
	proxies := ""
	if s.Proxies != nil {
		var all []string
		for prefix := range s.Proxies.prefixes {
			all = append(all, prefix.String())
		}
		sort.Strings(all)
		proxies = strings.Join(all, " ")
	}
	k := s.Kubernetes
	return digestOf(fmt.Sprintf("%s %t %t %t %t %t %q %t %q %s %q %q", ofPolicy, s.Report,
		s.LegacyNames, s.DenyPlaintext, s.ShareServerNames, s.ExposeReason, proxies, k.Enabled,
		k.Endpoint, k.Grace.String(), k.TenantLabel, k.HostRules))
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:digestLength]
}

// text says everything that a served certificate must be.
func (c Certificates) text() string {
	return fmt.Sprintf("%t %q %s %t %s %t %t", c.Check, c.RootsDigest, sortedSet(c.Pins),
		c.Secrets, c.TTL.String(), c.AcrossReloads, c.AllowUnobserved)
}

func (g *Guest) text() string {
	if g == nil {
		return ""
	}
	return fmt.Sprintf("%t %q %q", g.all, patterns(g.hosts), g.paths)
}

func sortedSet(set map[string]bool) string {
	all := make([]string, 0, len(set))
	for text := range set {
		all = append(all, text)
	}
	sort.Strings(all)
	return strings.Join(all, " ")
}

// patterns returns the patterns of a table with their owners, sorted.
func patterns(table *hosts.Table) []string {
	var all []string
	table.Each(func(pattern hosts.Pattern, owner string) {
		all = append(all, fmt.Sprintf("host %q %q", pattern.String(), owner))
	})
	sort.Strings(all)
	return all
}

// Counts is how much a policy has.
type Counts struct {
	// Enforcing are the tenants that are not in report mode.
	Tenants, Enforcing, Namespaces, Hosts int
}

// Counts returns how much is in force. Where the cluster is not known, a prefix of namespaces
// counts as one. report is the general mode.
func (p *Policy) Counts(report bool) Counts {
	c := Counts{Tenants: len(p.Tenants)}
	for _, tenant := range p.Tenants {
		c.Namespaces += len(p.owned[tenant.Name])
		if tenant.Mode == ModeEnforce || (tenant.Mode == "" && !report) {
			c.Enforcing++
		}
	}
	if !p.ClusterKnown() {
		c.Namespaces += len(p.prefixes)
	}
	p.Hosts.Each(func(_ hosts.Pattern, _ string) { c.Hosts++ })
	return c
}
