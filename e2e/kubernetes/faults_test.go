package kubernetes_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// shortTTL and shortGrace are the guard's settings, short to save time.
	shortTTL   = time.Second
	shortGrace = 7 * time.Second
	// probePause is the time between two requests of one kind.
	probePause = 100 * time.Millisecond
	// comeBack is how long the effects of a fault may outlast it: the guard's pauses grow to half a
	// minute.
	comeBack = 40 * time.Second

	largeSecrets   = 5000
	manyNamespaces = 1000
)

// TestFaults disturbs the API that the guard uses. No request may pass that must be denied. Which
// others are denied, and for how long, is printed.
func TestFaults(t *testing.T) {
	l := newFaultLab(t)
	t.Cleanup(func() { l.print() })

	t.Run("none", func(t *testing.T) { l.during(t, fault{name: "none", hold: time.Second}) })
	t.Run("steady state", func(t *testing.T) { l.steadyState(t) })
	t.Run("renewed certificate", func(t *testing.T) { l.renewed(t) })
	t.Run("token expired", func(t *testing.T) { l.tokenExpired(t) })
	set := func(faults cluster.Faults) func() {
		if faults.Only == nil {
			faults.Only = ofGuard
		}
		return func() { l.proxy.Set(faults) }
	}
	watching := func(call cluster.Call) bool { return ofGuard(call) && call.Verb == "watch" }
	t.Run("watch cut", func(t *testing.T) {
		l.during(t, fault{name: "watch cut", hold: time.Second, begin: func() {
			l.proxy.CutWatches()
		}})
	})
	t.Run("watch silent", func(t *testing.T) {
		l.during(t, fault{name: "watch silent", hold: 2 * time.Second,
			begin: set(cluster.Faults{Stall: true, Only: watching})})
	})
	t.Run("410", func(t *testing.T) {
		begin := set(cluster.Faults{Status: http.StatusGone, Only: watching})
		l.during(t, fault{name: "410 on every watch", hold: 3 * time.Second, begin: func() {
			begin()
			l.proxy.CutWatches()
		}})
	})
	t.Run("slow", func(t *testing.T) {
		l.during(t, fault{name: "answers after 2s", hold: 3 * time.Second,
			begin: set(cluster.Faults{Latency: 2 * time.Second})})
	})
	t.Run("hanging", func(t *testing.T) {
		l.during(t, fault{name: "no answer", hold: 6 * time.Second,
			begin: set(cluster.Faults{Hang: true})})
	})
	t.Run("429", func(t *testing.T) {
		l.during(t, fault{name: "429, Retry-After: 2", hold: 4 * time.Second,
			begin: set(cluster.Faults{Status: http.StatusTooManyRequests, RetryAfter: "2"})})
	})
	t.Run("5,000 Secrets", func(t *testing.T) { l.manySecrets(t) })
	t.Run("1,000 Namespaces", func(t *testing.T) { l.thousandNamespaces(t) })
	// The last one, since Traefik's own providers take a while to recover.
	t.Run("API server down", func(t *testing.T) {
		l.during(t, fault{name: "API server down", hold: 6 * time.Second, down: true,
			begin: func() { l.Stop(t) }, end: func() { l.Start(t) }})
	})
}

// fault is one way to disturb the API.
type fault struct {
	name       string
	hold       time.Duration
	begin, end func()
	// down reports whether no client reaches the API. The new tenant then comes after the fault.
	down bool
}

// during runs a fault and records the requests for a certificate confirmed before, a router with an
// ambiguous name, a certificate unknown before, one from another tenant's namespace, another
// tenant's route, and a new tenant. What passed before must pass until grace ends.
func (l *faultLab) during(t *testing.T, f fault) {
	t.Helper()
	// Once this one passes, all of acme's Secrets were listed: nothing is left of the fault before.
	settled := l.newHost(t)
	require.Eventually(t, func() bool {
		return l.send(t.Context(), settled).status == http.StatusOK
	}, comeBack, probePause)
	known, inexact := l.probe(t, "known.acme.test"), l.probe(t, "inexact.acme.test")
	time.Sleep(2 * probePause)
	// The guard lists no Secrets from here until the fault begins.
	host := l.newHost(t)
	built := time.Now()
	require.Eventually(t, func() bool {
		return inexact.passing(built)
	}, comeBack, probePause, "the router of that name is built anew")

	l.proxy.Reset()
	before := time.Now() // stopping a server takes its time
	if f.begin != nil {
		f.begin()
	}
	began := time.Now()
	fresh, late := l.probe(t, host), l.probe(t, "new.late.test")
	hijacked, foreign := l.probe(t, "hijacked.acme.test"), l.probe(t, "foreign.acme.test")
	added := began
	if !f.down {
		added = l.addLate(t)
	}
	time.Sleep(f.hold)
	calls := len(l.proxy.Calls(ofGuard))
	took := time.Since(began)
	if f.end != nil {
		f.end()
	}
	l.proxy.Set(cluster.Faults{})
	ended := time.Now()
	f.name = fmt.Sprintf("%s (%.1fs)", f.name, ended.Sub(began).Seconds())
	if f.down {
		added = l.addLate(t)
	}
	for _, p := range []*prober{known, inexact, fresh, late} {
		assert.Eventually(t, func() bool {
			return p.passing(ended)
		}, comeBack, probePause, "%s passes again", p.host)
	}

	l.row(f, "confirmed before", known.end(), began, ended)
	l.row(f, "unknown before", fresh.end(), began, ended)
	l.row(f, "a new tenant", after(late.end(), added), added, ended)
	for _, s := range append(slices.Clone(known.samples), inexact.end()...) {
		denied := s.status != http.StatusOK
		// The last confirmation may be ttl old when the fault begins, and a bit older on a busy
		// machine.
		require.False(t, denied && s.end.Sub(before) < shortGrace-shortTTL-2*time.Second,
			"a request that passed before is denied %s after the fault began: %d %s, %v",
			s.end.Sub(before), s.status, s.reason, s.err)
	}
	l.row(f, "by an inexact name", inexact.samples, began, ended)
	l.row(f, "another tenant's certificate", hijacked.allDenied(t, began), began, ended)
	l.row(f, "another tenant's route", foreign.allDenied(t, began), began, ended)
	rate := float64(calls) / took.Seconds()
	l.figure("requests to the API per second: "+f.name, fmt.Sprintf("%.1f", rate))
	assert.Less(t, rate, 60.0, "the guard leaves the API alone")
	passed := l.dropLate(t)
	if f.begin == nil {
		l.figure("a tenant taken away passes for", rounded(passed))
	}
}

// tokenExpired lets the guard's token expire and then replaces it, as a kubelet would have done in
// time.
func (l *faultLab) tokenExpired(t *testing.T) {
	file := l.TokenFile(t, cluster.TraefikNamespace, "guard-alone", time.Second)
	time.Sleep(1500 * time.Millisecond)
	expired := readFile(t, file)
	refused := l.TryApply(t.Context(), l.WithToken(expired),
		"{apiVersion: v1, kind: Namespace, metadata: {name: acme}}")
	require.True(t, apierrors.IsUnauthorized(refused))
	l.during(t, fault{
		name: "token expired", hold: 4 * time.Second,
		begin: func() {
			next := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(next, []byte(expired), 0o600))
			require.NoError(t, os.Rename(next, l.token))
			// The guard reads the file again after ten seconds, or as soon as its token is refused.
			l.proxy.Set(cluster.Faults{Status: http.StatusUnauthorized, Only: ofGuard})
			l.proxy.CutWatches()
			time.Sleep(shortTTL + 2*probePause)
			l.proxy.Set(cluster.Faults{})
		},
		end: func() {
			l.RotateToken(t, l.token, cluster.TraefikNamespace, "guard-alone", time.Hour)
		},
	})
}
