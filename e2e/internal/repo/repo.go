// Package repo finds the working tree that the tests run in.
package repo

import (
	"fmt"
	"os"
	"path/filepath"
)

// Root returns the repository's root: the nearest folder above the current one that contains
// e2e/ext/go.mod. Commands and tests start in different folders, so a relative path would not do.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}

	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "e2e", "ext", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf(
				"no repository above %q, want a folder that contains e2e/ext/go.mod", start)
		}
	}
}
