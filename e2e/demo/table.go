package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// outcome is what came of a request.
type outcome struct {
	// backend is the tenant whose backend answered, on a connection with that certificate.
	backend, certificate string
	// redirect is the scheme that the client was sent to, for the same host.
	redirect string
	// status is that of an answer from no backend, and code the guard's reason for it.
	status int
	code   string
	// failure says why there was no answer.
	failure string
}

func failure(doing string, err error) outcome {
	return outcome{failure: doing + ": " + err.Error()}
}

func (o outcome) String() string {
	switch {
	case o.failure != "":
		return "no answer"
	case o.redirect != "":
		return "redirect to " + o.redirect
	case o.backend != "":
		return o.backend + ", cert " + o.certificate
	case o.code != "":
		return fmt.Sprintf("refused, %d", o.status)
	default:
		return fmt.Sprintf("status %d", o.status)
	}
}

// detail is the outcome with everything that is known of it.
func (o outcome) detail() string {
	if o.failure != "" {
		return o.failure
	}
	if o.code != "" {
		return o.String() + " " + o.code
	}
	return o.String()
}

// row is a scenario and what came of it.
type row struct {
	scenario
	off, on outcome
}

// problem says what is not as it must be, nothing if all is well.
func (r row) problem() string {
	if r.off != r.want {
		return fmt.Sprintf("guard off: %s; expected: %s", r.off.detail(), r.want.detail())
	}
	if r.attack() && r.on.code != r.code {
		return fmt.Sprintf("guard on: %s; expected: refused %s", r.on.detail(), r.code)
	}
	if !r.attack() && r.on != r.want {
		return fmt.Sprintf("guard on: %s; expected: %s", r.on.detail(), r.want.detail())
	}
	return ""
}

// table has the attacks, then the legitimate uses, in the same columns.
func table(rows []row) string {
	var aligned strings.Builder
	out := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	fmt.Fprint(out, "request\tguard off\tguard on\tcode\n")
	group(out, "attacks", rows, true)
	group(out, "legitimate uses", rows, false)
	_ = out.Flush()

	// Lines without cells would end the columns. So even empty lines have cells, and with them
	// blanks at their end.
	var text strings.Builder
	for line := range strings.Lines(aligned.String()) {
		text.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return text.String()
}

func group(out io.Writer, heading string, rows []row, attacks bool) {
	fmt.Fprint(out, "\t\t\t\n", heading, "\t\t\t\n")
	for _, r := range rows {
		if r.attack() != attacks {
			continue
		}
		code := r.on.code
		if code == "" {
			code = "-"
		}
		if r.problem() != "" {
			code += "  <-- FAILED"
		}
		fmt.Fprintf(out, "  %s\t%s\t%s\t%s\n", r.request, r.off, r.on, code)
	}
}

// summary counts.
func summary(rows []row) string {
	count := func(counts func(r row) bool) int {
		n := 0
		for _, r := range rows {
			if counts(r) {
				n++
			}
		}
		return n
	}
	return fmt.Sprintf("%d attacks: %d succeeded without the guard, %d with it; "+
		"%d legitimate uses: %d pass",
		count(func(r row) bool { return r.attack() }),
		count(func(r row) bool { return r.attack() && r.off == r.want }),
		count(func(r row) bool { return r.attack() && r.on == r.want }),
		count(func(r row) bool { return !r.attack() }),
		count(func(r row) bool { return !r.attack() && r.problem() == "" }))
}

// failures says what is not as it must be, and returns how many rows that concerns.
func failures(out io.Writer, rows []row) int {
	failed := 0
	for _, r := range rows {
		if problem := r.problem(); problem != "" {
			failed++
			fmt.Fprintf(out, "FAILED  %s\n        %s\n", r.request, problem)
		}
	}
	if failed > 0 {
		fmt.Fprintf(out, "demo: %d of %d requests did not come to what they must\n",
			failed, len(rows))
	}
	return failed
}
