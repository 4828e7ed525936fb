package lab

import (
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/ports"
	"gopkg.in/yaml.v3"
)

// writeStatic writes traefik.yml.
func (tr *Traefik) writeStatic() error {
	if err := os.MkdirAll(filepath.Dir(tr.dynamicFile()), 0o755); err != nil {
		return err
	}

	static := Merge(tr.static(), tr.options.Static)
	entryPoints := static["entryPoints"].(Map)
	for name, entryPoint := range entryPoints {
		address, err := freeAddress(entryPoint.(Map)["address"].(string))
		if err != nil {
			return err
		}
		tr.addrs[name] = address
		entryPoints[name] = Merge(entryPoint.(Map), Map{"address": address})
	}

	return writeYAML(filepath.Join(tr.Dir, "traefik.yml"), static)
}

// entryPoints returns web, websecure, traefik and the test's own ones.
func (tr *Traefik) entryPoints() Map {
	guarded := Map{}
	if tr.options.Guard != nil {
		guarded = Map{"http": Map{"middlewares": []string{GuardName + "@file"}}}
	}
	if tr.options.ProxyProtocol {
		guarded["proxyProtocol"] = Map{"insecure": true}
	}
	// Traefik need not wait for streams that a test left open.
	guarded["transport"] = Map{"lifeCycle": Map{"graceTimeOut": "100ms"}}

	secure := Merge(Merge(guarded, Map{"http": Map{"tls": Map{}}}), Map{"address": "127.0.0.1:0"})
	if tr.options.HTTP3 {
		secure["http3"] = Map{}
	}
	entryPoints := Map{
		"web":       Merge(guarded, Map{"address": "127.0.0.1:0"}),
		"websecure": secure,
		"traefik":   Map{"address": "127.0.0.1:0"},
	}
	// A test's own entry points have the same settings.
	if own, ok := tr.options.Static["entryPoints"].(Map); ok {
		for name := range own {
			if _, known := entryPoints[name]; !known {
				entryPoints[name] = Merge(guarded, Map{"address": "127.0.0.1:0"})
			}
		}
	}

	return entryPoints
}

func (tr *Traefik) static() Map {
	static := Map{
		"global": Map{"checkNewVersion": false, "sendAnonymousUsage": false},
		"log": Map{
			"level":   orElse(tr.options.LogLevel, "INFO"),
			"format":  orElse(tr.options.LogFormat, "common"),
			"noColor": true,
		},
		"api":         Map{"insecure": true},
		"ping":        Map{},
		"entryPoints": tr.entryPoints(),
		"providers": Map{
			"providersThrottleDuration": "10ms",
			"file":                      Map{"filename": tr.dynamicFile(), "watch": true},
		},
	}
	if tr.options.LogFormat == "json" {
		// Traefik warns about noColor where there is no color to leave out.
		delete(static["log"].(Map), "noColor")
	}
	if tr.loadsPlugin() {
		static["experimental"] = Map{
			"abortOnPluginFailure": true,
			"localPlugins":         Map{PluginName: Map{"moduleName": pluginModule}},
		}
	}

	return static
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}

	return value
}

// freeAddress replaces port 0 with a free port.
func freeAddress(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != "0" {
		return address, err
	}
	free, err := ports.Free(host)

	return net.JoinHostPort(host, strconv.Itoa(free)), err
}

// FreeAddress returns an address of this machine on which nothing listens, and that no client is
// given.
func FreeAddress(t T) string {
	t.Helper()
	address, err := freeAddress("127.0.0.1:0")
	require.NoError(t, err)

	return address
}

// writeYAML writes a file atomically.
func writeYAML(path string, content Map) error {
	encoded, err := yaml.Marshal(content)
	if err != nil {
		return err
	}
	// The temporary file is outside the watched folder, where it would cause an event.
	unfinished := filepath.Join(filepath.Dir(filepath.Dir(path)), "."+filepath.Base(path))
	if err := os.WriteFile(unfinished, encoded, 0o644); err != nil {
		return err
	}

	return os.Rename(unfinished, path)
}
