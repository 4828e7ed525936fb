package guard

import (
	"crypto/tls"
	"expvar"
	"net/http"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/verdict"
)

// What passes without a look at anything but the Host, the server name or the connection.

// isFast reports whether the fast path may have an answer, which it finds by less than the key.
func (a *answer) isFast() bool {
	return a.code == verdict.Pass && a.isPlain && a.key.path == "" && !a.key.isChallenge
}

// addFast notes what may pass without a look at anything else. The caller holds lock.
func (n *known) addFast(req *http.Request, a *answer) {
	lifetime := maxLifetime
	if !a.until.IsZero() {
		lifetime = time.Until(a.until)
	}
	if !a.isFast() || lifetime < minLifetime {
		return
	}
	if n.connections != nil {
		if req.ProtoMajor > 2 {
			return // HTTP/3 has a new state for each request
		}
		n.addConnection(req.TLS, strings.Clone(req.Host))
	} else {
		n.addHost(a.key.host, req)
	}
	n.clearBy(lifetime)
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

// addHost has a Host pass: by its name, or as it was written where that is otherwise, or the server
// name another. The caller holds lock.
func (n *known) addHost(name string, req *http.Request) {
	if req.Host == name && req.TLS.ServerName == name {
		n.addName(name)
		return
	}
	if n.spelled == nil || len(n.spelled) >= maxSpelled {
		n.spelled = map[string]string{}
	}
	n.spelled[strings.Clone(req.Host)] = strings.Clone(req.TLS.ServerName)
}

// passesAsWritten reports whether a Host passes that is not written as its name is. To read it
// would cost many times as much.
func (n *known) passesAsWritten(req *http.Request) bool {
	if req.TLS == nil {
		return false
	}
	n.lock.RLock()
	serverName := n.spelled[req.Host]
	n.lock.RUnlock()
	return serverName != "" && serverName == req.TLS.ServerName
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
	n.emptyNames()
	for connection := range n.connections {
		delete(n.connections, connection)
	}
}
