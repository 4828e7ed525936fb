package papers

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// block is a block of code in a paper.
type block struct {
	paper    string
	line     int
	language string
	// section is the heading above.
	section string
	text    string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.paper, b.line) }

// blocks returns the blocks of code of a paper.
func (p paper) blocks(t *testing.T) []block {
	t.Helper()
	var all []block
	section, open := "", false
	for i, line := range strings.Split(p.text, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open:
			open = false
		case isFence:
			open = true
			require.NotEmpty(t, fence, "%s:%d: a block needs a language", p.name, i+1)
			all = append(all, block{paper: p.name, line: i + 1, language: fence, section: section})
		case open:
			all[len(all)-1].text += line + "\n"
		case strings.HasPrefix(line, "#"):
			section = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	require.False(t, open, "%s: a block is not closed", p.name)

	return all
}

// prose is a paper without its blocks of code.
func (p paper) prose() string {
	return regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(p.text, "")
}

// anchors returns what links to the headings of a paper end in, as GitHub makes them.
func (p paper) anchors() []string {
	var all []string
	times := map[string]int{}
	dropped := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for line := range strings.Lines(p.prose()) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		anchor := strings.ReplaceAll(dropped.ReplaceAllString(heading, ""), " ", "-")
		again := times[anchor]
		times[anchor]++
		if again > 0 {
			anchor = fmt.Sprintf("%s-%d", anchor, again)
		}
		all = append(all, anchor)
	}

	return all
}

// table is a table of a paper: its first row, and the others.
type table struct {
	titles []string
	rows   [][]string
}

func (p paper) tables() []table {
	var all []table
	inside := false
	for line := range strings.Lines(p.prose()) {
		line = strings.TrimSpace(line)
		switch cells := tableCells(line); {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case !inside:
			inside = true
			all = append(all, table{titles: cells})
		case !strings.HasPrefix(cells[0], "---"):
			all[len(all)-1].rows = append(all[len(all)-1].rows, cells)
		}
	}

	return all
}

// theTable returns the rows of the one table whose first column has a title, which must be in that
// paper and in no other.
func theTable(t *testing.T, in, title string) [][]string {
	t.Helper()
	var found [][]string
	for _, p := range papers(t) {
		for _, table := range p.tables() {
			if table.titles[0] != title {
				continue
			}
			require.Equal(t, in, p.name, "the table of each %s", title)
			require.Empty(t, found, "%s: there are two tables of each %s", in, title)
			found = table.rows
		}
	}
	require.NotEmpty(t, found, "%s: no table of each %s", in, title)

	return found
}

func tableCells(line string) []string {
	line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
	cells := strings.Split(line, "|")
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(strings.TrimSpace(cell), "\x00", "|")
	}

	return cells
}

// codeCell returns the text of a cell that is one piece of code, "" for any other.
func codeCell(cell string) string {
	text, isCode := strings.CutPrefix(cell, "`")
	text, closed := strings.CutSuffix(text, "`")
	if !isCode || !closed || strings.Contains(text, "`") {
		return ""
	}

	return text
}

func TestMarkdown(t *testing.T) {
	p := paper{"test.md", "# A, b's `c`\n\n## A\n## A\n\n```sh\n# no heading\n```\n\n" +
		"| x | `y` |\n|---|---|\n| `a` \\| b | `c` |\n\n  ```json\n  {}\n  ```\n"}
	assert.Equal(t, []string{"a-bs-c", "a", "a-1"}, p.anchors())
	assert.Equal(t, []block{
		{paper: "test.md", line: 6, language: "sh", section: "A", text: "# no heading\n"},
		{paper: "test.md", line: 14, language: "json", section: "A", text: "  {}\n"},
	}, p.blocks(t))
	assert.Equal(t, []table{{[]string{"x", "`y`"}, [][]string{{"`a` | b", "`c`"}}}}, p.tables())
	assert.Equal(t, "c", codeCell("`c`"))
	assert.Empty(t, codeCell("`a` | `b`"))
}
