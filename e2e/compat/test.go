package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// result is what came of one package's tests on one release.
type result struct {
	release, pkg            string
	passed, failed, skipped int
	// why has the reasons of what was skipped.
	why []string
	// broken tells that the package failed, by a test or otherwise.
	broken bool
}

// event is a line of go test -json.
type event struct {
	Action, Test, Output string
}

// test runs a package's tests on a release.
func test(ctx context.Context, release, pkg string) (result, error) {
	command := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-timeout", "30m", pkg)
	command.Env = append(os.Environ(), traefik.Variable+"="+release)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return result{}, err
	}
	if err := command.Start(); err != nil {
		return result{}, err
	}
	got := result{release: release, pkg: pkg}
	if err := got.read(output); err != nil {
		return result{}, errors.Join(err, command.Process.Kill(), command.Wait())
	}
	err = command.Wait()
	got.broken = err != nil
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = nil
	}

	return got, err
}

// demo runs the demo on a release. It fails unless each of its attacks succeeds without the guard and is refused with it.
func demo(ctx context.Context, release string) result {
	const program = "./demo"
	fmt.Fprintf(os.Stderr, "== %s on Traefik %s\n", program, release)
	command := exec.CommandContext(ctx, "go", "run", program)
	command.Env = append(os.Environ(), traefik.Variable+"="+release)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if command.Run() != nil {
		return result{release: release, pkg: program, failed: 1, broken: true}
	}

	return result{release: release, pkg: program, passed: 1}
}

// read counts what the tests say, and passes on what failed ones say. Output is kept until it is known what it is worth.
func (r *result) read(from io.Reader) error {
	said := map[string]string{}
	for decoder := json.NewDecoder(from); ; {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading what go test says: %w", err)
		}
		switch e.Action {
		case "output":
			said[e.Test] += e.Output
		case "pass", "fail", "skip":
			r.count(e, said[e.Test])
			delete(said, e.Test)
		}
	}
}

func (r *result) count(e event, said string) {
	if e.Action == "fail" {
		fmt.Fprint(os.Stderr, said)
	}
	if e.Test == "" {
		return
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
	case "skip":
		r.skipped++
		r.why = append(r.why, e.Test+": "+reason(said))
	}
}

// reason is what a skipped test says, without where it says it.
func reason(said string) string {
	for line := range strings.Lines(said) {
		if _, why, is := strings.Cut(line, ".go:"); is {
			_, why, _ = strings.Cut(why, ": ")
			return strings.TrimSpace(why)
		}
	}

	return "no reason given"
}

// report prints the table. Its error tells that something failed.
func report(to io.Writer, results []result) error {
	var broken []string
	table := tabwriter.NewWriter(to, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "TRAEFIK\tTESTS\tPASSED\tFAILED\tSKIPPED")
	for _, r := range results {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\n", r.release, r.pkg, r.passed, r.failed, r.skipped)
		if r.broken {
			broken = append(broken, r.pkg+" on "+r.release)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		for _, why := range r.why {
			fmt.Fprintf(to, "skipped on %s: %s\n", r.release, why)
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(broken, ", "))
	}

	return nil
}
