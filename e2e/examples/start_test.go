// Package examples runs the examples that a person can start: with the real Traefik, their own
// configuration and their own commands.
package examples

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/poll"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// patience is how long Traefik may take to serve what it was started with.
const patience = 20 * time.Second

// example is an example's Traefik.
type example struct {
	log *lab.Log
	// roots has the authority of the example's certificates.
	roots *x509.CertPool
	// plain and secure are the addresses of its entry points.
	plain, secure string
}

// start starts Traefik in a folder, with the certificates of the folder at certificates.
func start(t *testing.T, dir, configFile, certificates string) *example {
	t.Helper()
	binary, err := traefik.Binary(t.Context(), traefik.Version, os.Stderr)
	require.NoError(t, err)
	authority, err := os.ReadFile(filepath.Join(certificates, "ca.crt"))
	require.NoError(t, err)
	e := &example{log: &lab.Log{}, roots: x509.NewCertPool()}
	require.True(t, e.roots.AppendCertsFromPEM(authority))

	command := exec.Command(binary, "--configFile="+configFile)
	command.Dir = dir
	command.Stdout, command.Stderr = e.log, e.log
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if t.Failed() {
			t.Log("Traefik's log:\n" + strings.Join(e.log.Lines(), "\n"))
		}
	})

	return e
}

// target is the entry point with TLS, for a client that verifies what it serves for a name.
func (e *example) target(serverName string) lab.Target {
	return lab.Target{Addr: e.secure, ServerName: serverName, TLS: func(config *tls.Config) {
		config.RootCAs, config.InsecureSkipVerify = e.roots, false
	}}
}

// get asks for a path of a host on a connection that was made for serverName.
func (e *example) get(t *testing.T, serverName, host, path string) *lab.Response {
	t.Helper()
	return lab.Get(t, lab.HTTP2, e.target(serverName), host, path)
}

// getPlain asks for a path of a host without TLS.
func (e *example) getPlain(t *testing.T, host, path string) *lab.Response {
	t.Helper()
	return lab.Get(t, lab.HTTP1, lab.Target{Addr: e.plain, Plain: true}, host, path)
}

// wait waits until a path of a host answers with a status.
func (e *example) wait(t *testing.T, host, path string, status int) {
	t.Helper()
	err := poll.Until(t.Context(), patience, func() error {
		conn, err := lab.TryDial(t.Context(), lab.HTTP2, e.target(host))
		if err != nil {
			return err
		}
		defer conn.Close()
		response, err := conn.Try(t.Context(), lab.Request{Host: host, Path: path})
		if err == nil && response.Status != status {
			err = fmt.Errorf("status %d, want %d", response.Status, status)
		}
		return err
	})
	require.NoError(t, err, host)
}

// copyExample copies an example's folder, without what a person who tried it left there.
func copyExample(t *testing.T, name, to string) {
	t.Helper()
	from := filepath.Join(root(t), "examples", name)
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(to, 0o755))
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			content, err := os.ReadFile(filepath.Join(from, entry.Name()))
			require.NoError(t, err)
			target := filepath.Join(to, entry.Name())
			require.NoError(t, os.WriteFile(target, content, 0o755))
		}
	}
}

// replace changes a file. Each of the pairs' first texts must be in it.
func replace(t *testing.T, path string, pairs ...string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(t, string(content), pairs[i], path)
	}
	changed := strings.NewReplacer(pairs...).Replace(string(content))
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o644))
}

// makeCertificates runs the examples' script in a folder. On a machine without openssl it makes
// the same files itself.
func makeCertificates(t *testing.T, dir string) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err == nil {
		run(t, dir, filepath.Join(root(t), "examples", "file", "certificates.sh"))
		return
	}

	t.Log("no openssl here: the script of the certificates is not run")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "certificates"), 0o755))
	ca := lab.NewCA(t, "Example authority")
	put := func(from, name string) {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		path := filepath.Join(dir, "certificates", name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
	put(ca.CertFile, "ca.crt")
	for _, tenant := range []string{"acme", "globex"} {
		certificate := ca.Issue(t, tenant+".example.com")
		put(certificate.CertFile, tenant+".crt")
		put(certificate.KeyFile, tenant+".key")
	}
}

// run runs a shell command in a folder.
func run(t *testing.T, dir, line string) {
	t.Helper()
	command := exec.Command("sh", "-c", line)
	command.Dir = dir
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s\n%s", line, output)
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := repo.Root()
	require.NoError(t, err)

	return dir
}
