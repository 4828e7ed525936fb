// Package cluster keeps what is known of Kubernetes clusters: which Namespaces there are, by list
// and watch, and in which Secrets certificates lie.
package cluster

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/secrets"
)

// Cluster is one cluster, by one address and token.
type Cluster struct {
	address    string
	namespaces *source
	secrets    *secrets.Store

	// stopWatch ends the watch, and is nil while there is none. watchDone is closed when the latest
	// watch has ended. Both are guarded by the mu of the Set.
	stopWatch context.CancelFunc
	watchDone chan struct{}
}

// Address identifies the cluster among all.
func (c *Cluster) Address() string {
	return c.address
}

// Snapshot returns the Namespaces, nil while they are unknown, and why they are not kept up to
// date, "" if they are.
func (c *Cluster) Snapshot() (*policy.Snapshot, string) {
	return c.namespaces.current()
}

// ListedSince makes sure that the Namespaces were listed after a time.
func (c *Cluster) ListedSince(ctx context.Context, since time.Time) error {
	return c.namespaces.listedSince(ctx, since)
}

// Confirm reports whether a leaf, in DER, is in a Secret of one of the namespaces, and for how long
// that is valid. See secrets.Store.
func (c *Cluster) Confirm(ctx context.Context, leaf []byte, namespaces []string,
	ttl, grace time.Duration) (time.Duration, bool, error) {
	return c.secrets.Confirm(ctx, leaf, namespaces, ttl, grace)
}

// Set has the clusters of all middlewares, each of them once. They outlive reloads.
type Set struct {
	mu       sync.Mutex
	clusters map[string]*Cluster
}

// NewSet returns a set without clusters.
func NewSet() *Set {
	return &Set{clusters: map[string]*Cluster{}}
}

// Of returns the cluster of a configuration.
func (s *Set) Of(k policy.Kubernetes) (*Cluster, error) {
	address := fmt.Sprintf("%q %q %q", k.Endpoint, k.TokenFile, k.CAFile)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clusters[address]; c != nil {
		return c, nil
	}
	c, err := newCluster(address, k)
	if err != nil {
		return nil, err
	}
	s.clusters[address] = c
	return c, nil
}

// newCluster makes one client for the Namespaces and another for the Secrets: a client has so many
// connections and no more, and searches for Secrets must not keep the watch or a list of Namespaces
// waiting for one.
func newCluster(address string, k policy.Kubernetes) (*Cluster, error) {
	config := kube.Config{Endpoint: k.Endpoint, TokenFile: k.TokenFile, CAFile: k.CAFile}
	forNamespaces, err := kube.New(config, os.Getenv)
	if err != nil {
		return nil, err
	}
	forSecrets, err := kube.New(config, os.Getenv)
	if err != nil {
		return nil, err
	}
	return &Cluster{
		address:    address,
		namespaces: newSource(forNamespaces),
		secrets:    secrets.NewStore(forSecrets, time.Now),
	}, nil
}

// Keep watches the Namespaces of the clusters with these addresses, with one goroutine for each,
// and ends the watches of all others.
func (s *Set) Keep(addresses map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for address, c := range s.clusters {
		if addresses[address] && c.stopWatch == nil {
			c.startWatch()
		} else if !addresses[address] && c.stopWatch != nil {
			c.stopWatch()
			c.stopWatch = nil
		}
	}
}

// startWatch begins a watch. It waits for the earlier one, which forgets all Namespaces at its end.
// The caller holds the mu of the Set.
func (c *Cluster) startWatch() {
	ctx, cancel := context.WithCancel(context.Background())
	c.stopWatch = cancel
	earlier := c.watchDone
	done := make(chan struct{})
	c.watchDone = done
	go func() {
		defer close(done)
		if earlier != nil {
			<-earlier
		}
		c.namespaces.run(ctx)
	}()
}
