package soak

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/flood"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

var (
	// duration is how long a soak lasts, and 0 the short form.
	duration = flag.Duration("duration", 0, "how long a soak lasts")
	seed     = flag.Uint64("seed", 0, "where random numbers begin, anywhere if 0")
)

const (
	// slack is how long the state before may still be seen: a policy is looked at once a second, an
	// observation of the first second after a reload holds for one, and a busy machine does neither
	// at once.
	slack = 3 * time.Second
	// After a change nothing is reloaded until quiet, for a reload brings what the change should
	// have brought. Then come reloads until rest, and a time without until phase, in which what
	// must be forgotten at the next change is remembered for long.
	quiet = slack + time.Second
	rest  = quiet + time.Second
	phase = rest + 3*time.Second/2
	// names is how many names below a tenant's there are: more than are remembered.
	names = 3000
	// clients is how many there are at once.
	clients = 8
	// maxWrong bounds the wrong verdicts that are shown.
	maxWrong = 10
)

// mix is a soak that runs.
type mix struct {
	began time.Time
	// hasLocalCertificate reports whether the guard's Go says which certificate a connection was
	// served.
	hasLocalCertificate bool

	mu sync.Mutex
	// history are the states so far.
	history []interval
	// verdicts counts the answers, and sharp those to which only one verdict would have been right.
	verdicts map[string]int
	sharp    int
	wrong    []string
	// failed counts the requests without an answer, by why.
	failed map[string]int
}

// interval is a state and when it was or may have been in force.
type interval struct {
	state
	from, until time.Time
}

func newMix(first state, hasLocalCertificate bool) *mix {
	now := time.Now()
	return &mix{
		began: now, hasLocalCertificate: hasLocalCertificate,
		verdicts: map[string]int{}, failed: map[string]int{},
		history: []interval{{state: first, from: now.Add(-time.Hour), until: now.Add(time.Hour)}},
	}
}

// lasting returns a context that ends after the duration of a soak with this short form. It has no
// deadline, which would be what a connection fails by at the end.
func lasting(t *testing.T, short time.Duration) context.Context {
	t.Helper()
	if *duration > 0 {
		short = *duration
	}
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(short, stop)

	return ctx
}

// random returns random numbers of one client, the same for a seed.
func random(t *testing.T, client uint64) *rand.Rand {
	t.Helper()
	if *seed == 0 {
		*seed = rand.Uint64()
		t.Logf("-seed %d", *seed)
	}

	return rand.New(rand.NewPCG(*seed, client))
}

// change has make put another state into force.
func (m *mix) change(next state, put func()) {
	m.mu.Lock()
	m.history = append(m.history, interval{state: next, from: time.Now(),
		until: time.Now().Add(time.Hour)})
	m.mu.Unlock()
	put()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.history[len(m.history)-2].until = time.Now().Add(slack)
}

// check compares a verdict with those of the states that may have been in force.
func (m *mix) check(r request, written, got string, sent time.Time) {
	received := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.verdicts[got]++
	right := map[string]bool{}
	for _, past := range m.history {
		if past.until.After(sent) && past.from.Before(received) {
			right[past.verdict(r)] = true
		}
	}
	if len(right) == 1 {
		m.sharp++
	}
	if !right[got] && got != "certificate-unavailable" && len(m.wrong) < maxWrong {
		m.wrong = append(m.wrong, fmt.Sprintf("%s after the start: router of %s, Host %q, "+
			"server name %q: %s, want one of %v", sent.Sub(m.began), r.router, written,
			r.serverName, got, right))
	}
}

// client sends requests of all kinds to an entry point until ctx ends.
func (m *mix) client(ctx context.Context, rnd *rand.Rand, address string, over []lab.Protocol) {
	for ctx.Err() == nil {
		serverName := anyName(rnd)
		if rnd.IntN(20) == 0 {
			serverName = ""
		}
		protocol := over[rnd.IntN(len(over))]
		conn, err := lab.TryDial(ctx, protocol, lab.Target{Addr: address, ServerName: serverName})
		if err != nil {
			m.fail(ctx, err)
			continue
		}
		for range 1 + rnd.IntN(20) {
			if !m.send(ctx, rnd, conn, serverName) {
				break
			}
		}
		conn.Close()
	}
}

// send sends one request, and reports whether the connection is of use for another.
func (m *mix) send(
	ctx context.Context, rnd *rand.Rand, conn *lab.Conn, serverName string,
) bool {
	r := request{router: tenants[rnd.IntN(len(tenants))], host: serverName, serverName: serverName}
	if serverName == "" || rnd.IntN(3) == 0 {
		r.host = anyName(rnd)
	}
	if m.hasLocalCertificate {
		r.served = conn.Served.DNSNames
	}
	written := r.host
	switch rnd.IntN(6) {
	case 0:
		written = flood.Respell(r.host, rnd.IntN(1<<30))
	case 1:
		written += "."
	}
	sent := time.Now()
	response, err := conn.Try(ctx, lab.Request{Host: written, Path: "/" + r.router + "/"})
	if err != nil {
		m.fail(ctx, err)
		return false
	}
	got := response.Reason()
	if response.Status == http.StatusOK {
		got = "pass"
	} else if got == "" {
		got = fmt.Sprint("status ", response.Status)
	}
	m.check(r, written, got, sent)

	return response.Status != http.StatusMisdirectedRequest // which ends it
}

func (m *mix) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed[port.ReplaceAllString(err.Error(), ":…")]++
}

// port is what differs in errors that are the same.
var port = regexp.MustCompile(`:[0-9]+`)

// anyName is one of the names that somebody may ask for.
func anyName(rnd *rand.Rand) string {
	some := []string{victim, victim, shop, "acme.test", "globex.test", nobody}
	switch n := rnd.IntN(len(some) + 4); {
	case n < len(some):
		return some[n]
	case n%2 == 0:
		return fmt.Sprintf("h%d.acme.test", rnd.IntN(names))
	default:
		return fmt.Sprintf("h%d.globex.test", rnd.IntN(names))
	}
}

// states are put into force one after the other. From one to the next either the policy changes or
// the certificates do.
var states = []state{{}, {narrow: true}, {narrow: true, hijacked: true}, {hijacked: true}}

// run goes from state to state until ctx ends. put puts another one into force, and reload has the
// same be loaded once more.
func (m *mix) run(ctx context.Context, put func(before, next state), reload func()) {
	for at := 1; ctx.Err() == nil; at++ {
		began := time.Now()
		for ctx.Err() == nil && time.Since(began) < phase {
			time.Sleep(200 * time.Millisecond)
			if since := time.Since(began); quiet < since && since < rest {
				reload()
			}
		}
		before, next := states[(at-1)%len(states)], states[at%len(states)]
		if ctx.Err() == nil {
			m.change(next, func() { put(before, next) })
		}
	}
}

// policy is the file of the policy in a state.
func (s state) policy(t *testing.T) []byte {
	t.Helper()
	var list []lab.Map
	for _, tenant := range tenants {
		list = append(list, lab.Map{"name": tenant, "routers": []string{tenant + "-*@file"},
			"hosts": s.patterns(tenant)})
	}
	text, err := json.Marshal(lab.Map{"tenants": list, "certificates": lab.Map{"ttl": "1m"}})
	require.NoError(t, err)

	return text
}

// writePolicy puts a policy into force.
func writePolicy(t *testing.T, path string, s state) {
	t.Helper()
	next := filepath.Join(filepath.Dir(path), "next.json")
	require.NoError(t, os.WriteFile(next, s.policy(t), 0o600))
	require.NoError(t, os.Rename(next, path))
}

// end checks what came of it all.
func (m *mix) end(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	total := 0
	for _, count := range m.verdicts {
		total += count
	}
	failed := 0
	for _, count := range m.failed {
		failed += count
	}
	t.Logf("%d verdicts, for %d of which there was one that is right: %v; without an answer: %v",
		total, m.sharp, m.verdicts, m.failed)
	assert.Empty(t, m.wrong)
	assert.Less(t, m.verdicts["certificate-unavailable"], 1+total/100)
	assert.Less(t, failed, 1+total/50)
	assert.Greater(t, m.sharp, total/2)
	some := []request{
		{"acme", victim, victim, nil}, {"globex", "globex.test", "", nil},
		{"acme", shop, shop, nil}, {"acme", "acme.test", "globex.test", nil},
		{"globex", nobody, nobody, nil}, {"acme", "globex.test", "globex.test", nil},
	}
	for _, s := range states {
		for _, r := range some {
			assert.Positive(t, m.verdicts[s.verdict(r)], "no verdict is %s", s.verdict(r))
		}
	}
}
