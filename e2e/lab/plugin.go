package lab

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tenantguard/tenantguard/e2e/internal/repo"
)

const (
	// PluginName is the plugin's name in Traefik's configuration.
	PluginName = "tenantguard"

	pluginModule = "github.com/tenantguard/tenantguard"
)

// InstallPlugin copies a plugin's folder, this repository if source is empty, to where a Traefik
// started in dir looks for local plugins. It copies what the catalogue's archive would contain,
// without the tests.
func InstallPlugin(t T, source, dir string) {
	t.Helper()
	if source == "" {
		root, err := repo.Root()
		Fatal(t, err, "finding the plugin")
		source = root
	}
	Fatal(t, copyPlugin(source, filepath.Join(dir, "plugins-local", "src", pluginModule)),
		"copying the plugin")
}

func copyPlugin(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name == "." || name == "internal" ||
				strings.HasPrefix(name, "internal"+string(filepath.Separator)) {
				return nil
			}
			return fs.SkipDir
		}
		if !isPluginFile(name) {
			return nil
		}

		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}

		return os.WriteFile(target, content, 0o644)
	})
}

func isPluginFile(name string) bool {
	if name == ".traefik.yml" || name == "go.mod" {
		return true
	}

	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}
