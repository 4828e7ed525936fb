package kubernetes_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// row records what was denied, when after the beginning of the fault, and how long after its end.
func (l *faultLab) row(f fault, what string, samples []sample, began, ended time.Time) {
	var codes []string
	var first, last time.Time
	var slowest time.Duration
	passed, denied := 0, 0
	for _, s := range samples {
		if s.status == http.StatusOK {
			passed++
			slowest = max(slowest, s.end.Sub(s.start))
			continue
		}
		denied++
		code := fmt.Sprintf("%d %s", s.status, s.reason)
		if s.err != nil {
			code = s.err.Error()
		}
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
		if first.IsZero() {
			first = s.start
		}
		last = s.end
	}
	when, beyond := "-", "-"
	if denied > 0 {
		when = fmt.Sprintf("%.1fs to %.1fs", max(0, first.Sub(began).Seconds()),
			last.Sub(began).Seconds())
		beyond = rounded(max(0, last.Sub(ended)))
	}
	if denied > 0 && passed == 0 {
		when, beyond = "always", "-"
	}
	slow := "-"
	if passed > 0 {
		slow = rounded(slowest)
	}
	denials := strings.Join(codes, ", ")
	if denials == "" {
		denials = "nothing"
	}
	l.table = append(l.table, []string{f.name, what, denials, when, beyond, slow,
		strconv.Itoa(passed), strconv.Itoa(denied)})
}

func (l *faultLab) figure(what, value string) {
	l.figures = append(l.figures, []string{what, value})
}

func rounded(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }

func (l *faultLab) print() {
	var out bytes.Buffer
	faults := [][]string{{
		"FAULT", "REQUEST", "DENIED AS", "SINCE IT BEGAN", "AFTER IT ENDED", "SLOWEST PASS",
		"PASSED", "DENIED",
	}}
	figures := [][]string{{"FIGURE", ""}}
	for _, table := range [][][]string{
		append(faults, l.table...), append(figures, l.figures...),
	} {
		w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		for _, cells := range table {
			fmt.Fprintln(w, strings.Join(cells, "\t"))
		}
		w.Flush()
		out.WriteString("\n")
	}
	fmt.Printf("\nttl %s, grace %s\n%s", shortTTL, shortGrace, out.String())
}
