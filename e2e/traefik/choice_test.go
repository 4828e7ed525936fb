package traefik

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
)

// program writes a shell script that stands for a Traefik and returns its path.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "traefik")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755))

	return path
}

// says is a script that prints a version as Traefik does.
func says(version string) string {
	return `[ "$*" = version ] || exit 9
echo "Version:      ` + version + `"
echo "Codename:     cheddar"
echo "Go version:   go1.26.8"
`
}

func TestChoose(t *testing.T) {
	released, newer := program(t, says("3.7.13")), program(t, says("v3.8.0-rc.1"))
	for _, test := range []struct {
		description, value string
		want               choice
	}{
		{"nothing: the tests' own release", "", choice{version: Own}},
		{"a release", "v3.6.25", choice{version: "v3.6.25"}},
		{"the oldest release", Oldest, choice{version: Oldest}},
		{"a Traefik that is there", released, choice{"v3.7.13", released}},
		{"a release candidate, with the v in front", newer, choice{"v3.8.0-rc.1", newer}},
	} {
		t.Run(test.description, func(t *testing.T) {
			got, err := choose(test.value)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestChooseRefuses(t *testing.T) {
	folder := t.TempDir()
	plain := filepath.Join(folder, "notes.txt")
	require.NoError(t, os.WriteFile(plain, []byte("no program"), 0o644))
	for _, test := range []struct {
		description, value, want string
	}{
		{"nothing at that path", filepath.Join(folder, "none"), "no such file or directory"},
		{"a folder", folder, "is a directory"},
		{"a file that is no program", plain, "permission denied"},
		{"a name that is not on the PATH", "tenantguard-none", "executable file not found"},
		{"a release that is too old", "v3.5.6", "it is v3.5.6, want v3.6.0 or later"},
		{"a release candidate of the oldest", "v3.6.0-rc.2", "it is v3.6.0-rc.2, want v3.6.0"},
		{"a Traefik that is too old", program(t, says("2.11.40")), "it is v2.11.40, want v3.6.0"},
		{"a Traefik that says no release", program(t, says("dev")),
			`it calls itself version "dev", want one such as "3.7.13"`},
		{"another program", program(t, "echo hello\necho there"),
			`its command version prints no line "Version: …", it says "hello"`},
		{"a program that says nothing", program(t, ""), `prints no line "Version: …";`},
		{"a program that fails", program(t, "echo unknown command >&2; exit 3"),
			`version: exit status 3, it says "unknown command"`},
	} {
		t.Run(test.description, func(t *testing.T) {
			got, err := choose(test.value)
			require.ErrorContains(t, err, test.want)
			assert.Equal(t, choice{version: Own}, got)

			head := Variable + `="` + test.value + `" cannot be used: `
			assert.True(t, strings.HasPrefix(err.Error(), head), err)
			assert.ErrorContains(t, err, "or leave TRAEFIK out to have "+Own+" built")
		})
	}
}

// TestChooseRelative wants a relative path to be one below the repository's root, wherever the
// test or the command was started.
func TestChooseRelative(t *testing.T) {
	root, err := repo.Root()
	require.NoError(t, err)
	path := program(t, says("3.7.13"))
	relative, err := filepath.Rel(root, path)
	require.NoError(t, err)

	got, err := choose(relative)
	require.NoError(t, err)
	assert.Equal(t, choice{"v3.7.13", path}, got)
}

// TestBinary wants the variable's Traefik for its own version, and to hear of it once.
func TestBinary(t *testing.T) {
	path := program(t, says("3.6.2"))
	set(t, path)
	t.Setenv("TENANTGUARD_CACHE", t.TempDir())
	var progress strings.Builder
	for range 2 {
		got, err := Binary(t.Context(), "v3.6.2", &progress)
		require.NoError(t, err)
		assert.Equal(t, path, got)
	}
	assert.Equal(t, "traefik v3.6.2: "+path+", from TRAEFIK\n", progress.String())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Binary(ctx, "v3.6.3", &progress)
	require.Error(t, err, "another version would have to be built")

	set(t, "/none/traefik")
	_, err = Binary(ctx, Own, &progress)
	require.ErrorContains(t, err, `TRAEFIK="/none/traefik" cannot be used`)
}

// set has the package see another value of the variable until the test ends.
func set(t *testing.T, value string) {
	t.Helper()
	before, errBefore := chosen, errChosen
	t.Cleanup(func() { chosen, errChosen = before, errBefore })
	chosen, errChosen = choose(value)
}
