package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestColumns(t *testing.T) {
	for _, test := range []struct {
		description, line string
		want              int
	}{
		{"nothing", "\n", 0},
		{"letters", "abc\r\n", 3},
		{"a tab", "\tabc\n", 7},
		{"letters of several bytes", "é…", 2},
	} {
		assert.Equal(t, test.want, columns(test.line), test.description)
	}
}

// TestList wants the lines of one column too many in Go files, wherever these are.
func TestList(t *testing.T) {
	root := t.TempDir()
	fits, long := strings.Repeat("x", most), strings.Repeat("x", most+1)
	for name, content := range map[string]string{
		"a.go":             fits + "\n" + long + "\n",
		"b/c/d_test.go":    "//\n//\n\t" + fits,
		"b/notes.md":       long,
		".cache/gopath.go": long,
	} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}

	var said strings.Builder
	got, err := list(root, &said)
	require.NoError(t, err)
	assert.Equal(t, 2, got)
	assert.Equal(t, "a.go:2: 101 columns\nb/c/d_test.go:3: 104 columns\n", said.String())
}
