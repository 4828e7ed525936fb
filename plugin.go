// Package tenantguard is a Traefik middleware that makes one shared Traefik safe for many tenants.
//
// # Threat model
//
// Traefik keeps all TLS certificates in one store and all routers in one table. Whoever may create a Secret and a route
// in one namespace can claim another team's host, have a certificate of his own served for another team's name, or reach
// a backend through another team's TLS connection. The guard knows which tenant has which namespaces and hosts. For every
// request it takes the tenant that the router's namespace belongs to, the Host, the server name and the certificate really
// served, and denies what does not belong together. What does not come by an HTTP router, such as TCP passthrough, it
// does not see.
package tenantguard

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/cluster"
	"github.com/tenantguard/tenantguard/internal/generation"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/routers"
	"github.com/tenantguard/tenantguard/internal/served"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// Config is the configuration of one middleware. The plugin decodes it itself: a router whose configuration Traefik fails
// to decode is dropped, and a broader router of anybody's then catches its requests. It is one field because Traefik
// decodes it for every router on every reload, and looks for each field among all keys.
//
//   - mode: "enforce" (the default), or "report", which logs a denial and lets the request pass.
//   - tenants: the list of tenants, each with name, namespaces, routers, hosts, and its own mode and certificates.
//   - policyFile: the path of a JSON file with tenants, shared and certificates in place of inline ones, read again when it
//     changes. By default there is none.
//   - legacyNames: "deny" (the default), or "allow", which takes the namespaces that the policy lists for all there are when
//     a router's name does not tell its namespace exactly.
//   - plaintext: "allow" (the default) or "deny", for requests without TLS.
//   - shared: hosts, namespaces and pins, for what a platform certificate may carry for every tenant, and for Secrets and
//     certificates that may serve every tenant. By default there are none.
//   - kubernetes: enabled (false), which reads tenants from Namespaces; endpoint, tokenFile and caFile (those of a pod); grace
//     ("10m"), for how long a confirmed certificate outlives an API that can't be asked.
//   - certificates: check ("served", the default, or "off"), roots ("none", the default, "system" or the path of a PEM file),
//     pins (none), secrets (as kubernetes.enabled), ttl ("30s"), observe ("reload", the default, or "ttl"), onError ("deny", the default, or "allow").
//   - exposeReason: false (the default), or true, which writes the code of a denial into the header Tenantguard-Reason.
//
// Every other key is an error.
type Config struct {
	// Keys are the keys as the operator wrote them.
	Keys map[string]any `json:"-" mapstructure:",remain"`
}

// CreateConfig returns a configuration with every key at its default.
func CreateConfig() *Config {
	return &Config{}
}

// reasonHeader carries the code of a denial where exposeReason is set.
const reasonHeader = "Tenantguard-Reason"

// pollInterval is how often the files of policies are looked at, and how long a new configuration may wait for a request
// until it is read.
const pollInterval = time.Second

// The interpreter has one copy of these for all routers and reloads.
var (
	tracker = generation.NewTracker()
	log     = report.NewLog()
	store   = newStore()
	told    = served.Told()
	// clusters are watched by one goroutine for each, which polling starts and ends.
	clusters = cluster.NewSet()
	polling  = struct {
		sync.Mutex
		running bool
		// ended counts the polls since the last router was there.
		ended int
	}{}
)

func newStore() *policy.Store {
	s := policy.NewStore(
		func(notice policy.Notice) { log.Policy(notice) },
		func() { tracker.PolicyChanged() },
	)
	s.Cluster = func(k policy.Kubernetes) (policy.Cluster, error) { return clusters.Of(k) }
	return s
}

// reload is what the routers of the present generation find when they are built.
var reload = struct {
	sync.Mutex
	done       <-chan struct{}
	generation *generation.Generation
	instances  map[string]*policy.Instance
}{}

// Guard stands in front of one router.
type Guard struct {
	next       http.Handler
	instance   *policy.Instance
	generation *generation.Generation
	// told tells that Go says which certificate was served, so that what was allowed is allowed for that certificate only.
	told bool

	// lock guards names, which allowed keeps.
	lock    *sync.RWMutex
	names   map[string]string
	allowed *generation.Table

	// ctx and middleware are the constructor's, for identify to find the router.
	ctx        context.Context
	middleware string
	identify   sync.Once
	router     routers.Router
	// children are the routers below this one, and manyChildren tells that there are more than these.
	children     []string
	manyChildren bool
}

// New returns the guard of one router. Traefik calls it for every router and on every reload, with the router's name in
// the context. It returns no error: a router that Traefik drops lets a broader one catch its requests, so what is wrong is
// answered at request time. And it does next to nothing, for a reload waits for thousands of these: what a router needs is
// found with its first request.
func New(ctx context.Context, next http.Handler, config *Config, name string) (http.Handler, error) {
	done := ctx.Done()
	reload.Lock()
	if reload.done != done || done == nil || reload.instances[name] == nil {
		introduce(done, config, name)
	}
	g := &Guard{
		next: next, instance: reload.instances[name], generation: reload.generation, told: told,
		lock: &sync.RWMutex{}, names: map[string]string{}, ctx: ctx, middleware: name,
	}
	reload.Unlock()
	if told {
		return g, nil
	}
	return fast(g), nil
}

// introduce makes a middleware known, once for all its routers in a generation. The constructors of one reload have contexts
// with one done channel.
func introduce(done <-chan struct{}, config *Config, name string) {
	introduced := false
	defer func() {
		if !introduced {
			reload.Unlock() // it panics: otherwise no router would ever be built again
		}
	}()
	if reload.done != done || done == nil {
		reload.done = done
		reload.generation = tracker.Begin(done)
		reload.instances = map[string]*policy.Instance{}
		store.NewReload()
		startPolling()
	}
	reload.instances[name] = store.Instance(name, config.Keys)
	introduced = true
}

// fast is the guard as most requests pass it: over TLS, with the Host as server name, allowed a moment ago. A closure and
// no call cost the interpreter half of what a method does.
func fast(g *Guard) http.Handler {
	next, lock, names := g.next, g.lock, g.names
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if req.TLS != nil {
			lock.RLock()
			serverName := names[req.Host]
			lock.RUnlock()
			if serverName != "" && serverName == req.TLS.ServerName {
				next.ServeHTTP(rw, req)
				return
			}
		}
		g.ServeHTTP(rw, req)
	})
}

// ServeHTTP passes what belongs together on to next, and denies the rest.
func (g *Guard) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	g.identify.Do(func() { g.findRouter() })
	r := g.read(req)
	if g.allowed.Has(r.key) {
		g.next.ServeHTTP(rw, req)
		return
	}
	epoch := tracker.Epoch()
	g.judge(req, r)
	if r.code == verdict.Pass {
		g.remember(r, epoch)
		g.next.ServeHTTP(rw, req)
		return
	}
	enforced := r.enforced()
	log.Deny(g.denial(req, r, enforced))
	if !enforced {
		g.next.ServeHTTP(rw, req)
		return
	}
	g.deny(rw, req, r.code)
}

// findRouter takes the router's name from the context, or as the second best the middleware's: but not of the operator's
// own, which stands in front of everybody's routers.
func (g *Guard) findRouter() {
	g.router = routers.FromContext(g.ctx)
	if g.router.Name == "" && !policy.OperatorNamed(g.middleware, os.Getenv) {
		g.router = routers.FromMiddleware(g.middleware)
	}
	children, all := routers.Children(g.next)
	g.children = children
	g.manyChildren = !all
	g.ctx = nil
	g.allowed = tracker.Table(g.generation, g.lock, g.names)
}

// request is one request on its way to a verdict.
type request struct {
	verdict.Request
	// key stands for the request in the table of what was allowed.
	key string
	// local is the served chain where Go tells it.
	local [][]byte
	// effective is the policy in force, nil for none.
	effective *policy.Effective
	binding   routers.Binding
	// chain is the served chain, and holds how long it is good for, or problem why it can't be observed.
	chain   []*x509.Certificate
	holds   time.Duration
	problem string
	code    verdict.Code
}

// read takes from the request what the verdict is made of.
func (g *Guard) read(req *http.Request) *request {
	r := &request{}
	r.Host = req.Host
	r.key = "plaintext " + req.Host
	if req.TLS == nil {
		return r
	}
	r.TLS = true
	r.ServerName = req.TLS.ServerName
	r.key = "tls " + req.Host + " " + r.ServerName
	if g.told {
		r.local = served.Local(req.TLS)
		r.key = fmt.Sprintf("tls %q %q %q", req.Host, r.ServerName, r.local)
	}
	return r
}

// judge finds the verdict: first what the request says, then, if that belongs together, the certificate.
func (g *Guard) judge(req *http.Request, r *request) {
	r.effective = g.instance.Effective()
	if r.effective == nil {
		g.await(req, r)
	}
	if r.effective == nil {
		r.code = verdict.PolicyInvalid
		return
	}
	g.bind(req, r)
	if r.binding.Internal {
		return
	}
	r.Router, r.Tenant = r.binding.Code, r.binding.Tenant
	r.code = verdict.OfRequest(r.effective, r.Request)
	if r.code == verdict.Pass && r.TLS && r.Tenant.Certificates.Check {
		r.code = g.judgeCertificate(req, r)
	}
}

// await asks for the Namespaces that a policy waits for which was never in force.
func (g *Guard) await(req *http.Request, r *request) {
	if awaited := g.instance.Awaits(); awaited != nil {
		g.ask(req, r, awaited, time.Time{})
	}
}

// bind finds the router's tenant. Where that rests on which Namespaces there are, they must have been listed after the
// router was built: an attacker's new namespace may be what makes its name ambiguous.
func (g *Guard) bind(req *http.Request, r *request) {
	namespace := ""
	if routers.ToldWithRequest(g.router) {
		namespace = routers.NamespaceFromRequest(req.Context())
	}
	r.binding = g.bindWithChildren(r, namespace)
	asked := ""
	for r.binding.FromCluster && r.effective.Cluster.Address() != asked { // asking may find a policy of another cluster in force
		before := r.effective
		asked = before.Cluster.Address()
		if !g.ask(req, r, before.Cluster, g.generation.Began) {
			r.binding = routers.Binding{Code: verdict.RouterAmbiguous, Namespaces: r.binding.Namespaces}
			return
		}
		if r.effective != before {
			r.binding = g.bindWithChildren(r, namespace)
		}
	}
}

// ask makes sure that the policy knows the Namespaces of a cluster as they were at a time or later. Others may have listed them,
// and brought a policy into force that the request, which holds an older one, knows nothing of.
func (g *Guard) ask(req *http.Request, r *request, cluster policy.Cluster, since time.Time) bool {
	if err := cluster.ListedSince(req.Context(), since); err != nil {
		r.problem = err.Error()
		return false
	}
	r.effective = g.instance.Current()
	return r.effective != nil
}

// bindWithChildren finds the tenant of the router, who must be that of the routers below it as well: no guard stands in front
// of those.
func (g *Guard) bindWithChildren(r *request, namespace string) routers.Binding {
	binding := routers.Bind(r.effective.Policy, g.router, namespace, r.effective.LegacyNames)
	if g.manyChildren && !binding.Internal {
		return routers.Binding{Code: verdict.RouterAmbiguous, Namespaces: binding.Namespaces}
	}
	for _, name := range g.children {
		child := routers.Router{Name: name, EntryPoint: g.router.EntryPoint}
		below := routers.Bind(r.effective.Policy, child, namespace, r.effective.LegacyNames)
		fromCluster := binding.FromCluster || below.FromCluster
		if binding.Code == verdict.Pass && (below.Code != verdict.Pass || below.Tenant != binding.Tenant) {
			namespaces := append(append([]string{}, binding.Namespaces...), below.Namespaces...)
			return routers.Binding{Code: verdict.RouterAmbiguous, Namespaces: namespaces, FromCluster: fromCluster}
		}
		binding.FromCluster = fromCluster
	}
	return binding
}

// judgeCertificate looks at the certificate that is really served: what Traefik's store prefers for the server name may be
// another tenant's.
func (g *Guard) judgeCertificate(req *http.Request, r *request) verdict.Code {
	if err := g.observe(req, r); err != nil {
		r.problem = err.Error()
		if r.Tenant.Certificates.AllowUnobserved {
			return verdict.Pass
		}
		return verdict.CertificateUnavailable
	}
	code := verdict.OfCertificate(r.effective, r.Request, r.chain, time.Now())
	if code != verdict.Pass || !r.Tenant.Certificates.Secrets {
		return code
	}
	return g.judgeSecret(req, r)
}

// judgeSecret asks the cluster for the Secret that the certificate is from: one with the tenant's names in it, but from
// another's namespace, is a hijack too.
func (g *Guard) judgeSecret(req *http.Request, r *request) verdict.Code {
	found, err := g.inSecret(req, r)
	if err == nil && found {
		return verdict.Pass
	}
	if err == nil {
		return verdict.CertificateSecret
	}
	r.problem = err.Error()
	if r.Tenant.Certificates.AllowUnobserved {
		return verdict.Pass
	}
	return verdict.CertificateUnavailable
}

// inSecret looks into the router's own namespace first, then into the shared ones, of which there are few, and last into the
// tenant's others, each of which may cost a list of all its Secrets.
func (g *Guard) inSecret(req *http.Request, r *request) (bool, error) {
	k := r.effective.Kubernetes
	asked, err := clusters.Of(k)
	if err != nil {
		return false, err
	}
	var names []string
	named := map[string]bool{}
	for _, some := range [][]string{r.binding.Known(), r.effective.SharedNamespaces, r.effective.NamespacesOf(r.Tenant)} {
		for _, name := range some {
			if !named[name] {
				named[name] = true
				names = append(names, name)
			}
		}
	}
	holds, found, err := asked.Confirm(req.Context(), r.chain[0].Raw, names, r.Tenant.Certificates.TTL, k.Grace)
	if holds < r.holds {
		r.holds = holds
	}
	return found, err
}

// observe finds the served chain.
func (g *Guard) observe(req *http.Request, r *request) error {
	certificates := r.Tenant.Certificates
	var err error
	if len(r.local) > 0 {
		r.chain, err = served.Parse(r.local)
		r.holds = certificates.TTL
		return err
	}
	address, err := served.Address(req.Context())
	if err != nil {
		return err
	}
	observed := g.generation.Observed
	if certificates.AcrossReloads {
		observed = tracker.Lasting
	}
	serverName := string(hosts.ParseDNS(r.ServerName))
	r.chain, r.holds, err = observed.Observe(req.Context(), address, serverName, certificates.TTL)
	return err
}

// remember keeps a pass in the table of what was allowed, for as long as the certificate it rests on is good.
func (g *Guard) remember(r *request, epoch int64) {
	lifetime := time.Duration(0)
	if r.problem != "" {
		return
	}
	if len(r.chain) > 0 {
		lifetime = r.holds
		if valid := time.Until(r.chain[0].NotAfter); valid < lifetime {
			lifetime = valid
		}
		if lifetime <= 0 {
			return
		}
	}
	if !g.told && r.TLS && string(hosts.Parse(r.Host)) == r.ServerName {
		g.allowed.Add(r.Host, r.ServerName, lifetime, epoch)
		return
	}
	g.allowed.Add(r.key, "", lifetime, epoch)
}

// enforced tells whether a denial is carried out: the tenant's own mode goes before the middleware's. Without a policy
// there is no mode to report in.
func (r *request) enforced() bool {
	if r.effective == nil {
		return true
	}
	if r.Tenant != nil && r.Tenant.Mode != "" {
		return r.Tenant.Mode == policy.ModeEnforce
	}
	return !r.effective.Report
}

// denial is what the log says of a denied request.
func (g *Guard) denial(req *http.Request, r *request, enforced bool) report.Denial {
	d := report.Denial{
		Mode:        policy.ModeReport,
		Reason:      string(r.code),
		Status:      verdict.Status(r.code),
		Router:      g.router.Name,
		Namespace:   strings.Join(r.binding.Namespaces, ","),
		Host:        req.Host,
		SNI:         r.ServerName,
		Certificate: r.problem,
		Client:      req.RemoteAddr,
	}
	if enforced {
		d.Mode = policy.ModeEnforce
	}
	if r.Tenant != nil {
		d.Tenant = r.Tenant.Name
	}
	if len(r.chain) > 0 && r.problem == "" {
		d.Certificate = verdict.Describe(r.chain[0])
	}
	if client, _, err := net.SplitHostPort(req.RemoteAddr); err == nil {
		d.Client = client
	}
	return d
}

// deny answers in plain text that names no tenant, and that no cache may keep for the tenant it belongs to.
func (g *Guard) deny(rw http.ResponseWriter, req *http.Request, code verdict.Code) {
	status := verdict.Status(code)
	header := rw.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if g.instance.ExposeReason() {
		header.Set(reasonHeader, string(code))
	}
	if verdict.EndsConnection(code) && req.ProtoMajor < 3 {
		header.Set("Connection", "close") // HTTP/2 makes GOAWAY of it; HTTP/3 has no such header
	}
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, http.StatusText(status)+"\n")
}

// endAfter is how many polls in a row must find no router before polling ends: between the routers of two configurations there
// is a moment with none.
const endAfter = 2

// startPolling begins to read new configurations, and files that changed, without waiting for a request, once for all
// routers. A timer does it, and ends when the plugin has no router any more.
func startPolling() {
	polling.Lock()
	defer polling.Unlock()
	if !polling.running {
		polling.running = true
		time.AfterFunc(pollInterval, poll)
	}
}

// poll must not panic: it would take Traefik with it.
func poll() {
	defer pollAgain()
	defer func() {
		if problem := recover(); problem != nil {
			log.Policy(policy.Notice{InForce: true, Errors: []string{fmt.Sprintf("looking for changes failed: %.300v", problem)}})
		}
	}()
	store.Refresh()
	used := map[string]bool{}
	for _, c := range store.Clusters() {
		used[c.Address()] = true
	}
	clusters.Keep(used)
}

func pollAgain() {
	polling.Lock()
	defer polling.Unlock()
	if pollingEnds(tracker.Ended()) {
		polling.running = false
		clusters.Keep(nil)
		return
	}
	time.AfterFunc(pollInterval, poll)
}

// pollingEnds tells whether polling ends with a poll. The caller holds polling's lock.
func pollingEnds(noRouter bool) bool {
	polling.ended++
	if !noRouter {
		polling.ended = 0
	}
	if polling.ended < endAfter {
		return false
	}
	polling.ended = 0
	return true
}
