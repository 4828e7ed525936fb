// Package command builds the command tenantguard of this repository and runs it.
package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// Binary builds the command, once per test process, and returns its path.
var Binary = sync.OnceValues(func() (string, error) {
	root, err := repo.Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, ".cache", "e2e", "tenantguard")
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", err
	}
	// Tests of another package may run the program, or build it, at the same time.
	unfinished := fmt.Sprintf("%s.%d", binary, os.Getpid())
	// As it is released, and as TestInstall builds it: each package is then compiled once for both.
	cmd := exec.Command("go", "build", "-trimpath", "-o", unfinished, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Dir = filepath.Join(root, "cmd", "tenantguard")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the command: %w\n%s", err, output)
	}

	return binary, os.Rename(unfinished, binary)
})

// Result is what came of a run.
type Result struct {
	Out, Errs string
	Code      int
}

// Run runs the command.
func Run(t lab.T, args ...string) Result {
	t.Helper()
	return RunWith(t, "", args...)
}

// RunWith runs the command with something to read on its standard input.
func RunWith(t lab.T, in string, args ...string) Result {
	t.Helper()
	binary, err := Binary()
	lab.Fatal(t, err, "building the command")
	cmd := exec.CommandContext(t.Context(), binary, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		lab.Fatal(t, err, "running the command")
	}

	return Result{Out: out.String(), Errs: errs.String(), Code: cmd.ProcessState.ExitCode()}
}

// Finding is one finding of the command.
type Finding struct {
	ID, Severity, Subject, Tenant, Message, Do, Fix, Where string
}

// String is a line that says what was found.
func (f Finding) String() string {
	return fmt.Sprintf("%s %s: %s: %s", f.Severity, f.ID, f.Subject, f.Message)
}

// Findings runs the command with --output json and returns its findings but for infos. It must have
// been able to look.
func Findings(t lab.T, args ...string) []Finding {
	t.Helper()
	result := Run(t, append(args, "--output", "json")...)
	if result.Code > 1 {
		lab.Fatal(t, errors.New(result.Errs), "running tenantguard "+strings.Join(args, " "))
	}
	var report struct{ Findings []Finding }
	lab.Fatal(t, json.Unmarshal([]byte(result.Out), &report), "reading findings")
	var found []Finding
	for _, f := range report.Findings {
		if f.Severity != "info" {
			found = append(found, f)
		}
	}

	return found
}

// Kubeconfig writes a file for a cluster that is reached with a token, and returns its path.
func Kubeconfig(t lab.T, url, caFile, token string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	content := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: test, user: {token: %q}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
`, url, caFile, token)
	lab.Fatal(t, os.WriteFile(file, []byte(content), 0o600), "writing a kubeconfig")

	return file
}
