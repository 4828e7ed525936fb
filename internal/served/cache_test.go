package served

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

// backdate makes an observation as old as that.
func backdate(o *observation, age time.Duration) {
	o.start = time.Now().Add(-age)
}

// filled is a cache with as many finished observations as it takes, called "0", "1", and so on.
func filled(c *Cache) []*observation {
	all := make([]*observation, 0, maxObservations)
	for i := 0; i < maxObservations; i++ {
		o, _ := c.join(strconv.Itoa(i), time.Minute)
		close(o.done)
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
	o, first := c.join("name", time.Minute)
	backdate(o, time.Hour)
	joined, second := c.join("name", time.Minute)
	if !first || second || joined != o {
		t.Error("a second observation begins while the first one runs")
	}
	close(o.done)
	if _, third := c.join("name", time.Minute); !third {
		t.Error("an observation that is over is not made again")
	}
}

// TestOldObservationsGoFirst fills a cache with one that is over among them.
func TestOldObservationsGoFirst(t *testing.T) {
	c := NewLastingCache()
	all := filled(c)
	backdate(all[7], time.Hour)
	if _, first := c.join("new", time.Minute); !first {
		t.Error("a name that nobody asked for was observed")
	}
	if c.observations["7"] != nil || len(c.observations) != maxObservations {
		t.Errorf("%d observations, want one that was over to go", len(c.observations))
	}
	if _, first := c.join("newer", time.Minute); !first {
		t.Error("a name that nobody asked for was observed")
	}
	if c.observations["newer"] == nil || len(c.observations) != maxObservations {
		t.Errorf("%d observations, want any other to go", len(c.observations))
	}
}

func TestHTTP3Addresses(t *testing.T) {
	rows := []struct {
		description string
		local       *net.UDPAddr
		want        string
	}{
		{"one address", &net.UDPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 443}, "192.0.2.7:443"},
		{"no address", &net.UDPAddr{Port: 443}, "127.0.0.1:443"},
		{"all IPv4 addresses", &net.UDPAddr{IP: net.IPv4zero, Port: 443}, "127.0.0.1:443"},
		{"IPv6", &net.UDPAddr{IP: net.ParseIP("2001:db8::7"), Port: 8443}, "[2001:db8::7]:8443"},
		{"IPv6, link-local", &net.UDPAddr{IP: net.ParseIP("fe80::7"), Zone: "eth0", Port: 443},
			"[fe80::7%eth0]:443"},
	}
	for _, row := range rows {
		ctx := context.WithValue(context.Background(), http.LocalAddrContextKey, row.local)
		if got, err := Address(ctx); got != row.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", row.description, got, err, row.want)
		}
	}
}

func TestAddressThatCannotBeFound(t *testing.T) {
	idle := context.WithValue(context.Background(), http.ServerContextKey, &http.Server{})
	local := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 443}
	rows := []struct {
		description string
		ctx         context.Context
	}{
		{"nothing told", context.Background()},
		{"a server without a listener", idle},
		// Whatever else is told: it is the server's own listener that counts.
		{"a server without a listener, and an address",
			context.WithValue(idle, http.LocalAddrContextKey, local)},
	}
	for _, row := range rows {
		if got, err := Address(row.ctx); err == nil || got != "" {
			t.Errorf("%s: %q, want an error", row.description, got)
		}
	}
}

func TestParse(t *testing.T) {
	chain := loadCertificate(t, "acme-exact").Certificate
	parsed, err := Parse(chain)
	if err != nil || len(parsed) != len(chain) || len(parsed) < 2 {
		t.Fatalf("%d certificates of %d, %v", len(parsed), len(chain), err)
	}
	if got := parsed[0].DNSNames; len(got) != 1 || got[0] != victim {
		t.Errorf("the leaf names %q, want %q", got, victim)
	}
	for _, wrong := range [][][]byte{{[]byte("x")}, {chain[0], []byte("x")}} {
		if got, err := Parse(wrong); err == nil || got != nil {
			t.Errorf("%d certificates of a chain that has none, want an error", len(got))
		}
	}
}
