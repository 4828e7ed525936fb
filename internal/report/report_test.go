package report

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
)

// buffer is a writer that a timer and a test may share.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSuffix(b.text.String(), "\n"), "\n")
}

func newTestLog(window time.Duration) (*Log, *buffer) {
	out := &buffer{}
	log := NewLog()
	log.out = out
	log.window = window
	return log, out
}

func TestDenyWritesTheContractsFields(t *testing.T) {
	log, out := newTestLog(time.Minute)
	log.Deny(Denial{
		Mode: "enforce", Reason: "host-foreign", Status: 403, Router: "acme_web_0@kubernetescrd", Namespace: "acme", Tenant: "acme",
		Host: "a.globex.example.com", SNI: "a.acme.example.com", Certificate: "sha256/x", Client: "192.0.2.1",
	})
	want := `{"event":"deny","mode":"enforce","reason":"host-foreign","status":403,"router":"acme_web_0@kubernetescrd","namespace":"acme","tenant":"acme","host":"a.globex.example.com","sni":"a.acme.example.com","certificate":"sha256/x","client":"192.0.2.1","suppressed":0}`
	if got := out.lines(); len(got) != 1 || got[0] != want {
		t.Errorf("lines %q, want %q", got, want)
	}
}

func TestIdenticalDenialsAreSuppressed(t *testing.T) {
	log, out := newTestLog(50 * time.Millisecond)
	for i := 0; i < 5; i++ {
		log.Deny(Denial{Reason: "host-foreign", Host: "a", Client: strconv.Itoa(i)})
	}
	log.Deny(Denial{Reason: "host-foreign", Host: "b"})
	if got := out.lines(); len(got) != 2 {
		t.Fatalf("lines %q, want one for each host", got)
	}
	deadline := time.Now().Add(5 * time.Second)
	for len(out.lines()) < 3 {
		if time.Now().After(deadline) {
			t.Fatal("the suppressed denials were not reported")
		}
		time.Sleep(time.Millisecond)
	}
	if got := out.lines()[2]; !strings.Contains(got, `"suppressed":3`) {
		t.Errorf("line %q stands for four denials, want suppressed 3", got)
	}
	for len(log.kindsNow()) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("a kind of denial that has ended is still kept")
		}
		time.Sleep(time.Millisecond)
	}
}

func (l *Log) kindsNow() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var keys []string
	for key := range l.kinds {
		keys = append(keys, key)
	}
	return keys
}

func TestKindsAreBounded(t *testing.T) {
	log, out := newTestLog(time.Minute)
	for i := 0; i < maxKinds+100; i++ {
		log.Deny(Denial{Mode: "enforce", Reason: "host-unowned", Host: strconv.Itoa(i)})
	}
	if got := len(out.lines()); got != maxKinds+1 {
		t.Errorf("%d lines for any number of hosts, want %d", got, maxKinds+1)
	}
}

func TestClientsTextIsBoundedAndEscaped(t *testing.T) {
	log, out := newTestLog(time.Minute)
	log.Deny(Denial{Host: "a\n\"}{\x00\xff" + strings.Repeat("é", 300), SNI: "\u2028\x1b[31m"})
	lines := out.lines()
	if len(lines) != 1 || len(lines[0]) > 1000 || strings.Contains(lines[0], "\x1b") {
		t.Fatalf("lines %q, want one that is bounded and has no control characters", lines)
	}
	var decoded map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &decoded); err != nil {
		t.Error(err)
	}
}

func TestPolicyNotices(t *testing.T) {
	log, out := newTestLog(time.Minute)
	log.Policy(policy.Notice{Middleware: "guard@file", Errors: []string{"mode: \"x\""}})
	log.Policy(policy.Notice{Middleware: "guard@file", Errors: []string{"mode: \"x\""}, InForce: true})
	log.Policy(policy.Notice{Middleware: "guard@file", ByNameOnly: []string{"acme"}})
	log.Policy(policy.Notice{Middleware: "guard@file", LeftOut: []string{"namespace \"acme\""}})
	log.Policy(policy.Notice{Middleware: "guard@file", Outdated: "connection refused"})
	lines := out.lines()
	wants := []string{"503", "last good", "names only", "left out", "not kept up to date"}
	for i, want := range wants {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %q, want %q in it", lines[i], want)
		}
	}
}
