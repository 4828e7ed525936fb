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

// maxObservations bounds a cache: a tenant with a wildcard has any number of server names to ask for.
const maxObservations = 4096

var errUnfinished = errors.New("the observation did not finish")

// Cache holds observations by address and server name.
type Cache struct {
	mu           sync.Mutex
	observations map[string]*observation
}

// observation is one handshake. Its result is there once done is closed.
type observation struct {
	done  chan struct{}
	start time.Time
	chain []*x509.Certificate
	err   error
}

// NewCache returns an empty cache.
func NewCache() *Cache {
	return &Cache{observations: map[string]*observation{}}
}

// Observe returns the chain served at the address for the server name, and how much longer that holds. An observation
// holds for ttl from its beginning. There is one at a time for each address and name; everyone else who wants it waits,
// and shares its error as well.
func (c *Cache) Observe(ctx context.Context, address, serverName string, ttl time.Duration) ([]*x509.Certificate, time.Duration, error) {
	key := address + " " + serverName
	o, first := c.join(key, ttl)
	if first {
		o.run(address, serverName)
		if o.err != nil {
			c.forget(key, o)
		}
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	return o.chain, ttl - time.Since(o.start), o.err
}

// join returns the observation to wait for, and true to the one who has to make it.
func (c *Cache) join(key string, ttl time.Duration) (*observation, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.observations[key]; o != nil && (o.running() || time.Since(o.start) < ttl) {
		return o, false
	}
	if len(c.observations) >= maxObservations {
		c.evict(ttl)
	}
	o := &observation{done: make(chan struct{}), start: time.Now()}
	c.observations[key] = o
	return o, true
}

// run makes the observation. Whatever happens, nobody waits for it in vain.
func (o *observation) run(address, serverName string) {
	defer close(o.done)
	o.err = errUnfinished
	o.chain, o.err = handshake(address, serverName)
}

func (o *observation) running() bool {
	select {
	case <-o.done:
		return false
	default:
		return true
	}
}

// evict drops what is older than ttl, or else any one observation, which is then made again.
func (c *Cache) evict(ttl time.Duration) {
	one := ""
	for key, o := range c.observations {
		if time.Since(o.start) >= ttl {
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
