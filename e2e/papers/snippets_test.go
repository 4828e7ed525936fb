package papers

import (
	"encoding/json"
	"go/format"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/traefik"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// TestSnippets decodes or runs every block of code in the papers. One that no rule knows how to
// check is an error.
func TestSnippets(t *testing.T) {
	for _, p := range papers(t) {
		for _, b := range p.blocks(t) {
			t.Run(b.String(), func(t *testing.T) {
				check := checkOf(t, b)
				require.NotNil(t, check, "no rule knows how to check this block of %q", b.language)
				check(t, b)
			})
		}
	}
}

// checkOf returns what checks a block, nil for nothing.
func checkOf(t *testing.T, b block) func(t *testing.T, b block) {
	t.Helper()
	if isInStart(b) {
		return func(*testing.T, block) {} // TestStart runs it
	}
	switch b.language {
	case "sh":
		return checkShell
	case "console":
		return checkConsole
	case "yaml":
		return checkYAML
	case "toml":
		return checkTOML
	case "json":
		return checkJSON
	case "go":
		return checkGo
	case "dockerfile":
		return checkDockerfile
	case "mermaid":
		return checkMermaid
	}
	if b.language == "text" && strings.HasPrefix(b.text, "--") {
		return checkFlags
	}
	if b.language == "text" && strings.HasPrefix(b.text, demoHeader) {
		return func(*testing.T, block) {} // TestDemo runs it
	}

	return nil
}

func checkFlags(t *testing.T, b block) {
	traefik.Need(t, traefik.SafeNames, "safe names, which the papers turn on,")
	loadedFlags(t, strings.Fields(b.text))
}

// checkGo wants a file, declarations or statements that gofmt leaves as they are.
func checkGo(t *testing.T, b block) {
	formatted, err := format.Source([]byte(b.text))
	require.NoError(t, err)
	assert.Equal(t, b.text, string(formatted))
}

// checkTOML has the file provider decode a dynamic configuration, with a guard in it.
func checkTOML(t *testing.T, b block) {
	effectivePolicy(t, middleware{"guard@file", decodeFile(t, "dynamic.toml", b.text)})
}

// checkJSON wants lines that the plugin writes, or a policy file.
func checkJSON(t *testing.T, b block) {
	for line := range strings.Lines(b.text) {
		var event struct{ Event string }
		require.NoError(t, json.Unmarshal([]byte(line), &event), "one line for each event")
		switch event.Event {
		case "deny":
			checkDenial(t, strings.TrimSpace(line))
		case "policy", "warning", "in-force", "self-check":
			checkNotice(t, strings.TrimSpace(line))
		default:
			assert.Fail(t, "no rule knows how to check this line", line)
		}
	}
}

// checkDenial wants a line that is as the plugin would write it.
func checkDenial(t *testing.T, line string) {
	t.Helper()
	var denial report.Denial
	require.NoError(t, json.Unmarshal([]byte(line), &denial))
	written, err := json.Marshal(denial)
	require.NoError(t, err)
	assert.Equal(t, line, string(written))
	assert.Contains(t, verdictCodes(t), denial.Reason)
	assert.Equal(t, verdict.Status(verdict.Code(denial.Reason)), denial.Status)
}

// checkDockerfile wants the file of the examples, with the plugin's files at the place where
// Traefik looks for them.
func checkDockerfile(t *testing.T, b block) {
	example := string(readFile(t, "examples/kubernetes/Dockerfile"))
	comment, instructions, found := strings.Cut(example, "\nFROM ")
	require.True(t, found)
	require.True(t, strings.HasPrefix(comment, "# "))
	assert.Equal(t, "FROM "+instructions, b.text)

	lines := strings.Split(strings.TrimSpace(b.text), "\n")
	assert.Equal(t, "FROM traefik:"+traefik.Own, lines[0])
	const place = "/plugins-local/src/github.com/tenantguard/tenantguard/"
	var copied []string
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		require.Equal(t, "COPY", fields[0])
		sources, target := fields[1:len(fields)-1], fields[len(fields)-1]
		if !strings.HasSuffix(target, "/") { // a folder has to be named
			require.Len(t, sources, 1)
			target = strings.TrimSuffix(target, sources[0])
		}
		assert.Equal(t, place, target)
		copied = append(copied, sources...)
	}
	assert.ElementsMatch(t, pluginFiles(t), copied)
}

// pluginFiles returns what the plugin consists of.
func pluginFiles(t *testing.T) []string {
	t.Helper()
	files := []string{".traefik.yml", "go.mod", "internal"}
	sources, err := filepath.Glob(filepath.Join(root(t), "*.go"))
	require.NoError(t, err)
	for _, source := range sources {
		if !strings.HasSuffix(source, "_test.go") {
			files = append(files, filepath.Base(source))
		}
	}

	return files
}

var (
	mermaidNode = `\w+(?:\[[\w ,:?']+\]|\{[\w ,:?']+\})?`
	mermaidLine = regexp.MustCompile(`^  ` + mermaidNode + `(?: & ` + mermaidNode + `)* ` +
		`(?:-->|-- \w+ -->|-\. \w+ \.->) ` + mermaidNode + `$`)
)

// checkMermaid wants a flowchart of nodes and arrows, and no word in it that ends one.
func checkMermaid(t *testing.T, b block) {
	lines := strings.Split(strings.TrimSuffix(b.text, "\n"), "\n")
	assert.Regexp(t, `^flowchart (LR|TD)$`, lines[0])
	for _, line := range lines[1:] {
		assert.Regexp(t, mermaidLine, line)
		assert.NotRegexp(t, `\bend\b`, line, "a word of mermaid's own")
	}
}

// TestDenialFields wants each field of a denial explained.
func TestDenialFields(t *testing.T) {
	var want, fields []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[report.Denial]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		want = append(want, name)
	}
	for _, row := range theTable(t, "docs/verdicts.md", "field") {
		fields = append(fields, codeCell(row[0]))
	}
	assert.Equal(t, want, fields)
}
