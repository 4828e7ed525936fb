// Package registry keeps the right policy in force for each middleware: it gathers the inputs of
// a policy (keys, files and Namespaces), publishes what they make, and keeps the last good policy
// where they have errors.
package registry

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
)

const (
	// keptReloads is how many reloads the last good policy of a middleware outlives the middleware.
	keptReloads = 16
	// readingTime is how long Refresh reads new keys of middlewares.
	readingTime = time.Second
)

// Cluster is where Namespaces come from.
type Cluster interface {
	// Address is different for each cluster.
	Address() string
	// Snapshot returns what is known of the Namespaces, nil before all are known and another one
	// when something changed, and why it is not kept up to date, "" if it is.
	Snapshot() (snapshot *policy.Snapshot, problem string)
	// ListedSince makes sure that the snapshot is no older than a time.
	ListedSince(ctx context.Context, since time.Time) error
}

// Environment is what a registry needs from outside.
type Environment struct {
	Getenv   func(name string) string
	ReadFile func(path string) ([]byte, error)
	// Cluster returns the cluster of a configuration, always the same one for the same address.
	Cluster func(policy.Kubernetes) (Cluster, error)
	// Say takes what an operator must read.
	Say func(report.Notice)
	// Changed is called with the name of a middleware after another policy came into force for it.
	Changed func(middleware string)
	// Traefik and Go are the versions that are said with a policy.
	Traefik, Go string
}

// Registry holds all middlewares. Those that name the same policy share it: a file is parsed once.
type Registry struct {
	env Environment
	// readingTime is the constant, or a test's.
	readingTime time.Duration

	// mu is held for moments only: all constructors take it.
	mu          sync.Mutex
	middlewares map[string]*Middleware
	sources     map[sourceKey]*source
	// failures are the latest panics, by middleware.
	failures map[string]string
}

// New returns a registry without middlewares.
func New(env Environment) *Registry {
	return &Registry{
		env:         env,
		readingTime: readingTime,
		middlewares: map[string]*Middleware{},
		sources:     map[sourceKey]*source{},
		failures:    map[string]string{},
	}
}

// Middleware returns the middleware of a name, with the keys it has from now on. It is the same
// for all routers, so that they share one policy. The keys are read when the policy is first
// asked for, or by Refresh: a reload of Traefik's configuration need not wait for that.
func (r *Registry) Middleware(name string, keys map[string]any) *Middleware {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.middlewares[name]
	if m == nil {
		share := func(key sourceKey, s *source) *source { return r.share(key, s) }
		m = &Middleware{name: name, env: r.env, share: share}
		r.middlewares[name] = m
	}
	m.setKeys(keys)
	return m
}

// share returns the source that all middlewares with that key share: the given one if it is the
// first.
func (r *Registry) share(key sourceKey, s *source) *source {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sources[key] == nil {
		r.sources[key] = s
	}
	return r.sources[key]
}

// Clusters returns the addresses of the clusters that middlewares in use read Namespaces from,
// also for a policy that stays in force only because the present one has errors.
func (r *Registry) Clusters() map[string]bool {
	addresses := map[string]bool{}
	for _, m := range r.all() {
		for _, s := range m.sources(1) {
			if s.cluster != nil {
				addresses[s.cluster.Address()] = true
			}
		}
	}
	return addresses
}

// Refresh reads the files of all policies again, asks the clusters, and publishes what changed.
// Then it reads new keys of middlewares for a while. The rest is left for the next time: a tenant
// may have many Middlewares, which must not keep a change of the operator's waiting.
func (r *Registry) Refresh() {
	all := r.all()
	looked := map[*source]bool{}
	for _, m := range all {
		r.try(m, func() {
			m.update(looked)
			m.sayInForce()
		})
	}
	end := time.Now().Add(r.readingTime)
	for _, m := range all {
		if !time.Now().Before(end) {
			return
		}
		r.try(m, func() {
			m.readNewKeys()
			m.sayInForce()
		})
	}
}

// try takes a step that changes what is in force, unless a request does so: that may be reading a
// tenant's keys and take long, and no other middleware must wait for it. A panic, which would end
// Traefik, ends only the step: what one middleware's keys bring about must not keep the others from
// theirs. Its last good policy stays in force. A panic that comes with every poll is said once.
func (r *Registry) try(m *Middleware, step func()) {
	if !m.updating.TryLock() {
		return
	}
	defer m.updating.Unlock()
	defer func() {
		if problem := recover(); problem != nil {
			r.sayFailure(m, fmt.Sprintf("reading it failed: %.300q", fmt.Sprint(problem)))
		}
	}()
	step()
}

func (r *Registry) sayFailure(m *Middleware, text string) {
	r.mu.Lock()
	isNew := r.failures[m.name] != text
	r.failures[m.name] = text
	r.mu.Unlock()
	if isNew {
		inForce := m.lastGood.effective != nil
		r.env.Say(report.Notice{Middleware: m.name, InForce: inForce, Errors: []string{text}})
	}
}

func (r *Registry) all() []*Middleware {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*Middleware, 0, len(r.middlewares))
	for _, m := range r.middlewares {
		all = append(all, m)
	}
	return all
}

// NewReload notes that Traefik begins to build all routers anew: what none of them has used for
// long is dropped.
func (r *Registry) NewReload() {
	r.mu.Lock()
	defer r.mu.Unlock()
	used := map[*source]bool{}
	for name, m := range r.middlewares {
		if m.countReload() > keptReloads {
			delete(r.middlewares, name)
			delete(r.failures, name)
		}
		for _, s := range m.sources(keptReloads) {
			used[s] = true
		}
	}
	for key, s := range r.sources {
		if !used[s] {
			delete(r.sources, key)
		}
	}
}
