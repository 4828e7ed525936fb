package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReleasesOf(t *testing.T) {
	listed := []string{"v3.6.9", "v3.6.12", "v3.7.0-rc.1", "v3.6.25", "v3.60.0", "v3.7.1",
		"v3.6.12", "v2.11.40"}
	assert.Equal(t, []string{"v3.6.25", "v3.6.12", "v3.6.9"}, releasesOf(listed, "v3.6"))
	assert.Equal(t, []string{"v3.7.1"}, releasesOf(listed, "v3.7"))
	assert.Empty(t, releasesOf(listed, "v3.8"))
}

// TestRead reads one test of each result, and a package that fails because of the failed test.
func TestRead(t *testing.T) {
	const output = `{"Action":"start","Package":"p"}
{"Action":"run","Test":"TestA"}
{"Action":"output","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Test":"TestA"}
{"Action":"output","Test":"TestB/sub","Output":"    b_test.go:7: Traefik has had it since v3.7.0\n"}
{"Action":"skip","Test":"TestB/sub"}
{"Action":"fail","Test":"TestC"}
{"Action":"fail"}
`
	var got result
	require.NoError(t, got.read(strings.NewReader(output)))
	assert.Equal(t, result{passed: 1, failed: 1, skipped: 1,
		reasons: []string{"TestB/sub: Traefik has had it since v3.7.0"}}, got)
	require.Error(t, got.read(strings.NewReader("not JSON")))
}

func TestReport(t *testing.T) {
	var text strings.Builder
	passed := result{release: "v3.6.25", pkg: "./cluster", passed: 31, skipped: 1,
		reasons: []string{"TestB: no names"}}
	require.NoError(t, report(&text, []result{passed}))
	assert.Contains(t, text.String(), "v3.6.25   ./cluster   31       0        1\n")
	assert.Contains(t, text.String(), "skipped on v3.6.25: TestB: no names\n")
	failed := result{release: "v3.6.25", pkg: "./cluster", broken: true}
	require.ErrorContains(t, report(&text, []result{failed}), "./cluster on v3.6.25")
}
