package guard

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenantguard/tenantguard/internal/cluster"
	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/status"
	"github.com/tenantguard/tenantguard/internal/traefik"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// The interpreter has one copy of these for all routers and reloads.
var (
	log = report.NewLog()
	// middlewares have the policies, and clusters what is known of Kubernetes. Both outlive
	// reloads.
	middlewares = registry.New(environment())
	clusters    = cluster.NewSet()
	// lasting are the observations that outlive a reload (observe: ttl).
	lasting = counted(observe.NewLastingCache(chains))
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
		ReadFile: os.ReadFile,
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
	// guards both. They are functions because guards point to the reload, and in the interpreter
	// two types must not point to each other.
	samples []func()
	sampled bool
	checks  checks

	// total counts what all tables have, and clearing is held while they are cleared.
	total    *atomic.Int64
	clearing sync.Mutex

	// page is the status page's part, nil where no router leads to one. It is guarded by reloads.
	page *statusPage

	// mu guards chains, which have what served chains are for tenants.
	mu     sync.Mutex
	chains map[judgedKey]judgedChain
}

// judgedKey is a chain for a tenant under a policy.
type judgedKey struct {
	chain  *observe.Chain
	policy *policy.Policy
	tenant *policy.Tenant
}

type judgedChain struct {
	*verdict.Chain
	at time.Time
}

const (
	// maxJudged bounds the chains of a reload. How many there are depends on what Traefik serves,
	// and on no client.
	maxJudged = 5000
	// maxTotal bounds what the tables of all routers have together: one client may ask each of
	// thousands of routers for as much as one table takes.
	maxTotal = 50_000
)

// judge returns what a chain is for a tenant. That is found out once in the time for which the
// tenant lets an observation hold: names by the thousand take long, and signatures too.
func (r *reload) judge(
	p *policy.Effective, tenant *policy.Tenant, chain *observe.Chain, now time.Time,
) *verdict.Chain {
	k := judgedKey{chain: chain, policy: p.Policy, tenant: tenant}
	r.mu.Lock()
	found := r.chains[k]
	r.mu.Unlock()
	if found.Chain != nil && now.Sub(found.at) < tenant.Certificates.TTL {
		return found.Chain
	}
	judged := verdict.OfChain(p, tenant, chain.Certificates, now)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.chains == nil || len(r.chains) >= maxJudged {
		r.chains = map[judgedKey]judgedChain{}
	}
	r.chains[k] = judgedChain{Chain: judged, at: now}
	return judged
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
		observed:    counted(observe.NewCache(chains)),
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
	select {
	case <-reloads.current.done:
		return true
	default:
		return false
	}
}
