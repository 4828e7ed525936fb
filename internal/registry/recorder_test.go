package registry

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
)

// recorder is a registry whose notices a test can read. It is its own cluster.
type recorder struct {
	*Registry
	notices []report.Notice
	// current are the notices of policies in force.
	current []report.Notice
	changes int
	env     map[string]string
	// readFile is os.ReadFile, or a test's.
	readFile func(path string) ([]byte, error)
	// asked counts how often a cluster was asked for.
	asked int
	// snapshot and problem are what the cluster says.
	snapshot *policy.Snapshot
	problem  string
}

func (r *recorder) Snapshot() (*policy.Snapshot, string) { return r.snapshot, r.problem }

func (r *recorder) Address() string { return "the test" }

func (r *recorder) ListedSince(_ context.Context, _ time.Time) error { return nil }

func newRecorder() *recorder {
	r := &recorder{env: map[string]string{}, readFile: os.ReadFile, snapshot: &policy.Snapshot{}}
	r.Registry = New(Environment{
		Getenv:   func(key string) string { return r.env[key] },
		ReadFile: func(path string) ([]byte, error) { return r.readFile(path) },
		Cluster: func(_ policy.Kubernetes) (Cluster, error) {
			r.asked++
			return r, nil
		},
		Say:     func(n report.Notice) { r.say(n) },
		Changed: func(_ string) { r.changes++ },
	})
	return r
}

func (r *recorder) say(n report.Notice) {
	if n.Current != nil {
		r.current = append(r.current, n)
		return
	}
	r.notices = append(r.notices, n)
}

// again returns a middleware as a reload finds it: with the keys that it had.
func (r *recorder) again(name string) *Middleware {
	return r.Middleware(name, r.middlewares[name].raw)
}

// waits reports whether a middleware has no policy for want of its Namespaces.
func waits(m *Middleware) bool {
	cluster := m.cluster()
	if m.Policy() != nil || cluster == nil {
		return false
	}
	snapshot, _ := cluster.Snapshot()
	return snapshot == nil
}

func (r *recorder) errors() []string {
	var all []string
	for _, notice := range r.notices {
		all = append(all, notice.Errors...)
	}
	return all
}

func (r *recorder) broad() []string {
	var all []string
	for _, notice := range r.notices {
		all = append(all, notice.Broad...)
	}
	return all
}

// withCluster returns the policy of a configuration and the Namespaces of a cluster.
func withCluster(
	t *testing.T, text string, namespaces ...policy.Namespace,
) (*recorder, *policy.Effective) {
	t.Helper()
	r := newRecorder()
	r.snapshot = &policy.Snapshot{Namespaces: namespaces}
	raw := keys(t, text)
	raw["kubernetes"] = map[string]any{"enabled": true}
	return r, r.Middleware("guard@file", raw).Policy()
}

func keys(t *testing.T, text string) map[string]any {
	t.Helper()
	var raw map[string]any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

func anyContains(errs, fragments []string) bool {
	for _, text := range errs {
		all := true
		for _, fragment := range fragments {
			all = all && strings.Contains(text, fragment)
		}
		if all {
			return true
		}
	}
	return false
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const older1, newer2 = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"

const acme = `{"tenants":[{"name":"acme","namespaces":["acme"],"hosts":["acme.example.com"]}],` +
	`"certificates":{"check":"off"}}`
