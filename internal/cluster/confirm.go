package cluster

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"
)

const (
	// replaced is how long a certificate is still taken after it has left its Secret: Traefik serves it until it has reloaded
	// its configuration, which it does two seconds later (providersThrottleDuration), and a renewal must not be an outage.
	replaced = 5 * time.Second
	// again is how long that answer holds.
	again = time.Second
	// maxConfirmed bounds how many certificates are remembered for that.
	maxConfirmed = 10000
)

// Confirm tells whether a leaf, as DER, is in a Secret of one of the namespaces, and how long that holds. See secrets.Store.
func (c *Cluster) Confirm(ctx context.Context, leaf []byte, namespaces []string, ttl, grace time.Duration) (time.Duration, bool, error) {
	digest := sha256.Sum256(leaf)
	key := string(digest[:]) + strings.Join(namespaces, " ")
	holds, found, err := c.secrets.Confirm(ctx, leaf, namespaces, ttl, grace)
	c.mu.Lock()
	defer c.mu.Unlock()
	if found {
		c.remember(key, time.Now().Add(holds))
		return holds, true, nil
	}
	if err == nil && time.Since(c.confirmed[key]) < replaced {
		return again, true, nil
	}
	return holds, found, err
}

// remember keeps until when a leaf was confirmed. The caller holds mu.
func (c *Cluster) remember(key string, until time.Time) {
	if len(c.confirmed) >= maxConfirmed {
		for one := range c.confirmed {
			delete(c.confirmed, one)
			break
		}
	}
	c.confirmed[key] = until
}
