package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOf(t *testing.T) {
	listed := []string{"v3.6.9", "v3.6.12", "v3.7.0-rc.1", "v3.6.25", "v3.60.0", "v3.7.1", "v3.6.12", "v2.11.40"}
	assert.Equal(t, []string{"v3.6.25", "v3.6.12", "v3.6.9"}, of(listed, "v3.6"))
	assert.Equal(t, []string{"v3.7.1"}, of(listed, "v3.7"))
	assert.Empty(t, of(listed, "v3.8"))
}

// TestRead has one test of each outcome, and a package that fails for the failed one.
func TestRead(t *testing.T) {
	const said = `{"Action":"start","Package":"p"}
{"Action":"run","Test":"TestA"}
{"Action":"output","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Test":"TestA"}
{"Action":"output","Test":"TestB/sub","Output":"    b_test.go:7: Traefik has had it since v3.7.0\n"}
{"Action":"skip","Test":"TestB/sub"}
{"Action":"fail","Test":"TestC"}
{"Action":"fail"}
`
	var got result
	require.NoError(t, got.read(strings.NewReader(said)))
	assert.Equal(t, result{passed: 1, failed: 1, skipped: 1, why: []string{"TestB/sub: Traefik has had it since v3.7.0"}}, got)
	require.Error(t, got.read(strings.NewReader("not JSON")))
}

func TestReport(t *testing.T) {
	var text strings.Builder
	require.NoError(t, report(&text, []result{{release: "v3.6.25", pkg: "./cluster", passed: 31, skipped: 1, why: []string{"TestB: no names"}}}))
	assert.Contains(t, text.String(), "v3.6.25   ./cluster   31       0        1\n")
	assert.Contains(t, text.String(), "skipped on v3.6.25: TestB: no names\n")
	require.ErrorContains(t, report(&text, []result{{release: "v3.6.25", pkg: "./cluster", broken: true}}), "./cluster on v3.6.25")
}
