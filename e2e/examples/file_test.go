package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// TestFile does what examples/file/static.yml says, but on ports that are free, and sees requests
// pass and refused.
func TestFile(t *testing.T) {
	e := startFile(t)

	for _, host := range []string{"acme.example.com", "globex.example.com"} {
		e.wait(t, host, "/", 200)
		assert.Equal(t, "OK", e.get(t, host, host, "/").Body, host)
		assert.Equal(t, "OK", e.getPlain(t, host, "/").Body, host)
	}
	for _, test := range []struct {
		description            string
		serverName, host, path string
		want                   lab.Denial
	}{
		{"globex's router takes requests for acme's host",
			"acme.example.com", "acme.example.com", "/login",
			lab.Denial{Reason: "host-foreign", Status: 403, Tenant: "globex",
				Router: "websecure-globex-grab@file"}},
		{"the same without TLS", "", "acme.example.com", "/login",
			lab.Denial{Reason: "host-foreign", Status: 403, Tenant: "globex",
				Router: "web-globex-grab@file"}},
		{"acme's host on a connection for globex's",
			"globex.example.com", "acme.example.com", "/",
			lab.Denial{Reason: "sni-foreign", Status: 421, Tenant: "acme",
				Router: "websecure-acme-web@file"}},
	} {
		t.Run(test.description, func(t *testing.T) {
			var got *lab.Response
			if test.serverName == "" {
				got = e.getPlain(t, test.host, test.path)
			} else {
				got = e.get(t, test.serverName, test.host, test.path)
			}
			assert.Equal(t, test.want.Status, got.Status)
			assert.Equal(t, test.want.Reason, got.Reason())

			want := test.want
			want.Event, want.Mode, want.Client = "deny", "enforce", "127.0.0.1"
			want.Host, want.SNI = test.host, test.serverName
			logged := e.log.WaitDenial(t, func(d lab.Denial) bool {
				return d.Router == want.Router
			})
			assert.Equal(t, want, logged)
		})
	}
}

// startFile runs the commands that static.yml begins with, in a copy of the example.
func startFile(t *testing.T) *example {
	t.Helper()
	checkout := t.TempDir()
	for _, name := range []string{".traefik.yml", "go.mod", "plugin.go", "internal"} {
		from, to := filepath.Join(root(t), name), filepath.Join(checkout, name)
		require.NoError(t, os.Symlink(from, to))
	}
	dir := filepath.Join(checkout, "examples", "file")
	copyExample(t, "file", dir)

	static := filepath.Join(dir, "static.yml")
	commands := commandsOf(t, static)
	require.Equal(t, "traefik --configFile=static.yml", commands[len(commands)-1])
	for _, command := range commands[:len(commands)-1] {
		if command == "./certificates.sh" {
			makeCertificates(t, dir)
		} else {
			run(t, dir, command)
		}
	}
	require.DirExists(t, filepath.Join(dir, "certificates"))

	plain, secure := lab.FreeAddress(t), lab.FreeAddress(t)
	replace(t, static, "127.0.0.1:8080", plain, "127.0.0.1:8443", secure)
	e := start(t, dir, "static.yml", filepath.Join(dir, "certificates"))
	e.plain, e.secure = plain, secure

	return e
}

// commandsOf are the commands in a file's first comment: its lines that are indented.
func commandsOf(t *testing.T, path string) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	comment := regexp.MustCompile(`^(#.*\n)+`).FindString(string(content))
	var commands []string
	for line := range strings.Lines(comment) {
		if command, found := strings.CutPrefix(line, "#   "); found {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	require.NotEmpty(t, commands, path)

	return commands
}
