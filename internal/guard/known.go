package guard

import (
	"crypto/tls"
	"expvar"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/traefik"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const (
	// maxKnown bounds the answers and the names of one router: a tenant with a wildcard has any
	// number of hosts.
	maxKnown = 1000
	// maxConnections bounds the connections of one router, whose states stay in memory until they
	// are cleared.
	maxConnections = 2000
	// maxSpelled bounds the other spellings of Hosts of one router that pass, and maxDenied the
	// Hosts that are denied as they are written, of at most maxWritten bytes.
	maxSpelled = 16
	maxDenied  = 64
	maxWritten = 300
	// maxLifetime bounds how long the fast path has something, and so how long the timer lives that
	// a router of an earlier reload leaves behind.
	maxLifetime = time.Minute
	// minLifetime is how long a pass must be good for to be worth a timer.
	minLifetime = 50 * time.Millisecond
	// notFoundValidFor is how long it stands that a certificate is in no Secret. It may be there
	// the next moment.
	notFoundValidFor = 250 * time.Millisecond
	// invalid stands in a key for what is no name, which no name can be.
	invalid = "!"
)

// known is what one router's guard found out a moment ago, so that the next such request need not
// be judged. A client chooses which requests come, but not how many entries there are: a Host is
// one entry in whatever spelling it comes.
type known struct {
	// lock guards the other fields. It is a pointer because the fast path has it too.
	lock *sync.RWMutex
	// names are the Hosts that pass as most requests do: over TLS, with the Host as server name.
	// It is read without lock: a map by text that any number may read at a time, which the
	// interpreter calls once, where a lock and a map cost it three steps. named is how many.
	names *expvar.Map
	named int
	// spelled are Hosts that pass as they were written, such as with a port, and denied are those
	// that are denied. A client writes one Host in any number of ways, so there are few of these.
	spelled, denied map[string]*asWritten
	// connections take the place of names where Go says which certificate a connection was served:
	// what passes on it passes for that certificate only. They have the Host as it was written.
	connections map[*tls.ConnectionState]string
	// clearing clears names and connections at clearAt, nil where nothing will: they are looked at
	// without a clock.
	clearing *time.Timer
	clearAt  time.Time
	// answers has everything, nil before the first one.
	answers map[key]*answer
	// conditions are those of the policy that answers were found by, nil for none.
	conditions *conditions
	// bound is whose the router is.
	bound *boundRouter
	// total counts the entries of all routers of the reload.
	total *atomic.Int64
}

// conditions are what a policy lets pass beside what a tenant owns.
type conditions struct {
	proxies *policy.Networks
	guest   *policy.Guest
}

// key is all that an answer depends on.
type key struct {
	host       string
	tls        bool
	serverName string
	// local is the address that the client connected to, where there is no server name: then that
	// address chooses the certificate.
	local string
	// chain is the served chain where Go says which one was served on a connection.
	chain *observe.Chain
	// isChallenge is true for the paths of ACME challenges, of which less is demanded.
	isChallenge bool
	// proxied is true for what is decided for a trusted proxy's connections only, and path is the
	// prefix of what is decided for a guest on such paths only.
	proxied bool
	path    string
}

// writtenKey is the key of a request as it was written. It is that of an answer if all of it was
// written the way that key has it.
func writtenKey(req *http.Request, chain *observe.Chain) key {
	k := key{host: req.Host, chain: chain}
	k.isChallenge = verdict.IsChallenge(req.URL.EscapedPath())
	if req.TLS != nil {
		k.tls = true
		k.serverName = req.TLS.ServerName
		k.local = localOf(req)
	}
	return k
}

// localOf returns the address that the client connected to if that chooses the certificate, and ""
// otherwise.
func localOf(req *http.Request) string {
	if req.TLS == nil || req.TLS.ServerName != "" {
		return ""
	}
	return traefik.LocalAddress(req.Context())
}

// key is the key of a request by what it says.
func (r request) key() key {
	k := key{host: invalid, tls: r.TLS, chain: r.chain, local: r.local}
	k.isChallenge = verdict.IsChallenge(r.Path)
	if r.Host != "" {
		k.host = hosts.Authority(r.Host)
	}
	if r.HasServerName {
		k.serverName = invalid
		if r.ServerName != "" {
			k.serverName = string(r.ServerName)
		}
	}
	return k
}

// answer is what a decision comes to, and what is kept of it.
type answer struct {
	code verdict.Code
	// denial is what the log says of a denial, and enforced reports whether it is carried out.
	denial   *report.Prepared
	enforced bool
	refusal  *refusal
	// byTenant reports whether a tenant wrote the policy that a denial is by.
	byTenant bool
	// isPlain reports whether a pass was made with nothing special about the request, or a denial
	// without a look at the certificate, so that the fast path may have it.
	isPlain bool
	// key is what it is known by, and until when it is over, zero for as long as its policy is in
	// force.
	key   key
	until time.Time
}

// find returns the answer to a request, nil where there is none or it is over.
func (n *known) find(k key, req *http.Request) *answer {
	n.lock.RLock()
	if n.conditions != nil {
		k = n.conditions.in(k, req)
	}
	a := n.answers[k]
	n.lock.RUnlock()
	if a == nil || (!a.until.IsZero() && !time.Now().Before(a.until)) {
		return nil
	}
	return a
}

// in adds to a key what the conditions make of a request.
func (c *conditions) in(k key, req *http.Request) key {
	if c.proxies != nil {
		k.proxied = c.proxies.Contains(req.RemoteAddr)
	}
	if c.guest != nil {
		k.path = c.guest.Prefix(req.URL.EscapedPath())
	}
	return k
}

// remember keeps what a decision came to for as long as what it rests on is good.
func (g *Guard) remember(req *http.Request, d decision, a *answer) {
	if d.problem != "" || d.policy == nil {
		return
	}
	now := time.Now()
	lifetime, isLimited := d.lifetime(now)
	if isLimited {
		if lifetime <= 0 {
			return
		}
		a.until = now.Add(lifetime)
	}
	// What was judged by a policy that is no longer in force is not remembered: the tables are
	// cleared after a policy has changed, so that it is either refused here or cleared there.
	isInForce := func() bool { return g.middleware.IsInForce(d.policy) }
	a.key = d.request.key()
	g.known.add(req, a, d.conditions(), isInForce)
	g.reload.makeRoom()
}

// rememberAgain lets what is known take the fast path as well.
func (g *Guard) rememberAgain(req *http.Request, a *answer) {
	if a.isFast() && g.known.hasRoom(req, a) {
		g.known.addAgain(req, a)
		g.reload.makeRoom()
	}
}

// lifetime returns how long a decision is good, and reports false if it is for as long as its
// policy.
func (d decision) lifetime(now time.Time) (time.Duration, bool) {
	if verdict.IsOfRouter(d.code) {
		return time.Second, true // the list of Namespaces may say otherwise then
	}
	if d.chain == nil {
		return 0, false
	}
	lifetime := d.validFor
	if d.code == verdict.Pass {
		if valid := d.chain.Certificates[0].NotAfter.Sub(now); valid < lifetime {
			lifetime = valid
		}
	}
	return lifetime, true
}

// add remembers an answer, unless the policy that it was found by is no longer in force.
func (n *known) add(req *http.Request, a *answer, by *conditions, isInForce func() bool) {
	n.lock.Lock()
	defer n.lock.Unlock()
	if !isInForce() {
		return
	}
	n.conditions = by
	if by != nil {
		a.key = by.in(a.key, req)
	}
	// What a name is part of may be much longer, such as the line of a request.
	a.key.host = strings.Clone(a.key.host)
	a.key.serverName = strings.Clone(a.key.serverName)
	if len(n.answers) >= maxKnown {
		n.emptyAnswers()
	}
	if n.answers == nil {
		n.answers = map[key]*answer{}
	}
	if n.answers[a.key] == nil {
		n.count(1)
	}
	n.answers[a.key] = a
	if a.isFast() {
		n.addFast(req, a)
	}
}

// addAgain lets what is known take the fast path, unless it was forgotten meanwhile.
func (n *known) addAgain(req *http.Request, a *answer) {
	n.lock.Lock()
	defer n.lock.Unlock()
	if n.answers[a.key] == a {
		n.addFast(req, a)
	}
}

// emptyAnswers forgets the answers. The caller holds lock.
func (n *known) emptyAnswers() {
	n.count(-len(n.answers))
	n.answers = nil
}

// count counts entries, or fewer of them.
func (n *known) count(entries int) {
	n.total.Add(int64(entries))
}

// clear forgets everything.
func (n *known) clear() {
	n.lock.Lock()
	defer n.lock.Unlock()
	n.emptyFast()
	n.emptyAnswers()
	n.conditions = nil
	n.bound = nil
}
