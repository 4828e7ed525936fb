package cluster

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/flight"
	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/policy"
)

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
	if err := s.listedSince(ctx, later); err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("%v, want what the API said", err)
	}
	lists := a.listed()
	if err := s.listedSince(ctx, later); err == nil || a.listed() != lists {
		t.Error("the API is not left alone after a failure")
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

// TestListKeepsNewerChanges lists the Namespaces while the watch goes on: the list is of the
// version of its first page, and what the watch brings before the last page comes never again.
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

// TestOtherAnswersAreNoList has an answer that would read as a cluster without Namespaces.
func TestOtherAnswersAreNoList(t *testing.T) {
	config := kubetest.Start(t, http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		_, _ = fmt.Fprint(rw, `{"kind":"Status","items":[]}`)
	}))
	client, err := kube.New(config, func(name string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(client, policy.TenantLabel)
	if err := s.listedSince(context.Background(), time.Now()); err == nil {
		t.Error("no error")
	}
	if snapshot, problem := s.current(); snapshot != nil || problem == "" {
		t.Errorf("known: %q, problem %q", describe(snapshot), problem)
	}
}

// TestOneListForAll has many requests at once, and one that gives up.
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
	if err := s.listedSince(ctx, since); err != ErrSlow {
		t.Errorf("a request that gave up: %v, want %v", err, ErrSlow)
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

// TestListInFlightIsTooOld has a request that needs a list newer than the one in flight.
func TestListInFlightIsTooOld(t *testing.T) {
	a, s := startSource(t)
	a.set(item("a", "acme", "1"), 10, 0)
	paged := make(chan struct{})
	a.paged = paged
	answer := make(chan error, 1)
	go func() { answer <- s.listedSince(context.Background(), time.Time{}) }()
	for a.listed() == 0 {
		time.Sleep(time.Millisecond)
	}
	since := time.Now()
	late := make(chan error, 1)
	go func() { late <- s.listedSince(context.Background(), since) }()
	time.Sleep(20 * time.Millisecond) // until it waits
	close(paged)
	if err := <-answer; err != nil {
		t.Error(err)
	}
	if err := <-late; err != nil || a.listed() != 2 {
		t.Errorf("%v after %d lists, want one more", err, a.listed())
	}
}

func TestListAfter(t *testing.T) {
	now := time.Now()
	rows := []struct {
		description    string
		listed, failed time.Time
		inFlight       bool
		waits          bool
		err            error
	}{
		{"listed later", now.Add(1), time.Time{}, false, false, nil},
		{"listed later, failed since", now.Add(1), now, false, false, nil},
		{"listed later, and again in flight", now.Add(1), time.Time{}, true, false, nil},
		{"listed at the time", now, time.Time{}, true, true, nil},
		{"listed earlier", now.Add(-1), time.Time{}, true, true, nil},
		{"failed, again in flight", now.Add(-1), now, true, true, nil},
		{"failed", now.Add(-1), now, false, false, errPause},
		{"never listed, failed", time.Time{}, now, false, false, errPause},
	}
	for _, row := range rows {
		s := newSource(nil, policy.TenantLabel)
		s.existing = map[string]policy.Namespace{}
		s.listed = row.listed
		s.listFailed = row.failed
		if row.inFlight {
			s.list = flight.NewCall(now, errList)
		}
		list, err := s.listAfter(now)
		if (list != nil) != row.waits || err != row.err {
			t.Errorf("%s: a list %t, %v, want %t, %v",
				row.description, list != nil, err, row.waits, row.err)
		}
		if list != nil && list != s.list {
			t.Errorf("%s: another list than the one in flight", row.description)
		}
	}
}

// TestListThatPanics has no client: the list fails, and the next one may begin.
func TestListThatPanics(t *testing.T) {
	s := newSource(nil, policy.TenantLabel)
	if err := s.listedSince(context.Background(), time.Now()); err != errList {
		t.Errorf("%v, want %v", err, errList)
	}
	if _, problem := s.current(); s.list != nil || problem != errList.Error() {
		t.Errorf("in flight %t, problem %q", s.list != nil, problem)
	}
}
