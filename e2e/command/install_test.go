package command_test

import (
	"archive/zip"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/command"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

// The modules of the repository, and the release that the command's go.mod requires of the plugin.
const (
	pluginModule  = "github.com/tenantguard/tenantguard"
	commandModule = pluginModule + "/cmd/tenantguard"
	release       = "v0.1.0"
)

// TestInstall installs the command as the documentation says: from both modules as a module proxy
// has them, into a module cache without them. There is no go.work and no replacement.
func TestInstall(t *testing.T) {
	root, err := repo.Root()
	require.NoError(t, err)
	proxy := t.TempDir()
	addModule(t, proxy, pluginModule, root)
	addModule(t, proxy, commandModule, filepath.Join(root, "cmd", "tenantguard"))
	cache := strings.TrimSpace(output(t, exec.Command("go", "env", "GOMODCACHE")))
	usual := strings.TrimSpace(output(t, exec.Command("go", "env", "GOPROXY")))
	bin := t.TempDir()

	install := exec.Command("go", "install", commandModule+"@"+release)
	install.Dir = t.TempDir()
	install.Env = append(os.Environ(), "GOBIN="+bin, "GOMODCACHE="+t.TempDir(), "CGO_ENABLED=0",
		"GOFLAGS=-modcacherw -trimpath",
		"GOPROXY="+strings.Join([]string{
			"file://" + proxy, "file://" + filepath.Join(cache, "cache", "download"), usual,
		}, ","),
		"GOSUMDB=off") // what is in the cache was held to it when it came there
	output(t, install)

	installed := filepath.Join(bin, "tenantguard")
	info, err := buildinfo.ReadFile(installed)
	require.NoError(t, err)
	assert.Equal(t, release, info.Main.Version)
	tested, err := command.Binary()
	require.NoError(t, err)
	assert.Equal(t, versionsOf(t, tested), versionsOf(t, installed),
		"what is installed is not what is tested: make tidy puts that right")
	assert.Contains(t, output(t, exec.Command(installed, "version")),
		"tenantguard "+release+" (plugin "+release)

	plugin := filepath.Join(bin, "kubectl-tenantguard")
	require.NoError(t, os.Symlink(installed, plugin))
	assert.Contains(t, output(t, exec.Command(plugin, "check", "--help")),
		"Usage:\n  kubectl tenantguard check POLICY...")
}

// addModule puts a module into a proxy of files, as the working tree has it.
func addModule(t *testing.T, proxy, path, dir string) {
	t.Helper()
	versions := filepath.Join(proxy, filepath.FromSlash(path), "@v")
	require.NoError(t, os.MkdirAll(versions, 0o755))
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	assert.NotContains(t, string(mod), "replace", "go install takes no module with one")
	for name, content := range map[string]string{
		"list":            release + "\n",
		release + ".info": fmt.Sprintf(`{"Version":%q}`, release),
		release + ".mod":  string(mod),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(versions, name), []byte(content), 0o600))
	}
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	list.Dir = dir
	var files []modzip.File
	for name := range strings.SplitSeq(strings.Trim(output(t, list), "\x00"), "\x00") {
		if info, err := os.Lstat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			files = append(files, moduleFile{dir, name})
		}
	}
	target, err := os.Create(filepath.Join(versions, release+".zip"))
	require.NoError(t, err)
	defer target.Close()
	require.NoError(t, modzip.Create(target, module.Version{Path: path, Version: release}, files))
	checkZip(t, target.Name(), path)
}

// checkZip wants a module that has none of the others in it.
func checkZip(t *testing.T, name, path string) {
	t.Helper()
	archive, err := zip.OpenReader(name)
	require.NoError(t, err)
	defer archive.Close()
	require.NotEmpty(t, archive.File)
	for _, entry := range archive.File {
		inside := strings.TrimPrefix(entry.Name, path+"@"+release+"/")
		assert.False(t, strings.HasPrefix(inside, "e2e/") || strings.HasPrefix(inside, "cmd/"),
			entry.Name)
	}
}

// moduleFile is a file of a module.
type moduleFile struct{ dir, name string }

func (f moduleFile) Path() string                 { return filepath.ToSlash(f.name) }
func (f moduleFile) Lstat() (os.FileInfo, error)  { return os.Lstat(filepath.Join(f.dir, f.name)) }
func (f moduleFile) Open() (io.ReadCloser, error) { return os.Open(filepath.Join(f.dir, f.name)) }

// versionsOf returns the modules in a binary, but for our own.
func versionsOf(t *testing.T, binary string) map[string]string {
	t.Helper()
	info, err := buildinfo.ReadFile(binary)
	require.NoError(t, err)
	versions := map[string]string{}
	for _, m := range info.Deps {
		if m.Path != pluginModule {
			versions[m.Path] = m.Version
		}
	}
	require.NotEmpty(t, versions)

	return versions
}

// output runs a program and returns what it writes.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, errs.String())

	return string(out)
}

// most is how many bytes the packages of the command may take before it begins. It starts in
// milliseconds for as long as none of them fills tables at every start: a clock would be no proof.
const most = 8 << 20

// TestStart adds up what the initialisation of all packages allocates.
func TestStart(t *testing.T) {
	binary, err := command.Binary()
	require.NoError(t, err)
	cmd := exec.Command(binary, "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace strings.Builder
	cmd.Stderr = &trace
	require.NoError(t, cmd.Run())
	sum, packages := 0, 0
	for line := range strings.Lines(trace.String()) {
		_, rest, _ := strings.Cut(line, " clock, ")
		size, _, found := strings.Cut(rest, " bytes")
		if bytes, err := strconv.Atoi(size); found && err == nil {
			sum += bytes
			packages++
			assert.Less(t, bytes, most/4, line)
		}
	}
	assert.Greater(t, packages, 20, trace.String())
	assert.Less(t, sum, most)
}

// BenchmarkStart prints how long the command takes to begin and end.
func BenchmarkStart(b *testing.B) {
	binary, err := command.Binary()
	if err != nil {
		b.Fatal(err)
	}
	fastest := time.Hour
	for b.Loop() {
		began := time.Now()
		if err := exec.Command(binary, "version").Run(); err != nil {
			b.Fatal(err)
		}
		fastest = min(fastest, time.Since(began))
	}
	b.ReportMetric(float64(fastest.Microseconds())/1000, "ms/fastest")
}
