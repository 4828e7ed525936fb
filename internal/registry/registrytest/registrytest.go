// Package registrytest makes policies for tests.
package registrytest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry"
	"github.com/tenantguard/tenantguard/internal/report"
)

// Cluster is a cluster that is not asked over the network.
type Cluster struct {
	Namespaces *policy.Snapshot
	Problem    string
}

// Address returns an address.
func (c *Cluster) Address() string { return "the test" }

// Snapshot returns what the cluster was made with.
func (c *Cluster) Snapshot() (*policy.Snapshot, string) { return c.Namespaces, c.Problem }

// ListedSince returns nil.
func (c *Cluster) ListedSince(_ context.Context, _ time.Time) error { return nil }

// Middleware is a middleware, and what it finds outside.
type Middleware struct {
	Name string
	Keys map[string]any
	// Cluster is nil where the cluster has no Namespaces.
	Cluster *Cluster
	// Getenv is nil where the environment is empty, and ReadFile where there is no file.
	Getenv   func(name string) string
	ReadFile func(path string) ([]byte, error)
}

// Policy returns what is in force for the middleware, nil where its keys have errors, and what is
// said of it.
func (m Middleware) Policy() (*policy.Effective, []report.Notice) {
	if m.Cluster == nil {
		m.Cluster = &Cluster{Namespaces: &policy.Snapshot{}}
	}
	if m.Getenv == nil {
		m.Getenv = func(_ string) string { return "" }
	}
	if m.ReadFile == nil {
		m.ReadFile = func(_ string) ([]byte, error) { return nil, os.ErrNotExist }
	}
	var notices []report.Notice
	r := registry.New(registry.Environment{
		Getenv:   m.Getenv,
		ReadFile: m.ReadFile,
		Cluster:  func(_ policy.Kubernetes) (registry.Cluster, error) { return m.Cluster, nil },
		Say:      func(n report.Notice) { notices = append(notices, n) },
		Changed:  func(_ string) {},
	})
	p := r.Middleware(m.Name, m.Keys).Policy()
	return p, notices
}

// MustPolicy returns what is in force for an operator's middleware. cluster is nil where the
// cluster has no Namespaces.
func MustPolicy(t *testing.T, keys map[string]any, cluster *Cluster) *policy.Effective {
	t.Helper()
	p, notices := Middleware{Name: "guard@file", Keys: keys, Cluster: cluster}.Policy()
	if p == nil {
		t.Fatalf("no policy: %+v", notices)
	}
	return p
}
