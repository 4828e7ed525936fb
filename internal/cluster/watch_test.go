package cluster

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/policy"
)

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
			t.Fatal("there is no word of the failure")
		}
		time.Sleep(time.Millisecond)
	}
	a.set(item("a", "acme", "5"), 10, 0)
	waitForNamespaces(t, s, "a=acme")
}

// TestFailedWatchStopsNoList lists right after the watch was cut, refused or ended by us.
func TestFailedWatchStopsNoList(t *testing.T) {
	ways := []struct {
		description string
		end         func(a *namespaceAPI, s *source, end func())
	}{
		{"refused", func(a *namespaceAPI, s *source, end func()) {
			a.mu.Lock()
			a.refused = http.StatusServiceUnavailable
			a.mu.Unlock()
			for unwatched(s).IsZero() {
				select {
				case a.events <- "": // the watch ends, if there is one yet
				case <-time.After(time.Millisecond):
				}
			}
		}},
		{"ended by us", func(a *namespaceAPI, s *source, end func()) { end() }},
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

func unwatched(s *source) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unwatched
}

// TestWatchRefused keeps the Namespaces up to date with lists while all watches are refused, which
// is a problem after a while.
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
		t.Errorf("problem %q, want why there is no watch", problem)
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

func TestRanForAWhile(t *testing.T) {
	rows := []struct {
		description string
		err         error
		took        time.Duration
		want        bool
	}{
		{"it came to its end", nil, time.Minute, true},
		{"it ended at once", nil, minPause, false},
		{"it was cut after a while", kube.ErrCut, minPause + 1, true},
		{"it was cut at once", kube.ErrCut, minPause, false},
		{"the API failed after a while", kube.ErrUnavailable, accepted + 1, true},
		{"it got no answer", kube.ErrUnavailable, accepted, false},
		{"it was refused", kube.ErrForbidden, time.Millisecond, false},
	}
	for _, row := range rows {
		if got := ranForAWhile(row.err, row.took); got != row.want {
			t.Errorf("%s: %t, want %t", row.description, got, row.want)
		}
	}
}

// TestRetry has watches end one after the other, and looks at the last one of each row. An upper
// case letter is one that ran for a while.
func TestRetry(t *testing.T) {
	const s = time.Second
	asked := tooManyRequests(t, "7")
	rows := []struct {
		watches string
		wait    time.Duration
		relist  bool
	}{
		{"E", 0, false},
		{"EE", 0, false},
		{"e", s, false},
		{"ee", 2 * s, true},
		{"f", s, false},
		{"F", s, false},
		{"FFF", s, false},
		{"C", s, false},
		{"c", s, false},
		{"cc", 2 * s, true},
		{"ff", 2 * s, true},
		{"fff", 4 * s, true},
		{"fffff", 16 * s, true},
		{"ffffff", 30 * s, true},
		{"fffffff", 30 * s, true},
		{"fffE", 0, false},
		{"fffEf", s, false},
		{"fffF", s, false},
		{"fffFf", 2 * s, true},
		{"fffC", s, false},
		{"fffg", s, false},
		{"g", s, false},
		{"gg", s, false},
		{"ggf", 2 * s, true},
		{"r", 7 * s, false},
		{"rf", 2 * s, true},
		{"fffr", 8 * s, true},
		{"ffr", 7 * s, true},
		{"fR", 7 * s, false},
	}
	errs := map[string]error{"e": nil, "c": kube.ErrCut, "f": kube.ErrForbidden, "g": kube.ErrGone,
		"r": asked}
	for _, row := range rows {
		r := &retry{pause: minPause}
		wait, relist := time.Duration(-1), false
		for _, watch := range strings.Split(row.watches, "") {
			took := time.Duration(0)
			if watch == strings.ToUpper(watch) {
				took = time.Minute
			}
			wait, relist = r.after(errs[strings.ToLower(watch)], took)
		}
		if wait != row.wait || relist != row.relist {
			t.Errorf("%s: %s and list %t, want %s and %t",
				row.watches, wait, relist, row.wait, row.relist)
		}
	}
}

// tooManyRequests returns the error of an answer that has a Retry-After.
func tooManyRequests(t *testing.T, seconds string) error {
	t.Helper()
	api := func(rw http.ResponseWriter, req *http.Request) {
		rw.Header().Set("Retry-After", seconds)
		rw.WriteHeader(http.StatusTooManyRequests)
	}
	client, err := kube.New(kubetest.Start(t, http.HandlerFunc(api)), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Get(context.Background(), kube.NamespacesPath)
	return err
}

// TestRunWaits has a watch refused, and looks whether the next one comes before its time.
func TestRunWaits(t *testing.T) {
	a, s := startSource(t)
	a.refused = http.StatusForbidden
	end := runSource(s)
	time.Sleep(minPause / 2)
	if got := a.watched(); got != 1 {
		t.Errorf("%d watches within half a pause, want 1", got)
	}
	begin := time.Now()
	end()
	if took := time.Since(begin); took > minPause/4 {
		t.Errorf("it waits for %s after its end", took)
	}
}

// TestNote has a watch end.
func TestNote(t *testing.T) {
	earlier := time.Now().Add(-time.Hour)
	rows := []struct {
		description string
		unwatched   time.Time
		err         error
		took        time.Duration
		version     string
		problem     string
		// since is how long the source has been without a watch, -1 if it is not.
		since time.Duration
	}{
		{"it came to its end", earlier, nil, time.Minute, "5", "before", -1},
		{"the first failure", time.Time{}, kube.ErrForbidden, 0, "5", kube.ErrForbidden.Error(), 0},
		{"one more failure", earlier, kube.ErrForbidden, 0, "5", kube.ErrForbidden.Error(),
			time.Hour},
		{"a failure after a while", earlier, kube.ErrCut, accepted + time.Second, "5",
			kube.ErrCut.Error(), 0},
		{"a version that is forgotten", time.Time{}, kube.ErrGone, 0, "", "before", -1},
		{"one that is while there is no watch", earlier, kube.ErrGone, 0, "", "before", time.Hour},
	}
	for _, row := range rows {
		s := newSource(nil, policy.TenantLabel)
		s.version = "5"
		s.problem = "before"
		s.unwatched = row.unwatched
		s.note(row.err, time.Now().Add(-row.took))
		since := time.Duration(-1)
		if !s.unwatched.IsZero() {
			since = time.Since(s.unwatched).Round(time.Minute)
		}
		if s.version != row.version || s.problem != row.problem || since != row.since {
			t.Errorf("%s: version %q, problem %q, unwatched for %s, want %q, %q, %s",
				row.description, s.version, s.problem, since, row.version, row.problem, row.since)
		}
	}
}

// TestEndForgets ends a source and needs it again later, while the API gives no answer.
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

// TestPanicsEndNothing has no client, as no answer of the API is known to make the watch panic.
func TestPanicsEndNothing(t *testing.T) {
	s := newSource(nil, policy.TenantLabel)
	s.version = "5"
	if _, err := s.follow(context.Background()); err == nil || err.Error() != errWatch.Error() {
		t.Errorf("the error is %v, want %q", err, errWatch)
	}
}
