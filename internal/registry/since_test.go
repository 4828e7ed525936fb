package registry

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
)

// otherCluster is a cluster beside the recorder's own.
type otherCluster struct {
	address  string
	snapshot *policy.Snapshot
	err      error
	// listing is what happens while the Namespaces are listed.
	listing func()
	listed  int
}

func (c *otherCluster) Address() string { return c.address }

func (c *otherCluster) Snapshot() (*policy.Snapshot, string) { return c.snapshot, "" }

func (c *otherCluster) ListedSince(_ context.Context, _ time.Time) error {
	c.listed++
	if c.listing != nil {
		c.listing()
	}
	return c.err
}

// between returns a registry with two clusters, one and two, that know a Namespace each.
func between() (r *recorder, one, two *otherCluster) {
	one = &otherCluster{address: "https://one", snapshot: &policy.Snapshot{
		Namespaces: []policy.Namespace{ofAcme},
	}}
	two = &otherCluster{address: "https://two", snapshot: &policy.Snapshot{
		Namespaces: []policy.Namespace{ofGlobex},
	}}
	r = newRecorder()
	r.Registry.env.Cluster = func(k policy.Kubernetes) (Cluster, error) {
		if k.Endpoint == one.address {
			return one, nil
		}
		return two, nil
	}
	return r, one, two
}

// of has the tenants of a cluster's Namespaces.
func of(c *otherCluster) map[string]any {
	return map[string]any{"kubernetes": map[string]any{"enabled": true, "endpoint": c.address}}
}

// TestPolicySince has things change while a cluster is listed.
func TestPolicySince(t *testing.T) {
	failure := errors.New("the API can't be asked")
	rows := []struct {
		description string
		// before is done before the policy is asked for, and during while it is first listed.
		before, during func(r *recorder, one, two *otherCluster)
		// tenant is one of the policy's, "" where there is an error.
		tenant   string
		one, two int
	}{
		{"nothing", nil, nil, "acme", 1, 0},
		{"a list that fails", func(r *recorder, one, two *otherCluster) { one.err = failure },
			nil, "", 1, 0},
		{"another cluster", nil,
			func(r *recorder, one, two *otherCluster) { r.Middleware("guard@file", of(two)) },
			"globex", 1, 1},
		{"another cluster, whose list fails", nil,
			func(r *recorder, one, two *otherCluster) {
				two.err = failure
				r.Middleware("guard@file", of(two))
			}, "", 1, 1},
		{"no cluster any more", nil,
			func(r *recorder, one, two *otherCluster) {
				r.Middleware("guard@file", map[string]any{"tenants": []any{
					map[string]any{"name": "initech", "hosts": "initech.example.com"},
				}})
			}, "initech", 1, 0},
		{"keys with errors, and another cluster",
			func(r *recorder, one, two *otherCluster) {
				wrong := of(two)
				wrong["mode"] = "wrong"
				r.Middleware("guard@file", wrong)
			}, nil, "acme", 1, 0},
	}
	for _, row := range rows {
		r, one, two := between()
		guard := r.Middleware("guard@file", of(one))
		guard.Policy()
		if row.before != nil {
			row.before(r, one, two)
		}
		if row.during != nil {
			once(one, row.during, r, two)
		}
		p, err := guard.PolicySince(context.Background(), time.Now())
		if (err == nil) != (row.tenant != "") || (err != nil && p != nil) {
			t.Errorf("%s: error %v, policy %v", row.description, err, p)
		}
		if row.tenant != "" && (p == nil || p.Tenant(row.tenant) == nil) {
			t.Errorf("%s: no tenant %s", row.description, row.tenant)
		}
		if one.listed != row.one || two.listed != row.two {
			t.Errorf("%s: %d and %d lists, want %d and %d",
				row.description, one.listed, two.listed, row.one, row.two)
		}
	}
}

// once has a change be made with the first list of a cluster.
func once(
	one *otherCluster, change func(r *recorder, one, two *otherCluster), r *recorder,
	two *otherCluster,
) {
	one.listing = func() {
		if one.listed == 1 {
			change(r, one, two)
		}
	}
}

// TestFirstPolicySince has a policy wait for its Namespaces, which the list brings.
func TestFirstPolicySince(t *testing.T) {
	r, one, _ := between()
	known := one.snapshot
	one.snapshot = nil
	one.listing = func() { one.snapshot = known }
	guard := r.Middleware("guard@file", of(one))
	if guard.cluster() != nil {
		t.Error("a middleware whose keys were not read has a cluster")
	}
	p, err := guard.PolicySince(context.Background(), time.Time{})
	if err != nil || p == nil || p.Tenant("acme") == nil {
		t.Errorf("policy %v, %v, want the Namespaces that are listed", p, err)
	}
}

// TestFirstPolicyThatAnotherListed has a request's own list fail after another's has succeeded.
func TestFirstPolicyThatAnotherListed(t *testing.T) {
	rows := []struct {
		description string
		since       time.Time
		listed      bool
		want        bool
	}{
		{"any list will do, and there is one", time.Time{}, true, true},
		{"any list will do, and there is none", time.Time{}, false, false},
		{"a list of now is wanted", time.Now(), true, false},
	}
	for _, row := range rows {
		r, one, _ := between()
		known := one.snapshot
		one.snapshot = nil
		one.err = errors.New("the API can't be asked")
		if row.listed {
			one.listing = func() { one.snapshot = known }
		}
		p, err := r.Middleware("guard@file", of(one)).PolicySince(context.Background(), row.since)
		if (p != nil) != row.want || (err == nil) != row.want {
			t.Errorf("%s: policy %v, %v", row.description, p, err)
		}
	}
}

// TestNamespacesForgottenMeanwhile has them be forgotten between a list and what is made of it.
func TestNamespacesForgottenMeanwhile(t *testing.T) {
	for forgotten := 0; forgotten <= maxForgotten+1; forgotten++ {
		r, one, _ := between()
		known := one.snapshot
		one.snapshot = nil
		after := forgotten
		one.listing = func() {
			if one.listed > after {
				one.snapshot = known
			}
		}
		guard := r.Middleware("guard@file", of(one))
		p, err := guard.PolicySince(context.Background(), time.Time{})
		if (p != nil) != (forgotten <= maxForgotten) || err != nil || one.listed > maxForgotten+1 {
			t.Errorf("%d times: policy %v, %v after %d lists", forgotten, p, err, one.listed)
		}
	}
}

// TestReportsUnlisted looks at which middlewares let requests pass while their first list is slow.
func TestReportsUnlisted(t *testing.T) {
	enforcing := []any{map[string]any{"name": "acme", "hosts": "a.test", "mode": "enforce"}}
	reporting := []any{map[string]any{"name": "acme", "hosts": "a.test", "mode": "report"}}
	rows := []struct {
		description string
		keys        map[string]any
		problem     string
		want        bool
	}{
		{"report", map[string]any{"mode": "report"}, "", true},
		{"enforce", map[string]any{}, "", false},
		{"report, a tenant enforces", map[string]any{"mode": "report", "tenants": enforcing}, "",
			false},
		{"report, a tenant reports", map[string]any{"mode": "report", "tenants": reporting}, "",
			true},
		{"enforce, a tenant reports", map[string]any{"tenants": reporting}, "", false},
		{"report, an error in the keys", map[string]any{"mode": "report", "plaintext": "x"}, "",
			false},
		{"report, an error in the policy", map[string]any{"mode": "report", "tenants": "x"}, "",
			false},
		{"report, a list failed", map[string]any{"mode": "report"}, "no connection", false},
	}
	for _, row := range rows {
		r := newRecorder()
		r.snapshot = nil
		r.problem = row.problem
		row.keys["kubernetes"] = map[string]any{"enabled": true}
		guard := r.Middleware("guard@file", row.keys)
		if guard.ReportsUnlisted() {
			t.Errorf("%s: true before the keys are read", row.description)
		}
		guard.Policy()
		if got := guard.ReportsUnlisted(); got != row.want {
			t.Errorf("%s: %t, want %t", row.description, got, row.want)
		}
		r.snapshot = &policy.Snapshot{}
		r.Refresh()
		if guard.ReportsUnlisted() {
			t.Errorf("%s: true once the Namespaces are listed", row.description)
		}
	}
	r := newRecorder()
	plain := r.Middleware("guard@file", map[string]any{"mode": "report", "tenants": "x"})
	plain.Policy()
	if plain.ReportsUnlisted() {
		t.Error("true without a cluster")
	}
}

// TestClustersInUse has a cluster used no more, or by a policy that is only the last good one.
func TestClustersInUse(t *testing.T) {
	wrong := map[string]any{"tenants": "wrong"}
	r, one, two := between()
	rows := []struct {
		description string
		change      func()
		want        string
	}{
		{"the first", func() { r.Middleware("guard@file", of(one)).Policy() }, one.address},
		{"keys with errors", func() { r.Middleware("guard@file", wrong).Policy() }, one.address},
		{"keys with errors and another cluster", func() {
			keys := of(two)
			keys["mode"] = "wrong"
			r.Middleware("guard@file", keys).Policy()
		}, one.address + " " + two.address},
		{"the second", func() { r.Middleware("guard@file", of(two)).Policy() }, two.address},
		{"a reload without it", func() { r.NewReload() }, two.address},
		{"another one", func() { r.NewReload() }, ""},
		{"the second again", func() { r.Middleware("guard@file", of(two)).Policy() }, two.address},
	}
	for _, row := range rows {
		row.change()
		var got []string
		for _, c := range []*otherCluster{one, two} {
			if r.Clusters()[c.address] {
				got = append(got, c.address)
			}
		}
		if all := strings.Join(got, " "); all != row.want || len(r.Clusters()) != len(got) {
			t.Errorf("%s: %q, want %q", row.description, all, row.want)
		}
	}
}

func TestIsInForce(t *testing.T) {
	r := newRecorder()
	guard := r.Middleware("guard@file", keys(t, acme))
	first := guard.Policy()
	if !guard.IsInForce(first) {
		t.Error("a policy is not in force")
	}
	changed := strings.ReplaceAll(acme, "acme.example.com", "new.example.com")
	second := r.Middleware("guard@file", keys(t, changed)).Policy()
	if guard.IsInForce(first) || !guard.IsInForce(second) {
		t.Error("the policy of before is in force")
	}
}

func TestExposeReason(t *testing.T) {
	rows := []struct {
		description string
		exposed     any
		tenants     any
		want        bool
	}{
		{"not said", nil, keys(t, acme)["tenants"], false},
		{"false", false, keys(t, acme)["tenants"], false},
		{"true", true, keys(t, acme)["tenants"], true},
		{"true, a policy with errors", "true", "wrong", true},
	}
	for _, row := range rows {
		guard := newRecorder().Middleware("guard@file", map[string]any{
			"tenants": row.tenants, "exposeReason": row.exposed,
		})
		if guard.ExposeReason() {
			t.Errorf("%s: true before the keys are read", row.description)
		}
		guard.Policy()
		if got := guard.ExposeReason(); got != row.want {
			t.Errorf("%s: %t, want %t", row.description, got, row.want)
		}
	}
}
