package check

import (
	"fmt"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

// written is a host pattern as it is written.
type written struct {
	path, text string
	tenant     string
	pattern    hosts.Pattern
}

// maxSaid bounds the findings of one kind.
const maxSaid = 100

// hosts looks at the host patterns.
func (c *policyCheck) hosts() {
	var owned []written
	for i, tenant := range c.document.Tenants {
		path := fmt.Sprintf("tenants[%d]", i)
		owned = append(owned, patternsOf(path+".hosts", tenant.Hosts, tenant.Name)...)
		if tenant.Guest != nil {
			c.publicSuffixes(patternsOf(path+".guest.hosts", tenant.Guest.Hosts, tenant.Name))
		}
	}
	c.publicSuffixes(owned)
	c.nested(owned)
	if c.document.Shared != nil {
		shared := patternsOf("shared.hosts", c.document.Shared.Hosts, "")
		c.publicSuffixes(shared)
		c.apexes(shared)
	}
}

func patternsOf(path string, texts []string, tenant string) []written {
	var all []written
	for i, text := range texts {
		pattern, err := hosts.ParsePattern(text)
		if err == nil { // a guest's "**" is none
			all = append(all, written{fmt.Sprintf("%s[%d]", path, i), text, tenant, pattern})
		}
	}

	return all
}

// publicSuffixes finds wildcards below which strangers own names: by the Public Suffix List, and by
// what the plugin knows of it.
func (c *policyCheck) publicSuffixes(patterns []written) {
	for _, w := range patterns {
		suffix := publicSuffixOf(w.pattern)
		if suffix == "" {
			continue
		}
		c.add("wildcard-public-suffix", w.path, w.text,
			fmt.Sprintf("%s is right below the public suffix %s: strangers own names there, and "+
				"nobody proves to you that they do not.", w.text, suffix),
			"List the names that are yours.").Tenant = w.tenant
	}
}

// publicSuffixOf returns the public suffix that a wildcard is right below, "" for none. Names of
// one label count only where a registry has them.
func publicSuffixOf(pattern hosts.Pattern) string {
	if suffix := pattern.PublicSuffix(); suffix != "" {
		return suffix
	}
	base, isWildcard := baseOf(pattern)
	if !isWildcard || hosts.IsAddress(hosts.Name(base)) {
		return ""
	}
	below := "name." + base
	suffix, isRegistrys := publicsuffix.PublicSuffix(below)
	if suffix == base && (isRegistrys || strings.Contains(base, ".")) {
		return suffix
	}
	if suffix == below { // for there is a rule such as *.kawasaki.jp
		return base
	}

	return ""
}

// baseOf returns what a wildcard is below, and whether the pattern is one.
func baseOf(pattern hosts.Pattern) (base string, isWildcard bool) {
	text := pattern.String()
	base = strings.TrimPrefix(strings.TrimPrefix(text, "*"), "*.")
	base = strings.TrimPrefix(base, ".")

	return base, strings.HasPrefix(text, "*")
}

// nested finds patterns inside others: those of another tenant, which the more specific pattern
// takes a part of, and those of the same tenant, which needs no second one.
func (c *policyCheck) nested(patterns []written) {
	byText := map[string]written{}
	for _, w := range patterns {
		byText[w.pattern.String()] = w
	}
	said := 0
	for _, w := range patterns {
		around, found := nextAround(w.pattern, byText)
		if !found || said == maxSaid {
			continue
		}
		said++
		if around.tenant == w.tenant {
			c.add("hosts-redundant", w.path, w.text,
				fmt.Sprintf("%s is inside %s of the same tenant.", w.text, around.text),
				"Leave one of them out, unless the other is to go later.").Tenant = w.tenant

			continue
		}
		c.add("hosts-nested", w.path, w.text,
			fmt.Sprintf("%s of tenant %q lies inside %s of tenant %q, which does not own it then.",
				w.text, w.tenant, around.text, around.tenant),
			"Nothing, if that is meant.").Tenant = w.tenant
	}
}

// nextAround returns the most specific pattern that covers all of another one.
func nextAround(pattern hosts.Pattern, byText map[string]written) (written, bool) {
	text := pattern.String()
	base, isWildcard := baseOf(pattern)
	if strings.HasPrefix(text, "*.") {
		if around, found := byText["**."+base]; found {
			return around, true
		}
	}
	if !isWildcard {
		if hosts.IsAddress(hosts.Name(base)) {
			return written{}, false
		}
		if _, parent, below := strings.Cut(base, "."); below {
			if around, found := byText["*."+parent]; found {
				return around, true
			}
		}
	}
	for {
		_, parent, below := strings.Cut(base, ".")
		if !below {
			return written{}, false
		}
		if around, found := byText["**."+parent]; found {
			return around, true
		}
		base = parent
	}
}

// apexes finds wildcards of platform certificates without what they are below: authorities write
// both into one certificate.
func (c *policyCheck) apexes(shared []written) {
	for _, w := range shared {
		base, isWildcard := baseOf(w.pattern)
		name := hosts.ParseName(base)
		if !isWildcard || publicSuffixOf(w.pattern) != "" ||
			c.loaded.Effective.SharedHosts.Owner(name) != "" {
			continue
		}
		f := c.add("shared-apex-missing", w.path, w.text,
			fmt.Sprintf("A platform certificate for %s often names %s as well, which "+
				"shared.hosts does not have.", w.text, base),
			"Add it, if the platform's certificates have it.")
		f.Fix = fmt.Sprintf("shared:\n  hosts: [%q, %s]", w.text, base)
	}
}
