// Command mutate takes pieces out of the rooms named, one at a time, and lists those that no test
// misses: a statement, a case, one side of a condition. It also turns true into false. Gremlins,
// which make mutate runs as well, changes operators and does none of these.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/tenantguard/tenantguard/e2e/internal/repo"
)

func main() {
	workers := flag.Int("workers", 2, "mutants tried at once")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := mutate(ctx, flag.Args(), *workers); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		stop()
		os.Exit(1)
	}
}

func mutate(ctx context.Context, rooms []string, workers int) error {
	root, err := repo.Root()
	if err != nil {
		return err
	}

	var results []result
	for _, room := range rooms {
		got, err := try(ctx, root, room, workers)
		if err != nil {
			return fmt.Errorf("%s: %w", room, err)
		}
		fmt.Fprintln(os.Stderr, got)
		results = append(results, got)
	}

	return report(results)
}

// result is what came of a room's mutants.
type result struct {
	room                      string
	killed, survived, invalid int
	survivors                 []mutant
}

func (r result) percent() float64 {
	if r.killed+r.survived == 0 {
		return 100
	}

	return 100 * float64(r.killed) / float64(r.killed+r.survived)
}

func (r result) String() string {
	return fmt.Sprintf("%s: %d killed, %d survived (%.0f %%), %d did not compile",
		r.room, r.killed, r.survived, r.percent(), r.invalid)
}

// report prints the survivors and a table.
func report(results []result) error {
	all := result{room: "all"}
	for _, r := range results {
		for _, m := range r.survivors {
			fmt.Println(m)
		}
		all.killed += r.killed
		all.survived += r.survived
		all.invalid += r.invalid
	}
	fmt.Println()
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "room\tkilled\tsurvived\t\t")
	for _, r := range append(results, all) {
		fmt.Fprintf(table, "%s\t%d\t%d\t%.0f %%\t\n", r.room, r.killed, r.survived, r.percent())
	}

	return table.Flush()
}

// sources are a room's files, without its tests.
func sources(root, room string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(root, room, "*.go"))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, path := range paths {
		if !strings.HasSuffix(path, "_test.go") {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no Go files in %q", filepath.Join(root, room))
	}

	return found, nil
}
