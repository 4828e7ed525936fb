package loader

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mitchellh/mapstructure"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/traefik/paerser/file"
	"github.com/traefik/traefik/v3/pkg/plugins"
	"github.com/traefik/yaegi/interp"
	"github.com/traefik/yaegi/stdlib"
	"golang.org/x/mod/modfile"
)

// catalogueLimit is how long the catalogue waits for a plugin's import and its New.
const catalogueLimit = 10 * time.Second

// manifest is what the catalogue reads: Traefik's manifest and two images.
type manifest struct {
	plugins.Manifest
	IconPath   string
	BannerPath string
}

// forbidden are modules that the catalogue rejects in a plugin's go.mod, whatever the major
// version.
var forbidden = []string{
	"github.com/traefik/yaegi", "github.com/traefik/traefik",
	"github.com/containous/yaegi", "github.com/containous/traefik",
}

func TestCatalogue(t *testing.T) {
	dir := t.TempDir()
	lab.InstallPlugin(t, "", dir)
	root := filepath.Join(dir, goPath, "src", module)
	var m manifest
	require.NoError(t, file.Decode(filepath.Join(root, ".traefik.yml"), &m))

	assert.NotEmpty(t, m.DisplayName)
	assert.NotEmpty(t, m.Summary)
	assert.NotEmpty(t, m.TestData)
	assert.Equal(t, "middleware", m.Type)
	assert.Contains(t, []string{"", "yaegi"}, m.Runtime)
	assert.False(t, m.UseUnsafe)
	assert.Equal(t, module, m.Import)
	for _, image := range []string{m.IconPath, m.BannerPath} {
		if image != "" {
			assert.FileExists(t, filepath.Join(repository(t), image))
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), catalogueLimit)
	defer cancel()
	handler := construct(ctx, t, filepath.Join(dir, goPath), m)
	assert.NotNil(t, handler)
	assert.NoError(t, ctx.Err(), "wanted import and New within %s", catalogueLimit)
}

// construct does what the catalogue does with a new version of a middleware.
func construct(ctx context.Context, t *testing.T, gopath string, m manifest) http.Handler {
	t.Helper()
	i := interp.New(interp.Options{GoPath: gopath})
	require.NoError(t, i.Use(stdlib.Symbols))
	_, err := i.EvalWithContext(ctx, `import "`+m.Import+`"`)
	require.NoError(t, err)
	pkg := m.BasePkg
	if pkg == "" {
		pkg = strings.ReplaceAll(filepath.Base(m.Import), "-", "_")
	}

	createConfig, err := i.EvalWithContext(ctx, pkg+".CreateConfig")
	require.NoError(t, err)
	config := createConfig.Call(nil)[0]
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		DecodeHook:       mapstructure.StringToSliceHookFunc(","),
		WeaklyTypedInput: true,
		Result:           config.Interface(),
	})
	require.NoError(t, err)
	require.NoError(t, decoder.Decode(m.TestData))

	constructor, err := i.EvalWithContext(ctx, pkg+".New")
	require.NoError(t, err)
	results := constructor.Call([]reflect.Value{
		reflect.ValueOf(ctx), reflect.ValueOf(http.NotFoundHandler()), config,
		reflect.ValueOf("catalogue"),
	})
	require.Len(t, results, 2)
	require.True(t, results[1].IsNil(), "%v", results[1])
	require.False(t, results[0].IsNil())
	return results[0].Interface().(http.Handler)
}

func TestCatalogueRequirements(t *testing.T) {
	name := filepath.Join(repository(t), "go.mod")
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	goMod, err := modfile.Parse(name, content, nil)
	require.NoError(t, err)
	for _, require := range goMod.Require {
		for _, module := range forbidden {
			inside := require.Mod.Path == module || strings.HasPrefix(require.Mod.Path, module+"/")
			assert.False(t, inside, "%q may not be required", require.Mod.Path)
		}
	}
	assert.Empty(t, goMod.Replace, "the catalogue takes a module as the proxy has it")
}

func repository(t *testing.T) string {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	return root
}
