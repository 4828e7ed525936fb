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

// filled is a cache with as many finished observations as it takes, called "0", "1", and so on.
func filled(c *Cache) []*observation {
	all := make([]*observation, 0, maxObservations)
	for i := 0; i < maxObservations; i++ {
		o, _ := c.join(key{serverName: strconv.Itoa(i)}, time.Minute)
		finish(o)
		all = append(all, o)
	}
	return all
}

func holds(t *testing.T, c *Cache, l *listener, name string, ttl time.Duration) time.Duration {
	t.Helper()
	_, holds, err := c.Observe(context.Background(), l.address, name, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return holds
}

// TestFirstSecondAfterAReload has the observations of a reload's first second hold for a second:
// Traefik may have served the certificate from before.
func TestFirstSecondAfterAReload(t *testing.T) {
	l := listen(t, nil)
	c := NewCache()
	if got := holds(t, c, l, "a.acme.example.com", time.Hour); got <= 0 || got > time.Second {
		t.Errorf("the first observation holds for %s, want up to 1s", got)
	}
	if got := holds(t, c, l, "b.acme.example.com", time.Hour); got <= 0 || got > time.Second {
		t.Errorf("another one at once holds for %s, want up to 1s", got)
	}
	const short = 500 * time.Millisecond
	if got := holds(t, NewCache(), l, "a.acme.example.com", short); got > short {
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
	got := holds(t, NewLastingCache(), l, "a.acme.example.com", time.Hour)
	if got <= time.Hour-time.Minute || got > time.Hour-10*time.Millisecond {
		t.Errorf("an observation holds for %s, want an hour less the handshake", got)
	}
}

func TestObservationsAreKeptByAddressAndName(t *testing.T) {
	c := NewLastingCache()
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
	c := NewCache()
	var all sync.WaitGroup
	errs := make(chan error, 20)
	for i := 0; i < cap(errs); i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			_, _, err := c.Observe(context.Background(), l.address, victim, time.Minute)
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
	// A request that comes when the first has failed makes an observation of its own.
	if got := l.count.Load(); got == int64(cap(errs)) {
		t.Errorf("%d handshakes for as many requests", got)
	}
}

// TestRunningObservationIsJoined has an observation take longer than it holds.
func TestRunningObservationIsJoined(t *testing.T) {
	c := NewLastingCache()
	o, first := c.join(key{serverName: "name"}, time.Minute)
	backdate(o, time.Hour)
	joined, second := c.join(key{serverName: "name"}, time.Minute)
	if !first || second || joined != o {
		t.Error("a second observation begins while the first one runs")
	}
	finish(o)
	if _, third := c.join(key{serverName: "name"}, time.Minute); !third {
		t.Error("an observation that is over is not made again")
	}
}

// TestOldObservationsGoFirst fills a cache with one that is over among them.
func TestOldObservationsGoFirst(t *testing.T) {
	c := NewLastingCache()
	all := filled(c)
	backdate(all[7], time.Hour)
	if _, first := c.join(key{serverName: "new"}, time.Minute); !first {
		t.Error("a name that nobody asked for was observed")
	}
	if c.observations[key{serverName: "7"}] != nil || len(c.observations) != maxObservations {
		t.Errorf("%d observations, want one that was over to go", len(c.observations))
	}
	if _, first := c.join(key{serverName: "newer"}, time.Minute); !first {
		t.Error("a name that nobody asked for was observed")
	}
	if c.observations[key{serverName: "newer"}] == nil || len(c.observations) != maxObservations {
		t.Errorf("%d observations, want any other to go", len(c.observations))
	}
}

// finish ends an observation that nobody makes.
func finish(o *observation) {
	o.Run(func() error { return nil }, func(_ error) {})
}
