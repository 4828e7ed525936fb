package policy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

// This file has the patterns that claim more than one tenant is likely to own: those of routers,
// which are refused without a provider, and what is warned of.

// maxPattern bounds, in bytes, a pattern of routers: each becomes a program that names of routers
// are matched by.
const maxPattern = 256

func (b *builder) addRouter(path, text string, tenant *Tenant) {
	if len(text) > maxPattern {
		b.fail(path, text, fmt.Sprintf("wanted a pattern of at most %d bytes", maxPattern))
		return
	}
	if other := b.routers[text]; other != nil && other != tenant {
		b.fail(path, text, "tenant "+quote(other.Name)+" claims these routers as well")
	}
	b.routers[text] = tenant
	b.checkProvider(path, text)
	expression := strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, ".*")
	// A star stands for a line feed too, which a file may have in a name.
	match, err := regexp.Compile("(?s)^" + expression + "$")
	if err != nil { // what a key-value store holds need not be UTF-8
		b.fail(path, text, "wanted the names of routers: "+err.Error())
		return
	}
	b.policy.routers = append(b.policy.routers, routerPattern{
		text: text, match: match, tenant: tenant})
}

// checkProvider refuses a pattern that does not end with a provider: whoever can write for another
// one would choose names that it matches.
func (b *builder) checkProvider(path, text string) {
	at := strings.LastIndex(text, "@")
	if at < 0 {
		b.fail(path, text, "wanted the provider of the routers as well, such as "+
			quote(text+"@docker"))
		return
	}
	name, provider := text[:at], text[at+1:]
	if provider == "" || strings.Contains(provider, "*") {
		b.fail(path, text, `wanted the name of a provider after the "@", such as `+
			quote(name+"@docker"))
	} else if strings.Trim(name, "*") == "" {
		b.warn(path, text, "it matches all routers of the provider "+quote(provider))
	}
}

// warn notes a pattern that claims more than one tenant is likely to own.
func (b *builder) warn(path, text, reason string) {
	b.policy.addBroad(b.where(path, text) + ": " + reason)
}

func (p *Policy) addBroad(text string) {
	if len(p.Broad) < maxErrors {
		p.Broad = append(p.Broad, text)
	} else if len(p.Broad) == maxErrors {
		p.Broad = append(p.Broad, fmt.Sprintf("there are more than these %d", maxErrors))
	}
}

// tooBroad returns what is said of a host pattern below which strangers own names, "" of others.
func tooBroad(pattern hosts.Pattern) string {
	suffix := pattern.PublicSuffix()
	if suffix == "" {
		return ""
	}
	return "a wildcard right below the public suffix " + quote(suffix)
}
