package papers

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/command"
)

// pinText is a pin. Those of the test data change when that is made anew.
var pinText = regexp.MustCompile(`sha256/[A-Za-z0-9+/]{43}=`)

// consoleCommand is a command of a session, which goes on behind a backslash.
var consoleCommand = regexp.MustCompile(`(?m)^\$ (?:.*\\\n)*.*\n`)

// checkConsole runs the commands of a session, in a folder with the examples and some certificates,
// and wants what the paper shows.
func checkConsole(t *testing.T, b block) {
	dir := t.TempDir()
	for name, target := range map[string]string{
		"examples":  "examples",
		"roots.pem": "testdata/certificates/roots-platform.pem",
		"acme.pem":  "testdata/certificates/acme-apex.pem",
	} {
		require.NoError(t, os.Symlink(filepath.Join(root(t), target), filepath.Join(dir, name)))
	}
	var shown strings.Builder
	for _, line := range consoleCommand.FindAllString(b.text, -1) {
		shown.WriteString(line + runIn(t, dir, strings.TrimPrefix(line, "$ ")))
	}
	require.NotEmpty(t, shown.String())
	assert.Equal(t, pinText.ReplaceAllString(b.text, "PIN"),
		pinText.ReplaceAllString(shown.String(), "PIN"))
}

// runIn runs a command line, of which tenantguard can be a part, and returns all that it writes.
func runIn(t *testing.T, dir, script string) string {
	t.Helper()
	binary, err := command.Binary()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	written, err := cmd.CombinedOutput()
	if err != nil {
		require.Equal(t, 1, cmd.ProcessState.ExitCode(), "%s\n%s", script, written)
	}

	return string(written)
}

// checkTenantguard wants a subcommand and flags that the command has.
func checkTenantguard(t *testing.T, words []string) {
	path := []string{}
	for len(words) > 0 && regexp.MustCompile(`^[a-z]+$`).MatchString(words[0]) && len(path) < 2 {
		path = append(path, words[0])
		words = words[1:]
	}
	result := command.Run(t, append(path, "--help")...)
	require.Equal(t, 0, result.Code, result.Errs)
	assert.Contains(t, result.Out, "Usage:\n  tenantguard "+path[0])
	for _, one := range words {
		name, _, _ := strings.Cut(one, "=")
		if strings.HasPrefix(name, "-") {
			assert.Regexp(t, `(?m)^ +(-\w, )?`+name+`\b|^ +`+name+`, `, result.Out)
		}
	}
}

// checkSymlink wants the name by which kubectl finds the command.
func checkSymlink(t *testing.T, words []string) {
	assert.Equal(t, "-s", words[0])
	assert.Equal(t, "kubectl-tenantguard", filepath.Base(words[len(words)-1]))
}

// TestCommandSections wants a section for each command, with an example.
func TestCommandSections(t *testing.T) {
	_, list, found := strings.Cut(command.Run(t, "--help").Out, "Available Commands:\n")
	require.True(t, found)
	list, _, _ = strings.Cut(list, "\n\n")
	page := readPaper(t, "docs/command.md")
	for line := range strings.Lines(list) {
		name := strings.Fields(line)[0]
		if name == "help" || name == "completion" {
			continue
		}
		hasExample := false
		for _, b := range page.blocks(t) {
			hasExample = hasExample || b.section == name &&
				strings.Contains(b.text, "tenantguard "+name)
		}
		assert.True(t, hasExample, "%s has no section with an example of it", name)
	}
}

// TestFindingsTable wants a row for everything that can be found.
func TestFindingsTable(t *testing.T) {
	var kinds []struct{ ID, Command, Severity, Meaning string }
	result := command.Run(t, "findings", "--output", "json")
	require.NoError(t, json.Unmarshal([]byte(result.Out), &kinds))
	var want []string
	for _, kind := range kinds {
		want = append(want, fmt.Sprintf("| `%s` | %s | %s | %s |",
			kind.ID, kind.Command, kind.Severity, sentence(kind.Meaning)))
	}
	_, section, found := strings.Cut(readPaper(t, "docs/command.md").text,
		"\n| id | command | severity | meaning |\n|---|---|---|---|\n")
	require.True(t, found)
	assert.Equal(t, strings.Join(want, "\n"), strings.TrimSpace(section))
}

// sentence begins a text with a capital letter.
func sentence(text string) string {
	return strings.ToUpper(text[:1]) + text[1:]
}
