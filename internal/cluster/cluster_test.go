package cluster

import (
	"context"
	"encoding/pem"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// api is an API server with one Namespace and at most one Secret, which counts its watches.
type api struct {
	mu      sync.Mutex
	cluster *kubetest.Cluster
	watches int
}

func (a *api) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	if kubetest.Watched(req) {
		a.watch(1)
		kubetest.Hold(rw, req)
		a.watch(-1)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cluster.ServeHTTP(rw, req)
}

func (a *api) watch(more int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watches += more
}

func (a *api) watched() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.watches
}

// hold puts a leaf into the Secret.
func (a *api) hold(leaf []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}))
	secret := kubetest.Secret{Name: "tls", Data: map[string]string{"tls.crt": text, "tls.key": "key"}}
	a.cluster.Secrets = map[string][]kubetest.Secret{"acme": {secret}}
}

func start(t *testing.T) (*api, *Set, *Cluster) {
	t.Helper()
	a := &api{cluster: &kubetest.Cluster{Namespaces: []kubetest.Namespace{{Name: "acme"}}}}
	config := kubetest.Start(t, a)
	k := policy.Kubernetes{Endpoint: config.Endpoint, TokenFile: config.TokenFile, CAFile: config.CAFile}
	set := NewSet()
	c, err := set.Of(k)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := set.Of(k); again != c {
		t.Fatal("one address has two clusters")
	}
	return a, set, c
}

func TestKeepStartsAndEndsTheWatch(t *testing.T) {
	a, set, c := start(t)
	used := []policy.Cluster{c}
	set.Keep(used)
	set.Keep(used)
	waitFor(t, "one watch", func() bool { return a.watched() == 1 })
	if snapshot, _ := c.Snapshot(); snapshot == nil || len(snapshot.Namespaces) != 1 {
		t.Error("the Namespaces are not known while they are watched")
	}
	set.Keep(nil)
	waitFor(t, "the end of the watch", func() bool { return a.watched() == 0 })
}

// TestConfirmOutlivesTheSecretForAMoment takes a certificate out of its Secret, as a renewal does while Traefik still serves it.
func TestConfirmOutlivesTheSecretForAMoment(t *testing.T) {
	a, _, c := start(t)
	const ttl = time.Millisecond
	confirm := func(leaf string) bool {
		_, found, err := c.Confirm(context.Background(), []byte(leaf), []string{"acme"}, ttl, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * ttl)
		return found
	}
	a.hold([]byte("old"))
	if !confirm("old") {
		t.Fatal("a certificate is not found in its Secret")
	}
	a.hold([]byte("new"))
	if !confirm("new") || !confirm("old") {
		t.Error("the renewed certificate, or the one that Traefik still serves, is not taken")
	}
	if confirm("forged") {
		t.Error("a certificate that never was in a Secret is taken")
	}
	for key := range c.confirmed {
		c.confirmed[key] = time.Now().Add(-replaced)
	}
	if confirm("old") {
		t.Error("a certificate that left its Secret long ago is taken")
	}
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
