// Package traefik builds the real Traefik from the Go module proxy and keeps the result.
package traefik

import (
	"context"
	_ "embed"
	"errors"
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
	if err := errors.Join(errChosen, errGo); err != nil {
		return "", err
	}
	if chosen.path != "" && chosen.version == version {
		sayChosen(progress)
		return chosen.path, nil
	}

	root, err := repo.Root()
	if err != nil {
		return "", err
	}

	recipe := recipeOf(version, filepath.Join(root, "e2e", "ext"))

	return build.BinaryOf(ctx, chosenGo, recipe, progress)
}

var said sync.Once

// sayChosen says once a process which Traefik it is.
func sayChosen(progress io.Writer) {
	said.Do(func() {
		fmt.Fprintf(progress, "traefik %s: %s, from %s\n", chosen.version, chosen.path, Variable)
	})
}
