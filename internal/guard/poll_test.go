package guard

import (
	"bytes"
	"context"
	stdlog "log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/report"
)

// said has what the guards of all tests say.
var said = &buffer{}

func init() { // before anything polls
	before := stdlog.Writer()
	defer stdlog.SetOutput(before)
	stdlog.SetOutput(said)
	log = report.NewLog()
}

func currentReload() *reload {
	reloads.Lock()
	defer reloads.Unlock()
	return reloads.current
}

// TestNewPolls has New begin to poll where nobody does.
func TestNewPolls(t *testing.T) {
	polling.Lock()
	polling.running = false
	polling.Unlock()
	New(context.Background(), http.NotFoundHandler(), acmeKeys(nil), ofOwn)
	polling.Lock()
	defer polling.Unlock()
	if !polling.running {
		t.Error("nobody polls")
	}
}

// TestPollsFollowEachOther has a policy file change more often than tests begin to poll, and no
// request read it.
func TestPollsFollowEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.json")
	write := func(host string) {
		text := `{"tenants":[{"name":"acme","namespaces":["acme"],"hosts":["` + host + `"]}]}`
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(hostA)
	keys := map[string]any{"exposeReason": true, "policyFile": path}
	New(context.Background(), http.NotFoundHandler(), keys, "polled@file")
	middleware := currentReload().middlewares["polled@file"]
	if p := middleware.Policy(); p == nil || p.Hosts.Owner(hostA) == "" {
		t.Fatal("no policy to begin with")
	}
	for _, host := range []string{hostB, hostA, hostB, hostA} {
		write(host)
		deadline := time.Now().Add(10 * time.Second)
		for middleware.Policy().Hosts.Owner(hosts.Name(host)) == "" {
			if time.Now().After(deadline) {
				t.Fatalf("%s: nobody looked at the file", host)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// TestPollingEndsWithTheRouters has a poll be the last one: the next router begins to poll anew.
func TestPollingEndsWithTheRouters(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	rows := []struct {
		description string
		current     *reload
		runs        bool
	}{
		{"a reload that has not ended", &reload{done: make(chan struct{})}, true},
		{"a reload that has ended", &reload{done: ended}, false},
		{"no reload", nil, false},
	}
	before := currentReload()
	defer func() {
		reloads.Lock()
		reloads.current = before
		reloads.Unlock()
		startPolling()
	}()
	for _, row := range rows {
		reloads.Lock()
		reloads.current = row.current
		reloads.Unlock()
		polling.Lock()
		polling.running = true
		polling.idlePolls = maxIdlePolls - 1
		polling.Unlock()
		pollAgain()
		polling.Lock()
		if polling.running != row.runs {
			t.Errorf("%s: running %t, want %t", row.description, polling.running, row.runs)
		}
		polling.Unlock()
	}
}

// buffer is a writer that polling and a test may share.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestWhatIsSaid looks at what the log says of a policy that is refused, of a bug, and of a
// request that is denied.
func TestWhatIsSaid(t *testing.T) {
	c := newCluster(t)
	c.registry.Middleware("refused@file", map[string]any{"tenants": "wrong"}).Policy()
	c.registry.Middleware("bug@file", clustered).Policy()
	c.fail(true)
	lookForChanges(c.registry)
	c.fail(false)
	g := acmeGuard("said@file", acmeKeys(nil))
	reasonOf(g, plainRequest("said.example.net"))
	wants := []string{
		`"router":"acme_web_0@kubernetescrd","namespace":"acme","tenant":"acme",` +
			`"method":"GET","host":"said.example.net"`,
		`"middleware":"refused@file","message":"the policy is refused and there is no earlier one`,
		`"message":"the policy is refused, the last good one stays in force",` +
			`"errors":["looking for changes failed: a bug"]`,
	}
	if strings.Contains(said.String(), `"host":"(many)"`) {
		wants = wants[1:] // the interpreter runs tests in any order: others have filled the log
	}
	for _, want := range wants {
		if !strings.Contains(said.String(), want) {
			t.Errorf("nothing said has %s in it", want)
		}
	}
}

// TestPanicKeepsNoLock has registering a middleware panic, by a reload without a map.
func TestPanicKeepsNoLock(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reloads.Lock()
	before := reloads.current
	reloads.current = &reload{done: ctx.Done()}
	reloads.Unlock()
	panicked := false
	func() {
		defer func() { panicked = recover() != nil }()
		New(ctx, http.NotFoundHandler(), acmeKeys(nil), "panics@file")
	}()
	if !panicked {
		t.Fatal("no panic")
	}
	if !reloads.TryLock() {
		t.Fatal("the lock is still held: no router can be built any more")
	}
	reloads.current = before
	reloads.Unlock()
}

// TestReloadsAreCounted has a middleware be used no more: what it had is forgotten in the end.
func TestReloadsAreCounted(t *testing.T) {
	const name = "counted@file"
	first := middlewares.Middleware(name, acmeKeys(nil))
	for i := 0; i < 20; i++ {
		reloads.Lock()
		beginReload(nil)
		reloads.Unlock()
	}
	if middlewares.Middleware(name, acmeKeys(nil)) == first {
		t.Error("a middleware without routers is never forgotten")
	}
}
