package finding

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sample is a list in no order.
func sample() List {
	return List{
		{ID: "b", Severity: Info, Subject: "x", Message: "M.", Do: "D."},
		{ID: "b", Severity: Warning, Subject: "y", Message: "M.", Do: "D.", Where: "f:2"},
		{ID: "b", Severity: Warning, Subject: "y", Message: "M.", Do: "D.", Where: "f:1"},
		{ID: "a", Severity: Warning, Subject: "z", Message: "M.", Do: "D.", Tenant: "acme"},
		{
			ID: "c", Severity: Error, Subject: "a\nb\x1b[2J", Message: "One.\nTwo.", Do: "D.",
			Fix: "f:\n  g\n",
		},
	}
}

func TestWrite(t *testing.T) {
	cases := []struct {
		description string
		list        List
		format      string
		want        string
	}{
		{"a table begins with the worst, and what it says cannot move the cursor", sample(), Table,
			`error    c  a�b�[2J
    One.
    Two.
    D.
        f:
          g
warning  a  z        tenant acme
    M.
    D.
warning  b  y                     f:1
    M.
    D.
warning  b  y                     f:2
    M.
info     b  x
    M.

1 error, 3 warnings, 1 info.
`},
		{"a table of nothing", nil, Table, "Nothing found.\n"},
		{"JSON of nothing is an empty list", nil, JSON, "{\n  \"findings\": []\n}\n"},
		{"JSON keeps what HTML would escape, and leaves out what is not there",
			List{{ID: "a", Severity: Error, Subject: "<a>", Message: "M.", Do: "D."}}, JSON,
			`{
  "findings": [
    {
      "id": "a",
      "severity": "error",
      "subject": "<a>",
      "message": "M.",
      "do": "D."
    }
  ]
}
`},
		{"YAML has the same keys in the same order, and text stays text",
			List{{ID: "a", Severity: Error, Subject: "yes", Message: "M.", Do: "D."}}, YAML,
			"findings:\n  - id: a\n    severity: error\n    subject: \"yes\"\n    message: M.\n" +
				"    do: D.\n"},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			var out strings.Builder
			require.NoError(t, c.list.Write(&out, c.format))
			assert.Equal(t, c.want, out.String())
		})
	}
}

func TestWriteUnknownFormat(t *testing.T) {
	var out strings.Builder
	require.ErrorContains(t, List{}.Write(&out, "xml"), `unknown output "xml", want one of table`)
	assert.Empty(t, out.String())
}

func TestCounts(t *testing.T) {
	assert.False(t, List{}.Counts())
	assert.False(t, List{{Severity: Info}}.Counts(), "an info does not count")
	assert.True(t, List{{Severity: Info}, {Severity: Warning}}.Counts())
	assert.True(t, List{{Severity: Error}}.Counts())
}

func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range Kinds() {
		assert.Regexp(t, "^[a-z]+(-[a-z]+)+$", kind.ID)
		assert.False(t, seen[kind.ID], "%s is there twice", kind.ID)
		seen[kind.ID] = true
		assert.NotEmpty(t, kind.Command, kind.ID)
		assert.Contains(t, []Severity{Error, Warning, Info}, kind.Severity, kind.ID)
		assert.NotRegexp(t, `^[A-Z]|\.$|\|`, kind.Meaning, kind.ID)
	}
	assert.Equal(t, Error, New("policy-error", "s", "M.", "D.").Severity)
	assert.PanicsWithValue(t, "finding: no kind no-such", func() { New("no-such", "", "", "") })
}

func TestWrap(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"one two", "one two"},
		{"one two three", "one two\nthree"},
		{"éèê éèê", "éèê éèê"},
		{"longer-than-that a", "longer-than-that\na"},
		{"a\nb c d e f g", "a\nb c d e\nf g"},
	} {
		assert.Equal(t, c.want, Wrap(c.text, 8))
	}
}
