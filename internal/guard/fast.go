package guard

import (
	"crypto/tls"
	"expvar"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// What is answered without a look at anything but the Host, the server name or the connection.

// asWritten is the answer to requests that have their Host written in one way, and a server name,
// "" for those without TLS.
type asWritten struct {
	serverName string
	answer     *answer
}

// isFast reports whether an answer may be found by less than the key: a pass by the Host, or a
// denial by what a request says. Those that ACME challenges don't meet are found by the key.
func (a *answer) isFast() bool {
	return a.isPlain && a.key.path == "" && !a.key.isChallenge
}

// addFast notes an answer that isFast. The caller holds lock.
func (n *known) addFast(req *http.Request, a *answer) {
	lifetime := maxLifetime
	if !a.until.IsZero() {
		lifetime = time.Until(a.until)
	}
	if lifetime < minLifetime {
		return
	}
	if a.code != verdict.Pass {
		n.addDenied(req, a)
	} else if n.connections != nil {
		if req.ProtoMajor > 2 {
			return // HTTP/3 has a new state for each request
		}
		n.addConnection(req.TLS, strings.Clone(req.Host))
	} else {
		n.addHost(req, a)
	}
	n.clearBy(lifetime)
}

// hasRoom reports whether the fast path takes one more way of writing the Host of an answer: what
// comes in ever new ways is not to cost more than to find it.
func (n *known) hasRoom(req *http.Request, a *answer) bool {
	if n.connections != nil || a.code != verdict.Pass || req.TLS.ServerName == a.key.host {
		return true
	}
	n.lock.RLock()
	defer n.lock.RUnlock()
	return len(n.spelled) < maxSpelled
}

// addConnection has a connection pass for a Host as it was written. The caller holds lock.
func (n *known) addConnection(connection *tls.ConnectionState, host string) {
	if n.connections[connection] == "" {
		for other := range n.connections {
			if len(n.connections) < maxConnections {
				break
			}
			delete(n.connections, other)
			n.count(-1)
		}
		n.count(1)
	}
	n.connections[connection] = host
}

// addHost has a Host pass: by its name, or as it was written where the server name is another. The
// caller holds lock.
func (n *known) addHost(req *http.Request, a *answer) {
	if req.TLS.ServerName == a.key.host {
		n.addName(a.key.host)
		return
	}
	if req.TLS.ServerName == "" {
		return // the address chooses the certificate
	}
	if len(n.spelled) >= maxSpelled {
		return // until they are cleared: whoever writes it in ever new ways drives out no other
	}
	if n.spelled == nil {
		n.spelled = map[string]*asWritten{}
	}
	n.spelled[strings.Clone(req.Host)] = written(req, a)
}

// addDenied has a Host be denied as it was written. Where it depends on more than the names what a
// request comes to, nothing is added: a denial must not be that of a guest's or a trusted proxy's
// request. The caller holds lock.
func (n *known) addDenied(req *http.Request, a *answer) {
	if n.conditions != nil || len(req.Host) > maxWritten {
		return
	}
	if req.TLS != nil && req.TLS.ServerName == "" {
		return // the address chooses the certificate
	}
	if n.denied == nil || len(n.denied) >= maxDenied {
		n.denied = map[string]*asWritten{}
	}
	n.denied[strings.Clone(req.Host)] = written(req, a)
}

func written(req *http.Request, a *answer) *asWritten {
	w := &asWritten{answer: a}
	if req.TLS != nil {
		w.serverName = strings.Clone(req.TLS.ServerName)
	}
	return w
}

// findAsWritten returns the answer to a request by its Host as it is written, nil where there is
// none. To read the Host would cost many times as much.
func (n *known) findAsWritten(req *http.Request) *answer {
	n.lock.RLock()
	found := n.denied[req.Host]
	if found == nil {
		found = n.spelled[req.Host]
	}
	n.lock.RUnlock()
	if found == nil {
		return nil
	}
	serverName := ""
	if req.TLS != nil {
		serverName = req.TLS.ServerName
		if serverName == "" {
			return nil
		}
	}
	if found.serverName != serverName {
		return nil
	}
	return found.answer
}

// passesByName reports whether a Host passes that is a spelling of the server name: because that
// name passes, or, where connections are known, because some spelling of it passed on this one.
func (n *known) passesByName(req *http.Request) bool {
	if req.TLS == nil || !hosts.IsSpelling(req.Host, req.TLS.ServerName) {
		return false
	}
	if n.names != nil {
		return n.names.Get(req.TLS.ServerName) != nil
	}
	n.lock.RLock()
	passed := n.connections[req.TLS]
	n.lock.RUnlock()
	return passed != "" && hosts.IsSpelling(passed, req.TLS.ServerName)
}

// passes is the value of each name.
var passes = new(expvar.Int)

// addName has a name pass. The caller holds lock.
func (n *known) addName(host string) {
	if n.names.Get(host) != nil {
		return
	}
	if n.named >= maxKnown {
		n.emptyNames()
	}
	n.names.Set(host, passes)
	n.named++
}

// emptyNames has no name pass any more. The caller holds lock.
func (n *known) emptyNames() {
	if n.names != nil {
		n.names.Init()
	}
	n.named = 0
}

// clearBy has the fast path forget everything after a lifetime at the latest. One timer is enough:
// what is forgotten too early is found in answers. The caller holds lock.
func (n *known) clearBy(lifetime time.Duration) {
	if lifetime > maxLifetime {
		lifetime = maxLifetime
	}
	at := time.Now().Add(lifetime)
	if n.clearing != nil && !at.Before(n.clearAt) {
		return
	}
	if n.clearing != nil {
		n.clearing.Stop()
	}
	n.clearAt = at
	n.clearing = clearAfter(n, lifetime)
}

// clearAfter is a variable for the same reason as fast: its closure must not keep the request.
var clearAfter = func(n *known, lifetime time.Duration) *time.Timer {
	return time.AfterFunc(lifetime, func() { n.clearFast() })
}

func (n *known) clearFast() {
	n.lock.Lock()
	defer n.lock.Unlock()
	n.clearing = nil
	n.emptyFast()
}

// emptyFast empties the maps in place, for the fast path holds on to them. The caller holds lock.
func (n *known) emptyFast() {
	n.count(-len(n.connections))
	n.spelled = nil
	n.denied = nil
	n.emptyNames()
	if n.connections != nil {
		// All at once: a loop over thousands takes the interpreter a millisecond, in which nobody
		// passes.
		reflect.ValueOf(n.connections).Clear()
	}
}
