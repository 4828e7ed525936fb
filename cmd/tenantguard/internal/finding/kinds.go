package finding

import "slices"

// A Kind is what a finding can be. Each command has a file with its own.
type Kind struct {
	ID string `json:"id"`
	// Command is the subcommand that finds it.
	Command  string   `json:"command"`
	Severity Severity `json:"severity"`
	// Meaning is a sentence without its full stop, as in the table of docs/command.md.
	Meaning string `json:"meaning"`
}

// Kinds returns everything that can be found.
func Kinds() []Kind {
	return slices.Concat(checkKinds, auditKinds, initKinds, diffKinds)
}

// New returns a finding of a kind, with the severity of its kind. It panics if there is no such
// kind: what is not in the documentation must not be said.
func New(id, subject, message, do string) Finding {
	for _, kind := range Kinds() {
		if kind.ID == id {
			return Finding{
				ID: id, Severity: kind.Severity, Subject: subject, Message: message, Do: do,
			}
		}
	}
	panic("finding: no kind " + id)
}
