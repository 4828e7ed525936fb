package cluster

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

// namespaceAPI is an API server that knows Namespaces only.
type namespaceAPI struct {
	// events are sent to the watch, and an empty one ends it.
	events chan string

	mu      sync.Mutex
	items   string
	version int
	lists   int
	// broken is the status of every answer, 0 for none.
	broken int
	// paged is closed to answer the second page of a list, and nil if a list has one page.
	paged chan struct{}
	// expire is called at the second page of a list, which is then answered with 410, once.
	expire func()
	// refused is the status of watches, 0 for watches that are accepted.
	refused int
	watches int
}

func (a *namespaceAPI) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	first := req.URL.Query().Get("continue") == ""
	status := a.enter(kubetest.Watched(req), first)
	if status != 0 {
		rw.WriteHeader(status)
		return
	}
	if kubetest.Watched(req) {
		a.watch(rw, req)
		return
	}
	a.mu.Lock()
	items, version, paged, more := a.items, a.version, a.paged, ""
	a.mu.Unlock()
	if paged != nil && first {
		more = "rest"
	} else if paged != nil {
		<-paged
		items = ""
	}
	_, _ = fmt.Fprintf(rw, `{"kind":"NamespaceList","metadata":{"resourceVersion":"%d",`+
		`"continue":%q},"items":[%s]}`, version, more, items)
}

// enter counts a request, and returns the status to answer it with, 0 for a good answer.
func (a *namespaceAPI) enter(watch, first bool) int {
	a.mu.Lock()
	status, expire := a.broken, a.expire
	if watch {
		a.watches++
		if status == 0 {
			status = a.refused
		}
	} else if first {
		a.lists++
	} else if expire != nil {
		status = http.StatusGone
		a.expire = nil
	}
	a.mu.Unlock()
	if status == http.StatusGone {
		expire()
	}
	return status
}

// watch sends events until the client ends the watch, or an empty one comes.
func (a *namespaceAPI) watch(rw http.ResponseWriter, req *http.Request) {
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

func (a *namespaceAPI) set(items string, version, broken int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.items = items
	a.version = version
	a.broken = broken
}

func (a *namespaceAPI) listed() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lists
}

func (a *namespaceAPI) watched() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.watches
}

func startSource(t *testing.T) (*namespaceAPI, *source) {
	t.Helper()
	a := &namespaceAPI{version: 10, events: make(chan string)}
	config := kubetest.Start(t, a)
	client, err := kube.New(config, func(name string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return a, newSource(client, policy.TenantLabel)
}

// runSource runs the source until the returned function is called.
func runSource(s *source) func() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		s.run(ctx)
		close(ended)
	}()
	return func() {
		cancel()
		<-ended
	}
}

func item(name, tenant, version string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"resourceVersion":%q,`+
		`"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"tenantguard.io/tenant":%q},`+
		`"annotations":{"tenantguard.io/hosts":"%s.example.com"}}}`, name, version, tenant, name)
}

func event(kind, object string) string {
	return fmt.Sprintf(`{"type":%q,"object":%s}`, kind, object)
}

// describe writes a snapshot as name=tenant, and -name=tenant for what was deleted.
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
	for _, deleted := range s.Deleted {
		parts = append(parts, "-"+deleted.Name+"="+deleted.Tenant)
	}
	return strings.Join(parts, " ")
}

func waitForNamespaces(t *testing.T, s *source, want string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		snapshot, problem := s.current()
		if describe(snapshot) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("known: %q (%s), want %q", describe(snapshot), problem, want)
		}
		time.Sleep(time.Millisecond)
	}
}
