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
	endpoint   string
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
	// stores have what is known of Secrets, by API: which label names a tenant is nothing to them.
	stores map[string]*secrets.Store
}

// NewSet returns a set without clusters.
func NewSet() *Set {
	return &Set{clusters: map[string]*Cluster{}, stores: map[string]*secrets.Store{}}
}

// Of returns the cluster of a configuration. What is read of Namespaces is kept once for each label
// that names their tenants.
func (s *Set) Of(k policy.Kubernetes) (*Cluster, error) {
	api := fmt.Sprintf("%q %q %q", k.Endpoint, k.TokenFile, k.CAFile)
	address := fmt.Sprintf("%s %q", api, k.TenantLabel)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clusters[address]; c != nil {
		return c, nil
	}
	store, err := s.store(api, k)
	if err != nil {
		return nil, err
	}
	client, err := newClient(k)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		address:    address,
		endpoint:   k.Endpoint,
		namespaces: newSource(client, k.TenantLabel),
		secrets:    store,
	}
	s.clusters[address] = c
	return c, nil
}

// store returns what is known of the Secrets of an API. It has a client of its own: one has so many
// connections and no more, and searches for Secrets must not keep the watch or a list of Namespaces
// waiting for one. The caller holds mu.
func (s *Set) store(api string, k policy.Kubernetes) (*secrets.Store, error) {
	if s.stores[api] == nil {
		client, err := newClient(k)
		if err != nil {
			return nil, err
		}
		s.stores[api] = secrets.NewStore(client, time.Now)
	}
	return s.stores[api], nil
}

func newClient(k policy.Kubernetes) (*kube.Client, error) {
	config := kube.Config{Endpoint: k.Endpoint, TokenFile: k.TokenFile, CAFile: k.CAFile}
	return kube.New(config, os.Getenv)
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
