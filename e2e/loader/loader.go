// Package loader runs the plugin in Traefik's own plugin loader, without the rest of Traefik.
package loader

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/traefik/traefik/v3/pkg/plugins"
)

const (
	module = "github.com/tenantguard/tenantguard"
	// goPath is where Traefik looks for local plugins, from its working directory.
	goPath = "plugins-local"
)

// loading guards the working directory and the global logger, which loading a plugin reads.
var loading sync.Mutex

// Plugin is a plugin in an interpreter of its own.
type Plugin struct {
	// Log is what the plugin logs.
	Log *Log

	builder *plugins.Builder
}

// Passthrough is the directory of a plugin that passes every request.
func Passthrough(t lab.T) string {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	return filepath.Join(root, "e2e", "loader", "testdata", "passthrough")
}

// Load loads the plugin in a directory, this repository's if empty. The interpreter keeps the environment of this moment,
// as it does in Traefik: set variables before.
func Load(t lab.T, source string) *Plugin {
	t.Helper()
	dir := t.TempDir()
	lab.InstallPlugin(t, source, dir)

	loading.Lock()
	defer loading.Unlock()
	defer chdir(t, dir)()
	plugin := &Plugin{Log: newLog(t)}
	defer plugin.Log.capture()()

	var err error
	plugin.builder, err = plugins.NewBuilder(nil, nil, map[string]plugins.LocalDescriptor{lab.PluginName: {ModuleName: module}})
	require.NoError(t, err)
	return plugin
}

// New builds the handler of one router: config is the dynamic configuration's, name the middleware's qualified name.
// Traefik decodes the configuration anew for every router, and so does this.
func (p *Plugin) New(ctx context.Context, next http.Handler, config map[string]any, name string) (http.Handler, error) {
	constructor, err := p.builder.Build(lab.PluginName, config, name)
	if err != nil {
		return nil, err
	}
	return constructor(ctx, next)
}

func chdir(t lab.T, dir string) (back func()) {
	t.Helper()
	before, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.Chdir(dir))
	return func() { require.NoError(t, os.Chdir(before)) }
}
