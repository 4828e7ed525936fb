// Package papers checks what the readme and docs/ say: that every snippet in them can be decoded or
// run, that every link leads somewhere, and that every option, code and variable of the plugin is
// in its one place. It checks the examples that the papers link to as well.
package papers

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
)

const (
	// firstScreen is the paper that everybody begins with, and the lines that it may have.
	firstScreen, firstScreenLines = "readme.md", 200

	// columns is how long a line may be, tables and what a program prints excepted.
	columns = 120
)

func TestFirstScreen(t *testing.T) {
	readme := readPaper(t, firstScreen)
	assert.LessOrEqual(t, strings.Count(readme.text, "\n"), firstScreenLines)
	for _, p := range papers(t) {
		if p.name != firstScreen {
			assert.Contains(t, readme.text, "]("+p.name+")", "the readme leads to every paper")
		}
	}
}

func TestColumns(t *testing.T) {
	for _, p := range papers(t) {
		printed := false
		for i, line := range strings.Split(p.text, "\n") {
			if strings.HasPrefix(line, "```") {
				printed = line == "```text" || line == "```json" || line == "```console"
			}
			if printed || strings.HasPrefix(line, "|") {
				continue
			}
			width := len([]rune(strings.ReplaceAll(line, "\t", "    ")))
			assert.LessOrEqual(t, width, columns, "%s:%d", p.name, i+1)
		}
	}
}

// TestWords wants the words that a Go engineer reads without stopping.
func TestWords(t *testing.T) {
	odd := regexp.MustCompile(`(?i)\b(judg\w+|nobody's|another's|of nobody|` +
		`tells? (?:that|whether)|departed|standing|awaited)\b`)
	for _, p := range papers(t) {
		for i, line := range strings.Split(p.text, "\n") {
			assert.Empty(t, odd.FindString(line), "%s:%d", p.name, i+1)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^()\s]+)\)`)

func TestLinks(t *testing.T) {
	for _, p := range papers(t) {
		for _, match := range link.FindAllStringSubmatch(p.prose(), -1) {
			checkLink(t, p, match[1])
		}
	}
}

// checkLink wants a link to lead to a file or folder, and to a heading if it names one.
func checkLink(t *testing.T, from paper, target string) {
	t.Helper()
	if strings.Contains(target, "://") {
		return // the tests have no internet
	}
	path, anchor, anchored := strings.Cut(target, "#")
	name := from.name
	if path != "" {
		name = filepath.Join(filepath.Dir(from.name), path)
	}
	_, err := os.Stat(filepath.Join(root(t), name))
	if !assert.NoError(t, err, "%s: link to %s", from.name, target) || !anchored {
		return
	}
	assert.Contains(t, readPaper(t, name).anchors(), anchor, "%s: link to %s", from.name, target)
}

// paper is a page of the documentation, by its path in the repository.
type paper struct{ name, text string }

// papers returns the readme, what lies beside it, and everything in docs.
func papers(t *testing.T) []paper {
	t.Helper()
	var all []paper
	for _, pattern := range []string{"*.md", "docs/*"} {
		found, err := filepath.Glob(filepath.Join(root(t), pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found)
		for _, path := range found {
			require.Equal(t, ".md", filepath.Ext(path))
			name, err := filepath.Rel(root(t), path)
			require.NoError(t, err)
			all = append(all, readPaper(t, name))
		}
	}

	return all
}

func readPaper(t *testing.T, name string) paper {
	t.Helper()
	return paper{name, string(readFile(t, name))}
}

// readFile reads a file of the repository.
func readFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root(t), name))
	require.NoError(t, err)

	return content
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := repo.Root()
	require.NoError(t, err)

	return dir
}
