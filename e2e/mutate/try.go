package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// outcome is what came of a mutant.
type outcome int

const (
	survived outcome = iota
	killed
	// invalid is a mutant that does not compile.
	invalid
)

// vectors are the packages whose tests run the decision vectors, through all rooms.
var vectors = []string{"internal/verdict", "internal/guard"}

// room is a package whose mutants are tried.
type room struct {
	root, name string
	// packages are those whose tests are run, one after the other until one fails.
	packages []string
	// limits say by package how long tests may take with a mutant, which may never end.
	limits map[string]time.Duration
}

// try tries all mutants of a room.
func try(ctx context.Context, root, name string, workers int) (result, error) {
	paths, err := sources(root, name)
	if err != nil {
		return result{}, err
	}
	var all []mutant
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return result{}, err
		}
		found, err := mutants(path, content)
		if err != nil {
			return result{}, err
		}
		all = append(all, found...)
	}

	r, err := newRoom(ctx, root, name)
	if err != nil {
		return result{}, err
	}
	outcomes, err := r.testAll(ctx, all, workers)
	if err != nil {
		return result{}, err
	}

	return count(root, name, all, outcomes), nil
}

// newRoom runs the tests of a room without any change: those that fail by themselves would kill
// every mutant. What they take is the measure of what they may take.
func newRoom(ctx context.Context, root, name string) (room, error) {
	r := room{root: root, name: name, packages: packages(name), limits: map[string]time.Duration{}}
	for _, pkg := range r.packages {
		start := time.Now()
		got, err := goTest(ctx, root, pkg, "-count=1")
		if err != nil {
			return r, err
		}
		if got != survived {
			return r, fmt.Errorf("the tests of %s fail without any change", pkg)
		}
		r.limits[pkg] = 10*time.Second + 4*time.Since(start)
	}

	return r, nil
}

// packages are the room's own and those with the decision vectors.
func packages(name string) []string {
	all := []string{name}
	for _, pkg := range vectors {
		if pkg != name {
			all = append(all, pkg)
		}
	}

	return all
}

// testAll tests mutants, several at once, and returns what came of each.
func (r room) testAll(ctx context.Context, all []mutant, workers int) ([]outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	outcomes := make([]outcome, len(all))
	indexes := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range indexes {
				got, err := r.test(ctx, all[i])
				if err != nil {
					cancel(err)
				}
				outcomes[i] = got
			}
		})
	}
	for i := range all {
		if ctx.Err() != nil {
			break
		}
		if i > 0 && i%10 == 0 {
			fmt.Fprintf(os.Stderr, "%s: %d of %d mutants\n", r.name, i, len(all))
		}
		indexes <- i
	}
	close(indexes)
	group.Wait()

	return outcomes, context.Cause(ctx)
}

func count(root, room string, all []mutant, outcomes []outcome) result {
	counted := result{room: room}
	for i, m := range all {
		switch outcomes[i] {
		case killed:
			counted.killed++
		case invalid:
			counted.invalid++
		default:
			counted.survived++
			if path, err := filepath.Rel(root, m.path); err == nil {
				m.path = path
			}
			counted.survivors = append(counted.survivors, m)
		}
	}

	return counted
}

// test tests a mutant.
func (r room) test(ctx context.Context, m mutant) (outcome, error) {
	dir, err := os.MkdirTemp("", "tenantguard-mutate-")
	if err != nil {
		return survived, err
	}
	defer os.RemoveAll(dir)
	overlay, err := writeOverlay(dir, m)
	if err != nil {
		return survived, err
	}

	for _, pkg := range r.packages {
		limit := r.limits[pkg].String()
		got, err := goTest(ctx, r.root, pkg, "-overlay", overlay, "-failfast", "-timeout", limit)
		if err != nil || got != survived {
			return got, err
		}
	}

	return survived, nil
}

// writeOverlay writes the mutant and the file that has the go command read it in the other's place.
func writeOverlay(dir string, m mutant) (string, error) {
	changed := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(changed, m.content, 0o600); err != nil {
		return "", err
	}
	content, err := json.Marshal(map[string]any{"Replace": map[string]string{m.path: changed}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")

	return overlay, os.WriteFile(overlay, content, 0o600)
}

// goTest runs a package's tests and reports what that says of what is in the package.
func goTest(ctx context.Context, root, pkg string, flags ...string) (outcome, error) {
	arguments := append([]string{"test", "-vet=off"}, flags...)
	command := exec.CommandContext(ctx, "go", append(arguments, "./"+pkg)...)
	command.Dir = root
	output, err := command.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return survived, context.Cause(ctx)
	case err == nil:
		return survived, nil
	case !errors.As(err, &failed):
		return survived, fmt.Errorf("go test: %w", err)
	case bytes.Contains(output, []byte("[build failed]")):
		return invalid, nil
	default:
		return killed, nil
	}
}
