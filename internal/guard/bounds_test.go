package guard

import (
	"fmt"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/status"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// wildcard is the policy of a tenant with any number of hosts.
func wildcard() map[string]any {
	return map[string]any{
		"exposeReason": true, "certificates": map[string]any{"check": "off"},
		"tenants": []any{map[string]any{
			"name": "acme", "namespaces": "acme", "hosts": "*.acme.example.com",
		}},
	}
}

// TestTablesAreBounded has more hosts and connections come than are remembered: the last one is.
func TestTablesAreBounded(t *testing.T) {
	for _, local := range []bool{false, true} {
		g := acmeGuard("bounded@file", wildcard())
		withLocalCertificate(g, local)
		for i := 0; i < maxConnections+maxKnown+10; i++ {
			host := fmt.Sprintf("h%d.acme.example.com", i)
			req := tlsRequest(host, host)
			if got := reasonOf(handlerOf(g), req); got != "pass" {
				t.Fatalf("%s: %q, want a pass", host, got)
			}
			if len(g.known.answers) > maxKnown || g.known.named > maxKnown ||
				len(g.known.connections) > maxConnections {
				t.Fatalf("local certificate %t: %d answers, %d names and %d connections", local,
					len(g.known.answers), g.known.named, len(g.known.connections))
			}
			if i%100 == 0 && (!remembers(g, req) || !passesFast(g, req)) {
				t.Fatalf("%s is not remembered", host)
			}
		}
		n := &g.known
		if local && len(n.connections) != maxConnections {
			t.Errorf("%d connections, want %d", len(n.connections), maxConnections)
		}
		if !local && n.named != (maxConnections+maxKnown+10)%maxKnown {
			t.Errorf("%d names, want those that came after they were full", n.named)
		}
		if got := n.total.Load(); got != int64(len(n.answers)+len(n.connections)) {
			t.Errorf("local certificate %t: %d entries are counted, want %d",
				local, got, len(n.answers)+len(n.connections))
		}
	}
}

// TestAllTablesAreBounded has the routers of a reload have more together than they may.
func TestAllTablesAreBounded(t *testing.T) {
	for _, local := range []bool{false, true} {
		one, other := acmeGuard("one@file", wildcard()), acmeGuard("other@file", wildcard())
		one.reload.addTable("other@file", &other.known)
		withLocalCertificate(one, local)
		withLocalCertificate(other, local)
		reasonOf(handlerOf(other), tlsRequest(hostA, hostA))
		counted := other.known.total.Load()
		one.reload.total.Add(maxTotal - counted)
		passed := tlsRequest(hostA, hostA)
		reasonOf(handlerOf(one), passed)
		if len(one.known.answers)+len(other.known.answers) > 0 || passesFast(one, passed) {
			t.Errorf("local certificate %t: a table is not cleared", local)
		}
		if got := one.reload.total.Load(); got != maxTotal-counted {
			t.Errorf("local certificate %t: %d entries are counted, want %d",
				local, got, maxTotal-counted)
		}
		one.reload.total.Add(-maxTotal)
		reasonOf(handlerOf(one), passed)
		if !remembers(one, passed) || !passesFast(one, passed) {
			t.Errorf("local certificate %t: nothing is remembered any more", local)
		}
	}
}

// TestOneTimer has requests pass for as long as their certificates were observed at different
// times: the timer is that of the one which ends first.
func TestOneTimer(t *testing.T) {
	g := acmeGuard("timer@file", wildcard())
	d := decision{code: verdict.Pass, policy: g.middleware.Policy()}
	d.chain = &observe.Chain{Certificates: certificateChain(t, "acme-two")}
	rows := []struct {
		description string
		validFor    time.Duration
		timers      int
	}{
		{"the first one", time.Hour, 1},
		{"one that ends later", 2 * time.Hour, 1},
		{"one that ends earlier", 30 * time.Second, 2},
		{"one that ends later again", 40 * time.Second, 2},
		{"one that is as good as over", time.Millisecond, 2},
	}
	last := g.known.clearing
	timers := 0
	for i, row := range rows {
		host := fmt.Sprintf("h%d.acme.example.com", i)
		req := tlsRequest(host, host)
		d.request = read(req, nil)
		d.validFor = row.validFor
		g.remember(req, d, &answer{code: d.code, isPlain: true})
		if g.known.clearing != last {
			timers++
			if last != nil && last.Stop() {
				t.Errorf("%s: the timer before still runs", row.description)
			}
		}
		last = g.known.clearing
		if timers != row.timers {
			t.Errorf("%s: %d timers, want %d", row.description, timers, row.timers)
		}
	}
	if left := time.Until(g.known.clearAt); left > 30*time.Second {
		t.Errorf("the fast path is cleared in %s, want at the end of the first", left)
	}
	if g.known.named+len(g.known.connections) != len(rows)-1 {
		t.Errorf("%d of %d are fast", g.known.named+len(g.known.connections), len(rows))
	}
	g.known.clearFast()
	if g.known.clearing != nil {
		t.Error("a timer is left that has fired")
	}
}

// TestFoundAgain has the fast path be cleared: what passed is found, and takes it again.
func TestFoundAgain(t *testing.T) {
	for _, local := range []bool{false, true} {
		g := acmeGuard("again@file", wildcard())
		withLocalCertificate(g, local)
		req := tlsRequest(hostA, hostA)
		reasonOf(handlerOf(g), req)
		g.known.clearFast()
		if passesFast(g, req) {
			t.Fatalf("local certificate %t: the fast path is not cleared", local)
		}
		if !remembers(g, req) || !passesFast(g, req) {
			t.Errorf("local certificate %t: it is not found again", local)
		}
	}
}

// TestJudgedOnce has a certificate of many names be served to many requests.
func TestJudgedOnce(t *testing.T) {
	certificate := certificateOf(t, "acme-1000-names")
	chain := chains.Of(certificate.Certificate)
	g := acmeGuard("judged@file", twoTenants)
	p := g.middleware.Policy()
	acme, globex := p.Tenant("acme"), p.Tenant("globex")
	now := time.Now()
	r := &reload{} // in which nothing is forgotten while the test runs
	first := r.judge(p, acme, chain, now)
	if r.judge(p, acme, chain, now.Add(acme.Certificates.TTL-1)) != first {
		t.Error("a chain is judged again for the same tenant")
	}
	if r.judge(p, acme, chain, now.Add(acme.Certificates.TTL)) == first {
		t.Error("a chain is not judged again after the tenant's ttl")
	}
	if other := r.judge(p, globex, chain, now); !other.IsForeign || first.IsForeign {
		t.Error("a chain is judged for another tenant")
	}
	next := acmeGuard("judged-otherwise@file", map[string]any{"tenants": twoTenants["tenants"],
		"shared": map[string]any{"hosts": "**.acme.example.com"}}).middleware.Policy()
	if r.judge(next, acme, chain, now).HasSharedNames == first.HasSharedNames {
		t.Error("a chain is judged under another policy")
	}
	for i := 0; i < maxJudged+10; i++ {
		k := judgedKey{chain: &observe.Chain{}}
		r.join(k, now)
		if i >= maxJudged {
			r.judge(p, acme, &observe.Chain{Certificates: chain.Certificates[:1]}, now)
		}
		if len(r.chains) > maxJudged+5 {
			t.Fatalf("%d chains, want at most %d", len(r.chains), maxJudged)
		}
	}
}

// TestRunningJudgementIsJoined has a second request come while a chain is judged for the first, and
// a third one when that was of no use.
func TestRunningJudgementIsJoined(t *testing.T) {
	g := acmeGuard("joined@file", twoTenants)
	p := g.middleware.Policy()
	k := judgedKey{chain: &observe.Chain{}, policy: p.Policy, tenant: p.Tenant("acme")}
	now := time.Now()
	r := &reload{} // in which nothing is forgotten while the test runs
	running, first := r.join(k, now)
	joined, second := r.join(k, now.Add(time.Hour))
	if !first || second || joined != running {
		t.Error("a chain is judged by two requests at once")
	}
	running.Run(func() error { panic("unfinished") }, func(_ error) {})
	if _, third := r.join(k, now); !third {
		t.Error("a judgement that did not finish stands")
	}
}

// TestRequestsShareWhatIsJudged has a guard judge requests with hosts of their own.
func TestRequestsShareWhatIsJudged(t *testing.T) {
	entryPoint := serving(t, certificateOf(t, "acme-1000-names"))
	keys := map[string]any{"exposeReason": true, "tenants": twoTenants["tenants"],
		"certificates": map[string]any{"observe": "ttl"}}
	g := acmeGuard("judged-by-requests@file", keys)
	for i := 1; i < 20; i++ {
		host := fmt.Sprintf("n%d.acme.example.com", i)
		req := at(entryPoint, tlsRequest(host, host))
		if got := reasonOf(handlerOf(g), req); got != "pass" {
			t.Fatalf("%s: %q, want a pass", host, got)
		}
	}
	if len(g.reload.chains) != 1 {
		t.Errorf("%d chains, want 1", len(g.reload.chains))
	}
}

// TestBoundOnce has a router be bound once for each policy and namespace.
func TestBoundOnce(t *testing.T) {
	g := acmeGuard("bound@file", twoTenants)
	p := g.middleware.Policy()
	g.bindOnce(p, "")
	first := g.known.bound
	g.bindOnce(p, "")
	if first == nil || g.known.bound != first {
		t.Error("a router is bound again under the same policy")
	}
	g.bindOnce(p, "other")
	if g.known.bound == first {
		t.Error("another namespace is not looked at")
	}
	second := g.known.bound
	next := acmeGuard("bound-otherwise@file", acmeKeys(nil)).middleware.Policy()
	g.bindOnce(next, "other")
	if g.known.bound == second || g.known.bound.policy != next {
		t.Error("another policy is not looked at")
	}
}

// TestOwnPolicysObservations has a tenant call one in a policy of his own by another tenant's name:
// what is observed for it must not push out what is observed for the other.
func TestOwnPolicysObservations(t *testing.T) {
	entryPoint := serving(t, certificateOf(t, "acme-two"))
	rows := []struct {
		description, name string
		handshakes        int
	}{
		{"the operator's too", "other@file", 1},
		{"a tenant's", "evil_mw@kubernetescrd", 2},
	}
	for _, row := range rows {
		keys := acmeKeys(map[string]any{"observe": "ttl"})
		guards := []*Guard{acmeGuard("one@file", keys), acmeGuard(row.name, keys)}
		before := handshakes()
		for _, g := range guards {
			req := at(entryPoint, tlsRequest(hostA, hostA))
			if got := reasonOf(handlerOf(g), req); got != "pass" {
				t.Fatalf("%s: %q, want a pass", row.description, got)
			}
		}
		if got := handshakes() - before; got != row.handshakes {
			t.Errorf("%s: %d handshakes, want %d", row.description, got, row.handshakes)
		}
		lasting = observe.NewLastingCache(chains, counters)
	}
}

// handshakes counts what was observed so far.
func handshakes() int {
	s := &status.State{Now: time.Now()}
	counters.Fill(s)
	for _, o := range s.Observed {
		if o.Result == observe.Accepted {
			return o.Count
		}
	}
	return 0
}
