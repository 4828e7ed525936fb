// Package rooms holds the plugin's packages to the table in CONTRIBUTING.md: which imports which.
package rooms

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
)

const module = "github.com/tenantguard/tenantguard/"

// ofTests are packages that no production file imports.
var ofTests = []string{"internal/vectors"}

func TestImports(t *testing.T) {
	written := table(t)
	got := map[string][]string{}
	for room, files := range production(t) {
		got[room] = imports(t, files)
	}
	assert.Equal(t, written, got)
}

// TestSizes bounds what one has to read at once.
func TestSizes(t *testing.T) {
	for room, files := range production(t) {
		most := 350
		if room == "plugin.go" {
			most = 130
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.LessOrEqual(t, bytes.Count(content, []byte("\n")), most, file)
		}
	}
}

// TestNoSelect finds select statements, which the interpreter gets wrong.
func TestNoSelect(t *testing.T) {
	for room, files := range production(t) {
		if room == "internal/admission" {
			continue
		}
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			ast.Inspect(file, func(node ast.Node) bool {
				_, found := node.(*ast.SelectStmt)
				assert.False(t, found, "%s has a select statement, want internal/wait", name)
				return !found
			})
		}
	}
}

// offTheClock are methods of a time after which a difference to another one is that of the wall
// clock, and functions whose times never had another.
var offTheClock = []string{"Round", "Truncate", "UTC", "Local", "In", "Unix", "UnixMilli",
	"UnixMicro", "UnixNano", "Date", "AddDate", "Parse", "ParseInLocation"}

// TestNoWallClock finds times without the reading of the monotonic clock: what holds for a while
// must hold as long when the clock is stepped. Only the validity of certificates is of the wall
// clock, as crypto/x509 reads it, and what people are told.
func TestNoWallClock(t *testing.T) {
	for room, files := range production(t) {
		if room == "internal/admission" || room == "internal/status" {
			continue
		}
		for _, name := range files {
			if filepath.Base(name) == "expiry.go" {
				continue // says each day which certificates end soon
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			if !importsTime(file) {
				continue
			}
			ast.Inspect(file, func(node ast.Node) bool {
				used, isSelector := node.(*ast.SelectorExpr)
				if isSelector && used.Sel.Name == "Format" {
					return false
				}
				if isSelector && slices.Contains(offTheClock, used.Sel.Name) {
					of, isName := used.X.(*ast.Ident)
					isOther := isName && of.Name != "time" && used.Sel.Name == "Parse"
					assert.True(t, isOther, "%s uses %s, whose time steps with the clock",
						name, used.Sel.Name)
				}
				return true
			})
		}
	}
}

func importsTime(file *ast.File) bool {
	return slices.ContainsFunc(file.Imports, func(spec *ast.ImportSpec) bool {
		return spec.Path.Value == `"time"`
	})
}

// table is the table of rooms: the rooms that each imports, sorted.
func table(t *testing.T) map[string][]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root(t), "CONTRIBUTING.md"))
	require.NoError(t, err)
	row := regexp.MustCompile("(?m)^\\| `(plugin.go|internal/\\w+)` \\|.*\\| ([^|]*) \\|$")
	rooms := map[string][]string{}
	for _, match := range row.FindAllStringSubmatch(string(content), -1) {
		imported := []string{}
		for name := range strings.SplitSeq(match[2], ", ") {
			if name != "nothing" {
				imported = append(imported, "internal/"+name)
			}
		}
		rooms[match[1]] = imported
	}
	require.NotEmpty(t, rooms)

	return rooms
}

// production has the files of each room, without tests and what only tests import.
func production(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), "internal", "*", "*.go"))
	require.NoError(t, err)
	rooms := map[string][]string{"plugin.go": {filepath.Join(root(t), "plugin.go")}}
	for _, file := range files {
		room := "internal/" + filepath.Base(filepath.Dir(file))
		if !strings.HasSuffix(file, "_test.go") && !slices.Contains(ofTests, room) {
			rooms[room] = append(rooms[room], file)
		}
	}

	return rooms
}

// imports are the rooms that files import, sorted.
func imports(t *testing.T, files []string) []string {
	t.Helper()
	imported := []string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if room, own := strings.CutPrefix(path, module); own {
				imported = append(imported, room)
			}
		}
	}
	slices.Sort(imported)

	return slices.Compact(imported)
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := repo.Root()
	require.NoError(t, err)

	return dir
}
