package admission

import (
	"sort"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// The keys of the ConfigMap of owners are patterns, with "-." for "*." and "--." for "**.": a key
// may have no asterisk, and no label begins with a hyphen. Two more kinds of key begin with a
// capital, which no pattern has.
const (
	// insideKey, before a suffix, has the tenants that own a name right below that suffix.
	insideKey = "Inside."
	// namesKey, before a Namespace, has what names of its Ingresses may not begin with, each with
	// the older Namespace of another tenant whose names they would be in Traefik: "api=shop-api".
	// Nothing before "=" forbids all Ingresses.
	namesKey = "Names."
)

// Owners returns the data of the ConfigMap of owners: the tenant of each host pattern, and what the
// names of Ingresses may not be read as, by the age of the Namespaces. Addresses that no key can
// hold are left out: no rule names them.
func Owners(p *policy.Policy, namespaces []policy.Namespace) map[string]string {
	owners := map[string]string{}
	inside := map[string]map[string]bool{}
	p.Hosts.Each(func(pattern hosts.Pattern, owner string) {
		text := pattern.String()
		if strings.Contains(text, ":") {
			return
		}
		key := ownersKey(text)
		owners[key] = owner
		if key != text {
			return
		}
		if _, suffix, found := strings.Cut(text, "."); found {
			if inside[suffix] == nil {
				inside[suffix] = map[string]bool{}
			}
			inside[suffix][owner] = true
		}
	})
	for suffix, tenants := range inside {
		// Where no wildcard covers the suffix nobody may write one.
		if p.Hosts.Owner(hosts.Name("wildcard."+suffix)) != "" {
			owners[insideKey+suffix] = joined(tenants)
		}
	}
	addNames(owners, p, namespaces)
	return owners
}

// ownersKey is a pattern as a key.
func ownersKey(pattern string) string {
	if rest, deep := strings.CutPrefix(pattern, "**."); deep {
		return "--." + rest
	}
	if rest, wildcard := strings.CutPrefix(pattern, "*."); wildcard {
		return "-." + rest
	}
	return pattern
}

// addNames finds the pairs of Namespaces of different tenants of which one is called as the other,
// perhaps with a hyphen and more. What belongs to no tenant has no Ingresses.
func addNames(owners map[string]string, p *policy.Policy, namespaces []policy.Namespace) {
	byFlat := map[string][]policy.Namespace{}
	for _, n := range namespaces {
		if p.NamespaceTenant(n.Name) != nil {
			flat := policy.Flatten(n.Name)
			byFlat[flat] = append(byFlat[flat], n)
		}
	}
	reserved := map[string]map[string]bool{}
	for flat, longer := range byFlat {
		for prefix := flat; prefix != ""; prefix = parentName(prefix) {
			for _, short := range byFlat[prefix] {
				for _, long := range longer {
					reserve(reserved, p, short, long, strings.TrimPrefix(flat[len(prefix):], "-"))
				}
			}
		}
	}
	for namespace, items := range reserved {
		owners[namesKey+namespace] = joined(items)
	}
}

// reserve keeps the younger of two Namespaces from names that the older may have.
func reserve(
	reserved map[string]map[string]bool, p *policy.Policy, short, long policy.Namespace,
	rest string,
) {
	if p.NamespaceTenant(short.Name) == p.NamespaceTenant(long.Name) {
		return
	}
	younger, item := short.Name, rest+"="+long.Name
	if older(short, long) {
		// Every name of the longer Namespace begins with the shorter's.
		younger, item = long.Name, "="+short.Name
	}
	if reserved[younger] == nil {
		reserved[younger] = map[string]bool{}
	}
	reserved[younger][item] = true
}

// older orders Namespaces as the guard does: by creation time and then by name.
func older(one, other policy.Namespace) bool {
	if one.Created != other.Created {
		return one.Created < other.Created
	}
	return one.Name < other.Name
}

// parentName is the name without its last hyphen and what follows, "" for none.
func parentName(name string) string {
	i := strings.LastIndex(name, "-")
	if i < 0 {
		return ""
	}
	return name[:i]
}

func joined(set map[string]bool) string {
	var list []string
	for text := range set {
		list = append(list, text)
	}
	sort.Strings(list)
	return strings.Join(list, ",")
}
