package binding

import (
	"reflect"
	"testing"
)

func TestCandidateNames(t *testing.T) {
	names := []struct {
		description, name, entryPoint string
		want                          []string
	}{
		{"one entry point", "a_b_0", "web", []string{"a_b_0"}},
		{"several", "web-a_b_0", "web", []string{"web-a_b_0", "a_b_0"}},
		{"a conflict", "web-conflicted-a_b_0", "web",
			[]string{"web-conflicted-a_b_0", "conflicted-a_b_0", "a_b_0"}},
		{"several and a conflict", "web-conflicted-web-a_b_0", "web",
			[]string{"web-conflicted-web-a_b_0", "conflicted-web-a_b_0", "web-a_b_0", "a_b_0"}},
		{"not twice", "web-web-a_b_0", "web", []string{"web-web-a_b_0", "web-a_b_0"}},
		{"unknown entry point", "web-a_b_0", "", []string{"web-a_b_0"}},
		{"unknown entry point, a hyphen first", "-a_b_0", "", []string{"-a_b_0"}},
	}
	for _, n := range names {
		if got := candidateNames(n.name, n.entryPoint); !reflect.DeepEqual(got, n.want) {
			t.Errorf("%s: %q, want %q", n.description, got, n.want)
		}
	}
}
