package papers

import (
	"encoding/json"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/traefik"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// TestOptions compares the table of keys with those that the plugin itself says it knows, and its
// defaults with what it does without them.
func TestOptions(t *testing.T) {
	var keys []string
	for _, row := range theTable(t, "docs/configuration.md", "key") {
		key := codeCell(row[0])
		keys = append(keys, key)
		fallback := codeCell(row[2])
		if fallback != "" && !strings.Contains(row[3], "Not available") {
			t.Run("default of "+key, func(t *testing.T) { checkDefault(t, key, fallback) })
		}
	}
	assert.ElementsMatch(t, allKeys(t), keys)
}

// allKeys returns the keys that the plugin knows, as the table writes them.
func allKeys(t *testing.T) []string {
	t.Helper()
	unknown := map[string]any{"?": ""}
	sections := []string{"shared", "certificates", "kubernetes"}
	var all []string
	for _, key := range knownKeys(t, unknown) {
		if !slices.Contains(sections, key) {
			all = append(all, key)
		}
	}
	for _, section := range sections {
		for _, key := range knownKeys(t, map[string]any{section: unknown}) {
			all = append(all, section+"."+key)
		}
	}
	for _, key := range knownKeys(t, map[string]any{"tenants": []any{unknown}}) {
		if key != "guest" {
			all = append(all, "tenants[]."+key)
		}
	}
	ofGuest := map[string]any{"tenants": []any{map[string]any{"guest": unknown}}}
	for _, key := range knownKeys(t, ofGuest) {
		all = append(all, "tenants[].guest."+key)
	}
	ofTenant := map[string]any{"tenants": []any{map[string]any{"certificates": unknown}}}
	assert.Equal(t, knownKeys(t, map[string]any{"certificates": unknown}), knownKeys(t, ofTenant),
		"a tenant's own certificates take the same keys")

	return all
}

// checkDefault wants a key with its default to change nothing.
func checkDefault(t *testing.T, key, fallback string) {
	tenant := func() map[string]any {
		return map[string]any{"name": "acme", "namespaces": "acme", "hosts": "acme.example.com"}
	}
	without := map[string]any{"tenants": []any{tenant()}}
	with := map[string]any{"tenants": []any{tenant()}}
	switch section, name, nested := strings.Cut(key, "."); {
	case section == "tenants[]":
		changed := tenant()
		changed[name] = fallback
		with["tenants"] = []any{changed}
	case nested:
		with[section] = map[string]any{name: fallback}
	default:
		with[key] = fallback
	}
	assert.Equal(t, effectivePolicy(t, middleware{"guard@file", without}),
		effectivePolicy(t, middleware{"guard@file", with}))
}

func TestVerdicts(t *testing.T) {
	var codes []string
	for _, row := range theTable(t, "docs/verdicts.md", "code") {
		codes = append(codes, codeCell(row[0]))
		status := verdict.Status(verdict.Code(codeCell(row[0])))
		assert.Equal(t, strconv.Itoa(status), row[1], row[0])
	}
	assert.Equal(t, verdictCodes(t), codes, "all of them, in the order in which they are checked")
}

// continued is where a text goes on in the next line.
var continued = regexp.MustCompile(`" ?\+\n\s*"`)

var isVariable = regexp.MustCompile(`^[A-Z]+(?:_[A-Z]+)+$`)

func TestEnvironment(t *testing.T) {
	var documented []string
	for _, row := range theTable(t, "docs/configuration.md", "variable") {
		documented = append(documented, codeCell(row[0]))
	}
	assert.ElementsMatch(t, variables(t), documented)
}

// TestOnePlace wants keys, codes and variables to head a row of their own table and of no other.
func TestOnePlace(t *testing.T) {
	owned := map[string]string{}
	for _, key := range allKeys(t) {
		owned[key] = "key"
	}
	for _, code := range verdictCodes(t) {
		owned[code] = "code"
	}
	for _, variable := range variables(t) {
		owned[variable] = "variable"
	}
	for _, p := range papers(t) {
		for _, table := range p.tables() {
			title := table.titles[0]
			// A line of the log has a mode as well, and findings have codes among their ids.
			if strings.HasPrefix(title, "field") || title == "id" {
				continue
			}
			for _, row := range table.rows {
				if place := owned[codeCell(row[0])]; place != "" {
					assert.Equal(t, place, title, "%s: %s has a table of its own", p.name, row[0])
				}
			}
		}
	}
}

// productionFiles returns the Go files of the plugin.
func productionFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, start := range []string{"plugin.go", "internal"} {
		top := filepath.Join(root(t), start)
		err := filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
			if filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") {
				name, relErr := filepath.Rel(root(t), path)
				require.NoError(t, relErr)
				files = append(files, name)
			}
			return err
		})
		require.NoError(t, err)
	}

	return files
}

// checkNotice wants a line about a policy to be worded as the plugin words it: its message is in
// the source, and its errors are those of what they are about.
func checkNotice(t *testing.T, line string) {
	t.Helper()
	var shown struct {
		Event, Level, Middleware, File, Message    string
		Source, Mode, Digest, Version, Traefik, Go string
		Check, State, Detail, Consequence          string
		Counts                                     report.Counts
		Errors, Tenants                            []string
	}
	reader := json.NewDecoder(strings.NewReader(line))
	reader.DisallowUnknownFields()
	require.NoError(t, reader.Decode(&shown))
	source := ""
	for _, name := range []string{
		"internal/report/notice.go", "internal/report/selfcheck.go",
		"internal/traefik/selfcheck.go",
	} {
		source += continued.ReplaceAllString(string(readFile(t, name)), "")
	}
	for _, text := range []string{shown.Check, shown.State, shown.Detail, shown.Consequence} {
		assert.True(t, text == "" || strings.Contains(source, strconv.Quote(text)), text)
	}
	assert.Contains(t, source, strconv.Quote(shown.Message))
	assert.Contains(t, source, strconv.Quote(shown.Event))
	assert.Contains(t, source, strconv.Quote(shown.Level))
	if shown.Event == "in-force" {
		assert.Equal(t, report.Version, shown.Version)
		assert.Equal(t, traefik.Own, "v"+shown.Traefik)
	}
	for _, text := range shown.Errors {
		assert.Contains(t, shownErrors(t), text)
	}
}
