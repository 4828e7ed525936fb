package registry

import (
	"testing"

	"github.com/tenantguard/tenantguard/internal/policy"
)

// TestOnlyTheOperatorsClusterIsWatched has a tenant's Middleware name an API of its own, to which
// Traefik's token would be sent.
func TestOnlyTheOperatorsClusterIsWatched(t *testing.T) {
	const section = `"kubernetes":{"enabled":true,"endpoint":"https://evil.example.net"}`
	const alone = `{` + section + `}`
	const beside = `{"tenants":[{"name":"acme","hosts":["a.example.com"]}],` + section + `}`
	rows := []struct {
		description, middleware, keys string
		watched                       bool
	}{
		{"a tenant's", "acme_guard@kubernetescrd", alone, false},
		{"a tenant's, tenants beside it", "acme_guard@kubernetescrd", beside, false},
		{"one under a legacy name", "traefik-guard@kubernetescrd", alone, false},
		{"the operator's by a CRD", "traefik_guard@kubernetescrd", alone, true},
		{"the operator's by a file", "guard@file", beside, true},
		{"Docker's", "guard@docker", alone, false},
		{"Docker's, tenants beside it", "guard@docker", beside, false},
		{"Redis's, which is the operator's", "guard@redis", alone, true},
	}
	for _, row := range rows {
		r := newRecorder()
		r.env[policy.OperatorNamespacesVariable] = "traefik"
		r.env[policy.OperatorProvidersVariable] = "redis"
		guard := r.Middleware(row.middleware, keys(t, row.keys))
		if inForce := guard.Policy() != nil; inForce != row.watched {
			t.Errorf("%s: in force %t, want %t", row.description, inForce, row.watched)
		}
		if watched := r.asked > 0 || len(r.Clusters()) > 0; watched != row.watched {
			t.Errorf("%s: watched %t, want %t", row.description, watched, row.watched)
		}
		if waits(guard) {
			t.Errorf("%s: a request waits for the cluster", row.description)
		}
	}
}

// TestSameKeysOfOperatorAndTenant has a tenant repeat the keys of the operator's middleware, word
// for word: a file that is the operator's to read is not the tenant's.
func TestSameKeysOfOperatorAndTenant(t *testing.T) {
	const text = `{"tenants":[{"name":"acme","hosts":["a.example.com"]}],
		"certificates":{"roots":"../../testdata/certificates/roots-platform.pem"}}`
	const operator, tenant, labels = "guard@file", "acme_guard@kubernetescrd", "guard@docker"
	for _, order := range [][]string{
		{operator, tenant, labels}, {tenant, operator, labels}, {labels, tenant, operator},
	} {
		r := newRecorder()
		for round := 1; round <= 2; round++ {
			for _, middleware := range order {
				inForce := r.Middleware(middleware, keys(t, text)).Policy() != nil
				if inForce != (middleware == operator) {
					t.Errorf("%q, round %d: %s in force %t", order, round, middleware, inForce)
				}
			}
			r.Refresh()
		}
		for _, variable := range []string{
			policy.OperatorNamespacesVariable, policy.OperatorProvidersVariable,
		} {
			if !anyContains(r.errors(), []string{"certificates.roots", variable}) {
				t.Errorf("%q: errors %q, want one with %s", order, r.errors(), variable)
			}
		}
	}
}
