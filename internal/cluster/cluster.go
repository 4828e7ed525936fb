// Package cluster keeps what the guard knows of a Kubernetes cluster: its Namespaces, and in which Secrets certificates lie.
package cluster

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/namespaces"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/secrets"
)

// Cluster is one cluster, by one address and token.
type Cluster struct {
	address string
	source  *namespaces.Source
	// stop ends the watch, nil while there is none, and ended is closed when the latest has come to its end.
	stop    context.CancelFunc
	ended   chan struct{}
	secrets *secrets.Store
}

// Address tells one cluster from another.
func (c *Cluster) Address() string {
	return c.address
}

// Snapshot is what is known of the Namespaces.
func (c *Cluster) Snapshot() (*policy.Snapshot, string) {
	return c.source.Snapshot()
}

// ListedSince makes sure that what is known of the Namespaces was listed after a time.
func (c *Cluster) ListedSince(ctx context.Context, since time.Time) error {
	return c.source.ListedSince(ctx, since)
}

// Confirm tells whether a leaf, in DER, is in a Secret of one of the namespaces, and how long that holds. See secrets.Store.
func (c *Cluster) Confirm(ctx context.Context, leaf []byte, namespaces []string, ttl, grace time.Duration) (time.Duration, bool, error) {
	return c.secrets.Confirm(ctx, leaf, namespaces, ttl, grace)
}

// Set holds the clusters of all middlewares, each of them once. They outlive reloads.
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

// newCluster makes a client for the Namespaces and one for the Secrets: a client has so many connections and no more, and
// searches for Secrets must not keep the watch or a list of Namespaces waiting for one.
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
		address: address,
		source:  namespaces.New(forNamespaces),
		secrets: secrets.NewStore(forSecrets, time.Now),
	}, nil
}

// Keep watches the Namespaces of the clusters in use, with one goroutine for each, and ends the watches of all others.
func (s *Set) Keep(used []policy.Cluster) {
	wanted := map[string]bool{}
	for _, c := range used {
		wanted[c.Address()] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for address, c := range s.clusters {
		if wanted[address] && c.stop == nil {
			c.start()
		} else if !wanted[address] && c.stop != nil {
			c.stop()
			c.stop = nil
		}
	}
}

func (c *Cluster) start() {
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	before := c.ended
	ended := make(chan struct{})
	c.ended = ended
	go func() {
		defer close(ended)
		if before != nil {
			<-before // at its end the source forgets all
		}
		c.source.Run(ctx)
	}()
}
