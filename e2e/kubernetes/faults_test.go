package kubernetes_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// shortTTL and shortGrace are what the guard runs with here, for the run to be short.
	shortTTL   = time.Second
	shortGrace = 7 * time.Second
	// probePause is the time between two requests of one kind.
	probePause = 100 * time.Millisecond
	// comeBack is how long a fault's effects may last once it is over: the guard's pauses grow to half a minute.
	comeBack = 40 * time.Second

	largeSecrets   = 5000
	manyNamespaces = 1000
)

// faultLab is a Traefik whose guard asks the API through a proxy. Traefik's own providers do not.
type faultLab struct {
	*cluster.Cluster
	proxy        *cluster.Proxy
	tr           *cluster.Traefik
	acme, globex *cluster.Tenant
	late, large  *cluster.Tenant
	service      string
	token        string
	pid          int
	guard        lab.Map
	fresh        int
	table        [][]string
	figures      [][]string
}

// ofGuard matches what the guard asks, and only that.
func ofGuard(call cluster.Call) bool { return call.Client == "tenantguard" }

// TestFaults disturbs the API that the guard asks. In no case may a request pass that is to be denied; what else is denied,
// and for how long, is written down.
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
		l.during(t, fault{name: "watch cut", hold: time.Second, begin: func() { l.proxy.CutWatches() }})
	})
	t.Run("watch silent", func(t *testing.T) {
		l.during(t, fault{name: "watch silent", hold: 2 * time.Second, begin: set(cluster.Faults{Stall: true, Only: watching})})
	})
	t.Run("410", func(t *testing.T) {
		begin := set(cluster.Faults{Status: http.StatusGone, Only: watching})
		l.during(t, fault{name: "410 on every watch", hold: 3 * time.Second, begin: func() {
			begin()
			l.proxy.CutWatches()
		}})
	})
	t.Run("slow", func(t *testing.T) {
		l.during(t, fault{name: "answers after 2s", hold: 3 * time.Second, begin: set(cluster.Faults{Latency: 2 * time.Second})})
	})
	t.Run("hanging", func(t *testing.T) {
		l.during(t, fault{name: "no answer", hold: 6 * time.Second, begin: set(cluster.Faults{Hang: true})})
	})
	t.Run("429", func(t *testing.T) {
		l.during(t, fault{name: "429, Retry-After: 2", hold: 4 * time.Second,
			begin: set(cluster.Faults{Status: http.StatusTooManyRequests, RetryAfter: "2"})})
	})
	t.Run("5,000 Secrets", func(t *testing.T) { l.manySecrets(t) })
	t.Run("1,000 Namespaces", func(t *testing.T) { l.thousandNamespaces(t) })
	// The last, for Traefik's own providers take a while to come back.
	t.Run("API server down", func(t *testing.T) {
		l.during(t, fault{name: "API server down", hold: 6 * time.Second, down: true,
			begin: func() { l.Stop(t) }, end: func() { l.Start(t) }})
	})
}

// newFaultLab has acme with a route whose certificate is its own, with one of the Gateway API, whose router's name does not tell
// the namespace, and with one whose certificate is globex's; and globex with a route to acme's host. late is a namespace with a route that is nobody's yet.
func newFaultLab(t *testing.T) *faultLab {
	t.Helper()
	c := cluster.Start(t)
	c.Apply(t, c.Admin(), example(t, "rbac.yaml"))
	l := &faultLab{Cluster: c, proxy: c.Proxy(t), token: accountWithGuardRole(t, c)}
	l.acme = c.Tenant(t, "acme", "tenantguard.io/tenant=acme", "@tenantguard.io/hosts=*.acme.test")
	l.globex = c.Tenant(t, "globex", "tenantguard.io/tenant=globex", "@tenantguard.io/hosts=*.globex.test")
	l.late = c.Tenant(t, "late")
	l.service = l.acme.Service(t, "backend")
	for _, tenant := range []*cluster.Tenant{l.globex, l.late} {
		tenant.Service(t, "backend")
	}
	l.acme.Secret(t, "known", lab.SelfSigned(t, "known.acme.test"))
	l.globex.Secret(t, "hijack", lab.SelfSigned(t, "hijacked.acme.test"))
	l.late.Secret(t, "late", lab.SelfSigned(t, "new.late.test"))
	l.acme.Secret(t, "guessed", lab.SelfSigned(t, "guessed.acme.test", "loads.acme.test"))
	l.acme.Apply(t, l.route("known", "known.acme.test", "known"), l.route("hijacked", "hijacked.acme.test", ""),
		l.route("loads", "loads.acme.test", "guessed"), cluster.Route{Name: "guessed", Host: "guessed.acme.test", Service: "backend"}.Gateway("HTTPRoute", "websecure", ""))
	l.globex.Apply(t, l.route("own", "own.globex.test", "hijack"), l.route("foreign", "foreign.acme.test", ""))
	l.late.Apply(t, l.route("late", "new.late.test", "late"))

	l.guard = lab.Map{
		"exposeReason": true,
		"kubernetes": lab.Map{
			"enabled": true, "endpoint": l.proxy.URL, "tokenFile": l.token, "caFile": c.CAFile, "grace": shortGrace.String(),
		},
		"certificates": lab.Map{"ttl": shortTTL.String()},
	}
	l.large = c.Tenant(t, "large", "tenantguard.io/tenant=large", "@tenantguard.io/hosts=new.large.test")
	l.fill(t, "large")
	l.tr = c.Traefik(t, cluster.TraefikOptions{
		Options:   lab.Options{Guard: l.guard},
		Providers: lab.Map{cluster.CRD: cluster.Naming(true), cluster.Gateway: lab.Map{}},
	})
	c.Apply(t, c.Admin(), cluster.GatewayManifests(t, l.tr, lab.SelfSigned(t, "gateway.test"))...)
	for _, asked := range []string{"known.acme.test", "guessed.acme.test", "hijacked.acme.test", "foreign.acme.test", "new.late.test"} {
		l.tr.WaitRouter(t, cluster.ForHost(asked))
	}
	l.pid = processOf(t, l.tr.Dir)
	for _, asked := range []string{"known.acme.test", "guessed.acme.test"} {
		require.Eventually(t, func() bool { return l.ask(t.Context(), asked).status == http.StatusOK }, 20*time.Second, probePause, asked)
	}

	return l
}

func (l *faultLab) route(name, asked, secret string) string {
	tls := "{}"
	if secret != "" {
		tls = "{secretName: " + secret + "}"
	}
	return cluster.Route{Name: name, Host: asked, Service: "backend"}.IngressRoute("", "entryPoints: [websecure], tls: "+tls, "")
}

// newcomer is a host of acme with a certificate that the guard has not heard of.
func (l *faultLab) newcomer(t *testing.T) string {
	t.Helper()
	l.fresh++
	name := "fresh-" + strconv.Itoa(l.fresh)
	asked := name + ".acme.test"
	certificate := lab.SelfSigned(t, asked)
	l.acme.Secret(t, name, certificate)
	l.acme.Apply(t, l.route(name, asked, name))
	l.tr.WaitRouter(t, cluster.ForHost(asked))
	l.tr.WaitCertificate(t, asked, certificate)

	return asked
}

// sample is one request and its answer.
type sample struct {
	start, end time.Time
	status     int
	reason     string
	err        error
}

// ask makes one request on a new connection.
func (l *faultLab) ask(ctx context.Context, asked string) sample {
	s := sample{start: time.Now()}
	defer func() { s.end = time.Now() }()
	conn, err := lab.TryDial(ctx, lab.HTTP1, l.tr.Target(asked))
	if err != nil {
		s.err = err
		return s
	}
	defer conn.Close()
	response, err := conn.Try(ctx, lab.Request{Host: asked})
	if err != nil {
		s.err = err
		return s
	}
	s.status, s.reason, s.end = response.Status, response.Reason(), time.Now()

	return s
}

// prober asks for a host again and again.
type prober struct {
	asked string
	stop  context.CancelFunc
	done  chan struct{}

	mu      sync.Mutex
	samples []sample
}

func (l *faultLab) probe(t *testing.T, asked string) *prober {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &prober{asked: asked, stop: stop, done: make(chan struct{})}
	t.Cleanup(stop)
	go func() {
		defer close(p.done)
		for ctx.Err() == nil {
			s := l.ask(t.Context(), asked)
			p.mu.Lock()
			p.samples = append(p.samples, s)
			p.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(probePause):
			}
		}
	}()

	return p
}

// end stops asking and returns what was answered.
func (p *prober) end() []sample {
	p.stop()
	<-p.done

	return p.samples
}

// passing tells that the latest requests passed, all of them made after a time.
func (p *prober) passing(after time.Time) bool {
	const enough = 5
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.samples) < enough {
		return false
	}
	return !slices.ContainsFunc(p.samples[len(p.samples)-enough:], func(s sample) bool {
		return s.status != http.StatusOK || s.start.Before(after)
	})
}

// fault is one way to disturb the API.
type fault struct {
	name       string
	hold       time.Duration
	begin, end func()
	// down tells that nobody reaches the API: the new tenant then comes after its end.
	down bool
}

// during runs a fault and writes down what becomes of a certificate confirmed before, a router found by an inexact name, a
// certificate not heard of before, one of another tenant's namespace, another tenant's route, and a new tenant. What passed before
// must pass until grace ends.
func (l *faultLab) during(t *testing.T, f fault) {
	t.Helper()
	// That this one passes tells that all of acme's Secrets were listed: nothing is left of the fault before.
	settled := l.newcomer(t)
	require.Eventually(t, func() bool { return l.ask(t.Context(), settled).status == http.StatusOK }, comeBack, probePause)
	known, guessed := l.probe(t, "known.acme.test"), l.probe(t, "guessed.acme.test")
	time.Sleep(2 * probePause)
	// From here on nothing has the guard list them before the fault begins.
	asked := l.newcomer(t)
	built := time.Now()
	require.Eventually(t, func() bool { return guessed.passing(built) }, comeBack, probePause, "the router of that name is built anew")

	l.proxy.Reset()
	before := time.Now() // stopping a server takes its time
	if f.begin != nil {
		f.begin()
	}
	began := time.Now()
	fresh, late := l.probe(t, asked), l.probe(t, "new.late.test")
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
	for _, p := range []*prober{known, guessed, fresh, late} {
		assert.Eventually(t, func() bool { return p.passing(ended) }, comeBack, probePause, "%s passes again", p.asked)
	}

	for _, p := range []struct {
		what   string
		prober *prober
	}{{"confirmed before", known}, {"not heard of before", fresh}} {
		l.row(f, p.what, p.prober.end(), began, ended)
	}
	l.row(f, "a new tenant", after(late.end(), added), added, ended)
	for _, s := range append(slices.Clone(known.samples), guessed.end()...) {
		denied := s.status != http.StatusOK
		// The last confirmation may be as old as ttl when the fault begins, and a bit on a busy machine.
		require.False(t, denied && s.end.Sub(before) < shortGrace-shortTTL-2*time.Second, "a request that passed before is denied %s after the fault began: %d %s, %v",
			s.end.Sub(before), s.status, s.reason, s.err)
	}
	l.row(f, "by an inexact name", guessed.samples, began, ended)
	for _, p := range []*prober{hijacked, foreign} {
		samples := p.end()
		require.NotEmpty(t, samples)
		for _, s := range samples {
			require.NoError(t, s.err, p.asked)
			require.NotEqual(t, http.StatusOK, s.status, "%s passed %s after the fault began", p.asked, s.start.Sub(began))
			require.NotEmpty(t, s.reason, "%s: %d is not the guard's", p.asked, s.status)
		}
		l.row(f, map[bool]string{true: "another's certificate", false: "another's route"}[p == hijacked], samples, began, ended)
	}
	rate := float64(calls) / took.Seconds()
	l.figure("requests to the API per second: "+f.name, fmt.Sprintf("%.1f", rate))
	assert.Less(t, rate, 60.0, "the guard leaves the API alone")
	passed := l.dropLate(t)
	if f.begin == nil {
		l.figure("a tenant taken away passes for", rounded(passed))
	}
}

// addLate makes late a tenant and returns when.
func (l *faultLab) addLate(t *testing.T) time.Time {
	t.Helper()
	l.Namespace(t, "late", "tenantguard.io/tenant=late", "@tenantguard.io/hosts=new.late.test")
	return time.Now()
}

// dropLate takes late's label away, waits until its route is nobody's, and returns how long that took.
func (l *faultLab) dropLate(t *testing.T) time.Duration {
	t.Helper()
	l.Namespace(t, "late")
	removed := time.Now()
	require.Eventually(t, func() bool { return l.ask(t.Context(), "new.late.test").status != http.StatusOK }, comeBack, probePause/2)

	return time.Since(removed)
}

func after(samples []sample, start time.Time) []sample {
	return slices.DeleteFunc(slices.Clone(samples), func(s sample) bool { return s.start.Before(start) })
}

// row writes down what was denied, when since the fault began, and for how long after its end.
func (l *faultLab) row(f fault, what string, samples []sample, began, ended time.Time) {
	var codes []string
	var first, last time.Time
	var slowest time.Duration
	passed, denied := 0, 0
	for _, s := range samples {
		if s.status == http.StatusOK {
			passed++
			slowest = max(slowest, s.end.Sub(s.start))
			continue
		}
		denied++
		code := fmt.Sprintf("%d %s", s.status, s.reason)
		if s.err != nil {
			code = s.err.Error()
		}
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
		if first.IsZero() {
			first = s.start
		}
		last = s.end
	}
	when, beyond := "-", "-"
	if denied > 0 {
		when = fmt.Sprintf("%.1fs to %.1fs", max(0, first.Sub(began).Seconds()), last.Sub(began).Seconds())
		beyond = rounded(max(0, last.Sub(ended)))
	}
	if denied > 0 && passed == 0 {
		when, beyond = "always", "-"
	}
	slow := "-"
	if passed > 0 {
		slow = rounded(slowest)
	}
	denials := strings.Join(codes, ", ")
	if denials == "" {
		denials = "nothing"
	}
	l.table = append(l.table, []string{f.name, what, denials, when, beyond, slow, strconv.Itoa(passed), strconv.Itoa(denied)})
}

func (l *faultLab) figure(what, value string) { l.figures = append(l.figures, []string{what, value}) }

func rounded(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }

func (l *faultLab) print() {
	var out bytes.Buffer
	for _, table := range [][][]string{
		append([][]string{{"FAULT", "REQUEST", "DENIED AS", "SINCE IT BEGAN", "AFTER IT ENDED", "SLOWEST PASS", "PASSED", "DENIED"}}, l.table...),
		append([][]string{{"FIGURE", ""}}, l.figures...),
	} {
		w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		for _, cells := range table {
			fmt.Fprintln(w, strings.Join(cells, "\t"))
		}
		w.Flush()
		out.WriteString("\n")
	}
	fmt.Printf("\nttl %s, grace %s\n%s", shortTTL, shortGrace, out.String())
}

// tokenExpired has the guard's token expire, and be replaced by the next one, as a kubelet would have done in time.
func (l *faultLab) tokenExpired(t *testing.T) {
	unseen := l.TokenFile(t, cluster.TraefikNamespace, "guard-alone", time.Second)
	time.Sleep(1500 * time.Millisecond)
	expired := readFile(t, unseen)
	require.True(t, apierrors.IsUnauthorized(l.TryApply(t.Context(), l.WithToken(expired), "{apiVersion: v1, kind: Namespace, metadata: {name: acme}}")))
	l.during(t, fault{
		name: "token expired", hold: 4 * time.Second,
		begin: func() {
			next := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(next, []byte(expired), 0o600))
			require.NoError(t, os.Rename(next, l.token))
			// The guard reads the file again when its token is refused, or after ten seconds.
			l.proxy.Set(cluster.Faults{Status: http.StatusUnauthorized, Only: ofGuard})
			l.proxy.CutWatches()
			time.Sleep(shortTTL + 2*probePause)
			l.proxy.Set(cluster.Faults{})
		},
		end: func() { l.RotateToken(t, l.token, cluster.TraefikNamespace, "guard-alone", time.Hour) },
	})
}

// steadyState counts what the guard asks in 1,000 requests to four hosts, all of them asked for before.
func (l *faultLab) steadyState(t *testing.T) {
	hosts := []string{"known.acme.test", l.newcomer(t), l.newcomer(t), l.newcomer(t)}
	for _, ttl := range []string{"30s", shortTTL.String()} {
		l.tr.ApplyGuard(t, lab.Merge(l.guard, lab.Map{"certificates": lab.Map{"ttl": ttl}}))
		for _, asked := range hosts {
			require.Equal(t, http.StatusOK, l.ask(t.Context(), asked).status)
		}
		l.proxy.Reset()
		started := time.Now()
		l.thousand(t, hosts)
		l.figure(fmt.Sprintf("requests to the API per 1,000 guarded ones, 4 certificates, ttl %s, in %s", ttl, rounded(time.Since(started))),
			strconv.Itoa(len(l.proxy.Calls(ofGuard))))
	}
}

// thousand makes 1,000 requests, at some hundreds a second.
func (l *faultLab) thousand(t *testing.T, hosts []string) {
	t.Helper()
	var all sync.WaitGroup
	for _, asked := range hosts {
		conn := lab.Dial(t, lab.HTTP1, l.tr.Target(asked))
		all.Go(func() {
			for range 1000 / len(hosts) {
				response, err := conn.Try(t.Context(), lab.Request{Host: asked})
				if assert.NoError(t, err) {
					assert.Equal(t, http.StatusOK, response.Status, response.Reason())
				}
				time.Sleep(8 * time.Millisecond)
			}
		})
	}
	all.Wait()
}

// renewed wants the first request after a Secret's renewal to pass, and says what it costs.
func (l *faultLab) renewed(t *testing.T) {
	const times = 5
	var first, next time.Duration
	for range times {
		certificate := lab.SelfSigned(t, "known.acme.test")
		l.acme.Secret(t, "known", certificate)
		l.tr.WaitCertificate(t, "known.acme.test", certificate)
		s := l.ask(t.Context(), "known.acme.test")
		require.Equal(t, http.StatusOK, s.status, s.reason)
		first += s.end.Sub(s.start)
		s = l.ask(t.Context(), "known.acme.test")
		require.Equal(t, http.StatusOK, s.status, s.reason)
		next += s.end.Sub(s.start)
	}
	mean := func(sum time.Duration) string { return (sum / times).Round(100 * time.Microsecond).String() }
	l.figure("first request of a renewed certificate, with its handshake", mean(first))
	l.figure("the request after it", mean(next))
}

// manySecrets asks for a certificate in a namespace with 5,000 Secrets.
func (l *faultLab) manySecrets(t *testing.T) {
	large := l.large
	large.Service(t, "backend")
	certificate := lab.SelfSigned(t, "new.large.test")
	large.Secret(t, "zzz", certificate)
	large.Apply(t, l.route("web", "new.large.test", "zzz"))
	l.tr.WaitRouter(t, cluster.ForHost("new.large.test"))
	l.tr.WaitCertificate(t, "new.large.test", certificate)
	before := resident(t, l.pid)
	l.proxy.Reset()
	s := l.ask(t.Context(), "new.large.test")
	require.Equal(t, http.StatusOK, s.status, s.reason)
	l.figure("5,000 Secrets: the first request", rounded(s.end.Sub(s.start)))
	l.figure("5,000 Secrets: requests to the API for it", strconv.Itoa(len(l.proxy.Calls(ofGuard))))
	l.figure("5,000 Secrets: Traefik's memory before and after it", fmt.Sprintf("%d MB, %d MB", before, resident(t, l.pid)))
	time.Sleep(2 * shortTTL)
	l.proxy.Reset()
	s = l.ask(t.Context(), "new.large.test")
	require.Equal(t, http.StatusOK, s.status, s.reason)
	l.figure("5,000 Secrets: a request after ttl", fmt.Sprintf("%s, %d to the API", rounded(s.end.Sub(s.start)), len(l.proxy.Calls(ofGuard))))

	renewed := lab.SelfSigned(t, "new.large.test")
	large.Secret(t, "zzz", renewed)
	l.tr.WaitCertificate(t, "new.large.test", renewed)
	s = l.ask(t.Context(), "new.large.test")
	require.Equal(t, http.StatusOK, s.status, s.reason)
	l.figure("5,000 Secrets: the first request of a renewed certificate", rounded(s.end.Sub(s.start)))
	l.figure("5,000 Secrets: Traefik's memory after all", fmt.Sprintf("%d MB", resident(t, l.pid)))
}

// fill makes Secrets as large as those of a public authority: an RSA key, a leaf and two intermediates.
func (l *faultLab) fill(t *testing.T, namespace string) {
	t.Helper()
	client, err := kubernetes.NewForConfig(l.Admin())
	require.NoError(t, err)
	issuer := lab.SelfSignedSpec(t, lab.Spec{RSA: true, CommonName: "large"})
	key := []byte(readFile(t, issuer.KeyFile))
	chain := bytes.Repeat([]byte(readFile(t, issuer.CertFile)), 2)
	ecdsa := lab.SelfSigned(t, "many.large.test")
	each(t, largeSecrets, func(i int) error {
		template := *ecdsa.Certificate
		template.SerialNumber = big.NewInt(int64(i + 1))
		template.Signature, template.PublicKey = nil, nil
		der, err := x509.CreateCertificate(rand.Reader, &template, ecdsa.Certificate, ecdsa.Key.Public(), ecdsa.Key)
		if err != nil {
			return err
		}
		leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		_, err = client.CoreV1().Secrets(namespace).Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("s-%d", i)},
			Type:       corev1.SecretTypeTLS,
			Data:       map[string][]byte{"tls.crt": append(leaf, chain...), "tls.key": key},
		}, metav1.CreateOptions{})
		return err
	})
}

// each does something count times, a few at a time.
func each(t *testing.T, count int, do func(i int) error) {
	t.Helper()
	var all sync.WaitGroup
	numbers := make(chan int)
	for range 16 {
		all.Go(func() {
			for i := range numbers {
				assert.NoError(t, do(i))
			}
		})
	}
	for i := range count {
		numbers <- i
	}
	close(numbers)
	all.Wait()
	require.False(t, t.Failed())
}

// thousandNamespaces adds 1,000 tenants while requests are guarded.
func (l *faultLab) thousandNamespaces(t *testing.T) {
	client, err := kubernetes.NewForConfig(l.Admin())
	require.NoError(t, err)
	before := resident(t, l.pid)
	started := time.Now()
	known, hijacked := l.probe(t, "known.acme.test"), l.probe(t, "hijacked.acme.test")
	each(t, manyNamespaces, func(i int) error {
		name := fmt.Sprintf("many-%d", i)
		_, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Labels:      map[string]string{"tenantguard.io/tenant": name},
			Annotations: map[string]string{"tenantguard.io/hosts": name + ".test, *." + name + ".test"},
		}}, metav1.CreateOptions{})
		return err
	})
	made := time.Now()
	l.addLate(t)
	require.Eventually(t, func() bool { return l.ask(t.Context(), "new.late.test").status == http.StatusOK }, comeBack, probePause/2)
	l.figure("1,000 Namespaces: made within", rounded(made.Sub(started)))
	l.figure("1,000 Namespaces: one more is known after", rounded(time.Since(made)))
	l.figure("1,000 Namespaces: Traefik's memory before and after", fmt.Sprintf("%d MB, %d MB", before, resident(t, l.pid)))
	l.row(fault{name: "1,000 Namespaces"}, "confirmed before", known.end(), started, made)
	samples := hijacked.end()
	for _, s := range samples {
		require.NotEqual(t, http.StatusOK, s.status)
	}
	l.row(fault{name: "1,000 Namespaces"}, "another's certificate", samples, started, made)
	l.dropLate(t)
}

// processOf is the process that was started in a directory.
func processOf(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err == nil && bytes.Contains(content, []byte("--configFile="+dir+"/")) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			require.NoError(t, err)
			return pid
		}
	}
	require.FailNow(t, "no /proc to find Traefik's memory in, as Linux has")

	return 0
}

// resident is a process's memory in MB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	for line := range strings.Lines(readFile(t, fmt.Sprintf("/proc/%d/status", pid))) {
		if value, is := strings.CutPrefix(line, "VmRSS:"); is {
			kilobytes, err := strconv.Atoi(strings.Fields(value)[0])
			require.NoError(t, err)
			return kilobytes / 1024
		}
	}
	require.FailNow(t, "no VmRSS")

	return 0
}
