package registry

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
)

// TestInForce changes a policy file, and what else a policy is made of, and looks at what is said
// to be in force.
func TestInForce(t *testing.T) {
	r := newRecorder()
	r.Registry.env.Traefik = "3.7.13"
	r.Registry.env.Go = "go1.26"
	path := filepath.Join(t.TempDir(), "policy.json")
	write(t, path, acme)
	more := strings.Replace(acme, `"acme.example.com"`, `"acme.example.com","b.test"`, 1)
	namespaces := &policy.Snapshot{Namespaces: []policy.Namespace{{Name: "x", Tenant: "x"}}}
	keys := map[string]any{"policyFile": path, "kubernetes": map[string]any{"enabled": true}}
	wrong := map[string]any{"policyFile": path, "kubernetes": keys["kubernetes"], "x": "y"}
	one := func(hosts, tenants int) report.Counts {
		return report.Counts{
			Tenants: tenants, Enforcing: tenants, Namespaces: tenants, Hosts: hosts,
		}
	}
	steps := []struct {
		description string
		change      func()
		// count is how many lines there are, and hosts and tenants are what the last one counts.
		count, hosts, tenants int
		refused, again        bool
	}{
		{"the beginning", func() {}, 1, 1, 1, false, false},
		{"nothing", func() {}, 0, 0, 0, false, false},
		{"a reload", func() { r.NewReload(); r.Middleware("guard@file", keys) }, 0, 0, 0, false,
			false},
		{"one host more", func() { write(t, path, more) }, 1, 2, 1, false, false},
		{"an error", func() { write(t, path, "{") }, 0, 0, 0, false, false},
		{"a Namespace, under the error", func() { r.snapshot = namespaces }, 1, 2, 2, true, false},
		{"the same without the error", func() { write(t, path, more) }, 1, 2, 2, false, true},
		{"nothing, then", func() {}, 0, 0, 0, false, false},
		{"an error in the keys", func() { r.Middleware("guard@file", wrong) }, 0, 0, 0, false,
			false},
		{"the keys as they were", func() { r.Middleware("guard@file", keys) }, 1, 2, 2, false,
			true},
		{"a Namespace without a tenant", func() {
			r.snapshot = &policy.Snapshot{Namespaces: append([]policy.Namespace{{Name: "other"}},
				namespaces.Namespaces...)}
		}, 0, 0, 0, false, false},
	}
	r.Middleware("guard@file", keys)
	digests := map[string]bool{}
	for _, step := range steps {
		r.current = nil
		step.change()
		r.Refresh()
		if len(r.current) != step.count {
			t.Errorf("%s: %d lines, want %d", step.description, len(r.current), step.count)
		}
		if len(r.current) != 1 || step.count != 1 {
			continue
		}
		got := *r.current[0].Current
		digests[got.Digest] = true
		want := report.Current{
			Digest: got.Digest, Source: "file, kubernetes", Mode: "enforce",
			Counts: one(step.hosts, step.tenants), Refused: step.refused, Again: step.again,
			Traefik: "3.7.13", Go: "go1.26",
		}
		if got != want || r.current[0].File != path || r.current[0].Middleware != "guard@file" {
			t.Errorf("%s: %+v, want %+v", step.description, got, want)
		}
	}
	if len(digests) != 3 {
		t.Errorf("digests %v, want one for each policy", digests)
	}
}

// TestInForceOfMany has many middlewares, of whom those of tenants share the operator's file.
func TestInForceOfMany(t *testing.T) {
	r := newRecorder()
	path := filepath.Join(t.TempDir(), "policy.json")
	write(t, path, acme)
	r.env[policy.PolicyFileVariable] = path
	add := func() {
		for _, name := range []string{"a_guard@kubernetescrd", "b_guard@kubernetescrd"} {
			r.Middleware(name, map[string]any{})
		}
		r.Middleware("guard@file", map[string]any{"policyFile": path, "mode": "report"})
		r.Middleware("other@file", map[string]any{"policyFile": path})
		r.Middleware("c_guard@kubernetescrd", keys(t, acme))
		r.Middleware("wrong@file", keys(t, `{"mode":"wrong"}`))
	}
	rows := []struct {
		description string
		change      func()
		want        int
	}{
		{"two of the operator's, all that share the file, one of its own", func() {}, 4},
		{"nothing", func() {}, 0},
		{"an error in the file", func() { write(t, path, "{") }, 0},
		{"the same file again", func() { write(t, path, acme) }, 3},
	}
	add()
	for _, row := range rows {
		r.current = nil
		row.change()
		r.Refresh()
		if len(r.current) != row.want {
			t.Errorf("%s: %d lines %+v, want %d", row.description, len(r.current), r.current,
				row.want)
		}
	}
}

// TestInForceIsSaidByThePoll has requests ask for policies.
func TestInForceIsSaidByThePoll(t *testing.T) {
	r := newRecorder()
	guard := r.Middleware("guard@file", keys(t, acme))
	if guard.Policy() == nil || len(r.current) != 0 {
		t.Errorf("%d lines, want none for a request", len(r.current))
	}
	r.Refresh()
	if len(r.current) != 1 || r.current[0].Current.Source != "inline" {
		t.Errorf("lines %+v, want one", r.current)
	}
}

// TestFirstGoodPolicy has a policy that was never good before be good.
func TestFirstGoodPolicy(t *testing.T) {
	r := newRecorder()
	r.Middleware("guard@file", keys(t, `{"mode":"wrong"}`)).Policy()
	r.Refresh()
	r.Middleware("guard@file", keys(t, acme))
	r.Refresh()
	if len(r.current) != 1 || r.current[0].Current.Again {
		t.Errorf("lines %+v, want one of a policy that is new", r.current)
	}
}
