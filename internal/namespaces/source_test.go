package namespaces

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// api is an API server that knows Namespaces only.
type api struct {
	mu      sync.Mutex
	items   string
	version int
	lists   int
	broken  int
	events  chan string
}

func (a *api) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	a.mu.Lock()
	broken, items, version := a.broken, a.items, a.version
	if req.URL.Query().Get("watch") == "" {
		a.lists++
	}
	a.mu.Unlock()
	if broken != 0 {
		rw.WriteHeader(broken)
		return
	}
	if req.URL.Query().Get("watch") == "" {
		_, _ = fmt.Fprintf(rw, `{"metadata":{"resourceVersion":"%d"},"items":[%s]}`, version, items)
		return
	}
	flusher, _ := rw.(http.Flusher)
	flusher.Flush()
	for {
		select {
		case event := <-a.events:
			if event == "" {
				return
			}
			_, _ = fmt.Fprintln(rw, event)
			flusher.Flush()
		case <-req.Context().Done():
			return
		}
	}
}

func (a *api) set(items string, version, broken int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.items = items
	a.version = version
	a.broken = broken
}

func (a *api) listed() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lists
}

func start(t *testing.T) (*api, *Source) {
	t.Helper()
	a := &api{version: 10, events: make(chan string)}
	config := kubetest.Start(t, a)
	client, err := kube.New(config, func(name string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return a, New(client)
}

func item(name, tenant, version string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"resourceVersion":%q,"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"tenantguard.io/tenant":%q},"annotations":{"tenantguard.io/hosts":"%s.example.com"}}}`, name, version, tenant, name)
}

func event(kind, object string) string {
	return fmt.Sprintf(`{"type":%q,"object":%s}`, kind, object)
}

// describe writes a snapshot as name=tenant, and -name for what is gone.
func describe(s *policy.Snapshot) string {
	if s == nil {
		return "nothing"
	}
	all := map[string]string{}
	for _, n := range s.Namespaces {
		all[n.Name] = n.Tenant
	}
	var parts []string
	for _, name := range []string{"a", "b", "c"} {
		if tenant, there := all[name]; there {
			parts = append(parts, name+"="+tenant)
		}
	}
	for _, name := range s.Gone {
		parts = append(parts, "-"+name)
	}
	return strings.Join(parts, " ")
}

func waitFor(t *testing.T, s *Source, want string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		snapshot, problem := s.Snapshot()
		if describe(snapshot) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("known: %q (%s), want %q", describe(snapshot), problem, want)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestRunFollowsTheNamespaces(t *testing.T) {
	a, s := start(t)
	a.set(item("a", "acme", "5"), 10, 0)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		s.Run(ctx)
		close(ended)
	}()
	waitFor(t, s, "a=acme")
	a.events <- event("ADDED", item("b", "globex", "11"))
	waitFor(t, s, "a=acme b=globex")
	a.events <- event("MODIFIED", item("a", "", "12"))
	waitFor(t, s, "a= b=globex")
	a.events <- event("MODIFIED", item("a", "old", "9"))
	a.events <- event("BOOKMARK", `{"metadata":{"resourceVersion":"20"}}`)
	a.events <- event("DELETED", item("b", "globex", "21"))
	waitFor(t, s, "a= -b")
	a.events <- "" // the watch ends, and goes on
	a.events <- event("ADDED", item("c", "c", "22"))
	waitFor(t, s, "a= c=c -b")
	if got := a.listed(); got != 1 {
		t.Errorf("%d lists, want the watch resumed without one", got)
	}
	a.set(item("c", "new", "30"), 31, 0)
	a.events <- event("ERROR", `{"kind":"Status","code":410,"reason":"Expired"}`)
	waitFor(t, s, "c=new -a -b")
	cancel()
	<-ended
}

func TestRunGoesOnAfterAFailure(t *testing.T) {
	a, s := start(t)
	a.set("", 0, http.StatusInternalServerError)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go s.Run(ctx)
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, problem := s.Snapshot(); problem != "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the failure is not told")
		}
		time.Sleep(time.Millisecond)
	}
	a.set(item("a", "acme", "5"), 10, 0)
	waitFor(t, s, "a=acme")
}

func TestListedSince(t *testing.T) {
	a, s := start(t)
	a.set(item("a", "acme", "5"), 10, 0)
	ctx := context.Background()
	began := time.Now()
	if asked, err := s.ListedSince(ctx, began); !asked || err != nil {
		t.Fatalf("asked %t, %v", asked, err)
	}
	waitFor(t, s, "a=acme")
	if asked, err := s.ListedSince(ctx, began); asked || err != nil {
		t.Errorf("asked %t, %v for what is known already", asked, err)
	}
	later := time.Now()
	a.set("", 0, http.StatusInternalServerError)
	if _, err := s.ListedSince(ctx, later); err == nil {
		t.Error("no error while the API fails")
	}
	lists := a.listed()
	if _, err := s.ListedSince(ctx, later); err == nil || a.listed() != lists {
		t.Error("an API that failed a moment ago was asked again")
	}
	waitFor(t, s, "a=acme")
}
