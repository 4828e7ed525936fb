package guard

import (
	"context"
	"crypto/x509"
	"expvar"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// ofOwn has a middleware of a tenant's own stand for its router, which no context says.
const ofOwn = "acme_own@kubernetescrd"

// TestNewRemembers has New make a guard for requests over TLS.
func TestNewRemembers(t *testing.T) {
	entryPoint := serving(t, certificateOf(t, "acme-two"))
	passed := 0
	next := http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) { passed++ })
	keys := acmeKeys(map[string]any{"observe": "ttl"})
	guard := New(context.Background(), next, keys, ofOwn)
	for request := 1; request <= 2; request++ {
		reasonOf(guard, at(entryPoint, tlsRequest(hostA, hostA)))
		if passed != request {
			t.Fatalf("request %d does not pass", request)
		}
		entryPoint.Close() // whoever observes again finds nothing
	}
}

// TestContextsThatNeverEnd has each router have a reload of its own.
func TestContextsThatNeverEnd(t *testing.T) {
	for _, host := range []string{hostA, hostB, hostA} {
		keys := acmeKeys(nil)
		keys["tenants"] = []any{
			map[string]any{"name": "acme", "namespaces": "acme", "hosts": host},
		}
		before := currentReload()
		guard := New(context.Background(), http.NotFoundHandler(), keys, ofOwn)
		if currentReload() == before {
			t.Errorf("%s: the router is in the reload of another", host)
		}
		if got := reasonOf(guard, plainRequest(host)); got != "pass" {
			t.Errorf("%s: %q, want the latest keys to be in force", host, got)
		}
	}
}

// TestNewWithLocalCertificate has Go say which certificate was served: the fast path compares the
// connection.
func TestNewWithLocalCertificate(t *testing.T) {
	before := hasLocalCertificate
	defer func() { hasLocalCertificate = before }()
	entryPoint := serving(t, certificateOf(t, "acme-two"))
	keys := acmeKeys(map[string]any{"observe": "ttl"})
	for _, local := range []bool{false, true} {
		hasLocalCertificate = local
		guard := New(context.Background(), http.NotFoundHandler(), keys, ofOwn)
		req := at(entryPoint, tlsRequest(hostA, hostA))
		if got := reasonOf(guard, req); got != "pass" {
			t.Fatalf("local certificate %t: %q, want a pass", local, got)
		}
		tables := currentReload().tables[ofOwn]
		if len(tables) != 1 {
			t.Fatalf("local certificate %t: %d tables, want 1", local, len(tables))
		}
		n := tables[0]
		if (n.named == 1) == local || (len(n.connections) == 1) != local {
			t.Errorf("local certificate %t: %d names and %d connections",
				local, n.named, len(n.connections))
		}
	}
}

// logger has the shape of Traefik's.
type logger struct {
	context []byte
}

// TestRouterOfTheContext has the context say which router it is.
func TestRouterOfTheContext(t *testing.T) {
	if reflect.TypeOf(logger{}).Name() == "" {
		t.Skip("a logger can't be made in the interpreter; e2e/loader uses the real one")
	}
	rows := []struct{ description, router, middleware, want string }{
		{"a tenant's", "acme_web_0@kubernetescrd", "guard@file", "pass"},
		{"a tenant's on several entry points", "web-acme_web_0@kubernetescrd", "guard@file",
			"pass"},
		{"another's, in a tenant's middleware", "x_web_0@kubernetescrd", ofOwn, "router-unbound"},
		{"none, in a tenant's middleware", "", ofOwn, "pass"},
		{"none, in the operator's", "", "guard@file", "router-unknown"},
	}
	for _, row := range rows {
		fields := fmt.Sprintf(`{"entryPointName":"web","routerName":%q`, row.router)
		ctx := context.WithValue(context.Background(), new(int), &logger{[]byte(fields)})
		guard := New(ctx, http.NotFoundHandler(), acmeKeys(nil), row.middleware)
		if got := reasonOf(guard, plainRequest(hostA)); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestWhatIsForgotten has the policy of a middleware change, which has routers of three reloads.
func TestWhatIsForgotten(t *testing.T) {
	const name = "forgotten@file"
	entryPoint := serving(t, certificateOf(t, "acme-two"))
	keys := acmeKeys(map[string]any{"observe": "ttl"})
	first, previous, current := acmeGuard(name, keys), acmeGuard(name, keys), acmeGuard(name, keys)
	other := acmeGuard("other@file", keys)
	reloads.Lock()
	reloads.current = current.reload
	reloads.previous = previous.reload
	reloads.Unlock()
	current.reload.addTable("other@file", &other.known)
	rows := []struct {
		description string
		guard       *Guard
		stays       bool
	}{
		{"this reload", current, false},
		{"the reload before", previous, false},
		{"one that is not in use any more", first, true},
		{"another middleware", other, true},
	}
	passes := at(entryPoint, tlsRequest(hostA, hostA))
	denied := at(entryPoint, tlsRequest("a.globex.example.com", hostA))
	for _, row := range rows {
		reasonOf(handlerOf(row.guard), passes)
		reasonOf(handlerOf(row.guard), denied)
		if remembered(row.guard, denied) != "host-unowned" || !passesFast(row.guard, passes) {
			t.Fatalf("%s: nothing is remembered", row.description)
		}
	}
	if len(current.reload.chains) != 1 {
		t.Fatalf("%d chains, want 1", len(current.reload.chains))
	}
	forget(name)
	for _, row := range rows {
		isDenied := remembered(row.guard, denied) == "host-unowned"
		if isDenied != row.stays || remembers(row.guard, passes) != row.stays ||
			passesFast(row.guard, passes) != row.stays {
			t.Errorf("%s: remembered %t, want %t", row.description, !row.stays, row.stays)
		}
	}
	if len(current.reload.chains) != 0 {
		t.Error("what a chain is under an earlier policy is remembered")
	}
	if got := current.reload.total.Load(); got < 2 || len(current.known.answers) > 0 {
		t.Errorf("%d entries are counted", got)
	}
}

// TestFirstReload has a policy change before there is a router, and with the first one.
func TestFirstReload(t *testing.T) {
	reloads.Lock()
	current, previous := reloads.current, reloads.previous
	reloads.current = nil
	reloads.previous = nil
	reloads.Unlock()
	defer func() {
		reloads.Lock()
		defer reloads.Unlock()
		reloads.current = current
		reloads.previous = previous
	}()
	const name = "first@file"
	forget(name)
	if currentReload() != nil {
		t.Error("a reload has begun")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	New(ctx, http.NotFoundHandler(), acmeKeys(nil), name)
	table := &known{lock: &sync.RWMutex{}, names: &expvar.Map{}}
	table.addName(hostA)
	currentReload().addTable(name, table)
	forget(name)
	if table.named != 0 || table.names.Get(hostA) != nil {
		t.Error("what was allowed in the first reload is not forgotten")
	}
}

// TestAnySpellingIsFast has a Host be written in many ways over its own server name, on one
// connection.
func TestAnySpellingIsFast(t *testing.T) {
	entryPoint := serving(t, certificateOf(t, "acme-two"))
	for _, local := range []bool{false, true} {
		g := acmeGuard("any@file", acmeKeys(map[string]any{"observe": "ttl"}))
		withLocalCertificate(g, local)
		req := at(entryPoint, tlsRequest(hostA+":1", hostA))
		if got := reasonOf(handlerOf(g), req); got != "pass" {
			t.Fatal(got)
		}
		for host, fast := range map[string]bool{
			hostA: true, hostA + ":8443": true, strings.ToUpper(hostA) + ".:": true,
			hostA + ":65536": false, hostB: false, "a." + hostA: false,
		} {
			req.Host = host
			if passesFast(g, req) != fast {
				t.Errorf("local certificate %t: %q is fast: %t", local, host, !fast)
			}
		}
		if entries := g.known.named + len(g.known.connections); entries != 1 {
			t.Errorf("local certificate %t: %d entries, want one", local, entries)
		}
		if len(g.known.spelled) > 0 {
			t.Errorf("local certificate %t: a spelling has an entry", local)
		}
		other := at(entryPoint, tlsRequest(hostA+":8443", strings.ToUpper(hostA)))
		if passesFast(g, other) {
			t.Errorf("local certificate %t: another server name passes", local)
		}
	}
}

// TestSpellingsAreFewOnTheFastPath has a Host be written in many ways over another server name.
func TestSpellingsAreFewOnTheFastPath(t *testing.T) {
	entryPoint := serving(t, certificateOf(t, "acme-two"))
	g := acmeGuard("few@file", acmeKeys(map[string]any{"observe": "ttl"}))
	withLocalCertificate(g, false)
	for i := 1; i <= 3*maxSpelled; i++ {
		req := at(entryPoint, tlsRequest(fmt.Sprintf("%s:%d", hostA, i), hostB))
		if got := reasonOf(handlerOf(g), req); got != "pass" || len(g.known.spelled) > maxSpelled {
			t.Fatalf("%q, %d spellings, want at most %d", got, len(g.known.spelled), maxSpelled)
		}
	}
	for i, fast := range map[int]bool{1: true, maxSpelled: true, maxSpelled + 1: false} {
		req := at(entryPoint, tlsRequest(fmt.Sprintf("%s:%d", hostA, i), hostB))
		if passesFast(g, req) != fast {
			t.Errorf("spelling %d is fast: %t", i, !fast)
		}
	}
	req := at(entryPoint, tlsRequest(hostA+":1", "b."+hostB))
	if passesFast(g, req) {
		t.Error("another server name than it was written for passes")
	}
	g.known.clearFast()
	if len(g.known.spelled) != 0 {
		t.Error("what passes as it is written is not forgotten")
	}
}

// TestWhatIsFast has the fast path take what that can find again.
func TestWhatIsFast(t *testing.T) {
	rows := []struct {
		description string
		req         *http.Request
		protocol    int
		// names and connections are whether each kind of fast path takes it.
		names, connections bool
	}{
		{"the Host as server name", tlsRequest(hostA, hostA), 2, true, true},
		{"over HTTP/3", tlsRequest(hostA, hostA), 3, true, false},
		{"in other case", tlsRequest("A.acme.example.com", hostA), 2, true, true},
		{"a server name in other case", tlsRequest(hostA, "A.acme.example.com"), 2, true, true},
		{"a port", tlsRequest(hostA+":8443", hostA), 2, true, true},
		{"another server name", tlsRequest(hostA, hostB), 2, true, true},
		{"plaintext", plainRequest(hostA), 2, false, false},
		{"what does not pass", tlsRequest("a.globex.example.com", hostA), 2, false, false},
	}
	entryPoint := serving(t, certificateOf(t, "acme-two"))
	for _, local := range []bool{false, true} {
		for _, row := range rows {
			g := acmeGuard("fast@file", acmeKeys(map[string]any{"observe": "ttl"}))
			withLocalCertificate(g, local)
			req := at(entryPoint, row.req)
			req.ProtoMajor = row.protocol
			reasonOf(handlerOf(g), req)
			want := row.names
			if local {
				want = row.connections
			}
			if got := passesFast(g, req); got != want {
				t.Errorf("%s, local certificate %t: fast %t, want %t",
					row.description, local, got, want)
			}
		}
	}
}

// TestWhatIsNotRemembered has a pass rest on something that is over, or that could not be asked.
func TestWhatIsNotRemembered(t *testing.T) {
	chain := &observe.Chain{Certificates: certificateChain(t, "acme-two")}
	expired := &observe.Chain{Certificates: certificateChain(t, "acme-expired")}
	rows := []struct {
		description string
		d           decision
		want        bool
	}{
		{"no certificate", decision{}, true},
		{"a certificate", decision{chain: chain, validFor: time.Minute}, true},
		{"an observation that is over", decision{chain: chain}, false},
		{"one that was over before", decision{chain: chain, validFor: -time.Second}, false},
		{"a certificate that is over", decision{chain: expired, validFor: time.Minute}, false},
		{"something that can't be asked",
			decision{chain: chain, validFor: time.Minute, problem: "down"}, false},
	}
	for _, row := range rows {
		g := acmeGuard("not-remembered@file", acmeKeys(nil))
		req := tlsRequest(hostA, hostA)
		d := row.d
		d.code = verdict.Pass
		d.policy = g.middleware.Policy()
		d.request = read(req, nil)
		g.remember(req, d, &answer{code: d.code, isPlain: true})
		if got := remembers(g, req); got != row.want {
			t.Errorf("%s: remembered %t, want %t", row.description, got, row.want)
		}
	}
}

func certificateChain(t *testing.T, name string) []*x509.Certificate {
	t.Helper()
	chain, err := observe.Parse(certificateOf(t, name).Certificate)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// TestNamespacesForgottenMeanwhile has the cluster forget its Namespaces while a request waits for
// a list.
func TestNamespacesForgottenMeanwhile(t *testing.T) {
	c := newCluster(t)
	c.set(policy.Namespace{Name: "acme", Tenant: "acme", Hosts: hostA})
	c.list = func(since time.Time) error {
		c.forget()
		return nil
	}
	router := binding.Parse("acme-x-0123456789abcdef0123@kubernetescrd", "")
	g := newGuardIn(c.registry, http.NotFoundHandler(), c.name+"@file", clustered, router)
	if got := reasonOf(g, plainRequest(hostA)); got != "policy-invalid" {
		t.Errorf("%q, want policy-invalid", got)
	}
}

// TestNamespacesAreNamedOnce has a namespace be shared, and the tenant's as well.
func TestNamespacesAreNamedOnce(t *testing.T) {
	g := acmeGuard("named-once@file", map[string]any{
		"shared": map[string]any{"namespaces": "acme,platform"},
		"tenants": []any{
			map[string]any{"name": "acme", "namespaces": "acme,acme-two", "hosts": hostA},
		},
	})
	d := decision{policy: g.middleware.Policy()}
	d.binding = binding.Binding{
		Code: verdict.Pass, Tenant: d.policy.Tenant("acme"), Namespaces: []string{"acme-two"},
	}
	got := strings.Join(d.secretNamespaces(d.binding.Tenant), " ")
	if got != "acme-two acme platform" {
		t.Errorf("%q, want each once", got)
	}
}

// TestSecretsOfNoCluster has Secrets be demanded and no API be there to be asked.
func TestSecretsOfNoCluster(t *testing.T) {
	g := acmeGuard("secrets-of-no-cluster@file", acmeKeys(map[string]any{"secrets": true}))
	req := at(serving(t, certificateOf(t, "acme-two")), tlsRequest(hostA, hostA))
	got := denialOf(g, req)
	if got.Reason != "certificate-unavailable" || !strings.Contains(got.Certificate, "endpoint") {
		t.Errorf("%+v, want certificate-unavailable for want of an endpoint", got)
	}
}
