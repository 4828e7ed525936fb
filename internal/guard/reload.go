package guard

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenantguard/tenantguard/internal/cluster"
	"github.com/tenantguard/tenantguard/internal/files"
	"github.com/tenantguard/tenantguard/internal/flight"
	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/status"
	"github.com/tenantguard/tenantguard/internal/traefik"
	"github.com/tenantguard/tenantguard/internal/verdict"
	"github.com/tenantguard/tenantguard/internal/wait"
)

// The interpreter has one copy of these for all routers and reloads.
var (
	log = report.NewLog()
	// middlewares have the policies, and clusters what is known of Kubernetes. Both outlive
	// reloads.
	middlewares = registry.New(environment())
	clusters    = cluster.NewSet()
	// lasting are the observations that outlive a reload (observe: ttl).
	lasting = observe.NewLastingCache(chains, counters)
	// counters count what the status page shows.
	counters = status.NewCounters()
	// chains are the served chains, each of them once.
	chains              = &observe.Chains{}
	hasLocalCertificate = traefik.HasLocalCertificate()
)

// environment returns what the registry needs from outside.
func environment() registry.Environment {
	return registry.Environment{
		Getenv:   os.Getenv,
		ReadFile: func(path string) ([]byte, error) { return files.Read(path) },
		Cluster:  func(k policy.Kubernetes) (registry.Cluster, error) { return clusterOf(k) },
		Say:      func(n report.Notice) { log.Policy(n) },
		Changed:  func(middleware string) { forget(middleware) },
		Traefik:  traefik.Version(),
		Go:       traefik.GoVersion(),
	}
}

// clusterOf returns the cluster of a configuration, or nil itself where there is none: a nil
// pointer in an interface makes the interpreter panic.
func clusterOf(k policy.Kubernetes) (registry.Cluster, error) {
	found, err := clusters.Of(k)
	if err != nil {
		return nil, err
	}
	return found, nil
}

// reload is what the routers that Traefik builds at one time share.
type reload struct {
	// done is that of the constructors' contexts: Traefik cancels them together at the next reload.
	done <-chan struct{}
	// began is when Traefik began to build its routers, of what its providers had said before.
	began time.Time
	// observed are the observations that end with the reload.
	observed    *observe.Cache
	middlewares map[string]*registry.Middleware
	// tables have what each router's guard decided, by middleware.
	tables map[string][]*known

	// samples look at some of its routers, and sampled reports whether they were called. reloads
	// guards both.
	samples []sample
	sampled bool
	checks  checks

	// total counts what all tables have, and clearing is held while they are cleared.
	total    *atomic.Int64
	clearing sync.Mutex

	// page is the status page's part, nil where no router leads to one. It is guarded by reloads.
	page *statusPage
	// refusedPages says which routers must not show the page, guarded likewise.
	refusedPages []string

	// mu guards chains, which have what served chains are for tenants.
	mu     sync.Mutex
	chains map[judgedKey]*judgedChain
}

// sample is a guard. It is none by name because guards point to the reload, and in the interpreter
// two types must not point to each other. Nor is it a function: one made in a constructor keeps
// what that saw, such as the reload before, and with it all that there ever were.
type sample interface {
	look()
}

// judgedKey is a chain for a tenant under a policy.
type judgedKey struct {
	chain  *observe.Chain
	policy *policy.Policy
	tenant *policy.Tenant
}

// judgedChain is what a chain is for a tenant. It may be read once the call has ended.
type judgedChain struct {
	*flight.Call
	chain *verdict.Chain
}

var errUnjudged = errors.New("the judgement of a chain did not finish")

const (
	// maxJudged bounds the chains of a reload. How many there are depends on what Traefik serves,
	// and on no client.
	maxJudged = 5000
	// maxTotal bounds what the tables of all routers have together: one client may ask each of
	// thousands of routers for as much as one table takes.
	maxTotal = 50_000
)

// judge returns what a chain is for a tenant. That is found out once in the time for which the
// tenant lets an observation hold, and by one of the requests that want it at a time: names by the
// thousand take long, and signatures too.
func (r *reload) judge(
	p *policy.Effective, tenant *policy.Tenant, chain *observe.Chain, now time.Time,
) *verdict.Chain {
	k := judgedKey{chain: chain, policy: p.Policy, tenant: tenant}
	judged, first := r.join(k, now)
	if first {
		judged.Run(func() error {
			judged.chain = verdict.OfChain(p, tenant, chain.Certificates, now)
			return nil
		}, func(_ error) {})
	}
	_ = judged.Wait(context.Background())
	return judged.chain
}

// join returns the judgement to wait for, and reports whether the caller has to make it.
func (r *reload) join(k judgedKey, now time.Time) (*judgedChain, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.chains[k]
	if found != nil && found.isUsable(k.tenant, now) {
		return found, false
	}
	if r.chains == nil || len(r.chains) >= maxJudged {
		r.chains = map[judgedKey]*judgedChain{}
	}
	found = &judgedChain{Call: flight.NewCall(now, errUnjudged)}
	r.chains[k] = found
	return found, true
}

// isUsable reports whether a judgement stands for a request that comes now.
func (j *judgedChain) isUsable(tenant *policy.Tenant, now time.Time) bool {
	return j.Running() || (j.Err() == nil && now.Sub(j.Began) < tenant.Certificates.TTL)
}

// reloads are the reload whose routers are built or in use, and the one before: its routers are
// in use while the others are built.
var reloads = struct {
	sync.Mutex
	current, previous *reload
}{}

// register returns the reload with a done channel, with a middleware in it, once for all its
// routers. The caller holds reloads.
func register(done <-chan struct{}, keys map[string]any, name string) *reload {
	registered := false
	defer func() {
		if !registered {
			reloads.Unlock() // it panics: otherwise no router would ever be built again
		}
	}()
	r := reloads.current
	if r == nil || r.done != done || done == nil {
		r = beginReload(done)
	}
	if !isStatus(keys, name) {
		r.middlewares[name] = middlewares.Middleware(name, keys)
	}
	registered = true
	return r
}

// beginReload begins a reload. The caller holds reloads.
func beginReload(done <-chan struct{}) *reload {
	r := &reload{
		done:        done,
		began:       time.Now(),
		observed:    observe.NewCache(chains, counters),
		checks:      checks{ofConnections: hasLocalCertificate},
		total:       &atomic.Int64{},
		middlewares: map[string]*registry.Middleware{},
		tables:      map[string][]*known{},
	}
	middlewares.NewReload()
	reloads.previous = reloads.current
	reloads.current = r
	return r
}

// addTable has what a router's guard decided be forgotten with the policy of its middleware.
func (r *reload) addTable(middleware string, table *known) {
	reloads.Lock()
	defer reloads.Unlock()
	table.total = r.total
	r.tables[middleware] = append(r.tables[middleware], table)
}

// forget forgets what was decided under the policy that a middleware had before.
func forget(middleware string) {
	reloads.Lock()
	defer reloads.Unlock()
	for _, r := range []*reload{reloads.previous, reloads.current} {
		if r == nil {
			continue
		}
		for _, table := range r.tables[middleware] {
			table.clear()
		}
		r.forgetChains()
	}
}

// forgetChains forgets what chains are under policies that may be in force no more.
func (r *reload) forgetChains() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chains = nil
}

// makeRoom clears all tables if they have too much together.
func (r *reload) makeRoom() {
	if r.total.Load() <= maxTotal || !r.clearing.TryLock() {
		return
	}
	defer r.clearing.Unlock()
	for _, table := range r.allTables() {
		table.clear()
	}
}

func (r *reload) allTables() []*known {
	reloads.Lock()
	defer reloads.Unlock()
	var all []*known
	for _, tables := range r.tables {
		all = append(all, tables...)
	}
	return all
}

// noRouter reports whether the plugin has no router any more: the latest reload has ended and none
// followed.
func noRouter() bool {
	reloads.Lock()
	defer reloads.Unlock()
	if reloads.current == nil {
		return true
	}
	return wait.IsClosed(reloads.current.done)
}
