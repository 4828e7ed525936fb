// Package soak has a plugin and a real Traefik do everything at once for a while: requests of all
// kinds, reloads, other certificates, other policies, and more names than are remembered. Each
// verdict is compared with a reference that is slow and obvious.
package soak

import "strings"

// state is what is in force.
type state struct {
	// narrow has acme's shop belong to globex.
	narrow bool
	// hijacked has a certificate be served for acme's victim that names another tenant's host
	// as well.
	hijacked bool
}

const (
	victim = "victim.acme.test"
	shop   = "shop.acme.test"
	nobody = "nobody.test"
)

// patterns are those of a tenant.
func (s state) patterns(tenant string) []string {
	if tenant == "acme" {
		return []string{"acme.test", "*.acme.test"}
	}
	if s.narrow {
		return []string{"globex.test", "*.globex.test", shop}
	}

	return []string{"globex.test", "*.globex.test"}
}

var tenants = []string{"acme", "globex"}

// owner returns the tenant that owns a name, "" for none: the exact pattern goes before the
// wildcard.
func (s state) owner(name string) string {
	_, below, _ := strings.Cut(name, ".")
	for _, wanted := range []string{name, "*." + below} {
		for _, tenant := range tenants {
			for _, pattern := range s.patterns(tenant) {
				if pattern == wanted {
					return tenant
				}
			}
		}
	}

	return ""
}

// served are the names of the certificate that is served for a server name.
func (s state) served(serverName string) []string {
	if s.hijacked && serverName == victim {
		return hijackNames
	}
	for _, names := range certificates {
		if isValid(names, serverName) {
			return names
		}
	}

	return nil // Traefik's own
}

var (
	certificates = [][]string{{"acme.test", "*.acme.test"}, {"globex.test", "*.globex.test"}}
	hijackNames  = []string{victim, "zzz.evil.test"}
)

// isValid reports whether a certificate with these names is valid for a host.
func isValid(names []string, host string) bool {
	_, below, _ := strings.Cut(host, ".")
	for _, name := range names {
		if name == host || name == "*."+below {
			return true
		}
	}

	return false
}

// request is one request. Host is a name, in whatever way it is written.
type request struct {
	router, host, serverName string
	// served are the names of the certificate that the connection was served, where Go says which:
	// then it is that one's verdict, whatever is served by then. It is nil elsewhere.
	served []string
}

// verdict is what the guard has to say of a request: "pass", or why it is denied.
func (s state) verdict(r request) string {
	owner := s.owner(r.host)
	if owner == "" {
		return "host-unowned"
	}
	if owner != r.router {
		return "host-foreign"
	}
	if r.serverName == "" {
		return "sni-missing"
	}
	if s.owner(r.serverName) != r.router {
		return "sni-foreign"
	}
	names := r.served
	if names == nil {
		names = s.served(r.serverName)
	}
	if !isValid(names, r.host) || !isValid(names, r.serverName) {
		return "certificate-name"
	}
	for _, name := range names {
		isOwn := false
		for _, pattern := range s.patterns(r.router) {
			isOwn = isOwn || pattern == name
		}
		if !isOwn && (strings.HasPrefix(name, "*.") || s.owner(name) != r.router) {
			return "certificate-foreign"
		}
	}

	return "pass"
}
