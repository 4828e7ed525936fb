package registry

import (
	"context"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
)

// Middleware is one middleware of Traefik's configuration: its inputs as last seen, its last good
// parse, and the policy that is in force for all its routers.
type Middleware struct {
	name  string
	env   Environment
	share func(key sourceKey, s *source) *source
	said  report.Said
	// leftOut are the Namespaces that it was said of that they are left out, and isTenants reports
	// whether the middleware is not the operator's.
	leftOut   report.News
	isTenants bool

	// updating is held while the inputs are gathered and a policy is made of them. It is the
	// middleware's own: a tenant's Middleware keeps only the routers waiting that the tenant
	// attached it to.
	updating    sync.Mutex
	fingerprint string
	inputs      inputs
	// announced is what was last said to be in force. refused reports whether the inputs have
	// errors, and again whether they had until now.
	announced      *policy.Effective
	refused, again bool

	// mu is held for moments only. Who holds updating may read keys, source and lastGood without
	// it.
	mu sync.Mutex
	// raw are the keys as the last New had them, given counts how often there were any, and read is
	// which of them a policy was made of.
	raw         map[string]any
	given, read int
	// keys are those that were read last, nil for none, and source is where their policy is
	// written.
	keys     *policy.Keys
	source   *source
	lastGood good
	times    times
	// unusedReloads counts the reloads since one had a router with this middleware.
	unusedReloads int
}

// inputs are what a policy is made of. Those that compare equal make the same policy.
type inputs struct {
	keys     *policy.Keys
	revision *revision
	snapshot *policy.Snapshot
	problem  string
	// lastGood are the Namespaces of the last good policy, where its source is another.
	lastGood *policy.Snapshot
}

// good is the latest parse without errors, and what it makes with the settings it goes with.
type good struct {
	settings policy.Settings
	// source is nil where there was no parse yet.
	source *source
	parsed *policy.Parsed
	// effective is what is in force, made with snapshot. It is nil while the Namespaces are not
	// known.
	effective *policy.Effective
	snapshot  *policy.Snapshot
}

// times say since when what is so. They are zero where it is not.
type times struct {
	// inForce is since when a policy is in force without a break, and changed when another one came
	// into force.
	inForce, changed time.Time
	// errs are what is wrong with what is written now, and wrong since when there is something.
	errs  []string
	wrong time.Time
}

// Policy returns what is in force, nil where there was no good policy yet.
func (m *Middleware) Policy() *policy.Effective {
	m.mu.Lock()
	now, isRead := m.lastGood, m.read == m.given
	m.mu.Unlock()
	if !isRead {
		return m.refresh()
	}
	latest, _ := now.source.namespaces()
	if now.snapshot != nil && latest == nil {
		// The cluster has forgotten them: nobody asked for a while.
		return m.refresh()
	}
	return now.effective
}

// maxForgotten bounds how often in a row the Namespaces may be forgotten while they are waited for.
const maxForgotten = 3

// PolicySince returns what is in force, with the Namespaces as they were listed at a time or later.
// With the zero time any list will do, and so does one that somebody else made.
func (m *Middleware) PolicySince(ctx context.Context, since time.Time) (*policy.Effective, error) {
	p, asked := m.Policy(), m.cluster()
	forgotten := 0
	for asked != nil {
		err := asked.ListedSince(ctx, since)
		if err != nil && !since.IsZero() {
			return nil, err
		}
		p = m.refresh()
		if err != nil && p == nil {
			return nil, err
		}
		next := m.cluster() // another cluster's policy may be in force by now
		if next == nil {
			break
		}
		if next.Address() == asked.Address() {
			snapshot, _ := asked.Snapshot()
			if snapshot != nil || forgotten == maxForgotten {
				break
			}
			forgotten++
		}
		asked = next
	}
	return p, nil
}

// ReportsUnlisted reports whether requests pass, and are only reported, that can't wait any longer
// for the first list of Namespaces: the general mode is report, nothing is wrong, and no tenant of
// the configuration enforces.
func (m *Middleware) ReportsUnlisted() bool {
	m.mu.Lock()
	keys, s, inForce := m.keys, m.source, m.lastGood.effective != nil
	m.mu.Unlock()
	if keys == nil || s == nil || s.cluster == nil || inForce {
		return false
	}
	parsed := s.read(false).parsed
	if !keys.Settings.Report || len(keys.Errors) > 0 || parsed == nil {
		return false
	}
	for _, tenant := range parsed.Policy.Tenants {
		if tenant.Mode == policy.ModeEnforce {
			return false
		}
	}
	snapshot, problem := s.cluster.Snapshot()
	return snapshot == nil && problem == ""
}

// cluster returns the cluster of what is in force, or else the one whose Namespaces the keys wait
// for. It is nil for none.
func (m *Middleware) cluster() Cluster {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lastGood.effective != nil {
		return m.lastGood.source.cluster
	}
	if m.source == nil {
		return nil
	}
	return m.source.cluster
}

// IsInForce reports whether a policy that Policy returned is still in force.
func (m *Middleware) IsInForce(p *policy.Effective) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lastGood.effective == p
}

// ExposeReason reports whether a denial carries its code, also while the policy has errors.
func (m *Middleware) ExposeReason() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys != nil && m.keys.Settings.ExposeReason
}

func (m *Middleware) setKeys(raw map[string]any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.raw = raw
	m.given++
	m.unusedReloads = 0
}

func (m *Middleware) countReload() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unusedReloads++
	return m.unusedReloads
}

// sources returns the sources of the keys and of the last good policy. There are none where no
// router has had the middleware for more than so many reloads.
func (m *Middleware) sources(unusedReloads int) []*source {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*source
	if m.unusedReloads > unusedReloads {
		return nil
	}
	if m.source != nil {
		all = append(all, m.source)
	}
	if other := m.lastGood.source; other != nil && other != m.source {
		all = append(all, other)
	}
	return all
}
