package examples

import (
	"fmt"
	"net"
	"path"
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// plugins is where Traefik's image looks for a local plugin.
const plugins = "/plugins-local/src/github.com/tenantguard/tenantguard"

// TestCompose serves what examples/compose.yml would, and has a container with labels of another
// tenant's try to take its host.
func TestCompose(t *testing.T) {
	project := loadCompose(t)
	attacker := newContainer(t, "attacker", "any", map[string]string{
		"traefik.enable":                            "true",
		"traefik.http.routers.globex-grab.rule":     "Host(`acme.example.com`) && Path(`/login`)",
		"traefik.http.routers.globex-grab.priority": "1000",
		// Another guard of the same name, which would allow it.
		"traefik.http.middlewares.guard.plugin.tenantguard.tenants[0].name":    "globex",
		"traefik.http.middlewares.guard.plugin.tenantguard.tenants[0].routers": "*@docker",
		"traefik.http.middlewares.guard.plugin.tenantguard.tenants[0].hosts":   "**.example.com",
		// One that would send a file of Traefik's away.
		"traefik.http.routers.globex-leak.rule":                                 "Path(`/leak`)",
		"traefik.http.routers.globex-leak.middlewares":                          "leak",
		"traefik.http.middlewares.leak.plugin.tenantguard.kubernetes.enabled":   "true",
		"traefik.http.middlewares.leak.plugin.tenantguard.kubernetes.endpoint":  "https://[::1]:1",
		"traefik.http.middlewares.leak.plugin.tenantguard.kubernetes.tokenFile": "/etc/hostname",
	})
	e := startCompose(t, project, attacker)

	for _, tenant := range []string{"acme", "globex"} {
		host := tenant + ".example.com"
		e.wait(t, host, "/", 200)
		assert.Equal(t, tenant, e.get(t, host, host, "/").Tenant())
	}

	e.wait(t, "acme.example.com", "/login", 403)
	denial := e.log.WaitDenial(t, func(d lab.Denial) bool { return d.Reason == "host-foreign" })
	assert.Equal(t, "globex", denial.Tenant)
	assert.Equal(t, "acme.example.com", denial.Host)

	refused := e.log.Wait(t, `"middleware":"leak@docker"`)
	assert.Contains(t, refused, `list \"docker\" in TENANTGUARD_OPERATOR_PROVIDERS`)

	got := e.get(t, "globex.example.com", "acme.example.com", "/")
	assert.Equal(t, 421, got.Status)
	denial = e.log.WaitDenial(t, func(d lab.Denial) bool { return d.Reason == "sni-foreign" })
	assert.Equal(t, "acme", denial.Tenant)

	redirect := e.getPlain(t, "acme.example.com", "/")
	_, port, err := net.SplitHostPort(e.secure)
	require.NoError(t, err)
	assert.Equal(t, "https://acme.example.com:"+port+"/", redirect.Header.Get("Location"))
}

// startCompose starts a Traefik on the files that the service traefik mounts, and tells it of the
// services and of more containers.
func startCompose(t *testing.T, project *types.Project, more ...container) *example {
	t.Helper()
	containers := more
	for name, service := range project.Services {
		containers = append(containers, newContainer(t, name, service.Image, service.Labels))
	}
	dir := t.TempDir()
	configuration := filepath.Join(dir, "etc", "traefik")
	copyExample(t, "compose", configuration)
	makeCertificates(t, configuration)
	lab.InstallPlugin(t, mounted(t, project, plugins), dir)

	plain, secure := lab.FreeAddress(t), lab.FreeAddress(t)
	static := filepath.Join(configuration, "traefik.yml")
	replace(t, static, `":80"`, plain, `":443"`, secure, "/etc/traefik", configuration,
		"  docker:\n", "  docker:\n    endpoint: "+serveDocker(t, containers)+"\n")
	replace(t, filepath.Join(configuration, "dynamic.yml"), "/etc/traefik", configuration)
	e := start(t, dir, static, filepath.Join(configuration, "certificates"))
	e.plain, e.secure = plain, secure

	return e
}

// TestComposeFile wants what startCompose takes for granted of the compose file.
func TestComposeFile(t *testing.T) {
	project := loadCompose(t)
	service := project.Services["traefik"]
	assert.Equal(t, "traefik:"+traefik.Own, service.Image)
	// The image's own: Traefik looks for /etc/traefik/traefik.yml, and for plugins below /.
	assert.Empty(t, service.Command)
	assert.Empty(t, service.WorkingDir)
	assert.Equal(t, root(t), mounted(t, project, plugins))
	examples := filepath.Join(root(t), "examples")
	assert.Equal(t, filepath.Join(examples, "compose"), mounted(t, project, "/etc/traefik"))
	assert.Equal(t, "/var/run/docker.sock", mounted(t, project, "/var/run/docker.sock"))

	var ports []string
	for _, port := range service.Ports {
		assert.Equal(t, "tcp", port.Protocol)
		ports = append(ports, fmt.Sprintf("%s:%d", port.Published, port.Target))
	}
	assert.Equal(t, []string{"80:80", "443:443"}, ports)
}

// loadCompose loads compose.yml as Compose does.
func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	name := filepath.Join(root(t), "examples", "compose.yml")
	details := types.ConfigDetails{
		WorkingDir:  filepath.Dir(name),
		ConfigFiles: []types.ConfigFile{{Filename: name}},
	}
	project, err := loader.LoadWithContext(t.Context(), details, func(o *loader.Options) {
		o.SetProjectName("examples", true)
	})
	require.NoError(t, err)

	return project
}

// mounted is the folder of this machine that the service traefik has at a path, read-only.
func mounted(t *testing.T, project *types.Project, at string) string {
	t.Helper()
	for _, volume := range project.Services["traefik"].Volumes {
		if path.Clean(volume.Target) == at {
			assert.Equal(t, types.VolumeTypeBind, volume.Type, at)
			assert.True(t, volume.ReadOnly, at)
			return volume.Source
		}
	}
	require.FailNow(t, "nothing is mounted", at)

	return ""
}
