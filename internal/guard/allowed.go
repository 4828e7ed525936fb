package guard

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/traefik"
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
}

// key is a request as it was written.
type key struct {
	host       string
	tls        bool
	serverName string
	// certificate is the served chain where Go gives it: what is allowed is allowed for that
	// chain only.
	certificate string
}

// remember keeps a pass in the table of what was allowed, for as long as the certificate it rests
// on is good.
func (g *Guard) remember(k key, r request, d decision) {
	if d.problem != "" {
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
	isFast := !g.hasLocalCertificate && r.TLS && string(r.Host) == k.serverName
	// What was judged by a policy that is no longer in force is not remembered: the tables are
	// cleared after a policy has changed, so that it is either refused here or cleared there.
	isInForce := func() bool { return g.middleware.IsInForce(d.policy) }
	g.allowed.add(k, isFast, lifetime, isInForce)
}

// keyOf returns the key of a request.
func (g *Guard) keyOf(req *http.Request) key {
	k := key{host: req.Host}
	if req.TLS == nil {
		return k
	}
	k.tls = true
	k.serverName = req.TLS.ServerName
	if g.hasLocalCertificate {
		k.certificate = fmt.Sprintf("%q", traefik.LocalCertificate(req.TLS))
	}
	return k
}

// has reports whether a request was allowed a moment ago.
func (a *allowed) has(k key) bool {
	a.lock.RLock()
	defer a.lock.RUnlock()
	return a.others[k]
}

// add remembers a request for a lifetime, or until the policy changes where that is 0, unless the
// policy that it was judged by is no longer in force.
func (a *allowed) add(k key, isFast bool, lifetime time.Duration, isInForce func() bool) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if !isInForce() {
		return
	}
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
}
