// Package observe finds out which certificate an entry point serves for a server name: by one TLS
// handshake, kept for a while.
//
// The certificate that Traefik serves for a name changes with a reload of its configuration and
// in no other way. A reload first fills new certificate stores, then builds all routers, which
// calls the plugin's constructor, then switches the HTTP handlers to them and only then the TLS
// configurations. Until that last step the old certificates are served: what is observed while
// routers are built says nothing of the new ones. Therefore the routers of each reload have a
// cache of their own.
package observe

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/flight"
)

const (
	// maxObservations bounds the observations of one tenant to twice as many: a tenant with a
	// wildcard has any number of server names to ask for, and must not push out another
	// tenant's.
	maxObservations = 512
	// maxTenants bounds the tenants of a cache that outlives policies.
	maxTenants = 10_000
	// settling is how long after a reload an observation may still have seen the certificate from
	// before, and how long such a one holds at most: Traefik switches to the new routers an
	// instant before it switches to the new certificates.
	settling = time.Second
	// failureHolds is how long a failure stands for the requests that come after it: an entry point
	// that is too busy to be observed is not asked by each of them.
	failureHolds = 200 * time.Millisecond
)

// The results of a handshake.
const (
	// Accepted is a certificate that Go accepts, and Refused one that it does not, or none.
	Accepted = "accepted"
	Refused  = "refused"
	// Failed is a handshake that does not say which certificate is served.
	Failed = "failed"
)

var errUnfinished = errors.New("the observation did not finish")

// Cache holds observations.
type Cache struct {
	chains *Chains
	// lasting is true for observations that outlive reloads.
	lasting bool
	// timeout bounds one observation. It is the constant, or a test's.
	timeout time.Duration
	// Count is called with the result of each handshake, nil for nobody who counts.
	Count func(result string)

	mu sync.Mutex
	// shelves have the observations of each tenant.
	shelves map[string]*shelf
	// settled is when the observations begin to hold as long as they may. It is zero before the
	// first one.
	settled time.Time
}

// shelf has the observations of one tenant: those made lately, and those made before there were
// maxObservations of these. So none has to be looked for that may go.
type shelf struct {
	mu              sync.Mutex
	current, before map[key]*observation
}

func newShelf() *shelf {
	return &shelf{current: map[key]*observation{}}
}

// key is what is observed.
type key struct {
	address, serverName string
}

// observation is one handshake. Its chain and its end may be read once the call has ended.
type observation struct {
	*flight.Call
	// unsettled is true for one that holds for a moment only.
	unsettled bool
	chain     *Chain
	ended     time.Time
}

// NewCache returns an empty cache for the time until the next reload.
func NewCache(chains *Chains) *Cache {
	return &Cache{chains: chains, shelves: map[string]*shelf{}, timeout: handshakeTimeout}
}

// NewLastingCache returns an empty cache for observations that outlive reloads.
func NewLastingCache(chains *Chains) *Cache {
	c := NewCache(chains)
	c.lasting = true
	return c
}

// Observe returns the chain served at an address for a server name, and how much longer that holds.
// An observation holds for ttl from its beginning. There is one at a time for each tenant, address
// and name; everyone else who wants it waits, and shares its error as well.
func (c *Cache) Observe(
	ctx context.Context, tenant, address, serverName string, ttl time.Duration,
) (*Chain, time.Duration, error) {
	k := key{address: address, serverName: serverName}
	s, unsettled := c.shelf(tenant)
	o, first := s.join(k, ttl, unsettled)
	if first {
		o.Run(func() error {
			var err error
			o.chain, err = c.look(k)
			return err
		}, func(_ error) { o.ended = time.Now() })
	}
	if err := o.Wait(ctx); err != nil {
		return nil, 0, err
	}
	return o.chain, o.validFor(ttl), o.Err()
}

// look makes one observation. A certificate that Go does not accept, and none at all, is one:
// whoever brings that about must not pass for an entry point that can't be reached.
func (c *Cache) look(k key) (*Chain, error) {
	certificates, err := handshake(k.address, k.serverName, c.timeout)
	if err == nil {
		chain := c.chains.of(certificates)
		c.count(chain)
		return chain, nil
	}
	if isUnreachable(err) {
		c.count(nil)
		return nil, err
	}
	chain := &Chain{Problem: err.Error()}
	c.count(chain)
	return chain, nil
}

// count counts an observation, nil for one that failed.
func (c *Cache) count(chain *Chain) {
	if c.Count == nil {
		return
	}
	result := Failed
	if chain != nil {
		result = Refused
		if len(chain.Certificates) > 0 {
			result = Accepted
		}
	}
	c.Count(result)
}

// shelf returns the shelf of a tenant, and reports whether what is observed now may be from before
// the reload.
func (c *Cache) shelf(tenant string) (*shelf, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.settled.IsZero() {
		c.settled = now.Add(settling)
	}
	s := c.shelves[tenant]
	if s == nil {
		if len(c.shelves) >= maxTenants {
			c.shelves = map[string]*shelf{}
		}
		s = newShelf()
		c.shelves[tenant] = s
	}
	return s, !c.lasting && now.Before(c.settled)
}

// join returns the observation to wait for, and reports whether the caller has to make it.
func (s *shelf) join(k key, ttl time.Duration, unsettled bool) (*observation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.current[k]
	if o == nil {
		o = s.before[k]
	}
	if o != nil && o.isUsable(ttl) {
		return o, false
	}
	if len(s.current) >= maxObservations {
		s.before = s.current
		s.current = map[key]*observation{}
	}
	o = &observation{Call: flight.NewCall(time.Now(), errUnfinished), unsettled: unsettled}
	s.current[k] = o
	return o, true
}

// isUsable reports whether an observation stands for a request that comes now.
func (o *observation) isUsable(ttl time.Duration) bool {
	if o.Running() {
		return true
	}
	if o.Err() != nil {
		return time.Since(o.ended) < failureHolds
	}
	return o.validFor(ttl) > 0
}

// validFor returns how much longer the observation holds.
func (o *observation) validFor(ttl time.Duration) time.Duration {
	if o.unsettled && ttl > settling {
		ttl = settling
	}
	return ttl - time.Since(o.Began)
}
