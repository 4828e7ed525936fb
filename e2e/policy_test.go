package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// TestPolicyUnderLoad changes the policy file while 50 connections stream, without a reload by
// Traefik, and sends requests without pause. Once one verdict follows the new policy all do, and
// the verdicts for other hosts do not change.
func TestPolicyUnderLoad(t *testing.T) {
	const connections = 50
	n := newTenants(t)
	// One certificate for each host: one that names a host which the tenant lost would be refused.
	n.certA = n.platform.Issue(t, hostA)
	certShop := n.platform.Issue(t, hostA2)
	routes := lab.NewConfig().
		Route("team-a-web", "Host(`"+hostA+"`)", n.teamA).
		Route("team-a-shop", "Host(`"+hostA2+"`)", n.teamA).
		Route("team-b-web", "Host(`"+hostB+"`)", n.teamB).
		Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", n.teamB).
		Serve(n.certA, certShop, n.certB)
	full := policyJSON(t, n.list())
	narrow := policyJSON(t, n.list(lab.Map{"tenants": []lab.Map{
		tenantOf("team-a", hostA),
		tenantOf("team-b", hostB),
	}}))
	path := filepath.Join(t.TempDir(), "policy.json")
	replaceFile(t, path, full)
	tr := lab.Start(t, lab.Options{
		HTTP3: true, Guard: lab.Map{"exposeReason": true, "policyFile": path}, Dynamic: routes,
	})
	assertAll := func() {
		t.Helper()
		assertGet(t, tr, hostA, "/", passes("team-a"), n.certA)
		assertGet(t, tr, hostA2, "/", passes("team-a"), certShop)
		assertGet(t, tr, hostB, "/", passes("team-b"), n.certB)
		assertGet(t, tr, hostA, "/claim", denied("host-foreign"), n.certA)
	}
	assertAll()
	running := openFlows(t, tr.Target(hostA), hostA, connections)
	shop, web := startProbe(t, tr.Target(hostA2), hostA2), startProbe(t, tr.Target(hostA), hostA)
	foreign := startProbe(t, tr.Target(hostA), hostB)
	running.assertFlowing(t)

	began := time.Now()
	settled, want := began, passes("team-a")
	shop.waitFor(t, want, began)
	for i := range 4 {
		next, policy := passes("team-a"), full
		if i%2 == 0 {
			next, policy = denied("host-unowned"), narrow
		}
		written := time.Now()
		replaceFile(t, path, policy)
		effective := shop.waitFor(t, next, written)
		assert.Less(t, effective.Sub(written), soon)
		t.Logf("the policy took effect after %s", effective.Sub(written))
		shop.assertSettled(t, want, settled, written)
		settled, want = effective, next
		running.assertFlowing(t)
	}
	shop.waitFor(t, want, time.Now())
	for _, p := range []*probe{shop, web, foreign} {
		p.end()
		assert.Empty(t, p.errors)
	}
	shop.assertSettled(t, want, settled, time.Now())
	web.assertSettled(t, passes("team-a"), began, time.Now())
	foreign.assertSettled(t, denied("sni-foreign"), began, time.Now())
	assertAll()

	// A broken policy does not end a stream, and neither does a reload by Traefik.
	replaceFile(t, path, []byte("{"))
	tr.Log.Wait(t, "the file ends too early")
	running.assertFlowing(t)
	tr.Apply(t, routes.Clone().Route("team-a-more", "Host(`"+hostA+"`) && Path(`/more`)", n.teamA))
	running.assertFlowing(t)
	assertAll()
}

// TestOwnNarrowerPolicy has team-b add a narrower policy to its own route: both apply.
func TestOwnNarrowerPolicy(t *testing.T) {
	p := newPair(t, lab.Options{Plugin: true})
	p.apply(t, p.routes.Clone().
		Route("team-b-narrow", "Host(`"+hostB+"`) && PathPrefix(`/narrow`)", p.teamB,
			lab.Map{"middlewares": []string{"team-b-guard"}}).
		Guard("team-b-guard", lab.Map{"exposeReason": true, "tenants": []lab.Map{
			{"name": "team-b", "routers": "*@file", "hosts": "other.example.com"}}}))
	assertGet(t, p.off, hostB, "/narrow", denied("host-unowned"), p.certB)
	assertGet(t, p.on, hostB, "/narrow", denied("host-unowned"), p.certB)
	p.assertLegitimate(t)
}

// flows are clients that read streams, each on its own connection.
type flows struct {
	lines  []atomic.Int64
	stop   context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	errors []string
}

// openFlows opens count streams of server-sent events or lines, with all protocols in turn.
func openFlows(t *testing.T, target lab.Target, host string, count int) *flows {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s := &flows{lines: make([]atomic.Int64, count), stop: stop}
	t.Cleanup(s.end)
	for i := range count {
		path := []string{"/sse", "/stream"}[i%2]
		conn := lab.Dial(t, protocols[i%len(protocols)], target)
		response, err := conn.Open(ctx, lab.Request{Host: host, Path: path})
		require.NoError(t, err)
		require.Equal(t, 200, response.StatusCode)
		s.done.Go(func() {
			defer response.Body.Close()
			reader := bufio.NewReader(response.Body)
			for {
				line, err := reader.ReadString('\n')
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					s.mu.Lock()
					s.errors = append(s.errors, fmt.Sprintf("%s %s, stream %d: %v after %d lines",
						conn.Protocol, path, i, err, s.lines[i].Load()))
					s.mu.Unlock()
					return
				}
				if strings.TrimSpace(line) != "" {
					s.lines[i].Add(1)
				}
			}
		})
	}

	return s
}

// assertFlowing waits until each stream has delivered more, and checks that none broke.
func (s *flows) assertFlowing(t *testing.T) {
	t.Helper()
	for i := range s.lines {
		seen := s.lines[i].Load()
		assert.Eventually(t, func() bool {
			return s.lines[i].Load() > seen
		}, 10*time.Second, time.Millisecond, "stream %d brings nothing", i)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.Empty(t, s.errors)
}

func (s *flows) end() {
	s.stop()
	s.done.Wait()
}

// probe requests one host without pause and records the answers.
type probe struct {
	mu      sync.Mutex
	answers []probed
	errors  []string
	stop    context.CancelFunc
	done    sync.WaitGroup
}

type probed struct {
	sent, received time.Time
	outcome        outcome
}

// startProbe starts one client that keeps its connection and one that dials for each request.
func startProbe(t *testing.T, target lab.Target, host string) *probe {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &probe{stop: stop}
	t.Cleanup(p.end)
	for i, keepAlive := range []bool{true, false} {
		p.done.Go(func() {
			var conn *lab.Conn
			for ctx.Err() == nil {
				sent := time.Now()
				if conn == nil {
					var err error
					if conn, err = lab.TryDial(ctx, protocols[i], target); err != nil {
						conn = nil
						continue
					}
				}
				response, err := conn.Try(ctx, lab.Request{Host: host})
				if err == nil {
					p.mu.Lock()
					p.answers = append(p.answers, probed{sent, time.Now(), outcomeOf(response)})
					p.mu.Unlock()
				}
				if err != nil && ctx.Err() == nil {
					p.mu.Lock()
					p.errors = append(p.errors, fmt.Sprintf("%s after %s: %v", conn.Protocol,
						time.Since(sent), err))
					p.mu.Unlock()
				}
				// A denial with 421 may end the connection.
				if err != nil || !keepAlive || response.Status == http.StatusMisdirectedRequest {
					conn.Close()
					conn = nil
				}
				time.Sleep(time.Millisecond)
			}
		})
	}

	return p
}

func (p *probe) end() {
	p.stop()
	p.done.Wait()
}

// waitFor waits for an answer like want to a request sent after since, and returns when it came.
func (p *probe) waitFor(t *testing.T, want outcome, since time.Time) time.Time {
	t.Helper()
	var first time.Time
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, a := range p.answers {
			if a.sent.After(since) && a.outcome == want {
				first = a.received
				return true
			}
		}
		return false
	}, 2*soon, time.Millisecond, "no answer is %v", want)

	return first
}

// assertSettled checks that every answer between the two times is as wanted.
func (p *probe) assertSettled(t *testing.T, want outcome, from, to time.Time) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	count := 0
	for _, a := range p.answers {
		if a.sent.After(from) && a.received.Before(to) {
			count++
			assert.Equal(t, want, a.outcome, "%s after the policy took effect", a.sent.Sub(from))
		}
	}
	assert.Positive(t, count, "no answers to judge by")
}
