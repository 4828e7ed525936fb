// Package build builds programs from the Go module proxy, each in a module of its own, and keeps
// the results.
package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Binary returns the path of the program, built first if this machine has none yet. While it
// builds, progress gets a line every few seconds. Processes that ask at once build once.
func Binary(ctx context.Context, recipe Recipe, progress io.Writer) (string, error) {
	dir, err := recipe.cacheDir(ctx)
	if err != nil {
		return "", err
	}

	binary := filepath.Join(dir, recipe.Name)
	if exists(binary) {
		return binary, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}

	report := newReporter(progress, recipe.Name+" "+recipe.Version)
	defer report.stop()

	report.doing("waiting for another build")
	unlock, err := lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(binary) {
		return binary, nil
	}

	if err := recipe.build(ctx, dir, report); err != nil {
		return "", fmt.Errorf("building %s %s: %w", recipe.Name, recipe.Version, err)
	}
	report.done("built " + binary)

	return binary, nil
}

func (r Recipe) cacheDir(ctx context.Context) (string, error) {
	base := os.Getenv("TENANTGUARD_CACHE")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(home, ".cache", "tenantguard")
	}

	hash := sha256.Sum256(append(slices.Clone(r.Text), ownText...))
	key := hex.EncodeToString(hash[:6])
	name := strings.Join([]string{r.Name, r.Version, toolchainOf(ctx), key}, "-")

	return filepath.Abs(filepath.Join(base, name))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lock waits until this process alone holds the file. The kernel releases it when the process ends.
func lock(ctx context.Context, path string) (func(), error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}

	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("locking %q: %w", path, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (r Recipe) build(ctx context.Context, dir string, report *reporter) error {
	work := Dir(filepath.Join(dir, "src"))
	if err := os.RemoveAll(string(work)); err != nil {
		return err
	}
	defer os.RemoveAll(string(work))
	if err := os.MkdirAll(string(work), 0o755); err != nil {
		return err
	}

	report.doing("fetching its sources")
	if err := r.prepare(ctx, work); err != nil {
		return err
	}

	report.doing("fetching its dependencies")
	packages, err := work.command(ctx, report, "list", "-mod=mod", "-deps", r.Package)
	if err != nil {
		return err
	}

	report.compiling(strings.Count(packages, "\n"))
	unfinished := work.Path(r.Name)
	if _, err := work.command(ctx, report, r.args(unfinished)...); err != nil {
		return err
	}

	return os.Rename(unfinished, filepath.Join(dir, r.Name))
}
