// Package tenantguard is a Traefik middleware that makes one shared Traefik safe for many
// tenants.
//
// # Threat model
//
// Traefik keeps all TLS certificates in one store and all routers in one table. Whoever may
// create a Secret and a route in one namespace can claim another team's host, have a certificate
// of his own served for another team's name, or reach a backend through another team's TLS
// connection. The guard knows which tenant has which namespaces and hosts. For every request it
// takes the tenant that the router's namespace belongs to, the Host, the server name and the
// certificate really served, and denies what does not belong together. What does not come by an
// HTTP router, such as TCP passthrough, it does not see.
package tenantguard

import (
	"context"
	"net/http"

	"github.com/tenantguard/tenantguard/internal/guard"
)

// Config is the configuration of one middleware: the keys that docs/configuration.md lists, as the
// operator wrote them. The plugin decodes them itself: a router whose configuration Traefik fails
// to decode is dropped, and a broader router of anybody's then catches its requests. It is no
// struct because Traefik decodes it for every router on every reload, which takes longer the more
// keys there are, whoever wrote them: here there is nothing to decode.
type Config interface{}

// CreateConfig returns a configuration with every key at its default.
func CreateConfig() *Config {
	var config Config
	return &config
}

// New returns the guard of one router. Traefik calls it for every router and on every reload,
// with the router's name in the context. It returns no error: a router that Traefik drops lets a
// broader one catch its requests, so what is wrong is answered at request time.
func New(
	ctx context.Context, next http.Handler, config *Config, name string,
) (http.Handler, error) {
	keys, _ := (*config).(map[string]any)
	return guard.New(ctx, next, keys, name), nil
}
