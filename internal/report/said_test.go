package report

import (
	"os"
	"strings"
	"testing"
)

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
		{"wrong marks, with the same text", "policy", Notice{WrongMarks: []string{"a", "b"}}, true},
		{"the same wrong marks", "policy", Notice{WrongMarks: []string{"a", "b"}}, false},
		{"the end of it", "policy", Notice{}, false},
		{"the same after the end", "policy", Notice{WrongMarks: []string{"a", "b"}}, true},
		{"a policy", "in force", Notice{Current: &Current{Digest: "a"}}, true},
		{"the same policy", "in force", Notice{Current: &Current{Digest: "a", Again: true}}, false},
		{"another policy", "in force", Notice{Current: &Current{Digest: "b"}}, true},
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

// TestNews has a list grow and shrink.
func TestNews(t *testing.T) {
	steps := []struct {
		description string
		texts       []string
		want        string
	}{
		{"nothing", nil, ""},
		{"two", []string{"b", "a"}, "b a"},
		{"the same", []string{"a", "b"}, ""},
		{"one more, twice", []string{"a", "c", "b", "c"}, "c"},
		{"one less", []string{"b", "c"}, ""},
		{"it is back", []string{"a", "b", "c"}, "a"},
	}
	news := &News{}
	for _, step := range steps {
		if got := strings.Join(news.Of(step.texts), " "); got != step.want {
			t.Errorf("%s: %q, want %q", step.description, got, step.want)
		}
	}
}

// TestVersion holds the version to the newest one of the changelog.
func TestVersion(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	_, newest, _ := strings.Cut(string(text), "\n## ")
	newest, _, _ = strings.Cut(newest, "\n")
	newest = strings.ReplaceAll(newest, " (unreleased)", "-dev")
	if newest != Version {
		t.Errorf("version %q, the changelog has %q", Version, newest)
	}
}
