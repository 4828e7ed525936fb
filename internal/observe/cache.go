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
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/flight"
)

const (
	// maxObservations bounds a cache: a tenant with a wildcard has any number of server names to
	// ask for.
	maxObservations = 4096
	// settling is how long after a reload an observation may still have seen the certificate from
	// before, and how long such a one holds at most: Traefik switches to the new routers an
	// instant before it switches to the new certificates.
	settling = time.Second
)

var errUnfinished = errors.New("the observation did not finish")

// Cache holds observations.
type Cache struct {
	// lasting is true for observations that outlive reloads.
	lasting bool
	// timeout bounds one observation. It is the constant, or a test's.
	timeout time.Duration

	mu           sync.Mutex
	observations map[key]*observation
	// settled is when the observations begin to hold as long as they may. It is zero before the
	// first one.
	settled time.Time
}

// key is what is observed.
type key struct {
	address, serverName string
}

// observation is one handshake. Its chain may be read once the call has ended.
type observation struct {
	*flight.Call
	// unsettled is true for one that holds for a moment only.
	unsettled bool
	chain     []*x509.Certificate
}

// NewCache returns an empty cache for the time until the next reload.
func NewCache() *Cache {
	return &Cache{observations: map[key]*observation{}, timeout: handshakeTimeout}
}

// NewLastingCache returns an empty cache for observations that outlive reloads.
func NewLastingCache() *Cache {
	c := NewCache()
	c.lasting = true
	return c
}

// Observe returns the chain served at an address for a server name, leaf first, and how much
// longer that holds. An observation holds for ttl from its beginning. There is one at a time for
// each address and name; everyone else who wants it waits, and shares its error as well.
func (c *Cache) Observe(
	ctx context.Context, address, serverName string, ttl time.Duration,
) ([]*x509.Certificate, time.Duration, error) {
	k := key{address: address, serverName: serverName}
	o, first := c.join(k, ttl)
	if first {
		o.Run(func() error {
			var err error
			o.chain, err = handshake(address, serverName, c.timeout)
			return err
		}, func(err error) {
			if err != nil {
				c.forget(k, o)
			}
		})
	}
	if err := o.Wait(ctx); err != nil {
		return nil, 0, err
	}
	return o.chain, o.validFor(ttl), o.Err()
}

// join returns the observation to wait for, and reports whether the caller has to make it.
func (c *Cache) join(k key, ttl time.Duration) (*observation, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.observations[k]; o != nil && (o.Running() || o.validFor(ttl) > 0) {
		return o, false
	}
	if len(c.observations) >= maxObservations {
		c.evict(ttl)
	}
	now := time.Now()
	if c.settled.IsZero() {
		c.settled = now.Add(settling)
	}
	o := &observation{Call: flight.NewCall(now, errUnfinished)}
	o.unsettled = !c.lasting && now.Before(c.settled)
	c.observations[k] = o
	return o, true
}

// validFor returns how much longer the observation holds.
func (o *observation) validFor(ttl time.Duration) time.Duration {
	if o.unsettled && ttl > settling {
		ttl = settling
	}
	return ttl - time.Since(o.Began)
}

// evict drops what is older than ttl, or else any one observation, which is then made again.
func (c *Cache) evict(ttl time.Duration) {
	var one key
	for k, o := range c.observations {
		if o.validFor(ttl) <= 0 {
			delete(c.observations, k)
		} else {
			one = k
		}
	}
	if len(c.observations) >= maxObservations {
		delete(c.observations, one)
	}
}

func (c *Cache) forget(k key, o *observation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.observations[k] == o {
		delete(c.observations, k)
	}
}
