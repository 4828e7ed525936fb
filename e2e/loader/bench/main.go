// Command bench prints the guard's cost beside a pass-through plugin's. Both run through Traefik's
// loader and are measured at the same time, since machines differ and are shared. It fails if a
// ratio exceeds its limit.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

func main() {
	source := flag.String("source", "", "folder of the plugin, this repository's if empty")
	flag.Parse()
	err := lab.Main(context.Background(), os.Stderr, func(t lab.T) {
		rows := []row{
			{"through Traefik's loader", "pass-through", "tenantguard", "ratio", "at most"},
		}
		for _, measure := range []func(lab.T, string) []row{allowed, constructed, observed} {
			rows = append(rows, measure(t, *source)...)
		}
		write(rows)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// row is one line of the table: subject, pass-through, guard, ratio, limit.
type row [5]string

func write(rows []row) {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		_, _ = fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t\n", r[0], r[1], r[2], r[3], r[4])
	}
	_ = out.Flush()
}

// compared returns the row of a ratio with a limit.
func compared(t lab.T, what string, base, guard sample, unit float64, limit float64) row {
	ratio := guard.over(base).median()
	if ratio > limit {
		t.Errorf("%s: ratio %.2f, want at most %.1f", what, ratio, limit)
	}
	return row{
		what, number(base.median() / unit), number(guard.median() / unit),
		fmt.Sprintf("%.2f", ratio), fmt.Sprintf("%.1f", limit),
	}
}

// sample has one value for each round.
type sample []float64

func (s sample) median() float64 {
	return slices.Sorted(slices.Values(s))[len(s)/2]
}

// over divides round by round, so that a slow moment affects both sides alike.
func (s sample) over(base sample) sample {
	ratios := make(sample, len(s))
	for i := range s {
		ratios[i] = s[i] / base[i]
	}
	return ratios
}

func number(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
