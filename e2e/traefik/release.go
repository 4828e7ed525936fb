package traefik

import "golang.org/x/mod/semver"

// Module is Traefik's module.
const Module = modulePath

// The first of the releases tested that had what not all have. The tests of earlier ones expect
// less.
const (
	// SafeNames came with providers.kubernetesCRD.safeNaming, and with it core.strictTLSOptions and
	// providers.kubernetesCRD.defaultTLSResourcesNamespace.
	SafeNames = "v3.7.11"
	// IngressNamespaces told middlewares the namespace of an Ingress.
	IngressNamespaces = "v3.7.0"
	// NGINXNames gave the ingress-nginx provider's routers with TLS a name of their own.
	NGINXNames = "v3.7.0"
	// EarlyRefusal refused all requests for a URL without an authority before any middleware saw
	// them.
	EarlyRefusal = "v3.7.0"
	// AuthorityOverHTTP3 read :authority and host field over HTTP/3 as RFC 9114 section 4.3.1 has
	// them.
	AuthorityOverHTTP3 = "v3.7.0"
	// HostWildcards took Host(`*.example.com`) for every name below.
	HostWildcards = "v3.7.0"
)

// Test is a test that can be skipped.
type Test interface {
	Helper()
	Skipf(format string, args ...any)
}

// Need skips a test of what the release does not have yet.
func Need(t Test, release, what string) {
	t.Helper()
	if !Since(release) {
		t.Skipf("Traefik has had %s since %s", what, release)
	}
}

// Since reports whether the tests run on a release or a later one.
func Since(release string) bool { return semver.Compare(Version, release) >= 0 }
