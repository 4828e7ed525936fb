package papers

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// demoHeader begins the table of the demo.
const demoHeader = "request    "

// TestDemo runs the demo, and wants the readme to show every attack that it does.
func TestDemo(t *testing.T) {
	command := exec.CommandContext(t.Context(), "go", "run", "./demo")
	command.Dir = filepath.Join(root(t), "e2e")
	output, err := command.Output()
	require.NoError(t, err)
	_, table, found := strings.Cut(string(output), "\n"+demoHeader)
	require.True(t, found, string(output))
	table, uses, found := strings.Cut(table, "\n\nlegitimate uses\n")
	require.True(t, found, string(output))
	summary := strings.TrimSpace(uses[strings.LastIndex(strings.TrimSpace(uses), "\n")+1:])
	want := demoHeader + strings.Replace(table, "\n\nattacks", "", 1) + "\n\n" + summary + "\n"

	var shown []string
	for _, b := range readPaper(t, firstScreen).blocks(t) {
		if strings.HasPrefix(b.text, demoHeader) {
			shown = append(shown, b.text)
		}
	}
	assert.Equal(t, []string{want}, shown)
}
