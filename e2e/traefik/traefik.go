// Package traefik builds the real Traefik from the Go module proxy and keeps the result.
package traefik

import (
	"context"
	_ "embed"
	"io"
	"path/filepath"

	"github.com/tenantguard/tenantguard/e2e/internal/build"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
)

//go:embed recipe.go
var recipe []byte

// Binary returns the path of the Traefik of that version, built first if this machine has none yet. While it
// builds, progress gets a line every few seconds. Processes that ask at once build once.
func Binary(ctx context.Context, version string, progress io.Writer) (string, error) {
	root, err := repo.Root()
	if err != nil {
		return "", err
	}

	return build.Binary(ctx, build.Recipe{
		Name:    "traefik",
		Version: version,
		Text:    recipe,
		Package: modulePath + "/cmd/traefik",
		Args:    func(output string) []string { return buildArgs(version, output) },
		Prepare: func(ctx context.Context, work build.Dir) error {
			return prepare(ctx, work, version, filepath.Join(root, "e2e", "ext"))
		},
	}, progress)
}

// prepare writes the module that builds Traefik.
func prepare(ctx context.Context, work build.Dir, version, extDir string) error {
	traefikMod, err := work.Begin(ctx, modulePath, version)
	if err != nil {
		return err
	}

	legoDir := work.Path("lego")
	legos, err := legoModules(traefikMod)
	if err != nil {
		return err
	}
	for _, lego := range legos {
		got, err := build.Download(ctx, lego.Path, lego.Version)
		if err != nil {
			return err
		}
		if err := copyLego(lego.Path, got.Dir, filepath.Join(legoDir, filepath.Base(lego.Path))); err != nil {
			return err
		}
	}

	own, err := goMod(traefikMod, version, extDir, legoDir)
	if err != nil {
		return err
	}

	return work.Write("go.mod", own)
}
