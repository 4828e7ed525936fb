package guard

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/traefik"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const (
	// maxAllowed bounds each map of allowed: a tenant with a wildcard has any number of hosts.
	maxAllowed = 1000
	// maxLifetime bounds how long the timers live that the routers of an earlier reload leave
	// behind.
	maxLifetime = time.Minute
)

// allowed is what one router's guard allowed a moment ago, so that the next such request need not
// be judged.
type allowed struct {
	// lock guards the maps. It is a pointer because the fast path has it too.
	lock *sync.RWMutex
	// names has what most requests are: the Host over TLS, as the client wrote it, to the server
	// name.
	names map[string]string
	// others has all other requests, nil before the first one.
	others map[key]bool
	// conditions are those by which others were judged.
	conditions conditions
}

// conditions are what a policy lets pass beside what a tenant owns.
type conditions struct {
	proxies *policy.Networks
	guest   *policy.Guest
}

// key is a request as it was written.
type key struct {
	host       string
	tls        bool
	serverName string
	// local is the address that the client connected to, where there is no server name: then that
	// address chooses the certificate.
	local string
	// certificate is the served chain where Go gives it: what is allowed is allowed for that
	// chain only.
	certificate string
	// proxied is true for what is allowed on a trusted proxy's connections only, and path is the
	// prefix of what is allowed to a guest on such paths only.
	proxied bool
	path    string
}

// remember keeps a pass in the table of what was allowed, for as long as the certificate it rests
// on is good.
func (g *Guard) remember(k key, d decision) {
	r := d.request
	if d.problem != "" || verdict.IsChallenge(r.Path) {
		return
	}
	lifetime := time.Duration(0)
	if len(d.chain) > 0 {
		lifetime = d.validFor
		if valid := time.Until(d.chain[0].NotAfter); valid < lifetime {
			lifetime = valid
		}
		if lifetime <= 0 {
			return
		}
	}
	k.proxied = r.Proxied
	if d.binding.Tenant != nil && verdict.IsGuest(d.policy, r.Request) {
		k.path = d.binding.Tenant.Guest.Prefix(r.Path)
	}
	isFast := !g.hasLocalCertificate && r.TLS && string(r.Host) == k.serverName &&
		!k.proxied && k.path == ""
	// What was judged by a policy that is no longer in force is not remembered: the tables are
	// cleared after a policy has changed, so that it is either refused here or cleared there.
	isInForce := func() bool { return g.middleware.IsInForce(d.policy) }
	c := conditions{proxies: d.policy.Proxies}
	if d.binding.Tenant != nil {
		c.guest = d.binding.Tenant.Guest
	}
	g.allowed.add(k, isFast, lifetime, c, isInForce)
}

// keyOf returns the key of a request.
func (g *Guard) keyOf(req *http.Request) key {
	k := key{host: req.Host}
	if req.TLS == nil {
		return k
	}
	k.tls = true
	k.serverName = req.TLS.ServerName
	if k.serverName == "" {
		k.local = traefik.LocalAddress(req.Context())
	}
	if g.hasLocalCertificate {
		k.certificate = fmt.Sprintf("%q", traefik.LocalCertificate(req.TLS))
	}
	return k
}

// has reports whether a request was allowed a moment ago.
func (a *allowed) has(k key, req *http.Request) bool {
	a.lock.RLock()
	defer a.lock.RUnlock()
	if a.others[k] {
		return true
	}
	c := a.conditions
	if c.proxies == nil && c.guest == nil {
		return false
	}
	k.proxied = c.proxies.Contains(req.RemoteAddr)
	if k.proxied && a.others[k] {
		return true
	}
	k.path = c.guest.Prefix(req.URL.EscapedPath())
	return k.path != "" && a.others[k]
}

// add remembers a request for a lifetime, or until the policy changes where that is 0, unless the
// policy that it was judged by is no longer in force.
func (a *allowed) add(
	k key, isFast bool, lifetime time.Duration, c conditions, isInForce func() bool,
) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if !isInForce() {
		return
	}
	a.conditions = c
	if isFast {
		evict(a.names)
		a.names[k.host] = k.serverName
	} else {
		a.addOther(k)
	}
	if lifetime == 0 {
		return
	}
	if lifetime > maxLifetime {
		lifetime = maxLifetime
	}
	time.AfterFunc(lifetime, func() { a.remove(k, isFast) })
}

func (a *allowed) addOther(k key) {
	if a.others == nil {
		a.others = map[key]bool{}
	}
	for other := range a.others {
		if len(a.others) < maxAllowed {
			break
		}
		delete(a.others, other)
	}
	a.others[k] = true
}

// evict makes room for one more name.
func evict(names map[string]string) {
	for host := range names {
		if len(names) < maxAllowed {
			return
		}
		delete(names, host)
	}
}

func (a *allowed) remove(k key, isFast bool) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if isFast {
		delete(a.names, k.host)
		return
	}
	delete(a.others, k)
}

// clear empties the names in place, for the fast path holds on to them.
func (a *allowed) clear() {
	a.lock.Lock()
	defer a.lock.Unlock()
	for host := range a.names {
		delete(a.names, host)
	}
	a.others = nil
	a.conditions = conditions{}
}
