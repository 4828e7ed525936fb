package policy

import "testing"

// countClusters has a store count how often it is asked for a cluster.
func countClusters(r *recorder) *int {
	asked := 0
	r.Cluster = func(k Kubernetes) (Cluster, error) {
		asked++
		return r, nil
	}
	return &asked
}

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
	}
	for _, row := range rows {
		r := newRecorder()
		r.env[OperatorNamespacesVariable] = "traefik"
		asked := countClusters(r)
		guard := r.Instance(row.middleware, keys(t, row.keys))
		if inForce := guard.Effective() != nil; inForce != row.watched {
			t.Errorf("%s: in force %t, want %t", row.description, inForce, row.watched)
		}
		if watched := *asked > 0 || len(r.Clusters()) > 0; watched != row.watched {
			t.Errorf("%s: watched %t, want %t", row.description, watched, row.watched)
		}
		if awaited := guard.Awaits(); awaited != nil {
			t.Errorf("%s: a request waits for the cluster", row.description)
		}
	}
}

// TestSameKeysOfOperatorAndTenant has a tenant repeat the keys of the operator's middleware, word
// for word: a file that is the operator's to read is not the tenant's.
func TestSameKeysOfOperatorAndTenant(t *testing.T) {
	const text = `{"tenants":[{"name":"acme","hosts":["a.example.com"]}],
		"certificates":{"roots":"../../testdata/certificates/roots-platform.pem"}}`
	const operator, tenant = "guard@file", "acme_guard@kubernetescrd"
	for _, order := range [][]string{{operator, tenant}, {tenant, operator}} {
		r := newRecorder()
		for round := 1; round <= 2; round++ {
			for _, middleware := range order {
				inForce := r.Instance(middleware, keys(t, text)).Effective() != nil
				if inForce != (middleware == operator) {
					t.Errorf("%q, round %d: %s in force %t", order, round, middleware, inForce)
				}
			}
			r.Refresh()
		}
		if !anyContains(r.errors(), []string{"certificates.roots", OperatorNamespacesVariable}) {
			t.Errorf("%q: errors %q, want one of the tenant's roots", order, r.errors())
		}
	}
}

func TestOperatorNamed(t *testing.T) {
	rows := []struct {
		description, middleware, namespaces string
		operator                            bool
	}{
		{"a file", "guard@file", "", true},
		{"a CRD while nobody is the operator", "traefik_guard@kubernetescrd", "", false},
		{"the operator's namespace", "traefik_guard@kubernetescrd", "traefik", true},
		{"the first of two", "traefik_guard@kubernetescrd", "traefik,platform", true},
		{"the second of two", "platform_guard@kubernetescrd", "traefik,platform", true},
		{"spaces around commas", "platform_guard@kubernetescrd", " traefik , platform ", true},
		{"another's namespace", "acme_guard@kubernetescrd", "traefik,platform", false},
		{"a beginning of the operator's", "traef_guard@kubernetescrd", "traefik", false},
		{"more than the operator's", "traefik-x_guard@kubernetescrd", "traefik", false},
		{"a name with an underscore", "acme_traefik_guard@kubernetescrd", "traefik", false},
		{"the namespaces as they are listed", "traefik,platform_guard@kubernetescrd",
			"traefik,platform", false},
		{"a legacy name", "traefik-guard@kubernetescrd", "traefik", false},
		{"a legacy name that is the namespace", "traefik-system@kubernetescrd", "traefik-system",
			false},
		{"no namespace", "_guard@kubernetescrd", "traefik,", false},
		{"no name at all", "@kubernetescrd", "traefik,", false},
	}
	for _, row := range rows {
		getenv := func(key string) string {
			if key != OperatorNamespacesVariable {
				return ""
			}
			return row.namespaces
		}
		if got := OperatorNamed(row.middleware, getenv); got != row.operator {
			t.Errorf("%s: the operator's %t, want %t", row.description, got, row.operator)
		}
	}
}
