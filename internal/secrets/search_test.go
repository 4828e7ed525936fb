package secrets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
)

// together calls n at a time and waits for all.
func together(n int, call func(i int)) {
	var all sync.WaitGroup
	for i := 0; i < n; i++ {
		all.Add(1)
		go one(i, call, &all)
	}
	all.Wait()
}

func one(i int, call func(i int), all *sync.WaitGroup) {
	defer all.Done()
	call(i)
}

// slowly delays every answer.
func (c *cluster) slowly(delay time.Duration) {
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		time.Sleep(delay)
		return false
	})
}

func TestPages(t *testing.T) {
	c := start(t)
	s, _ := c.store(t)
	c.putLeaves("acme", 7)
	s.pageSize = 3
	expect(t, c, confirm(s, "leaf 6", "acme"), "found", "list acme, list acme 3, list acme 6")
	expect(t, c, confirm(s, "leaf 0", "acme"), "found", "")
}

// TestListForgottenInTheMiddle deletes a Secret between the list that expired and the one in its
// place.
func TestListForgottenInTheMiddle(t *testing.T) {
	c := start(t)
	s, _ := c.store(t)
	c.putLeaves("acme", 7)
	s.pageSize = 3
	expired := false
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		if call != "list acme 3" || expired {
			return false
		}
		expired = true
		c.remove("acme", "web-0")
		refuse(rw, http.StatusGone)
		return true
	})
	expect(t, c, confirm(s, "leaf 5", "acme"), "found",
		"list acme, list acme 3, list acme, list acme 3")
	expect(t, c, confirm(s, "leaf 0", "acme"), "absent", "list acme, list acme 3")
}

// TestFoundBeforeTheFailure finds a leaf in a list that is cut off.
func TestFoundBeforeTheFailure(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaves("acme", 7)
	s.pageSize = 3
	c.fail("list acme 6", http.StatusInternalServerError)
	expect(t, c, confirm(s, "leaf 4", "acme"), "found", "list acme, list acme 3, list acme 6")
	expect(t, c, confirm(s, "leaf 4", "acme"), "found", "")
	expect(t, c, confirm(s, "leaf 1", "acme"), "found", "")
	expect(t, c, confirm(s, "leaf 6", "acme"), "failed", "")
	now.pass(failurePause)
	expect(t, c, confirm(s, "forged", "acme"), "failed", "list acme, list acme 3, list acme 6")
}

// TestLookedAtBeforeTheFailure confirms one leaf by name while the list for another fails.
func TestLookedAtBeforeTheFailure(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", "a")
	c.putLeaf("acme", "api", "b")
	expect(t, c, confirm(s, "a", "acme"), "found", "list acme")
	c.remove("acme", "api")
	now.pass(ttl)
	c.fail("list", http.StatusInternalServerError)
	s.mu.Lock()
	s.namespaces["acme"].waiting[digest([]byte("b"))] = true
	s.mu.Unlock()
	if _, found, err := look(s, "a", ttl, 0, "acme"); !found || err != nil {
		t.Errorf("%t, %v, want what was looked at before the list failed", found, err)
	}
	said := c.said()
	if !strings.Contains(said, "get acme web") || !strings.HasSuffix(said, "list acme") {
		t.Errorf("calls %s", said)
	}
}

// TestLargeSecrets has pages that are larger than what is read unless they are small.
func TestLargeSecrets(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	s.patience = time.Minute
	c.putLeaf("acme", "web", "a")
	c.tooLarge(func(from, limit int) bool { return limit > 62 })
	expect(t, c, confirm(s, "a", "acme"), "found", "list acme, list acme")
	c.tooLarge(func(from, limit int) bool { return true })
	if _, _, err := look(s, "b", ttl, grace, "acme"); !errors.Is(err, kube.ErrTooLarge) {
		t.Errorf("%v, want an end", err)
	}
	expect(t, c, "", "", "list acme, list acme, list acme, list acme, list acme")
	c.setDisturb(nil)
	now.pass(failurePause)
	expect(t, c, confirm(s, "b", "acme"), "absent", "list acme")
}

// TestSecretsAfterLargeOnes lists a namespace of a few large Secrets and many small ones, whose
// lists must not take ever longer.
func TestSecretsAfterLargeOnes(t *testing.T) {
	c := start(t)
	s, _ := c.store(t)
	s.patience = time.Minute
	s.pageSize = 64
	c.putLeaves("acme", 600)
	c.tooLarge(func(from, limit int) bool { return from < 4 && limit > 4 })
	rows := []struct {
		description string
		leaf        string
		want        string
	}{
		{"the first list", "leaf 599", "found"},
		{"the second", "forged", "absent"},
		{"the third", "forged, too", "absent"},
	}
	for _, row := range rows {
		got := confirm(s, row.leaf, "acme")
		if pages := strings.Count(c.said(), "list"); got != row.want || pages > 20 {
			t.Errorf("%s: %s after %d pages, want %s after 20 at most",
				row.description, got, pages, row.want)
		}
	}
}

// tooLarge answers with more than is read where it is true of the first Secret that is asked for
// and the limit.
func (c *cluster) tooLarge(is func(from, limit int) bool) {
	padding := []byte(strings.Repeat(" ", 1<<20))
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		from, _ := strconv.Atoi(req.URL.Query().Get("continue"))
		limit, _ := strconv.Atoi(req.URL.Query().Get("limit"))
		if !is(from, limit) {
			return false
		}
		for i := 0; i < 20; i++ {
			_, _ = rw.Write(padding)
		}
		return true
	})
}

func TestOneSearchForOneLeaf(t *testing.T) {
	c := start(t)
	s, _ := c.store(t)
	c.putLeaf("acme", "web", "a")
	for _, leaf := range []string{"a", "forged"} {
		c.slowly(50 * time.Millisecond)
		want := map[string]string{"a": "found", "forged": "absent"}[leaf]
		together(50, func(i int) {
			if got := confirm(s, leaf, "acme"); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
		expect(t, c, "", "", "list acme")
	}
}

func TestOneRequestAtATimeInANamespace(t *testing.T) {
	c := start(t)
	s, _ := c.store(t)
	c.putLeaves("acme", 50)
	s.pageSize = 20
	c.slowly(10 * time.Millisecond)
	together(60, func(i int) {
		want := "found"
		if i >= 50 {
			want = "absent"
		}
		if got := confirm(s, fmt.Sprintf("leaf %d", i), "acme"); got != want {
			t.Errorf("leaf %d: %s, want %s", i, got, want)
		}
	})
	if c.most != 1 {
		t.Errorf("%d requests at a time, want 1", c.most)
	}
	if said := c.said(); strings.Count(said, ",") > 8 {
		t.Errorf("calls %s, want three lists at most", said)
	}
}

// TestSearchInFlightAnswersForOthers has a list in flight for one leaf find another one as well.
func TestSearchInFlightAnswersForOthers(t *testing.T) {
	c := start(t)
	s, _ := c.store(t)
	c.putLeaf("acme", "web", "a")
	c.putLeaf("acme", "api", "b")
	listed, proceed := make(chan struct{}, 10), make(chan struct{})
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		listed <- struct{}{}
		<-proceed
		return false
	})
	answers := make(chan string, 2)
	go func() { answers <- confirm(s, "a", "acme") }()
	<-listed
	go func() { answers <- confirm(s, "b", "acme") }()
	time.Sleep(20 * time.Millisecond) // until it waits
	close(proceed)
	if one, other := <-answers, <-answers; one != "found" || other != "found" {
		t.Errorf("%s and %s, want both found", one, other)
	}
	expect(t, c, "", "", "list acme")
}

// TestSearchInFlightDeniesNothingNewer puts a leaf into a Secret after a list for another one
// began.
func TestSearchInFlightDeniesNothingNewer(t *testing.T) {
	c := start(t)
	s, _ := c.store(t)
	c.putLeaf("acme", "web", "a")
	listed, proceed := make(chan struct{}), make(chan struct{})
	first := true
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		if !first {
			return false
		}
		first = false
		answer := c.list("acme", 0, 10)
		close(listed)
		<-proceed
		_, _ = rw.Write([]byte(answer))
		return true
	})
	answers := make(chan string, 2)
	go func() { answers <- confirm(s, "a", "acme") }()
	<-listed
	c.putLeaf("acme", "api", "new")
	go func() { answers <- confirm(s, "new", "acme") }()
	time.Sleep(20 * time.Millisecond)
	close(proceed)
	if one, other := <-answers, <-answers; one != "found" || other != "found" {
		t.Errorf("%s and %s, want both found", one, other)
	}
	expect(t, c, "", "", "list acme, list acme")
}

func TestSlowAPI(t *testing.T) {
	c, s, now := startConfirmed(t, "a")
	s.patience = 50 * time.Millisecond
	answer := make(chan struct{})
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		<-answer
		return false
	})
	begin := time.Now()
	expect(t, c, confirm(s, "b", "acme"), "failed", "list acme")
	if waited := time.Since(begin); waited < s.patience || waited > 3*time.Second {
		t.Errorf("waited %s", waited)
	}
	now.pass(ttl)
	s.patience = time.Minute // which the search in flight does not have: its time is over
	s.mu.Lock()
	s.namespaces["acme"].search.call.Began = time.Now().Add(-time.Minute)
	s.mu.Unlock()
	begin = time.Now()
	expect(t, c, confirm(s, "a", "acme"), "found", "")
	expect(t, c, confirm(s, "c", "acme"), "failed", "")
	if waited := time.Since(begin); waited > 10*time.Second {
		t.Errorf("waited %s for a search whose time is over", waited)
	}
	s.mu.Lock()
	s.namespaces["acme"].search.call.Began = time.Now()
	s.mu.Unlock()
	now.pass(-ttl) // as long as the absence is valid
	late := make(chan string, 1)
	go func() { late <- confirm(s, "b", "acme") }()
	close(answer)
	if got := <-late; got != "absent" {
		t.Errorf("%s, want the answer that came late", got)
	}
	expect(t, c, "", "", "")
}

// TestPatienceIsForAllNamespacesTogether has an API that gives no answer for any of many
// namespaces.
func TestPatienceIsForAllNamespacesTogether(t *testing.T) {
	c := start(t)
	s, _ := c.store(t)
	s.patience = 50 * time.Millisecond
	hang := make(chan struct{})
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		<-hang
		return false
	})
	defer close(hang)
	names := []string{}
	for i := 0; i < 20; i++ {
		names = append(names, fmt.Sprintf("acme-%d", i))
	}
	begin := time.Now()
	_, found, err := look(s, "a", ttl, grace, names...)
	if found || !errors.Is(err, kube.ErrUnavailable) || time.Since(begin) > 3*time.Second {
		t.Errorf("%t, %v after %s", found, err, time.Since(begin))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked := len(s.namespaces); asked > 5 {
		for _, n := range s.namespaces {
			if n.search == nil {
				asked--
			}
		}
		if asked > 5 {
			t.Errorf("%d namespaces searched", asked)
		}
	}
}

// TestWaitingEndsWithTheRequest has an API that takes its time, and a request that does not.
func TestWaitingEndsWithTheRequest(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", "a")
	c.slowly(100 * time.Millisecond)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	names := []string{"acme", "other"}
	_, found, err := s.Confirm(ended, []byte("a"), names, ttl, grace)
	if found || !errors.Is(err, context.Canceled) {
		t.Errorf("a request that has ended: %t, %v", found, err)
	}
	// The search goes on for whoever comes next.
	expect(t, c, confirm(s, "a", "acme"), "found", "list acme")
	now.pass(ttl)
	_, found, err = s.Confirm(ended, []byte("a"), names, ttl, grace)
	if found || !errors.Is(err, context.Canceled) {
		t.Errorf("a request that has ended, and grace has not: %t, %v", found, err)
	}
	expect(t, c, confirm(s, "a", "acme"), "found", "get acme web")
}

// TestFetchOrList has answers for so many leaves expire, and all be wanted again at once.
func TestFetchOrList(t *testing.T) {
	rows := []struct {
		description string
		known       int
		unknown     bool
		gets, lists int
	}{
		{"one", 1, false, 1, 0},
		{"as many as are fetched", maxFetches, false, maxFetches, 0},
		{"one more", maxFetches + 1, false, 0, 1},
		{"one that was never there", 1, true, 0, 1},
	}
	for _, row := range rows {
		c := start(t)
		s, now := c.store(t)
		c.putLeaves("acme", row.known)
		expect(t, c, confirm(s, "leaf 0", "acme"), "found", "list acme")
		now.pass(ttl)
		n := s.namespaces["acme"]
		for i := 1; i < row.known; i++ {
			n.waiting[digest([]byte(fmt.Sprintf("leaf %d", i)))] = true
		}
		if row.unknown {
			n.waiting[digest([]byte("forged"))] = true
		}
		if got := confirm(s, "leaf 0", "acme"); got != "found" {
			t.Errorf("%s: %s", row.description, got)
		}
		said := c.said()
		if strings.Count(said, "get") != row.gets || strings.Count(said, "list") != row.lists {
			t.Errorf("%s: calls %s, want %d gets and %d lists",
				row.description, said, row.gets, row.lists)
		}
	}
}

// TestFetchedSecretWithoutCertificate has a Secret emptied: nothing is kept of it.
func TestFetchedSecretWithoutCertificate(t *testing.T) {
	c, s, now := startConfirmed(t, "a")
	c.put("acme", "web", map[string]string{"tls.crt": "", "tls.key": privateKey})
	c.fail("list", http.StatusInternalServerError)
	now.pass(ttl)
	expect(t, c, confirm(s, "a", "acme"), "failed", "get acme web, list acme")
	if n := s.namespaces["acme"]; len(n.present) != 0 || len(n.removed) != 1 {
		t.Errorf("%d present and %d removed, want the one that was there removed",
			len(n.present), len(n.removed))
	}
}

// TestPauseAfterAFetch has the API ask to be left alone when one Secret is fetched.
func TestPauseAfterAFetch(t *testing.T) {
	c, s, now := startConfirmed(t, "a")
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		rw.Header().Set("Retry-After", "7")
		refuse(rw, http.StatusTooManyRequests)
		return true
	})
	now.pass(ttl)
	_, _, err := look(s, "a", ttl, 0, "acme")
	if kube.RetryAfter(err) != 7*time.Second {
		t.Errorf("%v, want what the API said", err)
	}
	expect(t, c, "", "", "get acme web")
	now.pass(7*time.Second - 1)
	expect(t, c, confirm(s, "b", "acme"), "failed", "")
	now.pass(1)
	expect(t, c, confirm(s, "b", "acme"), "failed", "list acme")
}

// TestKeep has a page with one more Secret, after none or as many as are kept.
func TestKeep(t *testing.T) {
	full := map[string]sighting{}
	for i := 0; i < maxPresent; i++ {
		full[strconv.Itoa(i)] = sighting{}
	}
	almost := map[string]sighting{}
	for i := 1; i < maxPresent; i++ {
		almost[strconv.Itoa(i)] = sighting{}
	}
	rows := []struct {
		description string
		listed      map[string]sighting
		leaf        string
		kept        bool
	}{
		{"the first", map[string]sighting{}, "any", true},
		{"no certificate", map[string]sighting{}, "", false},
		{"the last", almost, "any", true},
		{"one too many", full, "any", false},
		{"a wanted one too many", full, "wanted", true},
	}
	for _, row := range rows {
		n := NewStore(nil, time.Now).namespace("acme", time.Now())
		f := newSearch(n, map[string]bool{digest([]byte("wanted")): true})
		f.listed = row.listed
		f.listedAt = time.Unix(7, 0)
		before := len(f.listed)
		data := map[string]string{"tls.key": privateKey}
		if row.leaf != "" {
			data["tls.crt"] = certificate(row.leaf)
		}
		item := fake{name: "web", data: data}.json()
		read, err := readPage([]byte(`{"kind":"SecretList","items":[` + item + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		f.keep(&read.Items[0])
		seen := f.listed[digest([]byte(row.leaf))]
		if (len(f.listed) == before+1) != row.kept {
			t.Errorf("%s: %d kept after %d", row.description, len(f.listed), before)
		}
		if row.kept && (seen.secret != "web" || !seen.at.Equal(f.listedAt)) {
			t.Errorf("%s: seen in %q at %s", row.description, seen.secret, seen.at)
		}
	}
}

// TestConclude has looked for one leaf in two ways.
func TestConclude(t *testing.T) {
	const none, one, other = "", "web", "api"
	rows := []struct {
		description     string
		fetched, listed string
		complete        bool
		want            string
	}{
		{"nowhere", none, none, true, none},
		{"fetched", one, none, false, one},
		{"fetched, and a list that failed has it elsewhere", one, other, false, other},
		{"fetched, and a newer list does not have it", one, none, true, none},
		{"fetched, and a newer list has it elsewhere", one, other, true, other},
		{"listed", none, other, true, other},
	}
	for _, row := range rows {
		f := newSearch(&namespace{}, map[string]bool{"a": true})
		f.complete = row.complete
		if row.fetched != "" {
			f.fetched["a"] = sighting{secret: row.fetched}
		}
		if row.listed != "" {
			f.listed["a"] = sighting{secret: row.listed}
		}
		f.listed["b"] = sighting{secret: "b"}
		f.fetched["c"] = sighting{secret: "c"}
		f.conclude()
		want := 0
		if row.want != "" {
			want = 1
		}
		if got := f.found["a"].secret; got != row.want || len(f.found) != want {
			t.Errorf("%s: found in %q and %d in all, want %q",
				row.description, got, len(f.found), row.want)
		}
	}
}
