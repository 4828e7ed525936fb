package report

import "testing"

// TestSaid says notices one after another.
func TestSaid(t *testing.T) {
	steps := []struct {
		description, subject string
		notice               Notice
		isNew                bool
	}{
		{"nothing", "policy", Notice{}, false},
		{"an error", "policy", Notice{Errors: []string{"a"}}, true},
		{"the same", "policy", Notice{Errors: []string{"a"}, InForce: true}, false},
		{"the same of another subject", "keys", Notice{Errors: []string{"a"}}, true},
		{"one more", "policy", Notice{Errors: []string{"a", "b"}}, true},
		{"a warning with the same text", "policy", Notice{ByNameOnly: []string{"a", "b"}}, true},
		{"left out, with the same text", "policy", Notice{LeftOut: []string{"a", "b"}}, true},
		{"wrong marks, with the same text", "policy", Notice{WrongMarks: []string{"a", "b"}}, true},
		{"the same wrong marks", "policy", Notice{WrongMarks: []string{"a", "b"}}, false},
		{"the end of it", "policy", Notice{}, false},
		{"the same after the end", "policy", Notice{LeftOut: []string{"a", "b"}}, true},
		{"outdated", "cluster", Notice{Outdated: "down"}, true},
		{"outdated for another reason", "cluster", Notice{Outdated: "refused"}, false},
		{"up to date", "cluster", Notice{}, false},
		{"outdated again", "cluster", Notice{Outdated: "down"}, true},
	}
	said := &Said{}
	for _, step := range steps {
		if got := said.IsNew(step.subject, step.notice); got != step.isNew {
			t.Errorf("%s: new %t, want %t", step.description, got, step.isNew)
		}
	}
}
