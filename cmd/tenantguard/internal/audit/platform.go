package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// copied finds wildcard certificates that lie in namespaces of several tenants. With roots that is
// what shared.hosts is for.
func (a *auditor) copied() {
	byKey := map[string][]*stored{}
	for _, s := range a.store {
		if strings.Contains(s.key, "*.") {
			byKey[s.key] = append(byKey[s.key], s)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		set := map[string]bool{}
		tenants := map[string]bool{}
		for _, s := range byKey[key] {
			for _, secret := range s.secrets {
				set[secret.Namespace] = true
				tenants[a.tenantOf(secret.Namespace)] = true
			}
		}
		if len(tenants) < 2 || a.takesCopies(byKey[key][0]) {
			continue
		}
		f := finding.New("certificate-copied", "certificate for "+bounded(byKey[key][0].names),
			fmt.Sprintf("It lies in the namespaces %s. Copies are renewed minutes apart, and "+
				"Traefik "+
				"serves one of them for all.", bounded(slices.Sorted(maps.Keys(set)))),
			"Set certificates.roots and name the wildcard in shared.hosts, or keep one copy in a "+
				"shared namespace: docs/recipes.md#wildcard-certificates-copied-into-namespaces.")
		f.Fix = "shared:\n  hosts: [" + strings.Join(quotedAll(byKey[key][0].names), ", ") +
			"]\ncertificates:\n  roots: system"
		a.find(f)
	}
}

// takesCopies reports whether a certificate passes wherever it lies.
func (a *auditor) takesCopies(s *stored) bool {
	for _, tenant := range a.Policy.Tenants {
		if tenant.Certificates.Roots == nil {
			return false
		}
	}

	return a.isShared(s)
}

// sharedMissing finds names of platform certificates that shared.hosts lacks: a certificate that
// serves hosts of several tenants, or lies where only operators write.
func (a *auditor) sharedMissing() {
	for _, s := range a.store {
		tenants := map[string]bool{}
		for _, host := range s.hosts {
			tenants[a.Policy.Hosts.Owner(hosts.Parse(host))] = true
		}
		isPlatforms := len(tenants) > 1 || slices.ContainsFunc(s.secrets,
			func(secret running.Secret) bool { return a.isOperators(secret.Namespace) })
		if !isPlatforms || len(s.hosts) == 0 || !strings.HasPrefix(s.verdict, "certificate-f") {
			continue
		}
		var missing []string
		for _, name := range s.names {
			if !a.Policy.SharedHosts.CoversAll(name, policy.SharedOwner) {
				missing = append(missing, name)
			}
		}
		f := finding.New("shared-host-missing", "certificate "+described(s),
			fmt.Sprintf("It is served for %s, and shared.hosts lacks %s.", bounded(s.hosts),
				bounded(missing)),
			"If it is the platform's, add the names to shared.hosts.")
		f.Fix = "shared:\n  hosts: [" + strings.Join(quotedAll(missing), ", ") + "]"
		f.Where = s.place()
		a.find(f)
	}
}
