package traefik

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tenantguard/tenantguard/e2e/internal/build"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// This file says how Traefik is built. Its text is part of the cache key: a change builds anew.

const (
	modulePath  = "github.com/traefik/traefik/v3"
	extPath     = "github.com/traefik/traefik/dynamic/ext"
	legoPrefix  = "github.com/go-acme/lego/v"
	legoFactory = "providers/dns/zz_gen_dns_providers.go"
)

// available replaces what the module proxy does not have: the revision of the fork that Traefik
// names.
var available = map[string]module.Version{
	"github.com/abbot/go-http-auth": {
		Path:    "github.com/containous/go-http-auth",
		Version: "v0.4.1-0.20200324110947-a37a7636d23e",
	},
}

// noDNSProviders is lego's list of DNS providers with none in it. Several of their SDKs can't be
// had from the module proxy, and no test asks an ACME server for a certificate.
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

// recipeOf is how a version of Traefik is built, with this repository's folder ext.
func recipeOf(version, ext string) build.Recipe {
	return build.Recipe{
		Name:    "traefik",
		Version: version,
		Module:  modulePath,
		Package: modulePath + "/cmd/traefik",
		// As Traefik's own Makefile says it.
		LDFlags: "-X " + modulePath + "/pkg/version.Version=" + strings.TrimPrefix(version, "v"),
		Text:    recipe,
		Replace: replacements(ext),
	}
}

// replacements replaces what the module proxy does not have, and lego, of one or two major
// versions.
func replacements(ext string) build.Replace {
	return func(ctx context.Context, work build.Dir, m *modfile.File) (build.Replacements, error) {
		all := build.Replacements{extPath: {Path: ext}}
		for path, replacement := range available {
			all[path] = replacement
		}
		for _, require := range m.Require {
			path := require.Mod.Path
			if !strings.HasPrefix(path, legoPrefix) {
				continue
			}
			got, err := build.Download(ctx, path, require.Mod.Version)
			if err != nil {
				return nil, err
			}
			to := work.Path(filepath.Join("lego", filepath.Base(path)))
			if err := copyLego(path, got.Dir, to); err != nil {
				return nil, err
			}
			all[path] = module.Version{Path: to}
		}
		return all, nil
	}
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
