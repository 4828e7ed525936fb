package guard

import (
	"context"
	"crypto/x509"
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

// TestNewWithLocalCertificate has Go say which certificate was served: the fast path, which does
// not compare it, must not be taken.
func TestNewWithLocalCertificate(t *testing.T) {
	before := hasLocalCertificate
	defer func() { hasLocalCertificate = before }()
	for _, local := range []bool{false, true} {
		hasLocalCertificate = local
		handler := New(context.Background(), http.NotFoundHandler(), acmeKeys(nil), ofOwn)
		guard, isGuard := handler.(*Guard)
		if isGuard != local || (isGuard && !guard.hasLocalCertificate) {
			t.Errorf("local certificate %t: a guard without the fast path %t", local, isGuard)
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

// TestTableIsBounded has more hosts and requests be allowed than are remembered.
func TestTableIsBounded(t *testing.T) {
	g := acmeGuard("bounded@file", acmeKeys(nil))
	req := plainRequest(hostA)
	inForce := func() bool { return true }
	for _, isFast := range []bool{false, true} {
		for i := 0; i < maxAllowed+10; i++ {
			k := key{host: fmt.Sprint(i), tls: true, serverName: "name"}
			g.allowed.add(k, isFast, 0, conditions{}, inForce)
			if isFast && g.allowed.names[k.host] != "name" || !isFast && !g.allowed.has(k, req) {
				t.Fatalf("fast %t: request %d is not remembered", isFast, i)
			}
		}
	}
	if len(g.allowed.names) != maxAllowed || len(g.allowed.others) != maxAllowed {
		t.Errorf("%d names and %d others are remembered, want %d",
			len(g.allowed.names), len(g.allowed.others), maxAllowed)
	}
}

// TestWhatIsForgotten has the policy of a middleware change, which has routers of three reloads.
func TestWhatIsForgotten(t *testing.T) {
	const name = "forgotten@file"
	first := acmeGuard(name, acmeKeys(nil))
	previous := acmeGuard(name, acmeKeys(nil))
	current := acmeGuard(name, acmeKeys(nil))
	other := &allowed{lock: &sync.RWMutex{}, names: map[string]string{}}
	current.reload.addTable("other@file", other)
	rows := []struct {
		description string
		table       *allowed
		stays       bool
	}{
		{"this reload", &current.allowed, false},
		{"the reload before", &previous.allowed, false},
		{"one that is not in use any more", &first.allowed, true},
		{"another middleware", other, true},
	}
	req := plainRequest(hostA)
	k := key{host: hostA, tls: true, serverName: hostA}
	for _, row := range rows {
		for _, isFast := range []bool{false, true} {
			row.table.add(k, isFast, 0, conditions{}, func() bool { return true })
		}
	}
	forget(name)
	for _, row := range rows {
		if row.table.has(k, req) != row.stays || (len(row.table.names) > 0) != row.stays {
			t.Errorf("%s: remembered %t, names %v, want %t",
				row.description, row.table.has(k, req), row.table.names, row.stays)
		}
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
	table := &allowed{lock: &sync.RWMutex{}, names: map[string]string{hostA: hostA}}
	currentReload().addTable(name, table)
	forget(name)
	if len(table.names) != 0 {
		t.Error("what was allowed in the first reload is not forgotten")
	}
}

// TestWhereIsRemembered has the table of the fast path take what that can find again.
func TestWhereIsRemembered(t *testing.T) {
	rows := []struct {
		description string
		req         *http.Request
		local, fast bool
	}{
		{"the Host as server name", tlsRequest(hostA, hostA), false, true},
		{"in other case", tlsRequest("A.acme.example.com", hostA), false, true},
		{"another server name", tlsRequest(hostA, hostB), false, false},
		{"plaintext", plainRequest(hostA), false, false},
		{"Go says which certificate was served", tlsRequest(hostA, hostA), true, false},
	}
	for _, row := range rows {
		g := acmeGuard("where@file", acmeKeys(nil))
		g.hasLocalCertificate = row.local
		d := decision{policy: g.middleware.Policy(), request: g.read(row.req)}
		g.remember(g.keyOf(row.req), d)
		names, others := len(g.allowed.names), len(g.allowed.others)
		if names+others != 1 || (names == 1) != row.fast {
			t.Errorf("%s: %d names and %d others, want a name: %t",
				row.description, names, others, row.fast)
		}
	}
}

// TestWhatIsNotRemembered has a pass rest on something that is over, or that could not be asked.
func TestWhatIsNotRemembered(t *testing.T) {
	chain := certificateChain(t, "acme-two")
	expired := certificateChain(t, "acme-expired")
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
		row.d.policy = g.middleware.Policy()
		row.d.request = g.read(req)
		g.remember(g.keyOf(req), row.d)
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
