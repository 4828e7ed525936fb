package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Dir is the folder of the module that builds a program.
type Dir string

// Path is the path of a file in it.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name) }

func (d Dir) write(name string, content []byte) error {
	return os.WriteFile(d.Path(name), content, 0o644)
}

// Module is a module as it came from the proxy: the folder of its sources and its go.mod file.
type Module struct {
	Dir, GoMod, Error string
}

// Download fetches a module, unless this machine has it.
func Download(ctx context.Context, path, version string) (Module, error) {
	var got Module
	cmd := goCommand(ctx, os.TempDir(), "mod", "download", "-json", path+"@"+version)

	out, runErr := cmd.Output()
	if err := json.Unmarshal(out, &got); err != nil {
		return got, fmt.Errorf("go mod download %s@%s: %w", path, version, runErr)
	}
	if got.Error != "" {
		return got, fmt.Errorf("go mod download %s@%s: %s", path, version, got.Error)
	}

	return got, nil
}

// command runs the go command and reports each line of its standard error.
func (d Dir) command(ctx context.Context, report *reporter, args ...string) (string, error) {
	cmd := goCommand(ctx, string(d), args...)
	var stdout strings.Builder
	cmd.Stdout = &stdout
	cmd.Stderr = report
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, report.last(20))
	}

	return stdout.String(), nil
}

func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	// As releases are built, and outside of this repository's workspace.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	cmd.Env = append(cmd.Env, toolchainEnv(ctx)...)

	return cmd
}
