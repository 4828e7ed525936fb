package check

import (
	"fmt"
	"slices"
	"strings"
)

// ofKubernetes are the providers whose routers belong to namespaces. Patterns for them match
// nothing that counts.
var ofKubernetes = map[string]bool{
	"kubernetes": true, "kubernetescrd": true, "kubernetesgateway": true,
	"kubernetesingressnginx": true,
}

// routers looks at the patterns of routers.
func (c *policyCheck) routers() {
	byProvider := map[string][]written{}
	for i, tenant := range c.document.Tenants {
		for j, text := range tenant.Routers {
			w := written{
				path: fmt.Sprintf("tenants[%d].routers[%d]", i, j), text: text, tenant: tenant.Name,
			}
			name, provider := text, ""
			if at := strings.LastIndex(text, "@"); at >= 0 {
				name, provider = text[:at], text[at+1:]
			}
			if ofKubernetes[provider] {
				c.add("routers-without-effect", w.path, text,
					fmt.Sprintf("Routers of %s belong to the tenant of their namespace, whatever "+
						"their name is.", provider),
					"List the tenant's namespaces instead.").Tenant = tenant.Name
			} else if strings.Trim(name, "*") == "" {
				c.add("routers-whole-provider", w.path, text,
					fmt.Sprintf("Whoever can write for the provider %s has routers of tenant %q.",
						provider, tenant.Name),
					"Begin the names of a tenant's routers with the tenant, and list that.").
					Tenant = tenant.Name
			}
			byProvider[provider] = append(byProvider[provider], w)
		}
	}
	for _, patterns := range byProvider {
		c.overlaps(patterns)
	}
}

// overlaps finds two tenants' patterns that one router can match. Those that can are near each
// other when they are sorted by what comes before the first "*": one of two such texts begins the
// other.
func (c *policyCheck) overlaps(patterns []written) {
	slices.SortStableFunc(patterns, func(a, b written) int {
		return strings.Compare(start(a.text), start(b.text))
	})
	said := 0
	for i, b := range patterns {
		for _, a := range patterns[i+1:] {
			if !strings.HasPrefix(start(a.text), start(b.text)) || said == maxSaid {
				break
			}
			if a.tenant == b.tenant {
				continue
			}
			example := both(a.text, b.text)
			if example == "" {
				continue
			}
			said++
			c.add("routers-overlap", a.path, a.text,
				fmt.Sprintf("%s of tenant %q and %s of tenant %q both match %s, which is denied "+
					"as router-ambiguous.", a.text, a.tenant, b.text, b.tenant, example),
				"Choose patterns that no name can match both of.").Tenant = a.tenant
		}
	}
}

// start returns what a pattern begins with, whatever the router.
func start(pattern string) string {
	text, _, _ := strings.Cut(pattern, "*")

	return text
}

// both returns a text that two patterns match, "" for none. "*" stands for any text.
func both(a, b string) string {
	type state struct{ i, j int }
	seen := map[state]bool{}
	var walk func(i, j int) (string, bool)
	walk = func(i, j int) (string, bool) {
		if i == len(a) && j == len(b) {
			return "", true
		}
		if seen[state{i, j}] {
			return "", false
		}
		seen[state{i, j}] = true
		if i < len(a) && a[i] == '*' { // stands for nothing more
			if text, found := walk(i+1, j); found {
				return text, true
			}
		}
		if j < len(b) && b[j] == '*' {
			if text, found := walk(i, j+1); found {
				return text, true
			}
		}
		if i == len(a) || j == len(b) || a[i] == '*' && b[j] == '*' {
			return "", false
		}
		next, letter := state{i + 1, j + 1}, a[i]
		switch {
		case a[i] == '*':
			next.i, letter = i, b[j]
		case b[j] == '*':
			next.j = j
		case a[i] != b[j]:
			return "", false
		}
		text, found := walk(next.i, next.j)

		return string(letter) + text, found
	}
	text, found := walk(0, 0)
	if !found {
		return ""
	}

	return text
}
