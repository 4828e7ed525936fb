// Package served answers which certificate was served. Go tells a server so from 1.27 on; before, and on resumed
// connections, the certificate is observed: one TLS handshake to the entry point with the request's server name.
package served

import (
	"context"
	"crypto/x509"
	"errors"
	"sync"
	"time"
)

const (
	// maxObservations bounds a cache: a tenant with a wildcard has any number of server names to ask for.
	maxObservations = 4096
	// settling is how long after a reload an observation may still have seen the certificate from before, and how long such
	// a one holds at most: Traefik switches to the new routers an instant before it switches to the new certificates.
	settling = time.Second
)

var errUnfinished = errors.New("the observation did not finish")

// Cache holds observations by address and server name.
type Cache struct {
	mu           sync.Mutex
	observations map[string]*observation
	// settled is when the observations begin to hold as long as they may. It is zero before the first one.
	settled time.Time
	lasting bool
	// timeout bounds one observation. It is the constant, or a test's.
	timeout time.Duration
}

// observation is one handshake. Its result is there once done is closed.
type observation struct {
	done  chan struct{}
	start time.Time
	// unsettled marks one that holds for a moment only.
	unsettled bool
	chain     []*x509.Certificate
	err       error
}

// NewCache returns an empty cache for the time until the next reload.
func NewCache() *Cache {
	return &Cache{observations: map[string]*observation{}, timeout: handshakeTimeout}
}

// NewLastingCache returns an empty cache for observations that outlive reloads.
func NewLastingCache() *Cache {
	c := NewCache()
	c.lasting = true
	return c
}

// Observe returns the chain served at the address for the server name, and how much longer that holds. An observation
// holds for ttl from its beginning. There is one at a time for each address and name; everyone else who wants it waits,
// and shares its error as well.
func (c *Cache) Observe(ctx context.Context, address, serverName string, ttl time.Duration) ([]*x509.Certificate, time.Duration, error) {
	key := address + " " + serverName
	o, first := c.join(key, ttl)
	if first {
		o.run(address, serverName, c.timeout)
		if o.err != nil {
			c.forget(key, o)
		}
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	return o.chain, o.holds(ttl), o.err
}

// join returns the observation to wait for, and true to the one who has to make it.
func (c *Cache) join(key string, ttl time.Duration) (*observation, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.observations[key]; o != nil && (o.running() || o.holds(ttl) > 0) {
		return o, false
	}
	if len(c.observations) >= maxObservations {
		c.evict(ttl)
	}
	o := &observation{done: make(chan struct{}), start: time.Now()}
	if c.settled.IsZero() {
		c.settled = o.start.Add(settling)
	}
	o.unsettled = !c.lasting && o.start.Before(c.settled)
	c.observations[key] = o
	return o, true
}

// run makes the observation. Whatever happens, nobody waits for it in vain.
func (o *observation) run(address, serverName string, timeout time.Duration) {
	defer close(o.done)
	o.err = errUnfinished
	o.chain, o.err = handshake(address, serverName, timeout)
}

func (o *observation) running() bool {
	select {
	case <-o.done:
		return false
	default:
		return true
	}
}

// holds is how much longer the observation holds.
func (o *observation) holds(ttl time.Duration) time.Duration {
	if o.unsettled && ttl > settling {
		ttl = settling
	}
	return ttl - time.Since(o.start)
}

// evict drops what is older than ttl, or else any one observation, which is then made again.
func (c *Cache) evict(ttl time.Duration) {
	one := ""
	for key, o := range c.observations {
		if o.holds(ttl) <= 0 {
			delete(c.observations, key)
		} else {
			one = key
		}
	}
	if len(c.observations) >= maxObservations {
		delete(c.observations, one)
	}
}

func (c *Cache) forget(key string, o *observation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.observations[key] == o {
		delete(c.observations, key)
	}
}
