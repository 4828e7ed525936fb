package tenantguard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/routers"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// toldCluster is a cluster without an API. Polling may ask it at any time.
type toldCluster struct {
	name string
	// list is what happens while a request waits for a list.
	list func()

	mu       sync.Mutex
	snapshot *policy.Snapshot
	// failing has Address panic, and failed tells that it did.
	failing, failed bool
}

func (c *toldCluster) Address() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing {
		c.failed = true
		panic("a bug")
	}
	return c.name
}

func (c *toldCluster) Snapshot() (*policy.Snapshot, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot, ""
}

func (c *toldCluster) ListedSince(ctx context.Context, since time.Time) error {
	c.list()
	return nil
}

func (c *toldCluster) set(namespaces ...policy.Namespace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot = &policy.Snapshot{Namespaces: namespaces}
}

// fail has Address panic from now on, or no longer, and tells whether it did.
func (c *toldCluster) fail(failing bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing = failing
	return c.failed
}

// tell has the store ask a cluster in place of an API's until the test ends.
func tell(t *testing.T) *toldCluster {
	t.Helper()
	c := &toldCluster{name: t.Name() + time.Now().String(), snapshot: &policy.Snapshot{}, list: func() {}}
	before := store.Cluster
	store.Cluster = func(k policy.Kubernetes) (policy.Cluster, error) { return c, nil }
	t.Cleanup(func() { store.Cluster = before })
	return c
}

// TestListThatAnotherRequestMade has another request list the Namespaces and bring them into force, between a request's look at
// the policy and its own question: it need not ask any more, but what it looked at is too old.
func TestListThatAnotherRequestMade(t *testing.T) {
	own := policy.Namespace{Name: "acme", Tenant: "acme", Hosts: "a.acme.example.com"}
	evil := policy.Namespace{Name: "acme-web", Tenant: "evil"}
	c := tell(t)
	c.set(own)
	c.list = func() {
		c.set(own, evil)
		store.Refresh()
	}
	keys := map[string]any{"kubernetes": map[string]any{"enabled": true}}
	g := newGuard(nil, c.name+"@file", keys, routers.Router{Name: "acme-web-x-0123456789abcdef0123@kubernetescrd"})
	r := &request{}
	r.Host = "a.acme.example.com"
	g.judge(httptest.NewRequest(http.MethodGet, "/", nil), r)
	if r.code != verdict.RouterAmbiguous {
		t.Errorf("%q, want %q", r.code, verdict.RouterAmbiguous)
	}
}

// TestPollSurvivesABug has polling meet a bug that is no middleware's.
func TestPollSurvivesABug(t *testing.T) {
	c := tell(t)
	keys := map[string]any{"kubernetes": map[string]any{"enabled": true}}
	newGuard(nil, c.name+"@file", keys, routers.Router{})
	store.Refresh()
	c.fail(true)
	poll()
	if !c.fail(false) {
		t.Error("there was no bug")
	}
}

// TestPollingEnds tells how many polls in a row must find no router.
func TestPollingEnds(t *testing.T) {
	polling.Lock() // which keeps the polling of other tests' guards waiting
	defer polling.Unlock()
	before := polling.ended
	defer func() { polling.ended = before }()
	cases := []struct {
		description string
		noRouter    []bool
		ends        bool
	}{
		{"between two configurations", []bool{true}, false},
		{"between two configurations, again", []bool{true, false, true}, false},
		{"after the last one", []bool{false, true, true}, true},
	}
	for _, c := range cases {
		polling.ended = 0
		ends := false
		for _, noRouter := range c.noRouter {
			ends = pollingEnds(noRouter)
		}
		if ends != c.ends {
			t.Errorf("%s: %t, want %t", c.description, ends, c.ends)
		}
	}
}
