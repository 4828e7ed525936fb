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
	mu      sync.Mutex
	items   string
	version int
	lists   int
	broken  int
	events  chan string
	// paged is closed to answer the second page of a list; nil: a list has one page.
	paged chan struct{}
	// expire is called at the second page of a list, which is then answered with 410, once.
	expire func()
	// refused is the status of watches, 0 for watches that are taken, and retryAfter its header.
	refused    int
	retryAfter string
	// watches are the times at which watches were asked for.
	watches []time.Time
}

func (a *namespaceAPI) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	a.mu.Lock()
	broken, items, version, paged, more := a.broken, a.items, a.version, a.paged, ""
	if !kubetest.Watched(req) && req.URL.Query().Get("continue") == "" {
		a.lists++
	}
	if kubetest.Watched(req) && broken == 0 {
		broken = a.refused
	}
	if kubetest.Watched(req) {
		a.watches = append(a.watches, time.Now())
	}
	retryAfter, expire := a.retryAfter, a.expire
	if req.URL.Query().Get("continue") != "" && expire != nil {
		broken = http.StatusGone
		a.expire = nil
	}
	a.mu.Unlock()
	if broken == http.StatusGone && expire != nil {
		expire()
	}
	if broken != 0 {
		rw.Header().Set("Retry-After", retryAfter)
		rw.WriteHeader(broken)
		return
	}
	if paged != nil && req.URL.Query().Get("continue") == "" {
		more = "rest"
	} else if paged != nil {
		<-paged
		items = ""
	}
	if !kubetest.Watched(req) {
		_, _ = fmt.Fprintf(rw, `{"kind":"NamespaceList","metadata":{"resourceVersion":"%d","continue":%q},"items":[%s]}`, version, more, items)
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

func (a *namespaceAPI) watched() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]time.Time{}, a.watches...)
}

func startSource(t *testing.T) (*namespaceAPI, *source) {
	t.Helper()
	a := &namespaceAPI{version: 10, events: make(chan string)}
	config := kubetest.Start(t, a)
	client, err := kube.New(config, func(name string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return a, newSource(client)
}

// runSource has the source run until the function is called that it returns.
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
	return fmt.Sprintf(`{"metadata":{"name":%q,"resourceVersion":%q,"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"tenantguard.io/tenant":%q},"annotations":{"tenantguard.io/hosts":"%s.example.com"}}}`, name, version, tenant, name)
}

func event(kind, object string) string {
	return fmt.Sprintf(`{"type":%q,"object":%s}`, kind, object)
}

// describe writes a snapshot as name=tenant, and -name=tenant for what is gone.
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
	for _, gone := range s.Gone {
		parts = append(parts, "-"+gone.Name+"="+gone.Tenant)
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

func TestRunFollowsTheNamespaces(t *testing.T) {
	a, s := startSource(t)
	a.set(item("a", "acme", "5"), 10, 0)
	end := runSource(s)
	waitForNamespaces(t, s, "a=acme")
	a.events <- event("ADDED", item("b", "globex", "11"))
	waitForNamespaces(t, s, "a=acme b=globex")
	a.events <- event("MODIFIED", item("a", "", "12"))
	waitForNamespaces(t, s, "a= b=globex")
	a.events <- event("MODIFIED", item("a", "old", "9"))
	a.events <- event("BOOKMARK", `{"metadata":{"resourceVersion":"20"}}`)
	a.events <- event("DELETED", item("b", "globex", "21"))
	waitForNamespaces(t, s, "a= -b=globex")
	a.events <- "" // the watch ends, and goes on
	a.events <- event("ADDED", item("c", "c", "22"))
	waitForNamespaces(t, s, "a= c=c -b=globex")
	if got := a.listed(); got != 1 {
		t.Errorf("%d lists, want the watch resumed without one", got)
	}
	a.set(item("c", "new", "30"), 31, 0)
	a.events <- event("ERROR", `{"kind":"Status","code":410,"reason":"Expired"}`)
	waitForNamespaces(t, s, "c=new -a= -b=globex")
	end()
}

func TestRunGoesOnAfterAFailure(t *testing.T) {
	a, s := startSource(t)
	a.set("", 0, http.StatusInternalServerError)
	defer runSource(s)()
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, problem := s.current(); problem != "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the failure is not told")
		}
		time.Sleep(time.Millisecond)
	}
	a.set(item("a", "acme", "5"), 10, 0)
	waitForNamespaces(t, s, "a=acme")
}

func TestListedSince(t *testing.T) {
	a, s := startSource(t)
	a.set(item("a", "acme", "5"), 10, 0)
	ctx := context.Background()
	began := time.Now()
	if err := s.listedSince(ctx, began); err != nil || a.listed() != 1 {
		t.Fatalf("%d lists, %v", a.listed(), err)
	}
	waitForNamespaces(t, s, "a=acme")
	if err := s.listedSince(ctx, began); err != nil || a.listed() != 1 {
		t.Errorf("%d lists, %v for what is known already", a.listed(), err)
	}
	later := time.Now()
	a.set("", 0, http.StatusInternalServerError)
	if err := s.listedSince(ctx, later); err == nil {
		t.Error("no error while the API fails")
	}
	lists := a.listed()
	if err := s.listedSince(ctx, later); err == nil || a.listed() != lists {
		t.Error("an API that failed a moment ago was asked again")
	}
	waitForNamespaces(t, s, "a=acme")
}

// TestListForgottenInTheMiddle deletes a Namespace between the list that expired and the one in its
// place.
func TestListForgottenInTheMiddle(t *testing.T) {
	a, s := startSource(t)
	a.paged = make(chan struct{})
	close(a.paged)
	a.set(item("a", "acme", "1")+","+item("b", "globex", "2"), 10, 0)
	a.expire = func() { a.set(item("b", "acme", "11"), 12, 0) }
	if err := s.listedSince(context.Background(), time.Now()); err != nil {
		t.Fatal(err)
	}
	waitForNamespaces(t, s, "b=acme")
	if got := a.listed(); got != 2 {
		t.Errorf("%d lists, want one more than expired", got)
	}
	if got := s.setWatching(time.Now()); got != "12" {
		t.Errorf("the watch would begin at %s, want the version of the second list", got)
	}
}

// TestListKeepsNewerChanges has a request list the Namespaces while the watch goes on: the list is
// of the version of its first page, and what the watch tells before its last one comes never again.
func TestListKeepsNewerChanges(t *testing.T) {
	a, s := startSource(t)
	a.set(item("a", "acme", "1"), 10, 0)
	defer runSource(s)()
	waitForNamespaces(t, s, "a=acme")
	paged := make(chan struct{})
	a.mu.Lock()
	a.paged = paged
	a.mu.Unlock()
	lists := a.listed()
	answer := make(chan error)
	go func() {
		err := s.listedSince(context.Background(), time.Now())
		answer <- err
	}()
	for a.listed() == lists {
		time.Sleep(time.Millisecond)
	}
	a.events <- event("MODIFIED", item("a", "globex", "11"))
	a.events <- event("ADDED", item("b", "globex", "12"))
	a.events <- event("BOOKMARK", `{"metadata":{"resourceVersion":"15"}}`)
	waitForNamespaces(t, s, "a=globex b=globex")
	for s.setWatching(time.Now()) != "15" {
		time.Sleep(time.Millisecond)
	}
	close(paged)
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
	waitForNamespaces(t, s, "a=globex b=globex")
	if got := s.setWatching(time.Now()); got != "15" {
		t.Errorf("the watch would go on from %s, want 15", got)
	}
	a.events <- event("ADDED", item("c", "c", "16"))
	waitForNamespaces(t, s, "a=globex b=globex c=c")
}

// TestNamespaceThatCameAndWent tells late of one that no list has seen: its routers may be in use.
func TestNamespaceThatCameAndWent(t *testing.T) {
	a, s := startSource(t)
	a.set(item("a", "acme", "1"), 20, 0)
	defer runSource(s)()
	waitForNamespaces(t, s, "a=acme")
	a.events <- event("ADDED", item("b", "globex", "11"))
	a.events <- event("DELETED", item("a", "acme", "12"))
	a.events <- event("DELETED", item("b", "globex", "13"))
	waitForNamespaces(t, s, "a=acme -b=globex")
	a.events <- event("DELETED", item("b", "globex", "14"))
	a.events <- event("DELETED", item("c", "", "15"))
	waitForNamespaces(t, s, "a=acme -b=globex -c=")
	a.events <- event("DELETED", item("b", "evil", "16"))
	waitForNamespaces(t, s, "a=acme -b= -c=")
	a.events <- event("DELETED", item("b", "globex", "17"))
	a.events <- event("ADDED", item("c", "acme", "21"))
	waitForNamespaces(t, s, "a=acme c=acme -b=")
}

// TestGoneIsForgotten looks at a Namespace long after it was deleted, with no other change since.
func TestGoneIsForgotten(t *testing.T) {
	a, s := startSource(t)
	a.set(item("a", "acme", "1")+","+item("b", "globex", "2"), 10, 0)
	defer runSource(s)()
	waitForNamespaces(t, s, "a=acme b=globex")
	a.events <- event("DELETED", item("b", "globex", "11"))
	waitForNamespaces(t, s, "a=acme -b=globex")
	s.mu.Lock()
	s.deleted["b"] = deletion{namespace: s.deleted["b"].namespace, at: time.Now().Add(-keepDeleted)}
	s.expires = time.Now()
	s.mu.Unlock()
	waitForNamespaces(t, s, "a=acme")
}

// TestFailedWatchStopsNoList has requests ask for a list right after the watch was cut, refused or
// ended by ourselves.
func TestFailedWatchStopsNoList(t *testing.T) {
	ways := []struct {
		description string
		end         func(a *namespaceAPI, s *source, end func())
	}{
		{"refused", func(a *namespaceAPI, s *source, end func()) {
			a.mu.Lock()
			a.refused = http.StatusServiceUnavailable
			a.mu.Unlock()
			for broken(s).IsZero() {
				select {
				case a.events <- "": // the watch ends, if there is one yet
				case <-time.After(time.Millisecond):
				}
			}
		}},
		{"ended by ourselves", func(a *namespaceAPI, s *source, end func()) { end() }},
	}
	for _, way := range ways {
		a, s := startSource(t)
		a.set(item("a", "acme", "1"), 10, 0)
		end := runSource(s)
		waitForNamespaces(t, s, "a=acme")
		way.end(a, s, end)
		if err := s.listedSince(context.Background(), time.Now()); err != nil {
			t.Errorf("%s: %v", way.description, err)
		}
		end()
	}
}

func broken(s *source) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unwatched
}

// TestWatchRefused has lists keep the Namespaces up to date where no watch comes about, and says so
// after a while.
func TestWatchRefused(t *testing.T) {
	a, s := startSource(t)
	a.refused = http.StatusForbidden
	a.set(item("a", "acme", "1"), 10, 0)
	defer runSource(s)()
	waitForNamespaces(t, s, "a=acme")
	if _, problem := s.current(); problem != "" {
		t.Errorf("problem %q at once", problem)
	}
	a.set(item("a", "globex", "2"), 11, 0)
	waitForNamespaces(t, s, "a=globex")
	s.mu.Lock()
	s.unwatched = s.unwatched.Add(-outdatedAfter)
	s.mu.Unlock()
	if _, problem := s.current(); !strings.Contains(problem, "403") {
		t.Errorf("problem %q, want one that tells why there is no watch", problem)
	}
	a.mu.Lock()
	a.refused = 0
	a.mu.Unlock()
	a.events <- event("ADDED", item("b", "b", "12"))
	waitForNamespaces(t, s, "a=globex b=b")
	if _, problem := s.current(); problem != "" {
		t.Errorf("problem %q while there is a watch", problem)
	}
}

// TestWatchWaitsAsLongAsTheAPIAsks refuses a watch with a Retry-After that is longer than the first
// pause.
func TestWatchWaitsAsLongAsTheAPIAsks(t *testing.T) {
	a, s := startSource(t)
	a.refused = http.StatusTooManyRequests
	a.retryAfter = "2"
	defer runSource(s)()
	deadline := time.Now().Add(10 * time.Second)
	for len(a.watched()) < 2 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	times := a.watched()
	if len(times) < 2 || times[1].Sub(times[0]) < 2*time.Second {
		t.Errorf("watches at %v, want two seconds between the first two", times)
	}
}

// TestOtherAnswersAreNoList has the API answer with what would read as a cluster without
// Namespaces.
func TestOtherAnswersAreNoList(t *testing.T) {
	config := kubetest.Start(t, http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		_, _ = fmt.Fprint(rw, `{"kind":"Status","items":[]}`)
	}))
	client, err := kube.New(config, func(name string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(client)
	if err := s.listedSince(context.Background(), time.Now()); err == nil {
		t.Error("no error")
	}
	if snapshot, problem := s.current(); snapshot != nil || problem == "" {
		t.Errorf("known: %q, problem %q", describe(snapshot), problem)
	}
}

// TestOneListForAll has many requests ask at once, and one that gives up.
func TestOneListForAll(t *testing.T) {
	a, s := startSource(t)
	a.set(item("a", "acme", "1"), 10, 0)
	paged := make(chan struct{})
	a.paged = paged
	since := time.Now()
	answers := make(chan error)
	for i := 0; i < 20; i++ {
		go func() {
			err := s.listedSince(context.Background(), since)
			answers <- err
		}()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := s.listedSince(ctx, since); err == nil {
		t.Error("no error for a request that gave up")
	}
	close(paged)
	for i := 0; i < 20; i++ {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if got := a.listed(); got != 1 {
		t.Errorf("%d lists, want one", got)
	}
}

func TestWatched(t *testing.T) {
	cases := []struct {
		description string
		err         error
		took        time.Duration
		want        bool
	}{
		{"it came to its end", nil, time.Minute, true},
		{"it ended at once", nil, time.Millisecond, false},
		{"it was cut after a while", kube.ErrCut, 2 * time.Second, true},
		{"it was cut at once", kube.ErrCut, time.Millisecond, false},
		{"it ended with an error of the API after a while", kube.ErrUnavailable, time.Minute, true},
		{"it got no answer", kube.ErrUnavailable, 5 * time.Second, false},
		{"it was refused", kube.ErrForbidden, time.Millisecond, false},
	}
	for _, c := range cases {
		if got := ranForAWhile(c.err, c.took); got != c.want {
			t.Errorf("%s: %t, want %t", c.description, got, c.want)
		}
	}
}

// TestEndForgets ends a source and asks it later, while the API can't be asked.
func TestEndForgets(t *testing.T) {
	a, s := startSource(t)
	a.set(item("a", "acme", "1")+","+item("b", "globex", "2"), 10, 0)
	end := runSource(s)
	waitForNamespaces(t, s, "a=acme b=globex")
	a.events <- event("DELETED", item("b", "globex", "11"))
	waitForNamespaces(t, s, "a=acme -b=globex")
	end()
	a.set("", 0, http.StatusInternalServerError)
	if snapshot, problem := s.current(); snapshot != nil || problem != "" {
		t.Errorf("%s, %q", describe(snapshot), problem)
	}
	if err := s.listedSince(context.Background(), time.Time{}); err == nil {
		t.Error("no error while the API fails")
	}
	time.Sleep(minPause)
	a.set(item("c", "new", "20"), 21, 0)
	if err := s.listedSince(context.Background(), time.Time{}); err != nil {
		t.Error(err)
	}
	waitForNamespaces(t, s, "c=new")
}

// TestPanicsEndNothing has a client that there is none of, as no answer of the API is known to make
// the watch panic.
func TestPanicsEndNothing(t *testing.T) {
	s := newSource(nil)
	s.version = "5"
	if _, err := s.follow(context.Background()); err == nil || err.Error() != errWatch.Error() {
		t.Errorf("the error is %v, want %q", err, errWatch)
	}
}
