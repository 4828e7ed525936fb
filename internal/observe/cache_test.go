package observe

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"
)

// backdate makes an observation as old as that.
func backdate(o *observation, age time.Duration) {
	o.Began = time.Now().Add(-age)
}

// fill observes names until there are so many, called "0", "1", and so on.
func fill(s *shelf, names int) {
	for i := 0; i < names; i++ {
		o, _ := s.join(key{serverName: strconv.Itoa(i)}, time.Minute, false)
		finish(o)
	}
}

func holds(t *testing.T, c *Cache, l *listener, name string, ttl time.Duration) time.Duration {
	t.Helper()
	_, holds, err := c.Observe(context.Background(), "acme", l.address, name, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return holds
}

// TestFirstSecondAfterAReload has the observations of a reload's first second hold for a second:
// Traefik may have served the certificate from before.
func TestFirstSecondAfterAReload(t *testing.T) {
	l := listen(t, nil)
	c := NewCache(&Chains{}, &results{})
	if got := holds(t, c, l, "a.acme.example.com", time.Hour); got <= 0 || got > time.Second {
		t.Errorf("the first observation holds for %s, want up to 1s", got)
	}
	if got := holds(t, c, l, "b.acme.example.com", time.Hour); got <= 0 || got > time.Second {
		t.Errorf("another one at once holds for %s, want up to 1s", got)
	}
	const short = 500 * time.Millisecond
	c = NewCache(&Chains{}, &results{})
	if got := holds(t, c, l, "a.acme.example.com", short); got > short {
		t.Errorf("one with a shorter ttl holds for %s", got)
	}
	time.Sleep(time.Second)
	before := l.count.Load()
	if got := holds(t, c, l, "a.acme.example.com", time.Hour); got <= time.Minute {
		t.Errorf("an observation after the first second holds for %s, want an hour", got)
	}
	if got := l.count.Load() - before; got != 1 {
		t.Errorf("%d handshakes for a name of the first second after it, want a new one", got)
	}
}

// TestLastingCacheHasNoFirstSecond measures from when the handshake began, which takes 10 ms.
func TestLastingCacheHasNoFirstSecond(t *testing.T) {
	l := listen(t, nil)
	got := holds(t, NewLastingCache(&Chains{}, &results{}), l, "a.acme.example.com", time.Hour)
	if got <= time.Hour-time.Minute || got > time.Hour-10*time.Millisecond {
		t.Errorf("an observation holds for %s, want an hour less the handshake", got)
	}
}

func TestObservationsAreKeptByAddressAndName(t *testing.T) {
	c := NewLastingCache(&Chains{}, &results{})
	one, two := listen(t, nil), listen(t, nil)
	for i := 0; i < 3; i++ {
		observe(t, c, one, "a.acme.example.com", time.Minute)
		observe(t, c, two, "a.acme.example.com", time.Minute)
		observe(t, c, two, "b.acme.example.com", time.Minute)
	}
	if one.count.Load() != 1 || two.count.Load() != 2 {
		t.Errorf("%d and %d handshakes, want 1 and 2", one.count.Load(), two.count.Load())
	}
}

// TestFailureIsShared has many wait for an observation that fails.
func TestFailureIsShared(t *testing.T) {
	l := listen(t, nil)
	l.broken.Store(true)
	c := NewCache(&Chains{}, &results{})
	var all sync.WaitGroup
	errs := make(chan error, 20)
	for i := 0; i < cap(errs); i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			_, _, err := c.Observe(context.Background(), "acme", l.address, victim, time.Minute)
			errs <- err
		}()
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err == nil {
			t.Fatal("no error without a certificate")
		}
	}
	if got := l.count.Load(); got != 1 {
		t.Errorf("%d handshakes, want 1", got)
	}
}

// TestFailureStands has requests come after an observation that failed: it stands for them for a
// moment, and for no longer.
func TestFailureStands(t *testing.T) {
	l := listen(t, nil)
	l.broken.Store(true)
	c := NewCache(&Chains{}, &results{})
	failsAt := func() bool {
		_, _, err := c.Observe(context.Background(), "acme", l.address, victim, time.Minute)
		return err != nil
	}
	if !failsAt() {
		t.Fatal("no error without a certificate")
	}
	ended := time.Now() // or a little before
	l.broken.Store(false)
	failed := failsAt()
	if time.Since(ended) < failureHolds && !failed {
		t.Error("the failure does not stand")
	}
	time.Sleep(time.Until(ended.Add(failureHolds)) + time.Millisecond)
	if failsAt() {
		t.Error("the failure stands for longer than a moment")
	}
	if got := l.count.Load(); got != 2 {
		t.Errorf("%d handshakes, want 2", got)
	}
}

// TestRunningObservationIsJoined has an observation take longer than it holds.
func TestRunningObservationIsJoined(t *testing.T) {
	s := newShelf()
	o, first := s.join(key{serverName: "name"}, time.Minute, false)
	backdate(o, time.Hour)
	joined, second := s.join(key{serverName: "name"}, time.Minute, false)
	if !first || second || joined != o {
		t.Error("a second observation begins while the first one runs")
	}
	finish(o)
	if _, third := s.join(key{serverName: "name"}, time.Minute, false); !third {
		t.Error("an observation that is over is not made again")
	}
}

// TestShelfIsBounded has a tenant's server names be asked for without end: the latest stay.
func TestShelfIsBounded(t *testing.T) {
	s := newShelf()
	fill(s, 10*maxObservations+maxObservations/2)
	if got := len(s.current) + len(s.before); got > 2*maxObservations {
		t.Errorf("%d observations, want at most %d", got, 2*maxObservations)
	}
	for i := 9*maxObservations + maxObservations/2; i < 10*maxObservations; i++ {
		k := key{serverName: strconv.Itoa(i)}
		if _, first := s.join(k, time.Minute, false); first {
			t.Fatalf("%d, one of the latest %d, is forgotten", i, maxObservations)
		}
	}
}

// TestTenantsAreBounded has tenants come and go in a cache that outlives policies.
func TestTenantsAreBounded(t *testing.T) {
	c := NewLastingCache(&Chains{}, &results{})
	for i := 0; i < maxTenants+10; i++ {
		c.shelf(strconv.Itoa(i))
	}
	if got := len(c.shelves); got > maxTenants {
		t.Errorf("%d tenants, want at most %d", got, maxTenants)
	}
}

// TestTenantsHaveShelves has one tenant's names be asked for without end: those of another
// tenant stay, and are observed again when that tenant's own ttl says so.
func TestTenantsHaveShelves(t *testing.T) {
	l := listen(t, nil)
	c := NewLastingCache(&Chains{}, &results{})
	observeFor := func(tenant string, ttl time.Duration) {
		t.Helper()
		_, _, err := c.Observe(context.Background(), tenant, l.address, victim, ttl)
		if err != nil {
			t.Fatal(err)
		}
	}
	observeFor("acme", time.Hour)
	globex, _ := c.shelf("globex")
	fill(globex, 10*maxObservations)
	observeFor("acme", time.Hour)
	if got := l.count.Load(); got != 1 {
		t.Errorf("%d handshakes, want another tenant's names to leave the first one", got)
	}
	observeFor("globex", time.Nanosecond)
	observeFor("globex", time.Nanosecond)
	if got := l.count.Load(); got != 3 {
		t.Errorf("%d handshakes, want one for each of the tenant with a short ttl", got)
	}
	observeFor("acme", time.Hour)
	if got := l.count.Load(); got != 3 {
		t.Errorf("%d handshakes, want another tenant's ttl to end nothing", got)
	}
}

// finish ends an observation that nobody makes.
func finish(o *observation) {
	o.Run(func() error { return nil }, func(_ error) {})
}
