package policy

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/tenantguard/tenantguard/internal/text"
)

// namespacePrefix may end in the hyphen that a namespace itself may not end in.
var namespacePrefix = regexp.MustCompile(`^(?:[a-z0-9][a-z0-9-]{0,61})?$`)

// claim is one namespace of a tenant.
type claim struct {
	order  int
	path   string
	text   string
	tenant *Tenant
}

// prefix returns the beginning that a claim with a "*" claims.
func (c claim) prefix() string {
	return strings.TrimSuffix(c.text, "*")
}

// claimNamespace notes a namespace that a tenant lists, or the beginning of several.
func (b *builder) claimNamespace(path, claimed string, tenant *Tenant) {
	base, isPrefix := strings.CutSuffix(claimed, "*")
	valid := text.IsNamespace(base)
	if isPrefix {
		valid = namespacePrefix.MatchString(base)
	}
	if !valid {
		b.fail(path, claimed, `wanted a namespace, or the beginning of one and "*"`)
		return
	}
	key := claimKey(base, isPrefix)
	c := claim{order: len(b.claims), path: path, text: claimed, tenant: tenant}
	if other, found := b.claims[key]; found {
		b.failClaims(other, c)
		return
	}
	b.claims[key] = c
}

// claimKey sorts a prefix directly before all that begins with it.
func claimKey(base string, isPrefix bool) string {
	if isPrefix {
		return base + "\x00"
	}
	return base + "\x01"
}

// bindNamespaces fills the policy's namespaces and refuses one that lies in another tenant's
// prefix: its routers would be both tenants'.
func (b *builder) bindNamespaces() {
	keys := make([]string, 0, len(b.claims))
	for key := range b.claims {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	var open []claim
	for _, key := range keys {
		if b.full() {
			break
		}
		c := b.claims[key]
		base, isPrefix := strings.CutSuffix(key, "\x00")
		base = strings.TrimSuffix(base, "\x01")
		for len(open) > 0 && !strings.HasPrefix(base, open[len(open)-1].prefix()) {
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			b.failClaims(c, open[len(open)-1])
		}
		if !isPrefix {
			b.policy.namespaces[base] = c.tenant
			continue
		}
		open = append(open, c)
		b.policy.addPrefix(base, c.tenant)
	}
}

// failClaims refuses the later of two claims, unless they are one tenant's.
func (b *builder) failClaims(one, other claim) {
	if one.tenant == other.tenant {
		return
	}
	if one.order < other.order {
		one, other = other, one
	}
	before := b.decoder.tenant
	b.decoder.tenant = one.tenant.Name
	defer func() { b.decoder.tenant = before }()
	b.fail(one.path, one.text, fmt.Sprintf("tenant %s claims this namespace as well, with %s",
		quote(other.tenant.Name), quote(other.text)))
}
