package papers

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// TestEntryPointMiddlewares wants every entry point, in the papers and in the examples, to name its
// middlewares with their provider, and to say so where people copy it from.
func TestEntryPointMiddlewares(t *testing.T) {
	attached := 0
	check := func(where, text string) {
		names, isYAML := entryPointMiddlewares(text)
		attached += len(names)
		for _, name := range names {
			assert.Contains(t, name, "@", "%s: an entry point's middleware without its provider",
				where)
		}
		if isYAML && len(names) > 0 {
			assert.Regexp(t, `(?i)# never without (@|its provider)`, text, where)
		}
	}
	for _, p := range papers(t) {
		for _, b := range p.blocks(t) {
			check(b.String(), b.text)
		}
	}
	top := filepath.Join(root(t), "examples")
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, relErr := filepath.Rel(root(t), path)
			require.NoError(t, relErr)
			check(name, string(readFile(t, name)))
		}
		return err
	})
	require.NoError(t, err)
	assert.GreaterOrEqual(t, attached, 14)
}

var entryPointFlag = regexp.MustCompile(`(?i)--entrypoints\.[^.=\s]+\.http\.middlewares=(\S+)`)

// entryPointMiddlewares returns the middlewares of the entry points in a static configuration, or
// in flags, and reports whether that is YAML, which has room for a comment.
func entryPointMiddlewares(text string) (names []string, isYAML bool) {
	for _, match := range entryPointFlag.FindAllStringSubmatch(text, -1) {
		names = append(names, strings.Split(match[1], ",")...)
	}
	isYAML = true
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document any
		if err := decoder.Decode(&document); err != nil {
			isYAML = isYAML && err.Error() == "EOF"
			break
		}
		names = append(names, underEntryPoints(document, false)...)
		_, isText := document.(string)
		isYAML = isYAML && !isText
	}

	return names, isYAML
}

// underEntryPoints returns all middlewares below a key entryPoints.
func underEntryPoints(value any, below bool) []string {
	var names []string
	if list, isList := value.([]any); isList {
		for _, item := range list {
			names = append(names, underEntryPoints(item, below)...)
		}
	}
	values, _ := value.(map[string]any)
	for key, item := range values {
		list, isList := item.([]any)
		if below && isList && strings.EqualFold(key, "middlewares") {
			for _, name := range list {
				names = append(names, name.(string))
			}
			continue
		}
		isBelow := below || strings.EqualFold(key, "entryPoints")
		names = append(names, underEntryPoints(item, isBelow)...)
	}

	return names
}

// TestEntryPointMiddlewaresAreFound has them be written as Traefik takes them.
func TestEntryPointMiddlewaresAreFound(t *testing.T) {
	for _, c := range []struct {
		description, text string
		names             []string
		isYAML            bool
	}{
		{"YAML", "entryPoints:\n  web: {http: {middlewares: [guard, x@file]}}\n",
			[]string{"guard", "x@file"}, true},
		{"a router's own", "http: {routers: {a: {middlewares: [own]}}}\n", nil, true},
		{"flags", "--entryPoints.web.http.middlewares=guard,x@file --entrypoints.s.address=:443",
			[]string{"guard", "x@file"}, false},
		{"flags in YAML", "args:\n  - --entrypoints.web.http.middlewares=guard\n",
			[]string{"guard"}, true},
		{"nothing", "{]", nil, false},
	} {
		names, isYAML := entryPointMiddlewares(c.text)
		assert.Equal(t, c.names, names, c.description)
		assert.Equal(t, c.isYAML, isYAML, c.description)
	}
}
