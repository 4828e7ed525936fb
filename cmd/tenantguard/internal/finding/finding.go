// Package finding is what every command says: things that an operator should know or change, as a
// table, JSON or YAML.
package finding

import (
	"cmp"
	"slices"
)

// Severity says how bad a finding is.
type Severity string

const (
	// Error is what is denied, insecure or broken.
	Error Severity = "error"
	// Warning is what may be meant, but seldom is.
	Warning Severity = "warning"
	// Info is worth knowing. It does not count for the exit code.
	Info Severity = "info"
)

// rank sorts the worst first.
func (s Severity) rank() int {
	switch s {
	case Error:
		return 0
	case Warning:
		return 1
	default:
		return 2
	}
}

// A Finding is one thing that an operator should know, or change.
type Finding struct {
	// ID is one of Kinds, and stays as it is.
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Subject is what it is about: a router, a host, a tenant, a Secret.
	Subject string `json:"subject"`
	Tenant  string `json:"tenant,omitempty"`
	// Message is a sentence, and Do one that says what to do.
	Message string `json:"message"`
	Do      string `json:"do"`
	// Fix is the command or the YAML that does it, "" where there is none.
	Fix string `json:"fix,omitempty"`
	// Where is a file and a line, a URL, or a namespace and a name.
	Where string `json:"where,omitempty"`
}

// List is what a command found.
type List []Finding

// Sort puts the worst first, then sorts by id, subject, place and message.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Severity.rank(), b.Severity.rank()),
			cmp.Compare(a.ID, b.ID),
			cmp.Compare(a.Subject, b.Subject),
			cmp.Compare(a.Where, b.Where),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

// Counts reports whether there is anything that an operator should change.
func (l List) Counts() bool {
	return slices.ContainsFunc(l, func(f Finding) bool { return f.Severity != Info })
}

// number returns how many findings have a severity.
func (l List) number(severity Severity) int {
	n := 0
	for _, f := range l {
		if f.Severity == severity {
			n++
		}
	}

	return n
}
