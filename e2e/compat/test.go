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

// result is the result of one package's tests on one release.
type result struct {
	release, pkg            string
	passed, failed, skipped int
	// reasons say why tests were skipped.
	reasons []string
	// broken reports whether the package failed, because of a test or otherwise.
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

// demo runs the demo on a release. It fails unless each of its attacks succeeds without the guard
// and is refused with it.
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

// read counts the results and prints the output of failed tests. A test's output is stored until
// its result is known.
func (r *result) read(from io.Reader) error {
	output := map[string]string{}
	for decoder := json.NewDecoder(from); ; {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading what go test says: %w", err)
		}
		switch e.Action {
		case "output":
			output[e.Test] += e.Output
		case "pass", "fail", "skip":
			r.count(e, output[e.Test])
			delete(output, e.Test)
		}
	}
}

func (r *result) count(e event, output string) {
	if e.Action == "fail" {
		fmt.Fprint(os.Stderr, output)
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
		r.reasons = append(r.reasons, e.Test+": "+skipReason(output))
	}
}

// skipReason returns the message of a skipped test without its position.
func skipReason(output string) string {
	for line := range strings.Lines(output) {
		if _, message, is := strings.Cut(line, ".go:"); is {
			_, message, _ = strings.Cut(message, ": ")
			return strings.TrimSpace(message)
		}
	}

	return "no reason given"
}

// report prints the table. It returns an error if something failed.
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
		for _, reason := range r.reasons {
			fmt.Fprintf(to, "skipped on %s: %s\n", r.release, reason)
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(broken, ", "))
	}

	return nil
}
