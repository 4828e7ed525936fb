// Package traefik builds the real Traefik from the Go module proxy and keeps the result.
package traefik

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"github.com/tenantguard/tenantguard/e2e/internal/build"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
)

//go:embed recipe.go
var recipe []byte

// Binary returns the path of a Traefik of that version: the one that the variable names, if that
// is of this version, else one that is built first if this machine has none yet. While it builds,
// progress gets a line every few seconds. Processes that ask at once build once. It is an error if
// the variable's value cannot be used.
func Binary(ctx context.Context, version string, progress io.Writer) (string, error) {
	if errChosen != nil {
		return "", errChosen
	}
	if chosen.path != "" && chosen.version == version {
		sayChosen(progress)
		return chosen.path, nil
	}

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

var said sync.Once

// sayChosen says once a process which Traefik it is.
func sayChosen(progress io.Writer) {
	said.Do(func() {
		fmt.Fprintf(progress, "traefik %s: %s, from %s\n", chosen.version, chosen.path, Variable)
	})
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
