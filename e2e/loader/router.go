package loader

import (
	"context"
	"io"

	"github.com/rs/zerolog"
	"github.com/traefik/traefik/v3/pkg/observability/logs"
	"github.com/traefik/traefik/v3/pkg/server/provider"
)

// RouterContext returns a context like the one with which Traefik constructs a router's
// middlewares.
func RouterContext(ctx context.Context, entryPoint, router string) context.Context {
	root := zerolog.New(io.Discard)
	entryPointLogger := root.With().Str(logs.EntryPointName, entryPoint).Logger()
	ctx = provider.AddInContext(entryPointLogger.WithContext(ctx), router)
	routerLogger := entryPointLogger.With().Str(logs.RouterName, router).Logger()
	return routerLogger.WithContext(ctx)
}
