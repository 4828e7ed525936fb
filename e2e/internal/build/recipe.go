package build

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// This file says how every program is built. Its text is part of the cache key.

//go:embed recipe.go
var ownText []byte

// Recipe says how a program is built.
type Recipe struct {
	// Name is what the program is called, Version what is built of it.
	Name, Version string
	// Module is the module that has the program, and Package its main package.
	Module, Package string
	// LDFlags are flags of the linker.
	LDFlags string
	// Text is what the recipe says, as part of the cache key: a change builds anew.
	Text []byte
	// Replace returns the replacements that the program needs.
	Replace Replace
}

// Replace returns replacements for a module with that go.mod. It may write files into the folder of
// the build.
type Replace func(ctx context.Context, work Dir, goMod *modfile.File) (Replacements, error)

// Replacements are modules, or folders without a version, by the path of the module they replace.
// An empty one takes the module's own replacement out.
type Replacements map[string]module.Version

// args are the arguments of the go command that builds the program.
func (r Recipe) args(output string) []string {
	ldflags := strings.TrimSpace("-s -w " + r.LDFlags)
	return []string{"build", "-v", "-mod=mod", "-ldflags", ldflags, "-o", output, r.Package}
}

// prepare writes the module that builds the program: its go.mod is that of the program's module,
// for replacements count only in the main module, and its checksums too. They came with a verified
// zip, so the dependencies are those its authors tested; those of modules that were folders to them
// come from the checksum database.
func (r Recipe) prepare(ctx context.Context, work Dir) error {
	source, err := Download(ctx, r.Module, r.Version)
	if err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(source.Dir, "go.sum"))
	if err != nil {
		return err
	}
	goMod, err := os.ReadFile(source.GoMod)
	if err != nil {
		return err
	}
	file, err := modfile.Parse(source.GoMod, goMod, nil)
	if err != nil {
		return err
	}
	replacements, err := r.Replace(ctx, work, file)
	if err != nil {
		return err
	}
	own, err := r.goMod(file, replacements)
	if err != nil {
		return err
	}
	if err := work.write("go.sum", sums); err != nil {
		return err
	}

	return work.write("go.mod", own)
}

// goMod makes the go.mod of the program's module that of the module which builds it.
func (r Recipe) goMod(file *modfile.File, replacements Replacements) ([]byte, error) {
	if err := file.AddModuleStmt("tenantguard.test/" + r.Name); err != nil {
		return nil, err
	}
	if err := file.AddRequire(r.Module, r.Version); err != nil {
		return nil, err
	}
	for path, replacement := range replacements {
		if err := file.DropReplace(path, ""); err != nil {
			return nil, err
		}
		if replacement.Path == "" {
			continue
		}
		if err := file.AddReplace(path, "", replacement.Path, replacement.Version); err != nil {
			return nil, err
		}
	}
	file.Cleanup()

	return file.Format()
}
