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

// APIServer returns the path of kube-apiserver, built first if this machine has none yet. While it builds, progress
// gets a line every few seconds. Processes that ask at once build once.
func APIServer(ctx context.Context, progress io.Writer) (string, error) {
	return apiServer.binary(ctx, progress)
}

// Etcd returns the path of etcd, likewise.
func Etcd(ctx context.Context, progress io.Writer) (string, error) {
	return etcd.binary(ctx, progress)
}

func (p program) binary(ctx context.Context, progress io.Writer) (string, error) {
	return build.Binary(ctx, build.Recipe{
		Name:    p.name,
		Version: p.version,
		Text:    recipe,
		Package: p.pkg,
		Args:    p.buildArgs,
		Prepare: p.prepare,
	}, progress)
}

// prepare writes the module that builds the program.
func (p program) prepare(ctx context.Context, work build.Dir) error {
	// Checksums of the modules that were folders to its authors are not among theirs and come from the checksum database.
	sourceMod, err := work.Begin(ctx, p.module, p.version)
	if err != nil {
		return err
	}

	own, err := p.goMod(sourceMod)
	if err != nil {
		return err
	}

	return work.Write("go.mod", own)
}
