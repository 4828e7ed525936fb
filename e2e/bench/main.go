// Command bench prints what the guard costs, beside what the same costs without it: both are
// measured in turn, for machines differ and are shared. It says of each figure whether its limit is
// reached, and fails for none: a busy machine proves nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// settings are what the flags say.
type settings struct {
	source string
	// scale is how much is done, 1 for as much as the figures are about.
	scale float64
	// rows are the figures to print.
	rows []int
}

// group is figures that are measured together.
type group struct {
	rows    []int
	measure func(t lab.T, s settings)
}

var groups = []group{
	{[]int{1}, allowed},
	{[]int{2, 3}, throughput},
	{[]int{4}, constructed},
	{[]int{5}, shared},
	{[]int{6}, connections},
	{[]int{7}, denied},
	{[]int{8}, remembered},
	{[]int{9}, flooded},
}

// ofEachGo are the figures that another Go changes.
var ofEachGo = []int{1, 2, 3}

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "load":
			runLoads()
			return
		case "authorise":
			authorise(os.Args[2])
			return
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	s := settings{}
	flag.StringVar(&s.source, "source", "", "folder of the plugin, this repository's if empty")
	flag.Float64Var(&s.scale, "scale", 1, "how much to do, of what the figures are about")
	rows := flag.String("rows", "1,2,3,4,5,6,7,8,9", "which figures to print")
	also := flag.String("go", "", "release of Go, such as go1.27.3, with which to print figures "+
		"1 to 3 once more")
	flag.Parse()
	for text := range strings.SplitSeq(*rows, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("rows %q: %w", *rows, err)
		}
		s.rows = append(s.rows, n)
	}
	// A Traefik that can't be had is said before anything else.
	if _, err := traefik.Binary(ctx, traefik.Version, os.Stderr); err != nil {
		return err
	}
	printHeader()
	for _, g := range groups {
		if !slices.ContainsFunc(g.rows, s.wants) {
			continue
		}
		// What a group started ends with it.
		err := lab.Main(ctx, os.Stderr, func(t lab.T) { g.measure(t, s) })
		if err != nil {
			return err
		}
	}
	if *also == "" {
		return nil
	}

	return s.runWith(ctx, *also)
}

func (s settings) wants(row int) bool { return slices.Contains(s.rows, row) }

// times returns a number by the scale, at least one.
func (s settings) times(n int) int { return max(1, int(float64(n)*s.scale)) }

// lasting returns a duration by the scale.
func (s settings) lasting(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.scale)
}

// runWith prints the figures that depend on it with another Go, of this program and of Traefik.
func (s settings) runWith(ctx context.Context, release string) error {
	var rows []string
	for _, n := range ofEachGo {
		if s.wants(n) {
			rows = append(rows, strconv.Itoa(n))
		}
	}
	if len(rows) == 0 || release == runtime.Version() {
		return nil
	}
	command := exec.CommandContext(ctx, "go", "run", "./bench", "-source", s.source,
		"-scale", fmt.Sprint(s.scale), "-rows", strings.Join(rows, ","))
	command.Env = append(os.Environ(), "GOTOOLCHAIN="+release, "GOROOT=",
		traefik.GoVariable+"="+release)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr

	return command.Run()
}
