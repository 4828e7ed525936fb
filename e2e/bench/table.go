package main

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// figure is one line of what is printed.
type figure struct {
	row  int
	what string
	// base and guard are what is compared, and value is what the limit is for.
	base, guard, value float64
	// atMost and atLeast are the limit, 0 for none.
	atMost, atLeast float64
}

const line = "%2s  %-70s %10s %10s %8s %8s  %s\n"

func printHeader() {
	fmt.Printf("\n%s, Traefik %s\n", runtime.Version(), traefik.Version)
	fmt.Printf(line, "", "", "without", "with", "figure", "limit", "")
}

// print prints the figure at once: the next one may take a while.
func (f figure) print() {
	limit, reached := "", ""
	if f.atMost > 0 {
		limit, reached = "<= "+short(f.atMost), verdict(f.value <= f.atMost)
	}
	if f.atLeast > 0 {
		limit, reached = ">= "+short(f.atLeast), verdict(f.value >= f.atLeast)
	}
	number := ""
	if f.row > 0 {
		number = fmt.Sprint(f.row)
	}
	fmt.Printf(line, number, f.what, short(f.base), short(f.guard), short(f.value), limit, reached)
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}

	return "not reached"
}

// ratio is a figure that compares rounds: each with the one beside it, so that a slow moment is one
// for both.
func ratio(row int, what string, base, guard sample, unit float64) figure {
	return figure{row: row, what: what, base: base.median() / unit, guard: guard.median() / unit,
		value: guard.over(base).median()}
}

// sample has one value for each round.
type sample []float64

func (s sample) median() float64 { return s.quantile(0.5) }

// quantile returns the value that this part of all is below.
func (s sample) quantile(part float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))

	return sorted[min(len(s)-1, int(part*float64(len(s))))]
}

// over divides round by round.
func (s sample) over(base sample) sample {
	ratios := make(sample, len(s))
	for i := range s {
		ratios[i] = s[i] / base[i]
	}

	return ratios
}

// minus subtracts round by round.
func (s sample) minus(base sample) sample {
	differences := make(sample, len(s))
	for i := range s {
		differences[i] = s[i] - base[i]
	}

	return differences
}

// short writes a number with three digits or so.
func short(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
