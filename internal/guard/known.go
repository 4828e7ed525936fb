package guard

import (
	"crypto/tls"
	"net/http"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const (
	// maxKnown bounds each map of known: a tenant with a wildcard has any number of hosts.
	maxKnown = 1000
	// maxConnections bounds the connections, whose states stay in memory until they are cleared.
	maxConnections = 2000
	// maxLifetime bounds how long the timer lives that a router of an earlier reload leaves behind.
	maxLifetime = time.Minute
	// minLifetime is how long a pass must be good for to be worth a timer.
	minLifetime = 50 * time.Millisecond
	// secretLifetime is how long it stands that a certificate is in no Secret. It may be there the
	// next moment.
	secretLifetime = 250 * time.Millisecond
	// invalid stands in a key for what is no name, which no name can be.
	invalid = "!"
)

// known is what one router's guard decided a moment ago, so that the next such request need not be
// judged. A client chooses which requests come, but not how many entries there are, for a Host is
// one entry in whatever spelling it comes.
type known struct {
	// lock guards the other fields. It is a pointer because the fast path has it too.
	lock *sync.RWMutex
	// names are the Hosts that pass as most requests do: over TLS, with the Host as server name.
	names map[string]bool
	// connections take the place of names where Go says which certificate a connection was served:
	// what passes on it passes for that certificate only. They have the Host as it was written.
	connections map[*tls.ConnectionState]string
	// clearing clears names and connections at clearAt, nil where nothing will: they are looked at
	// without a clock.
	clearing *time.Timer
	clearAt  time.Time
	// decisions has everything, nil before the first one.
	decisions map[key]*decision
	// conditions are those of the policy that decisions were made by.
	conditions conditions
	// bound is whose the router is.
	bound *boundRouter
}

// conditions are what a policy lets pass beside what a tenant owns.
type conditions struct {
	proxies *policy.Networks
	guest   *policy.Guest
}

// key is all that a decision on a request depends on.
type key struct {
	host       string
	tls        bool
	serverName string
	// chain is the served chain where Go says which one was served on a connection.
	chain *observe.Chain
	// proxied is true for what is decided for a trusted proxy's connections only, and path is the
	// prefix of what is decided for a guest on such paths only.
	proxied bool
	path    string
}

// writtenKey is the key of a request as it was written. It is that of a decision if all of it was
// written the way that key has it.
func writtenKey(req *http.Request, chain *observe.Chain) key {
	k := key{host: req.Host, chain: chain}
	if req.TLS != nil {
		k.tls = true
		k.serverName = req.TLS.ServerName
	}
	return k
}

// key is the key of a request by what it says.
func (r request) key() key {
	k := key{host: invalid, tls: r.TLS, chain: r.chain}
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

// find returns the decision on a request, nil where there is none or it is over.
func (a *known) find(k key, req *http.Request) *decision {
	a.lock.RLock()
	d := a.decisions[a.conditions.in(k, req)]
	a.lock.RUnlock()
	if d == nil || (!d.until.IsZero() && !time.Now().Before(d.until)) {
		return nil
	}
	if d.code != verdict.Pass && verdict.IsChallenge(req.URL.EscapedPath()) {
		return nil // which less is demanded of
	}
	return d
}

// in adds to a key what the conditions make of a request.
func (c conditions) in(k key, req *http.Request) key {
	if c.proxies != nil {
		k.proxied = c.proxies.Contains(req.RemoteAddr)
	}
	if c.guest != nil {
		k.path = c.guest.Prefix(req.URL.EscapedPath())
	}
	return k
}

// remember keeps a decision for as long as what it rests on is good.
func (g *Guard) remember(req *http.Request, d *decision) {
	if d.problem != "" || verdict.IsChallenge(d.request.Path) || d.policy == nil {
		return
	}
	lifetime, ok := d.lifetime(time.Now())
	if !ok {
		return
	}
	if lifetime > 0 {
		d.until = time.Now().Add(lifetime)
	}
	// What was judged by a policy that is no longer in force is not remembered: the tables are
	// cleared after a policy has changed, so that it is either refused here or cleared there.
	isInForce := func() bool { return g.middleware.IsInForce(d.policy) }
	g.known.add(req, d, isInForce)
}

// lifetime returns how long a decision is good, 0 for as long as its policy, and reports whether it
// is good for any time.
func (d *decision) lifetime(now time.Time) (time.Duration, bool) {
	if verdict.IsOfRouter(d.code) {
		return time.Second, true // the list of Namespaces may say otherwise then
	}
	if d.chain == nil {
		return 0, true
	}
	lifetime := d.validFor
	if d.code == verdict.CertificateSecret {
		lifetime = secretLifetime
	}
	if len(d.chain.Certificates) > 0 && d.code == verdict.Pass {
		if valid := d.chain.Certificates[0].NotAfter.Sub(now); valid < lifetime {
			lifetime = valid
		}
	}
	return lifetime, lifetime > 0
}

// add remembers a decision, unless the policy that it was made by is no longer in force.
func (a *known) add(req *http.Request, d *decision, isInForce func() bool) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if !isInForce() {
		return
	}
	a.conditions = d.conditions()
	if a.decisions == nil || len(a.decisions) >= maxKnown {
		a.decisions = map[key]*decision{}
	}
	a.decisions[a.conditions.in(d.request.key(), req)] = d
	a.addFast(req, d)
}

// addAgain lets what a decision is known for take the fast path as well.
func (a *known) addAgain(req *http.Request, d *decision) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.decisions[a.conditions.in(d.request.key(), req)] == d {
		a.addFast(req, d)
	}
}

// addFast notes what may pass without a look at anything else. The caller holds lock.
func (a *known) addFast(req *http.Request, d *decision) {
	if d.code != verdict.Pass || req.TLS == nil || a.conditions.guest.HasPaths() {
		return
	}
	lifetime := time.Duration(0)
	if !d.until.IsZero() {
		lifetime = time.Until(d.until)
		if lifetime < minLifetime {
			return
		}
	}
	if a.connections != nil {
		if req.ProtoMajor > 2 {
			return // HTTP/3 has a new state for each request
		}
		evictConnection(a.connections)
		a.connections[req.TLS] = req.Host
	} else {
		host := string(d.request.Host)
		if req.Host != host || req.TLS.ServerName != host || d.request.Proxied {
			return
		}
		evictName(a.names)
		a.names[host] = true
	}
	if lifetime > 0 {
		a.clearBy(lifetime)
	}
}

// clearBy has the fast path forget everything after a lifetime at the latest. One timer is enough:
// what is forgotten too early is found in decisions.
func (a *known) clearBy(lifetime time.Duration) {
	if lifetime > maxLifetime {
		lifetime = maxLifetime
	}
	at := time.Now().Add(lifetime)
	if a.clearing != nil && !at.Before(a.clearAt) {
		return
	}
	if a.clearing != nil {
		a.clearing.Stop()
	}
	a.clearAt = at
	a.clearing = time.AfterFunc(lifetime, func() { a.clearFast() })
}

func (a *known) clearFast() {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.clearing = nil
	a.emptyFast()
}

// emptyFast empties the maps in place, for the fast path holds on to them. The caller holds lock.
func (a *known) emptyFast() {
	for host := range a.names {
		delete(a.names, host)
	}
	for connection := range a.connections {
		delete(a.connections, connection)
	}
}

// clear forgets everything: another policy is in force.
func (a *known) clear() {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.emptyFast()
	a.decisions = nil
	a.conditions = conditions{}
	a.bound = nil
}

// evictName makes room for one more name.
func evictName(names map[string]bool) {
	for host := range names {
		if len(names) < maxKnown {
			return
		}
		delete(names, host)
	}
}

// evictConnection makes room for one more connection.
func evictConnection(connections map[*tls.ConnectionState]string) {
	for connection := range connections {
		if len(connections) < maxConnections {
			return
		}
		delete(connections, connection)
	}
}
