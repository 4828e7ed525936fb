// Package ext replaces Traefik's package of the same import path, which Traefik's module zip leaves
// out. It has the two empty types that Traefik's dynamic configuration embeds.
package ext

// HTTP is empty, as in Traefik's open-source build.
type HTTP struct{}

// Router is empty, as in Traefik's open-source build.
type Router struct{}
