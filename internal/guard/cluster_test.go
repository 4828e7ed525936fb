package guard

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/cluster"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// fakeCluster is a cluster without an API. Polling may ask it at any time.
type fakeCluster struct {
	name     string
	registry *registry.Registry
	// list is what happens while a request waits for a list that is no older than a time.
	list func(since time.Time) error

	mu       sync.Mutex
	snapshot *policy.Snapshot
	// failing has Address panic, and failed tells that it did.
	failing, failed bool
}

func (c *fakeCluster) Address() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing {
		c.failed = true
		panic("a bug")
	}
	return c.name
}

func (c *fakeCluster) Snapshot() (*policy.Snapshot, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot, ""
}

func (c *fakeCluster) ListedSince(ctx context.Context, since time.Time) error {
	return c.list(since)
}

func (c *fakeCluster) set(namespaces ...policy.Namespace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot = &policy.Snapshot{Namespaces: namespaces}
}

// forget has the cluster know no Namespaces.
func (c *fakeCluster) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot = nil
}

// fail has Address panic from now on, or no longer, and tells whether it did.
func (c *fakeCluster) fail(failing bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing = failing
	return c.failed
}

// newCluster returns a cluster, and a registry that asks it in place of an API.
func newCluster(t *testing.T) *fakeCluster {
	t.Helper()
	c := &fakeCluster{
		name: t.Name() + time.Now().String(), snapshot: &policy.Snapshot{},
		list: func(since time.Time) error { return nil },
	}
	env := environment()
	env.Cluster = func(_ policy.Kubernetes) (registry.Cluster, error) { return c, nil }
	c.registry = registry.New(env)
	return c
}

// clustered has the tenants of a cluster's Namespaces.
var clustered = map[string]any{
	"exposeReason": true, "kubernetes": map[string]any{"enabled": true},
}

// TestListThatAnotherRequestMade has another request list the Namespaces and bring them into
// force, between a request's look at the policy and its own question: it need not ask any more,
// but what it looked at is too old.
func TestListThatAnotherRequestMade(t *testing.T) {
	const crd, hash = "@kubernetescrd", "-0123456789abcdef0123"
	acme := policy.Namespace{Name: "acme", Tenant: "acme", Hosts: "a.acme.example.com"}
	own := []policy.Namespace{acme}
	evil := []policy.Namespace{acme, {Name: "acme-web", Tenant: "evil"}}
	entryPoint := []policy.Namespace{acme, {Name: "web-acme", Tenant: "evil"}}
	rows := []struct {
		description, router string
		children            []string
		before, after       []policy.Namespace
		want                string
	}{
		{"a legacy name", "acme-web-x" + hash + crd, nil, own, evil, "router-ambiguous"},
		{"a legacy name that was ambiguous", "acme-web-x" + hash + crd, nil, evil, own, "pass"},
		{"two safe names", "web-acme_x_0" + crd, nil, own, entryPoint, "router-ambiguous"},
		{"an exact name", "acme_x_0" + crd, nil, own, evil, "pass"},
		{"an exact name with an exact child", "acme_x_0" + crd, []string{"acme_y_0" + crd},
			own, evil, "pass"},
		{"an exact name with a child of a legacy name", "acme_x_0" + crd,
			[]string{"acme-web-x" + hash + crd}, own, evil, "router-ambiguous"},
		{"a child of a legacy name before an exact one", "acme_x_0" + crd,
			[]string{"acme-web-x" + hash + crd, "acme_y_0" + crd}, own, evil, "router-ambiguous"},
		{"an exact name with a child of two safe names", "acme_x_0" + crd,
			[]string{"web-acme_x_0" + crd}, own, entryPoint, "router-ambiguous"},
		{"an exact name that was not listed", "acme_x_0" + crd, nil, nil, own, "pass"},
		{"an exact name that was not listed, of another tenant", "new_x_0" + crd, nil, own,
			[]policy.Namespace{acme, {Name: "new", Tenant: "evil"}}, "host-foreign"},
		{"a child that was not listed", "acme_x_0" + crd, []string{"new_y_0" + crd}, own,
			[]policy.Namespace{acme, {Name: "new", Tenant: "acme"}}, "pass"},
		{"a child that was ambiguous", "acme_x_0" + crd, []string{"acme-web-x" + hash + crd},
			evil, own, "pass"},
	}
	for _, row := range rows {
		c := newCluster(t)
		c.set(row.before...)
		c.list = func(since time.Time) error {
			c.set(row.after...)
			c.registry.Refresh()
			return nil
		}
		router := binding.Parse(row.router, "web")
		g := newGuardIn(c.registry, http.NotFoundHandler(), row.description+c.name+"@file",
			clustered, router)
		below(g, row.children...)
		if got := reasonOf(g, plainRequest("a.acme.example.com")); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestListOfNamespaces has a request ask for the list, which must be younger than its router, and
// fail.
func TestListOfNamespaces(t *testing.T) {
	acme := policy.Namespace{Name: "acme", Tenant: "acme", Hosts: "a.acme.example.com"}
	const legacy, exact = "acme-x-0123456789abcdef0123@kubernetescrd", "acme_x_0@kubernetescrd"
	const unlisted = "new_x_0@kubernetescrd"
	failure := errors.New("the API can't be asked")
	rows := []struct {
		description, router string
		err                 error
		lists               int
		want                string
	}{
		{"an exact name, no list", exact, failure, 0, "pass"},
		{"a legacy name, a list", legacy, nil, 1, "pass"},
		{"a legacy name, no list", legacy, failure, 1, "router-ambiguous"},
		{"an exact name that is not listed, a list", unlisted, nil, 1, "router-unbound"},
		{"an exact name that is not listed, no list", unlisted, failure, 1, "router-unbound"},
	}
	for _, row := range rows {
		c := newCluster(t)
		c.set(acme)
		var asked []time.Time
		c.list = func(since time.Time) error {
			asked = append(asked, since)
			return row.err
		}
		router := binding.Parse(row.router, "")
		g := newGuardIn(c.registry, http.NotFoundHandler(), row.description+c.name+"@file",
			clustered, router)
		if got := reasonOf(g, plainRequest("a.acme.example.com")); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
		if len(asked) != row.lists {
			t.Fatalf("%s: %d lists, want %d", row.description, len(asked), row.lists)
		}
		for _, since := range asked {
			if since.IsZero() || since.Before(builtAt(g)) {
				t.Errorf("%s: a list from %s will do, the router is from %s",
					row.description, since, builtAt(g))
			}
		}
	}
}

// TestPolicyThatAwaitsItsNamespaces has the first request ask for a list, which may be of any age.
func TestPolicyThatAwaitsItsNamespaces(t *testing.T) {
	acme := policy.Namespace{Name: "acme", Tenant: "acme", Hosts: "a.acme.example.com"}
	rows := []struct {
		description string
		err         error
		want        string
	}{
		{"they can be listed", nil, "pass"},
		{"they can't be listed", errors.New("the API can't be asked"), "policy-invalid"},
	}
	for _, row := range rows {
		c := newCluster(t)
		c.forget()
		asked := 0
		c.list = func(since time.Time) error {
			asked++
			if !since.IsZero() {
				t.Errorf("%s: the list must be of %s or later", row.description, since)
			}
			if row.err == nil {
				c.set(acme)
			}
			return row.err
		}
		router := binding.Parse("acme_x_0@kubernetescrd", "")
		g := newGuardIn(c.registry, http.NotFoundHandler(), row.description+c.name+"@file",
			clustered, router)
		if got := reasonOf(g, plainRequest("a.acme.example.com")); got != row.want || asked != 1 {
			t.Errorf("%s: %q after %d lists, want %q after 1",
				row.description, got, asked, row.want)
		}
	}
}

// TestSlowFirstList has a request not be able to wait any longer for the first list.
func TestSlowFirstList(t *testing.T) {
	rows := []struct {
		description string
		mode        string
		err         error
		want, logs  string
	}{
		{"report, slow", "report", cluster.ErrSlow, "pass", "report"},
		{"enforce, slow", "enforce", cluster.ErrSlow, "policy-invalid", "enforce"},
		{"report, failed", "report", errors.New("refused"), "policy-invalid", "enforce"},
	}
	for _, row := range rows {
		c := newCluster(t)
		c.forget()
		c.list = func(since time.Time) error { return row.err }
		keys := map[string]any{"exposeReason": true, "mode": row.mode,
			"kubernetes": map[string]any{"enabled": true}}
		router := binding.Parse("acme_x_0@kubernetescrd", "")
		g := newGuardIn(c.registry, http.NotFoundHandler(), row.description+c.name+"@file", keys,
			router)
		req := plainRequest("a.acme.example.com")
		if got := reasonOf(g, req); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
		got := denialOf(g, req)
		if got.Mode != row.logs || got.Reason != "policy-invalid" || got.Detail == "" {
			t.Errorf("%s: %+v, want it logged in mode %s", row.description, got, row.logs)
		}
		if remembers(g, req) {
			t.Errorf("%s: it is remembered", row.description)
		}
	}
}

// TestPolicyThatChangesMeanwhile changes the policy after a request was judged and before that is
// remembered.
func TestPolicyThatChangesMeanwhile(t *testing.T) {
	acme := policy.Namespace{Name: "acme", Tenant: "acme", Hosts: "a.acme.example.com"}
	for _, changes := range []bool{false, true} {
		c := newCluster(t)
		c.set(acme)
		router := binding.Parse("acme-x-0123456789abcdef0123@kubernetescrd", "")
		g := newGuardIn(c.registry, http.NotFoundHandler(), c.name+"@file", clustered, router)
		req := plainRequest("a.acme.example.com")
		d := g.check(req, read(req, nil))
		if d.code != verdict.Pass {
			t.Fatalf("changes %t: %q, want a pass", changes, d.code)
		}
		if changes {
			c.set(acme, policy.Namespace{Name: "new", Tenant: "new"})
			c.registry.Refresh()
		}
		g.remember(req, d, &answer{code: d.code})
		if remembers(g, req) == changes {
			t.Errorf("changes %t: what was allowed meanwhile is remembered %t", changes, changes)
		}
	}
}

// TestPollSurvivesABug has polling meet a bug that is no middleware's.
func TestPollSurvivesABug(t *testing.T) {
	c := newCluster(t)
	keys := map[string]any{"kubernetes": map[string]any{"enabled": true}}
	newGuardIn(c.registry, nil, c.name+"@file", keys, binding.Router{})
	c.registry.Refresh()
	c.fail(true)
	lookForChanges(c.registry)
	if !c.fail(false) {
		t.Error("there was no bug")
	}
}

// TestPollingEnds looks at how many polls in a row must find no router.
func TestPollingEnds(t *testing.T) {
	polling.Lock() // which keeps the polling of other tests' guards waiting
	defer polling.Unlock()
	before := polling.idlePolls
	defer func() { polling.idlePolls = before }()
	cases := []struct {
		description string
		noRouter    []bool
		ends        bool
	}{
		{"between two configurations", []bool{true}, false},
		{"between two configurations, again", []bool{true, false, true}, false},
		{"after the last one", []bool{false, true, true}, true},
		{"after the last one, and once more", []bool{true, true, true}, false},
	}
	for _, c := range cases {
		polling.idlePolls = 0
		ends := false
		for _, noRouter := range c.noRouter {
			ends = pollingEnds(noRouter)
		}
		if ends != c.ends {
			t.Errorf("%s: %t, want %t", c.description, ends, c.ends)
		}
	}
}
