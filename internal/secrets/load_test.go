package secrets

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// loadTime is how long each attack of TestLoadOfAbsentLeaves lasts.
const loadTime = 1200 * time.Millisecond

// load is what an attack causes.
type load struct {
	questions int
	// lists is how many lists there are of the namespace that has the most, and took how long it
	// all took: the last questions come to their end after loadTime.
	lists int
	took  time.Duration
}

// attack has many clients at a time ask for leaves that are in none of three namespaces.
func attack(t *testing.T, c *cluster, s *Store, leaf func(client, i int) string) load {
	t.Helper()
	names := []string{"acme", "acme-2", "platform"}
	const clients = 20
	counts := make([]int, clients)
	began := time.Now()
	together(clients, func(client int) {
		for time.Since(began) < loadTime {
			if confirm(s, leaf(client, counts[client]), names...) == "found" {
				t.Errorf("%s is found", leaf(client, counts[client]))
			}
			counts[client]++
		}
	})
	caused := load{took: time.Since(began)}
	said := c.said() + ","
	for _, name := range names {
		if got := strings.Count(said, "list "+name+","); got > caused.lists {
			caused.lists = got
		}
	}
	for _, count := range counts {
		caused.questions += count
	}
	return caused
}

// TestLoadOfAbsentLeaves measures what an attacker can have the API asked, who has certificates
// served that no Secret of a tenant has. Without the pause it is as much as the API can answer.
func TestLoadOfAbsentLeaves(t *testing.T) {
	rows := []struct {
		description string
		pause       time.Duration
		leaf        func(client, i int) string
		isBounded   bool
	}{
		{"ever new leaves", absentPause, everNew, true},
		{"one that stays absent", absentPause, sameLeaf, true},
		{"one that stays absent, no pause", 0, sameLeaf, true},
		{"ever new leaves, no pause", 0, everNew, false},
	}
	for _, row := range rows {
		c := start(t)
		paused, _ := c.store(t)
		s := NewStore(paused.client, time.Now)
		s.absentPause = row.pause
		caused := attack(t, c, s, row.leaf)
		seconds := caused.took.Seconds()
		t.Logf("%s: %d questions, %.1f lists of each namespace a second",
			row.description, caused.questions, float64(caused.lists)/seconds)
		if got := float64(caused.lists) <= seconds+1; got != row.isBounded || caused.lists < 2 {
			t.Errorf("%s: %d lists of a namespace in %s, want one a second: %t",
				row.description, caused.lists, caused.took, row.isBounded)
		}
	}
}

func everNew(client, i int) string { return fmt.Sprint("forged ", client, " ", i) }

func sameLeaf(_, _ int) string { return "forged" }

// TestGenuineLeafUnderAttack has a renewed certificate, and one that is known, asked for while ever
// new leaves are absent: the first waits for the pause, the second for nothing but its own Secret.
func TestGenuineLeafUnderAttack(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	s.absentPause = time.Second / 2
	c.putLeaf("acme", "web", "old")
	expect(t, c, confirm(s, "old", "acme"), "found", "list acme")
	expect(t, c, confirm(s, "forged", "acme"), "absent", "list acme")
	now.pass(ttl)
	began := time.Now()
	waits := make(chan string, 1)
	go func() { waits <- confirm(s, "forged 2", "acme") }()
	for !s.isWaiting("acme", "forged 2") && time.Since(began) < s.absentPause {
		time.Sleep(time.Millisecond)
	}
	expect(t, c, confirm(s, "old", "acme"), "found", "get acme web")
	if took := time.Since(began); took > s.absentPause/2 {
		t.Errorf("a certificate that is known takes %s", took)
	}
	c.putLeaf("acme", "new", "new")
	answers := make([]string, 3)
	leaves := []string{"new", "forged 3", "forged 4"}
	together(len(leaves), func(i int) { answers[i] = confirm(s, leaves[i], "acme") })
	if got := strings.Join(answers, " "); got != "found absent absent" {
		t.Errorf("after the pause: %s", got)
	}
	if got := <-waits; got != "absent" {
		t.Errorf("what waited before: %s", got)
	}
	took := time.Since(began)
	if said := c.said(); said != "list acme" || took < s.absentPause/2 || took > 5*time.Second {
		t.Errorf("after the pause: calls %q, %s", said, took)
	}
}

// isWaiting reports whether a leaf waits to be looked for.
func (s *Store) isWaiting(namespace, leaf string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.namespaces[namespace].waiting[digest([]byte(leaf))]
}
