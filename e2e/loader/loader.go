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
	// goPath is the folder of local plugins, relative to Traefik's working directory.
	goPath = "plugins-local"
)

// loading guards the working directory and the global logger, which loading a plugin uses.
var loading sync.Mutex

// Plugin is a plugin in an interpreter of its own.
type Plugin struct {
	// Log is the plugin's log.
	Log *Log

	builder *plugins.Builder
}

// Passthrough returns the directory of a plugin that passes every request.
func Passthrough(t lab.T) string {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	return filepath.Join(root, "e2e", "loader", "testdata", "passthrough")
}

// Load loads the plugin in a directory, this repository's if empty. As in Traefik, the interpreter
// copies the environment: set variables before.
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
	local := map[string]plugins.LocalDescriptor{lab.PluginName: {ModuleName: module}}
	plugin.builder, err = plugins.NewBuilder(nil, nil, local)
	require.NoError(t, err)
	return plugin
}

// New builds the handler of one router. config is the middleware's dynamic configuration and name
// its qualified name. As in Traefik, the configuration is decoded anew for every router.
func (p *Plugin) New(
	ctx context.Context, next http.Handler, config map[string]any, name string,
) (http.Handler, error) {
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
