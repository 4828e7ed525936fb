package papers

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
	"gopkg.in/yaml.v3"
)

const pluginModule = "github.com/tenantguard/tenantguard"

// TestStatic has Traefik itself load the static configurations of the examples.
func TestStatic(t *testing.T) {
	traefik.Need(t, traefik.SafeNames, "safe names, which the examples turn on,")
	fromFile := loadedFile(t, string(readFile(t, "examples/static.yml")))
	fromFlags := loadedFlags(t, strings.Fields(string(readFile(t, "examples/flags.txt"))))
	assert.Equal(t, fromFile, fromFlags)
	assert.True(t, fromFile.Providers.KubernetesCRD.SafeNaming)
	assert.Equal(t, pluginModule, fromFile.Experimental.LocalPlugins[lab.PluginName].ModuleName)
	assert.True(t, fromFile.Experimental.AbortOnPluginFailure)

	// What the chart itself says of the same sections.
	chart := []string{"--entryPoints.web.address=:8000/tcp",
		"--entryPoints.websecure.address=:8443/tcp", "--entryPoints.websecure.http.tls=true",
		"--providers.kubernetescrd", "--providers.kubernetescrd.allowEmptyServices=true"}
	helm := readHelm(t, "examples/helm-values.yaml")
	fromHelm := loadedFlags(t, append(chart, helm.AdditionalArguments...))
	assert.Equal(t, fromFile.Experimental, fromHelm.Experimental)
	assert.Equal(t, fromFile.Core, fromHelm.Core)
	assert.Equal(t, fromFile.Providers.KubernetesCRD, fromHelm.Providers.KubernetesCRD)

	operator, _ := exampleMiddlewares(t)
	all := map[string]staticConfiguration{"guard@file": fromFile, operator.name: fromHelm}
	for name, loaded := range all {
		require.NotEmpty(t, loaded.EntryPoints)
		for entryPoint, settings := range loaded.EntryPoints {
			assert.Equal(t, []string{name}, settings.HTTP.Middlewares, entryPoint)
		}
	}
}

// TestHelm has Traefik itself load the values of examples/kubernetes: the guard alone, and with the
// hardening behind it, which then is the same as that of the other examples.
func TestHelm(t *testing.T) {
	traefik.Need(t, traefik.SafeNames, "safe names, which the examples turn on,")
	chart := []string{"--entryPoints.web.address=:8000/tcp",
		"--entryPoints.websecure.address=:8443/tcp", "--providers.kubernetescrd"}
	guard := readFile(t, helmGuardFile)
	alone := decodeHelm(t, guard)
	both := decodeHelm(t, append(slices.Clone(guard), readFile(t, helmHardeningFile)...))
	count := len(alone.AdditionalArguments)
	require.Greater(t, len(both.AdditionalArguments), count)
	assert.Equal(t, alone.AdditionalArguments, both.AdditionalArguments[:count])
	loadedAlone := loadedFlags(t, append(chart, alone.AdditionalArguments...))
	loadedBoth := loadedFlags(t, append(chart, both.AdditionalArguments...))
	for _, loaded := range []staticConfiguration{loadedAlone, loadedBoth} {
		assert.True(t, loaded.Providers.KubernetesCRD.SafeNaming)
		assert.True(t, loaded.Experimental.AbortOnPluginFailure)
		require.Len(t, loaded.EntryPoints, 2)
		for entryPoint, settings := range loaded.EntryPoints {
			assert.Equal(t, []string{"traefik_guard@kubernetescrd"}, settings.HTTP.Middlewares,
				entryPoint)
		}
	}
	assert.Nil(t, loadedAlone.Core, "the guard alone hardens nothing")
	assert.Empty(t, loadedAlone.Providers.KubernetesCRD.DefaultTLSResourcesNamespace)
	assert.Nil(t, loadedAlone.Providers.KubernetesCRD.CrossProviderNamespaces)
	other := loadedFile(t, string(readFile(t, "examples/static.yml")))
	assert.Equal(t, other.Core, loadedBoth.Core)
	assert.Equal(t, other.Providers.KubernetesCRD, loadedBoth.Providers.KubernetesCRD)

	var values map[string]any
	assert.Error(t, yaml.Unmarshal(readFile(t, helmHardeningFile), &values),
		"as values it would replace the arguments of the guard: Helm must refuse it")
}

// TestImages wants both files of values to name the image that the papers build.
func TestImages(t *testing.T) {
	for _, name := range []string{"examples/helm-values.yaml", helmGuardFile} {
		helm := readHelm(t, name)
		assert.Equal(t, "registry.example.com/platform/traefik:"+traefik.Own, helm.image(), name)
	}
}

const (
	helmGuardFile     = "examples/kubernetes/helm-guard.yaml"
	helmHardeningFile = "examples/kubernetes/helm-hardening.yaml"
)

// helmValues are what the values may hold.
type helmValues struct {
	Image               struct{ Registry, Repository, Tag string }
	AdditionalArguments []string `yaml:"additionalArguments"`
	Env                 []struct{ Name, Value string }
	Volumes             []struct {
		Name, Type string
		MountPath  string `yaml:"mountPath"`
	}
}

func readHelm(t *testing.T, name string) helmValues {
	t.Helper()
	return decodeHelm(t, readFile(t, name))
}

func decodeHelm(t *testing.T, content []byte) helmValues {
	t.Helper()
	var values helmValues
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&values))

	return values
}

func (h helmValues) image() string {
	return h.Image.Registry + "/" + h.Image.Repository + ":" + h.Image.Tag
}

func (h helmValues) variable(name string) string {
	for _, variable := range h.Env {
		if variable.Name == name {
			return variable.Value
		}
	}

	return ""
}

// staticConfiguration is the part of Traefik's that the examples are about. Its own type can't be
// imported: behind it are the DNS providers that the module proxy does not have.
type staticConfiguration struct {
	Core *struct {
		StrictTLSOptions bool
	}
	Experimental struct {
		AbortOnPluginFailure bool
		Plugins              map[string]struct{ ModuleName, Version string }
		LocalPlugins         map[string]struct{ ModuleName string }
	}
	EntryPoints map[string]struct {
		Address string
		HTTP    struct {
			Middlewares  []string
			TLS          *struct{}
			Redirections *struct{ EntryPoint struct{ To, Scheme string } }
		}
	}
	Providers struct {
		File          *struct{ Filename string }
		KubernetesCRD *struct {
			SafeNaming                   bool
			DefaultTLSResourcesNamespace string
			CrossProviderNamespaces      []string
		}
	}
}

// loadedFile returns what Traefik makes of traefik.yml.
func loadedFile(t *testing.T, content string) staticConfiguration {
	t.Helper()
	path := filepath.Join(t.TempDir(), "traefik.yml")
	content += "\nlog: {level: DEBUG, format: json}\nglobal: {checkNewVersion: false}\n"
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))

	return loadedStatic(t, "--configFile="+path)
}

// loadedFlags returns what Traefik makes of its command line.
func loadedFlags(t *testing.T, flags []string) staticConfiguration {
	t.Helper()
	return loadedStatic(t, append(slices.Clone(flags),
		"--log.level=DEBUG", "--log.format=json", "--global.checknewversion=false")...)
}

// loadedStatic starts the real Traefik until it logs the static configuration that it has loaded
// and validated.
func loadedStatic(t *testing.T, arguments ...string) staticConfiguration {
	t.Helper()
	binary, err := traefik.Binary(t.Context(), traefik.Version, os.Stderr)
	require.NoError(t, err)
	command := exec.Command(binary, arguments...)
	command.Dir = t.TempDir()
	// Nothing is to be downloaded.
	command.Env = append(os.Environ(), "HTTPS_PROXY=http://127.0.0.1:1",
		"https_proxy=http://127.0.0.1:1")
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	command.Stderr = command.Stdout
	require.NoError(t, command.Start())
	defer func() {
		killed := command.Process.Kill()
		if killed != nil && !errors.Is(killed, os.ErrProcessDone) {
			t.Error(killed)
		}
		_ = command.Wait()
	}()

	var lines []string
	scanner := bufio.NewScanner(output)
	for scanner.Scan() {
		var line struct{ StaticConfiguration *staticConfiguration }
		if json.Unmarshal(scanner.Bytes(), &line) == nil && line.StaticConfiguration != nil {
			return *line.StaticConfiguration
		}
		lines = append(lines, scanner.Text())
	}
	require.FailNow(t, "Traefik did not load its static configuration", strings.Join(lines, "\n"))

	return staticConfiguration{}
}
