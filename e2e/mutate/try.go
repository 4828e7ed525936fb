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

// patience is how many times as long as without any change a mutant's tests may take: some never
// end.
const patience = 5

// vectors is the room whose tests run the decision vectors through the pure functions.
const vectors = "internal/verdict"

// trial is how the mutants of a room are tested.
type trial struct {
	root, room string
	timeout    time.Duration
}

// try tries all mutants of a room.
func try(ctx context.Context, root, room string, workers int) (result, error) {
	paths, err := sources(root, room)
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
	// Tests that fail by themselves would kill every mutant.
	unchanged, err := os.ReadFile(paths[0])
	if err != nil {
		return result{}, err
	}
	t := trial{root: root, room: room, timeout: 2 * time.Minute}
	begin := time.Now()
	got, err := t.test(ctx, mutant{path: paths[0], content: unchanged})
	if err != nil {
		return result{}, err
	}
	if got != survived {
		return result{}, errors.New("its tests, or those of the root, fail without any change")
	}

	t.timeout = patience * time.Since(begin)
	outcomes, err := t.testAll(ctx, all, workers)
	if err != nil {
		return result{}, err
	}

	return count(root, room, all, outcomes), nil
}

// testAll tests mutants, several at once, and returns what came of each.
func (t trial) testAll(ctx context.Context, all []mutant, workers int) ([]outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	outcomes := make([]outcome, len(all))
	indexes := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range indexes {
				got, err := t.test(ctx, all[i])
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

// test runs the tests of the mutant's room, and if these pass those of the root and the decision
// vectors.
func (t trial) test(ctx context.Context, m mutant) (outcome, error) {
	dir, err := os.MkdirTemp("", "tenantguard-mutate-")
	if err != nil {
		return survived, err
	}
	defer os.RemoveAll(dir)
	overlay, err := writeOverlay(dir, m)
	if err != nil {
		return survived, err
	}

	for _, pkg := range []string{"./" + t.room, ".", "./" + vectors} {
		got, err := t.goTest(ctx, pkg, overlay)
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

func (t trial) goTest(ctx context.Context, pkg, overlay string) (outcome, error) {
	command := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-vet=off", "-failfast",
		"-timeout", t.timeout.String(), pkg)
	command.Dir = t.root
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
