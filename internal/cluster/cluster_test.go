package cluster

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/secrets"
)

// api is an API server with one Namespace and at most one Secret, which counts its watches.
type api struct {
	mu      sync.Mutex
	cluster *kubetest.Cluster
	watches int
	// hang holds back every answer about Secrets, and hung counts those.
	hang chan struct{}
	hung int
}

func (a *api) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	if kubetest.Watched(req) {
		a.watch(1)
		kubetest.Hold(rw, req)
		a.watch(-1)
		return
	}
	if strings.Contains(req.URL.Path, "/secrets") {
		a.stall()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cluster.ServeHTTP(rw, req)
}

// stall waits where answers are held back.
func (a *api) stall() {
	a.mu.Lock()
	hang := a.hang
	if hang != nil {
		a.hung++
	}
	a.mu.Unlock()
	if hang != nil {
		<-hang
	}
}

func (a *api) stalled() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hung
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

// hold puts a leaf into a Secret of each namespace, and leaves no other Secret.
func (a *api) hold(leaf []byte, namespaces ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}))
	data := map[string]string{"tls.crt": text, "tls.key": "key"}
	secret := kubetest.Secret{Name: "tls", Data: data}
	a.cluster.Secrets = map[string][]kubetest.Secret{}
	for _, namespace := range namespaces {
		a.cluster.Secrets[namespace] = []kubetest.Secret{secret}
	}
}

func start(t *testing.T) (*api, *Set, *Cluster) {
	t.Helper()
	a := &api{cluster: &kubetest.Cluster{Namespaces: []kubetest.Namespace{{Name: "acme"}}}}
	config := kubetest.Start(t, a)
	k := policy.Kubernetes{
		Endpoint:  config.Endpoint,
		TokenFile: config.TokenFile,
		CAFile:    config.CAFile,
	}
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
	used := map[string]bool{c.Address(): true}
	set.Keep(used)
	set.Keep(used)
	waitFor(t, "one watch", func() bool { return a.watched() == 1 })
	if snapshot, _ := c.Snapshot(); snapshot == nil || len(snapshot.Namespaces) != 1 {
		t.Error("the Namespaces are not known while they are watched")
	}
	set.Keep(nil)
	waitFor(t, "the end of the watch", func() bool { return a.watched() == 0 })
}

// TestSetHasEachClusterOnce has configurations that differ in one key.
func TestSetHasEachClusterOnce(t *testing.T) {
	set := NewSet()
	first := policy.Kubernetes{Endpoint: "https://192.0.2.1", TokenFile: "/token", CAFile: "/ca"}
	rows := []struct {
		description string
		change      func(k *policy.Kubernetes)
		same        bool
	}{
		{"nothing", func(k *policy.Kubernetes) {}, true},
		{"what is no address", func(k *policy.Kubernetes) { k.Grace = time.Hour }, true},
		{"the endpoint", func(k *policy.Kubernetes) { k.Endpoint = "https://192.0.2.2" }, false},
		{"the token", func(k *policy.Kubernetes) { k.TokenFile = "/other" }, false},
		{"the authorities", func(k *policy.Kubernetes) { k.CAFile = "/other" }, false},
		{"the label", func(k *policy.Kubernetes) { k.TenantLabel = "team" }, false},
	}
	for _, row := range rows {
		k := first
		row.change(&k)
		one, err := set.Of(first)
		if err != nil {
			t.Fatal(err)
		}
		other, err := set.Of(k)
		if err != nil || (one == other) != row.same {
			t.Errorf("%s: the same cluster %t, %v, want %t",
				row.description, one == other, err, row.same)
		}
		if (one.Address() == other.Address()) != row.same {
			t.Errorf("%s: addresses %s and %s", row.description, one.Address(), other.Address())
		}
	}
	if c, err := set.Of(policy.Kubernetes{Endpoint: "http://192.0.2.1"}); c != nil || err == nil {
		t.Errorf("%v, %v for an endpoint without TLS", c, err)
	}
}

// TestLabelsOfOneCluster has two middlewares read one cluster by different labels. What is known of
// its Secrets is the same.
func TestLabelsOfOneCluster(t *testing.T) {
	a := &api{cluster: &kubetest.Cluster{Namespaces: []kubetest.Namespace{
		{Name: "acme", Labels: map[string]string{"team": "one", policy.TenantLabel: "two"}},
	}}}
	config := kubetest.Start(t, a)
	set := NewSet()
	var stores []*secrets.Store
	for label, want := range map[string]string{"team": "one", policy.TenantLabel: "two"} {
		c, err := set.Of(policy.Kubernetes{
			Endpoint: config.Endpoint, TokenFile: config.TokenFile, CAFile: config.CAFile,
			TenantLabel: label,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.ListedSince(context.Background(), time.Now()); err != nil {
			t.Fatal(err)
		}
		snapshot, _ := c.Snapshot()
		if got := snapshot.Namespaces[0].Tenant; got != want {
			t.Errorf("%s: the tenant is %q, want %q", label, got, want)
		}
		stores = append(stores, c.secrets)
	}
	if stores[0] != stores[1] {
		t.Error("the Secrets are kept for each label")
	}
}

// TestKeepWatchesOnlyWhatIsUsed has two clusters, of which one is used at a time.
func TestKeepWatchesOnlyWhatIsUsed(t *testing.T) {
	one, set, first := start(t)
	other := &api{cluster: one.cluster}
	config := kubetest.Start(t, other)
	second, err := set.Of(policy.Kubernetes{
		Endpoint:  config.Endpoint,
		TokenFile: config.TokenFile,
		CAFile:    config.CAFile,
	})
	if err != nil {
		t.Fatal(err)
	}
	set.Keep(map[string]bool{first.Address(): true, second.Address(): false})
	waitFor(t, "a watch of the first", func() bool { return one.watched() == 1 })
	set.Keep(map[string]bool{second.Address(): true})
	waitFor(t, "a watch of the second alone", func() bool {
		return one.watched() == 0 && other.watched() == 1
	})
	set.Keep(nil)
	waitFor(t, "no watch", func() bool { return other.watched() == 0 })
}

// TestOneWatchAtATime has the cluster wanted again while its earlier watch has not come to its end,
// at which it would drop what the new one has learned.
func TestOneWatchAtATime(t *testing.T) {
	a, set, c := start(t)
	used := map[string]bool{c.Address(): true}
	earlier := make(chan struct{})
	c.watchDone = earlier
	set.Keep(used)
	time.Sleep(50 * time.Millisecond)
	if got := a.watched(); got != 0 {
		t.Fatalf("%d watches beside the earlier one", got)
	}
	close(earlier)
	waitFor(t, "a watch after the end of the earlier one", func() bool { return a.watched() == 1 })
	ended := c.watchDone
	set.Keep(nil)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the end of the watch is not noticed")
	}
	set.Keep(used)
	waitFor(t, "a watch after two", func() bool { return a.watched() == 1 })
	select {
	case <-c.watchDone:
		t.Error("the watch in flight has ended")
	default:
	}
	set.Keep(nil)
}

// TestNamespacesDoNotWaitForSecrets has an API that answers nothing about Secrets any more.
func TestNamespacesDoNotWaitForSecrets(t *testing.T) {
	const connections = 16 // of one client at most
	a, _, c := start(t)
	var namespaces []string
	for i := 0; i < connections; i++ {
		namespaces = append(namespaces, fmt.Sprintf("acme-%d", i))
	}
	a.hold([]byte("leaf"), namespaces...)
	look := func(i int) bool {
		_, found, _ := c.Confirm(context.Background(), []byte("leaf"), namespaces[i:i+1],
			time.Nanosecond, time.Minute)
		return found
	}
	for i := 0; i < connections; i++ {
		if !look(i) {
			t.Fatal("a certificate is not found in its Secret")
		}
	}
	hang := make(chan struct{})
	defer close(hang)
	a.mu.Lock()
	a.hang = hang
	a.mu.Unlock()
	for i := 0; i < connections; i++ {
		go look(i)
	}
	all := func() bool { return a.stalled() == connections }
	waitFor(t, "searches that take all connections", all)
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := c.ListedSince(ctx, began); err != nil || time.Since(began) > 2*time.Second {
		t.Errorf("the list of Namespaces: %v after %s", err, time.Since(began))
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
