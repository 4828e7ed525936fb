package binding_test

import (
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/vectors"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// namespaces are whose each is in FuzzRouter. One that ends in "*" is a prefix.
var namespaces = map[string]string{
	"team": "acme", "team-a": "acme", "team-b": "globex", "globex-*": "globex", "a": "initech",
}

// patterns are the routers of providers without namespaces.
var patterns = map[string]string{"acme-*@docker": "acme", "*-globex@docker": "globex"}

// FuzzRouter holds the tenant of a router's name to a slow reading of the rules: whatever the name
// is, it must not be another tenant's than that which the name proves.
func FuzzRouter(f *testing.F) {
	cases, err := vectors.Load("../../testdata", "routers")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(c.Router, c.EntryPoint, c.IngressNamespace, true)
	}
	for _, name := range []string{
		"web-team_web_0@kubernetescrd", "web-conflicted-web-team-b_x_1@kubernetescrd",
		"team-b-web-0123456789abcdef0123@kubernetescrd", "globex-web-x@kubernetes",
		"httproute-team-b-web-gw-0@kubernetesgateway", "acme-globex@docker",
		"team_web_0@kubernetescrd@docker", "team__0@kubernetescrd", "api@internal",
	} {
		f.Add(name, "web", "", false)
		f.Add(name, "", "team-b", true)
	}
	p := fuzzedPolicy(f)
	f.Fuzz(func(t *testing.T, name, entryPoint, namespace string, legacy bool) {
		got := binding.Bind(p, binding.Parse(name, entryPoint), namespace, legacy)
		want := tenantOf(name, entryPoint, namespace, legacy)
		owner := ""
		if got.Tenant != nil {
			owner = got.Tenant.Name
		}
		if owner != want {
			t.Errorf("%q on %q in %q, legacy %t: tenant %q (%s), want %q", name, entryPoint,
				namespace, legacy, owner, got.Code, want)
		}
		if (got.Code == verdict.Pass) != (want != "" || got.Internal) {
			t.Errorf("%q: %s with tenant %q", name, got.Code, owner)
		}
		internal := strings.HasSuffix(name, "@internal") && name != "@internal"
		if got.Internal != internal {
			t.Errorf("%q is one of Traefik's own: %t, want %t", name, got.Internal, internal)
		}
	})
}

func fuzzedPolicy(f *testing.F) *policy.Policy {
	lists := map[string]map[string]any{}
	add := func(owner, key, text string) {
		if lists[owner] == nil {
			lists[owner] = map[string]any{"name": owner}
		}
		list, _ := lists[owner][key].([]any)
		lists[owner][key] = append(list, text)
	}
	for namespace, owner := range namespaces {
		add(owner, "namespaces", namespace)
	}
	for pattern, owner := range patterns {
		add(owner, "routers", pattern)
	}
	var tenants []any
	for _, tenant := range lists {
		tenants = append(tenants, tenant)
	}
	parsed, errs := policy.Parse(map[string]any{"tenants": tenants}, nil, "", false)
	if parsed == nil {
		f.Fatal(errs)
	}
	return parsed.Policy
}

// tenantOf finds the tenant of a router in a plain reading, "" for none.
func tenantOf(name, entryPoint, namespace string, legacy bool) string {
	parts := strings.Split(name, "@")
	provider := parts[len(parts)-1]
	own := strings.Join(parts[:len(parts)-1], "@")
	if own == "" {
		return ""
	}
	names := namesOf(own, entryPoint)
	switch provider {
	case "internal":
		return ""
	case "kubernetescrd":
		return ofCRD(names, legacy)
	case "kubernetesgateway":
		return ofLegacy(withoutKind(names), legacy)
	case "kubernetes", "kubernetesingressnginx":
		if namespace != "" {
			return ofNamespace(namespace)
		}
		for _, n := range names {
			if n == "default-router" || n == "default-backend" || n == "default-backend-tls" {
				return ""
			}
		}
		return ofLegacy(names, legacy)
	}
	var owners []string
	for _, n := range names {
		for pattern, owner := range patterns {
			if isLike(pattern, n+"@"+provider) {
				owners = append(owners, owner)
			}
		}
	}
	return onlyOne(owners)
}

// namesOf are what a router may be called before Traefik puts an entry point in front.
func namesOf(name, entryPoint string) []string {
	names := []string{name}
	if entryPoint == "" {
		return names
	}
	prefix, conflicted := entryPoint+"-", entryPoint+"-conflicted-"
	if strings.HasPrefix(name, prefix) {
		names = append(names, name[len(prefix):])
	}
	if strings.HasPrefix(name, conflicted) {
		rest := name[len(conflicted):]
		names = append(names, rest)
		if strings.HasPrefix(rest, prefix) {
			names = append(names, rest[len(prefix):])
		}
	}
	return names
}

func withoutKind(names []string) []string {
	var rest []string
	for _, name := range names {
		if strings.HasPrefix(name, "httproute-") || strings.HasPrefix(name, "grpcroute-") {
			rest = append(rest, name[len("httproute-"):])
		}
	}
	if rest == nil {
		return names
	}
	return rest
}

// ofCRD goes by the safe names if there is one: namespace_name_index.
func ofCRD(names []string, legacy bool) string {
	var safe, unsafe, owners []string
	for _, name := range names {
		parts := strings.Split(name, "_")
		if len(parts) == 3 && isMadeOf(parts[0], "-") && isMadeOf(parts[1], "-.") &&
			parts[2] != "" && strings.Trim(parts[2], "0123456789") == "" &&
			len(parts[0]) < 64 && strings.Trim(parts[0], "-") == parts[0] {
			safe = append(safe, parts[0])
		}
		if len(parts) == 1 {
			unsafe = append(unsafe, name)
		}
	}
	if safe == nil {
		return ofLegacy(unsafe, legacy)
	}
	for _, namespace := range safe {
		if owner := ofNamespace(namespace); owner != "" {
			owners = append(owners, owner)
		}
	}
	return onlyOne(owners)
}

// isMadeOf reports whether a text that is not empty has lower case, digits and these alone.
func isMadeOf(text, more string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789"+more) == ""
}

// ofLegacy goes by every namespace that a name may begin with.
func ofLegacy(names []string, allowed bool) string {
	var owners []string
	for _, name := range names {
		for namespace, owner := range namespaces {
			prefix, isPrefix := strings.CutSuffix(namespace, "*")
			if !isPrefix {
				prefix = namespace + "-"
			}
			if strings.HasPrefix(name, prefix) {
				owners = append(owners, owner)
			}
		}
	}
	if !allowed {
		return ""
	}
	return onlyOne(owners)
}

func ofNamespace(namespace string) string {
	for listed, owner := range namespaces {
		prefix, isPrefix := strings.CutSuffix(listed, "*")
		if namespace == listed || (isPrefix && strings.HasPrefix(namespace, prefix)) {
			return owner
		}
	}
	return ""
}

// onlyOne returns the owner, "" for none and for several.
func onlyOne(owners []string) string {
	found := ""
	for _, owner := range owners {
		if found != "" && owner != found {
			return ""
		}
		found = owner
	}
	return found
}

// isLike matches a pattern by trying everything for a star.
func isLike(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	if pattern[0] != '*' {
		return text != "" && text[0] == pattern[0] && isLike(pattern[1:], text[1:])
	}
	for i := 0; i <= len(text); i++ {
		if isLike(pattern[1:], text[i:]) {
			return true
		}
	}
	return false
}
