// Package binaries builds the programs of a cluster from the Go module proxy and keeps the results.
package binaries

import (
	"context"
	_ "embed"
	"io"

	"github.com/tenantguard/tenantguard/e2e/internal/build"
)

//go:embed recipe.go
var recipe []byte

// APIServer returns the path of kube-apiserver, built first if this machine has none yet. While it
// builds, progress gets a line every few seconds. Processes that ask at once build once.
func APIServer(ctx context.Context, progress io.Writer) (string, error) {
	return build.Binary(ctx, apiServer, progress)
}

// Etcd returns the path of etcd, likewise.
func Etcd(ctx context.Context, progress io.Writer) (string, error) {
	return build.Binary(ctx, etcd, progress)
}
