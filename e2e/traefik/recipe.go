package traefik

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// This file says how Traefik is built. Its text is part of the cache key: a change here builds anew.

const (
	modulePath  = "github.com/traefik/traefik/v3"
	extPath     = "github.com/traefik/traefik/dynamic/ext"
	legoPrefix  = "github.com/go-acme/lego/v"
	legoFactory = "providers/dns/zz_gen_dns_providers.go"
)

// available replaces what the module proxy does not have: the revision of the fork that Traefik names.
var available = map[string]module.Version{
	"github.com/abbot/go-http-auth": {
		Path:    "github.com/containous/go-http-auth",
		Version: "v0.4.1-0.20200324110947-a37a7636d23e",
	},
}

// noDNSProviders is lego's list of DNS providers with none in it. Several of their SDKs can't be had from the
// module proxy, and no test asks an ACME server for a certificate.
const noDNSProviders = `// Package dns knows no DNS provider.
package dns

import (
	"fmt"

	"%s/challenge"
)

// NewDNSChallengeProviderByName knows no provider.
func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {
	return nil, fmt.Errorf("unrecognized DNS provider: %%s", name)
}
`

// buildArgs are the arguments of Traefik's own Makefile.
func buildArgs(version, output string) []string {
	ldflags := "-s -w -X " + modulePath + "/pkg/version.Version=" + strings.TrimPrefix(version, "v")
	return []string{"build", "-v", "-mod=mod", "-ldflags", ldflags, "-o", output, modulePath + "/cmd/traefik"}
}

// goMod is Traefik's go.mod as that of a module which builds Traefik's main package: replacements count only in
// the main module, so they have to be said again.
func goMod(traefikMod []byte, version, extDir, legoDir string) ([]byte, error) {
	file, err := modfile.Parse("go.mod", traefikMod, nil)
	if err != nil {
		return nil, err
	}
	if err := file.AddModuleStmt("tenantguard.test/traefik"); err != nil {
		return nil, err
	}
	if err := file.AddRequire(modulePath, version); err != nil {
		return nil, err
	}

	replacements := map[string]module.Version{extPath: {Path: extDir}}
	for path, replacement := range available {
		replacements[path] = replacement
	}
	for _, require := range file.Require {
		if strings.HasPrefix(require.Mod.Path, legoPrefix) {
			replacements[require.Mod.Path] = module.Version{Path: filepath.Join(legoDir, filepath.Base(require.Mod.Path))}
		}
	}
	for path, replacement := range replacements {
		if err := file.DropReplace(path, ""); err != nil {
			return nil, err
		}
		if err := file.AddReplace(path, "", replacement.Path, replacement.Version); err != nil {
			return nil, err
		}
	}

	file.Cleanup()

	return file.Format()
}

// legoModules are the lego modules, of one or two major versions, that Traefik requires.
func legoModules(traefikMod []byte) ([]module.Version, error) {
	file, err := modfile.ParseLax("go.mod", traefikMod, nil)
	if err != nil {
		return nil, err
	}

	var found []module.Version
	for _, require := range file.Require {
		if strings.HasPrefix(require.Mod.Path, legoPrefix) {
			found = append(found, require.Mod)
		}
	}

	return found, nil
}

// copyLego copies a lego module's sources without its DNS providers.
func copyLego(path, from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	// The module cache is read-only, and so is its copy.
	if err := makeWritable(to); err != nil {
		return err
	}

	providers := filepath.Join(to, "providers", "dns")
	entries, err := os.ReadDir(providers)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(providers, entry.Name())); err != nil {
			return err
		}
	}

	var source bytes.Buffer
	fmt.Fprintf(&source, noDNSProviders, path)

	return os.WriteFile(filepath.Join(to, legoFactory), source.Bytes(), 0o644)
}

func makeWritable(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
}
