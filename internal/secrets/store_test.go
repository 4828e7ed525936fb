package secrets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
)

const (
	ttl   = 30 * time.Second
	grace = 10 * time.Minute
)

// look confirms a leaf.
func look(s *Store, leaf string, ttl, grace time.Duration,
	namespaces ...string) (time.Duration, bool, error) {
	return s.Confirm(context.Background(), []byte(leaf), namespaces, ttl, grace)
}

// confirm returns "found", "absent" or "failed".
func confirm(s *Store, leaf string, namespaces ...string) string {
	validFor, found, err := look(s, leaf, ttl, grace, namespaces...)
	if err != nil && (found || validFor != 0) {
		return "an error and an answer"
	}
	return answered(found, err)
}

func answered(found bool, err error) string {
	if err != nil {
		return "failed"
	}
	if found {
		return "found"
	}
	return "absent"
}

// startConfirmed returns a cluster with a certificate in the Secret "web" of "acme", and a store
// that has heard of it.
func startConfirmed(t *testing.T, leaf string) (*cluster, *Store, *clock) {
	t.Helper()
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", leaf)
	expect(t, c, confirm(s, leaf, "acme"), "found", "list acme")
	return c, s, now
}

// expect checks an answer and the calls that it took.
func expect(t *testing.T, c *cluster, got, want, calls string) {
	t.Helper()
	if said := c.said(); got != want || said != calls {
		t.Errorf("%s after calls %q, want %s after %q", got, said, want, calls)
	}
}

func TestAnswersAreCached(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", "a")
	c.putLeaf("acme", "api", "b")
	expect(t, c, confirm(s, "a", "acme"), "found", "list acme")
	expect(t, c, confirm(s, "a", "acme"), "found", "")
	expect(t, c, confirm(s, "b", "acme"), "found", "")
	expect(t, c, confirm(s, "forged", "acme"), "absent", "list acme")
	expect(t, c, confirm(s, "forged", "acme"), "absent", "")
	now.pass(firstAbsence - 1)
	expect(t, c, confirm(s, "forged", "acme"), "absent", "")
	now.pass(ttl - firstAbsence + 1)
	expect(t, c, confirm(s, "a", "acme"), "found", "get acme web")
	expect(t, c, confirm(s, "a", "acme"), "found", "")
	expect(t, c, confirm(s, "b", "acme"), "found", "get acme api")
	expect(t, c, confirm(s, "forged", "acme"), "absent", "list acme")
}

func TestValidFor(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", "a")
	for _, want := range []time.Duration{ttl, ttl - 10*time.Second} {
		validFor, found, err := look(s, "a", ttl, grace, "acme")
		if validFor != want || !found || err != nil {
			t.Errorf("%s, %t, %v, want %s", validFor, found, err, want)
		}
		now.pass(10 * time.Second)
	}
	if validFor, found, err := look(s, "a", 0, 0, "acme"); validFor != 0 || !found || err != nil {
		t.Errorf("without a ttl: %s, %t, %v", validFor, found, err)
	}
	c.said()
	_, _, _ = look(s, "a", 0, 0, "acme")
	expect(t, c, "", "", "get acme web")
}

// TestNewestAnswerCounts has one certificate in two namespaces, seen at different times.
func TestNewestAnswerCounts(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", "a")
	c.putLeaf("platform", "web", "a")
	expect(t, c, confirm(s, "a", "acme"), "found", "list acme")
	now.pass(10 * time.Second)
	expect(t, c, confirm(s, "a", "platform"), "found", "list platform")
	now.pass(5 * time.Second)
	for _, names := range [][]string{
		{"acme", "platform"}, {"platform", "acme"}, {"never", "platform", "never-2"},
	} {
		validFor, found, err := look(s, "a", ttl, grace, names...)
		if validFor != ttl-5*time.Second || !found || err != nil {
			t.Errorf("%v: %s, %t, %v, want the newer answer", names, validFor, found, err)
		}
	}
	expect(t, c, "", "", "")
	if validFor := s.removedLately("never", &query{leaf: digest([]byte("a"))}); validFor != 0 {
		t.Errorf("%s for a namespace that nothing is known of", validFor)
	}
}

func TestRenewedCertificateIsFoundAtOnce(t *testing.T) {
	c, s, now := startConfirmed(t, "old")
	c.putLeaf("acme", "web", "new")
	expect(t, c, confirm(s, "new", "acme"), "found", "list acme")
	// The list that found the new one did not have the old one.
	now.pass(ttl + acceptRemoved)
	expect(t, c, confirm(s, "old", "acme"), "absent", "list acme")
	c.putLeaf("acme", "web", "newer")
	now.pass(ttl)
	expect(t, c, confirm(s, "newer", "acme"), "found", "list acme")
}

// TestReplacedCertificateIsTakenForAMoment has Traefik serve for a while what is in no Secret any
// more.
func TestReplacedCertificateIsTakenForAMoment(t *testing.T) {
	replace := func(c *cluster) { c.putLeaf("acme", "web", "new") }
	remove := func(c *cluster) { c.remove("acme", "web") }
	rows := []struct {
		description string
		// change comes some time after the old certificate was seen, and the question some time
		// after that.
		change        func(c *cluster)
		before, after time.Duration
		leaf          string
		want          string
		validFor      time.Duration
	}{
		{"replaced at once, asked when the answer expired", replace, 0, ttl, "old", "found",
			removedValidFor},
		{"replaced when the answer expired", replace, ttl, 0, "old", "found", removedValidFor},
		{"replaced late, the end is near", replace, ttl, acceptRemoved - removedValidFor/4, "old",
			"found", removedValidFor / 4},
		{"replaced late, at the end", replace, ttl, acceptRemoved, "old", "absent", 0},
		{"replaced long ago", replace, 0, ttl + acceptRemoved, "old", "absent", 0},
		{"replaced long after it was seen", replace, ttl + acceptRemoved, 0, "old", "absent", 0},
		{"deleted", remove, ttl, 0, "old", "found", removedValidFor},
		{"the new one", replace, 0, ttl, "new", "found", ttl},
		{"one that was never there", replace, 0, ttl, "forged", "absent", 0},
		{"the list fails", func(c *cluster) {
			replace(c)
			c.fail("list", http.StatusInternalServerError)
		}, 0, ttl, "old", "failed", 0},
		{"another namespace fails", func(c *cluster) {
			replace(c)
			c.fail("list more", http.StatusInternalServerError)
		}, 0, ttl, "old", "found", removedValidFor},
	}
	for _, row := range rows {
		c, s, now := startConfirmed(t, "old")
		now.pass(row.before)
		row.change(c)
		now.pass(row.after)
		// That there are more namespaces now changes nothing.
		validFor, found, err := look(s, row.leaf, ttl, grace, "more", "acme")
		if got := answered(found, err); got != row.want || validFor != row.validFor {
			t.Errorf("%s: %s for %s, want %s for %s",
				row.description, got, validFor, row.want, row.validFor)
		}
	}
}

// TestSecretThatIsBack has a Secret deleted and created again with the same certificate, as when
// somebody replaces it by force.
func TestSecretThatIsBack(t *testing.T) {
	for _, back := range []time.Duration{time.Second, acceptRemoved - 1, acceptRemoved} {
		c, s, now := startConfirmed(t, "old")
		c.remove("acme", "web")
		now.pass(ttl)
		expect(t, c, confirm(s, "old", "acme"), "found", "get acme web, list acme")
		now.pass(back)
		c.putLeaf("acme", "web", "old")
		now.pass(acceptRemoved - back)
		expect(t, c, confirm(s, "old", "acme"), "found", "list acme")
	}
}

// TestLongestTTLCounts has a removed leaf remembered for the middleware with the longest ttl.
func TestLongestTTLCounts(t *testing.T) {
	c, s, now := startConfirmed(t, "old")
	c.putLeaf("acme", "web", "new")
	now.pass(ttl)
	if _, found, err := look(s, "new", 2*ttl, grace, "acme"); !found || err != nil {
		t.Errorf("%t, %v", found, err)
	}
	for _, short := range []time.Duration{ttl, time.Second} {
		now.pass(acceptRemoved)
		if _, _, err := look(s, "forged", short, grace, "acme"); err != nil {
			t.Error(err)
		}
	}
	if _, found, err := look(s, "old", 2*ttl, grace, "acme"); !found || err != nil {
		t.Errorf("%t, %v, want what was there less than two ttl ago", found, err)
	}
	now.pass(ttl)
	if _, found, err := look(s, "old", 2*ttl, grace, "acme"); found || err != nil {
		t.Errorf("%t, %v after all ttl", found, err)
	}
}

// TestReplacedCertificateIsFoundWithoutMoreRequests asks again and again, with many namespaces.
func TestReplacedCertificateIsFoundWithoutMoreRequests(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", "old")
	expect(t, c, confirm(s, "old", "acme", "acme-2", "acme-3"), "found", "list acme")
	c.putLeaf("acme", "web", "new")
	now.pass(ttl)
	expect(t, c, confirm(s, "old", "acme-3", "acme-2", "acme"), "found", "get acme web, list acme")
	now.pass(removedValidFor)
	expect(t, c, confirm(s, "old", "acme-3", "acme-2", "acme"), "found", "")
	expect(t, c, confirm(s, "old", "acme-3"), "absent", "list acme-3")
	now.pass(acceptRemoved - removedValidFor)
	expect(t, c, confirm(s, "old", "acme-3", "acme-2", "acme"), "absent",
		"list acme, list acme-3, list acme-2")
}

// TestAbsenceGrows asks for a leaf that is nowhere, as often as its absence ends.
func TestAbsenceGrows(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	second := time.Second
	for i, valid := range []time.Duration{
		second, 2 * second, 4 * second, 8 * second, 16 * second, ttl, ttl, ttl,
	} {
		expect(t, c, confirm(s, "forged", "acme"), "absent", "list acme")
		now.pass(valid - 1)
		expect(t, c, confirm(s, "forged", "acme"), "absent", "")
		now.pass(1)
		if i == 3 { // another leaf begins anew
			expect(t, c, confirm(s, "late", "acme"), "absent", "list acme")
		}
	}
	c.putLeaf("acme", "web", "forged")
	expect(t, c, confirm(s, "forged", "acme"), "found", "list acme")
	c.remove("acme", "web")
	now.pass(ttl + acceptRemoved)
	expect(t, c, confirm(s, "forged", "acme"), "absent", "get acme web, list acme")
	now.pass(firstAbsence)
	expect(t, c, confirm(s, "forged", "acme"), "absent", "list acme")
}

// TestAbsenceIsNoLongerThanTTL has callers with a short ttl.
func TestAbsenceIsNoLongerThanTTL(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	const short = time.Second / 10
	for i := 0; i < 4; i++ {
		if _, found, err := look(s, "forged", short, grace, "acme"); found || err != nil {
			t.Errorf("%t, %v", found, err)
		}
		expect(t, c, "", "", "list acme")
		now.pass(short)
	}
}

// TestSecretThatComesLate has a certificate served before its Secret is there.
func TestSecretThatComesLate(t *testing.T) {
	for late := time.Second / 10; late < 2*ttl; late *= 2 {
		c := start(t)
		s, now := c.store(t)
		began := now.read()
		for confirm(s, "a", "acme") == "absent" {
			if now.read().Sub(began) >= late {
				c.putLeaf("acme", "web", "a")
			}
			now.pass(time.Second / 10)
		}
		refused := now.read().Sub(began)
		wanted := 2*late + firstAbsence
		if refused > wanted || refused > late+ttl {
			t.Errorf("refused for %s although it was there after %s", refused, late)
		}
	}
}

func TestCertificateThatComesBack(t *testing.T) {
	c, s, now := startConfirmed(t, "a")
	c.putLeaf("acme", "web", "b")
	now.pass(ttl)
	expect(t, c, confirm(s, "a", "acme"), "found", "get acme web, list acme")
	c.putLeaf("acme", "web", "a")
	now.pass(ttl)
	expect(t, c, confirm(s, "a", "acme"), "found", "list acme")
	validFor, found, err := look(s, "a", ttl, grace, "acme")
	removed := len(s.namespaces["acme"].removed)
	if validFor != ttl || !found || err != nil || removed != 1 {
		t.Errorf("%s, %t, %v with %d removed, want %s and only the one in between",
			validFor, found, err, removed, ttl)
	}
}

func TestCertificateInAnotherSecret(t *testing.T) {
	c, s, now := startConfirmed(t, "a")
	c.remove("acme", "web")
	c.putLeaf("acme", "web-2", "a")
	now.pass(ttl)
	expect(t, c, confirm(s, "a", "acme"), "found", "get acme web, list acme")
	now.pass(ttl)
	expect(t, c, confirm(s, "a", "acme"), "found", "get acme web-2")
}

func TestDeletedSecretIsNoticed(t *testing.T) {
	c, s, now := startConfirmed(t, "a")
	c.remove("acme", "web")
	now.pass(ttl - time.Second)
	expect(t, c, confirm(s, "a", "acme"), "found", "")
	now.pass(time.Second + acceptRemoved)
	expect(t, c, confirm(s, "a", "acme"), "absent", "get acme web, list acme")
	// No grace brings it back.
	now.pass(ttl)
	c.fail("", http.StatusInternalServerError)
	expect(t, c, confirm(s, "a", "acme"), "failed", "list acme")
}

// TestNoGraceForWhatMoved has an API that shows that the leaf is no longer where it was, and then
// fails.
func TestNoGraceForWhatMoved(t *testing.T) {
	c, s, now := startConfirmed(t, "a")
	c.remove("acme", "web")
	now.pass(ttl)
	c.fail("list", http.StatusInternalServerError)
	expect(t, c, confirm(s, "a", "acme"), "failed", "get acme web, list acme")
}

func TestNamespacesAreSearchedInOrder(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("platform", "wildcard", "a")
	expect(t, c, confirm(s, "a", "acme", "acme-2", "platform", "never"), "found",
		"list acme, list acme-2, list platform")
	expect(t, c, confirm(s, "a", "acme", "acme-2", "platform", "never"), "found", "")
	expect(t, c, confirm(s, "a", "other", "platform"), "found", "")
	expect(t, c, confirm(s, "a", "other"), "absent", "list other")
	now.pass(ttl)
	expect(t, c, confirm(s, "b", "acme", "platform"), "absent", "list acme, list platform")
	expect(t, c, confirm(s, "a"), "absent", "")
}

// TestNamespaceThatHadTheLeafComesFirst asks again when the answer expired, for a certificate of
// the last of four namespaces.
func TestNamespaceThatHadTheLeafComesFirst(t *testing.T) {
	rows := []struct {
		description string
		// change is what happens in the meantime, and calls are what it takes after a while.
		change func(c *cluster)
		after  time.Duration
		calls  string
	}{
		{"nothing changed", func(c *cluster) {}, ttl, "get platform wildcard"},
		{"an earlier namespace fails", func(c *cluster) {
			c.fail("list acme", http.StatusInternalServerError)
		}, ttl, "get platform wildcard"},
		{"an earlier namespace hangs", func(c *cluster) {
			c.hang("list acme")
		}, ttl, "get platform wildcard"},
		{"it lies elsewhere in the namespace", func(c *cluster) {
			c.remove("platform", "wildcard")
			c.putLeaf("platform", "other", "a")
		}, ttl, "get platform wildcard, list platform"},
		{"it lies in another namespace", func(c *cluster) {
			c.remove("platform", "wildcard")
			c.putLeaf("acme-2", "copy", "a")
		}, ttl + acceptRemoved, "get platform wildcard, list platform, list acme, list acme-2"},
	}
	for _, row := range rows {
		c := start(t)
		s, now := c.store(t)
		c.putLeaf("platform", "wildcard", "a")
		expect(t, c, confirm(s, "a", "acme", "acme-2", "acme-3", "platform"), "found",
			"list acme, list acme-2, list acme-3, list platform")
		now.pass(row.after)
		row.change(c)
		began := time.Now()
		got := confirm(s, "a", "acme", "acme-2", "acme-3", "platform")
		if said := c.said(); got != "found" || said != row.calls {
			t.Errorf("%s: %s after calls %q, want found after %q",
				row.description, got, said, row.calls)
		}
		if took := time.Since(began); took > patience/2 {
			t.Errorf("%s: it took %s", row.description, took)
		}
	}
}

func TestNamespacesAreKeptApart(t *testing.T) {
	c := start(t)
	s, _ := c.store(t)
	c.putLeaf("evil", "web", "a")
	expect(t, c, confirm(s, "a", "evil"), "found", "list evil")
	expect(t, c, confirm(s, "a", "acme"), "absent", "list acme")
}

func TestNamesThatAreNoNamespaces(t *testing.T) {
	c := start(t)
	s, _ := c.store(t)
	for _, name := range []string{"", "..", "acme/secrets/web?", "acme-*", "Acme", "a.b"} {
		_, found, err := look(s, "a", ttl, grace, name)
		if found || err == nil || !strings.Contains(err.Error(), "wanted the name of a namespace") {
			t.Errorf("%q: %t, %v", name, found, err)
		}
	}
	expect(t, c, "", "", "")
}

func TestRightToListIsEnough(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", "a")
	c.fail("get", http.StatusForbidden)
	expect(t, c, confirm(s, "a", "acme"), "found", "list acme")
	now.pass(ttl)
	expect(t, c, confirm(s, "a", "acme"), "found", "get acme web, list acme")
}

func TestManyThatExpiredAreListed(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaves("acme", 100)
	expect(t, c, confirm(s, "leaf 7", "acme"), "found", "list acme")
	now.pass(ttl)
	together(100, func(i int) {
		if got := confirm(s, fmt.Sprintf("leaf %d", i), "acme"); got != "found" {
			t.Errorf("leaf %d: %s", i, got)
		}
	})
	said := c.said()
	if strings.Count(said, "get") > 2*maxFetches || strings.Count(said, "list") > 3 {
		t.Errorf("calls %s", said)
	}
}

func TestFailuresAreKept(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", "a")
	c.fail("list acme", http.StatusInternalServerError)
	expect(t, c, confirm(s, "a", "acme"), "failed", "list acme")
	expect(t, c, confirm(s, "b", "acme"), "failed", "")
	now.pass(failurePause)
	expect(t, c, confirm(s, "a", "acme"), "failed", "list acme")
	now.pass(failurePause)
	c.setDisturb(nil)
	expect(t, c, confirm(s, "a", "acme"), "found", "list acme")
}

func TestTooManyRequests(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", "a")
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		rw.Header().Set("Retry-After", "7")
		refuse(rw, http.StatusTooManyRequests)
		return true
	})
	expect(t, c, confirm(s, "a", "acme"), "failed", "list acme")
	now.pass(6 * time.Second)
	expect(t, c, confirm(s, "a", "acme"), "failed", "")
	c.setDisturb(nil)
	now.pass(time.Second)
	expect(t, c, confirm(s, "a", "acme"), "found", "list acme")
}

func TestGrace(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", "a")
	c.putLeaf("acme", "api", "b")
	expect(t, c, confirm(s, "a", "acme"), "found", "list acme")
	c.fail("", http.StatusServiceUnavailable)
	now.pass(ttl - time.Nanosecond)
	expect(t, c, confirm(s, "a", "acme"), "found", "")
	now.pass(time.Nanosecond)
	for _, leaf := range []string{"a", "b"} {
		validFor, found, err := look(s, leaf, ttl, grace, "acme")
		if !found || err != nil || validFor != graceValidFor {
			t.Errorf("%s was there less than grace ago: %s, %t, %v", leaf, validFor, found, err)
		}
	}
	expect(t, c, confirm(s, "unknown", "acme"), "failed", "get acme web")
	now.pass(grace - ttl - time.Second)
	validFor, found, err := look(s, "a", ttl, grace, "acme")
	if !found || err != nil || validFor != time.Second {
		t.Errorf("at the end of grace: %s, %t, %v", validFor, found, err)
	}
	expect(t, c, confirm(s, "a", "other"), "failed", "get acme web, list other")
	now.pass(time.Second)
	expect(t, c, confirm(s, "a", "acme"), "failed", "get acme web")
	now.pass(failurePause)
	c.setDisturb(nil)
	expect(t, c, confirm(s, "a", "acme"), "found", "get acme web")
}

// TestGraceEnds has an API that confirms a certificate and then fails, and asks on both sides of
// the end of grace.
func TestGraceEnds(t *testing.T) {
	rows := []struct {
		description string
		grace       time.Duration
		// pauses are between the confirmation and the questions, of which the last one is looked
		// at.
		pauses   []time.Duration
		want     string
		validFor time.Duration
	}{
		{"long before the end", grace, []time.Duration{ttl}, "found", graceValidFor},
		{"graceValidFor before the end", grace, []time.Duration{grace - graceValidFor}, "found",
			graceValidFor},
		{"a moment before the end", grace, []time.Duration{grace - time.Nanosecond}, "found", 1},
		{"at the end", grace, []time.Duration{grace}, "failed", 0},
		{"a moment after the end", grace, []time.Duration{grace + time.Nanosecond}, "failed", 0},
		{"days after the end", grace, []time.Duration{72 * time.Hour}, "failed", 0},
		{"asked in between, a moment before the end", grace,
			[]time.Duration{grace / 2, grace / 4, grace/4 - time.Nanosecond}, "found", 1},
		{"asked in between, at the end", grace,
			[]time.Duration{grace / 2, grace / 4, grace / 4}, "failed", 0},
		{"asked after the end as well", grace, []time.Duration{grace, grace / 2}, "failed", 0},
		{"a grace that ends before the answer does", ttl / 2,
			[]time.Duration{ttl - time.Nanosecond}, "found", 1},
		{"a grace that ended before the answer did", ttl / 2, []time.Duration{ttl}, "failed", 0},
	}
	for _, row := range rows {
		c, s, now := startConfirmed(t, "a")
		c.fail("", http.StatusServiceUnavailable)
		got, validFor := "", time.Duration(0)
		for _, pause := range row.pauses {
			now.pass(pause)
			var found bool
			var err error
			validFor, found, err = look(s, "a", ttl, row.grace, "acme")
			got = answered(found, err)
		}
		if got != row.want || validFor != row.validFor {
			t.Errorf("%s: %s for %s, want %s for %s",
				row.description, got, validFor, row.want, row.validFor)
		}
	}
}

func TestGraceOfTheCallerCounts(t *testing.T) {
	c, s, now := startConfirmed(t, "a")
	c.fail("", http.StatusServiceUnavailable)
	now.pass(ttl)
	if _, found, err := look(s, "a", ttl, 0, "acme"); found || err == nil {
		t.Errorf("without grace: %t, %v", found, err)
	}
}

func TestFailureOfOneNamespaceLosesNoAnswerOfAnother(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("platform", "wildcard", "a")
	c.fail("list acme", http.StatusInternalServerError)
	expect(t, c, confirm(s, "a", "acme", "platform"), "found", "list acme, list platform")
	expect(t, c, confirm(s, "b", "acme", "platform"), "failed", "list platform")
	now.pass(ttl)
	expect(t, c, confirm(s, "a", "acme", "platform"), "found", "get platform wildcard")
}

func TestForbidden(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	c.fail("list", http.StatusForbidden)
	_, found, err := look(s, "a", ttl, grace, "acme", "platform")
	want := `the right to list secrets in namespace "acme" is missing: ` +
		`the Kubernetes API refuses: GET /api/v1/namespaces/acme/secrets: 403 Forbidden, ` +
		`reason "Forbidden", message "on purpose", and so for 1 more namespaces`
	if found || !errors.Is(err, kube.ErrForbidden) || err.Error() != want {
		t.Errorf("%t, %v, want %s", found, err, want)
	}
	c.setDisturb(nil)
	now.pass(failurePause)
	c.renewToken("second")
	_, _, err = look(s, "a", ttl, grace, "acme")
	if !errors.Is(err, kube.ErrUnauthorized) || strings.Contains(err.Error(), "right") {
		t.Errorf("%v, want an error about the token and not about a right", err)
	}
	if err := os.WriteFile(c.config.TokenFile, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	now.pass(failurePause)
	if got := confirm(s, "a", "acme"); got != "absent" {
		t.Errorf("with the new token: %s", got)
	}
}

// TestAnswersThatAreNone must not be taken for a namespace without Secrets.
func TestAnswersThatAreNone(t *testing.T) {
	answers := []string{
		"", "{}", "null", "<html>", `{"kind":"PodList","items":[]}`,
		`{"kind":"SecretList","items":[`, `{"kind":"SecretList","items":{}}`,
	}
	for _, text := range answers {
		c, s, now := startConfirmed(t, "a")
		c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
			_, _ = rw.Write([]byte(text))
			return true
		})
		expect(t, c, confirm(s, "b", "acme"), "failed", "list acme")
		now.pass(ttl)
		_, found, err := look(s, "a", ttl, 0, "acme")
		if found || !errors.Is(err, kube.ErrUnavailable) {
			t.Errorf("%q in place of a Secret: %t, %v", text, found, err)
		}
		expect(t, c, "", "", "get acme web")
	}
}

func TestSearchThatPanics(t *testing.T) {
	s := NewStore(nil, func() time.Time { return time.Unix(0, 0) })
	_, found, err := look(s, "a", ttl, grace, "acme")
	if found || !errors.Is(err, kube.ErrUnavailable) {
		t.Errorf("%t, %v", found, err)
	}
}
