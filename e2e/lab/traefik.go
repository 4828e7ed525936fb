package lab

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tenantguard/tenantguard/e2e/internal/ports"
	"github.com/tenantguard/tenantguard/e2e/traefik"
	"gopkg.in/yaml.v3"
)

// GuardName is the Middleware that guards the entry points.
const GuardName = "guard"

// Options say how a Traefik is to run. Its entry points are web, without TLS, websecure, with TLS, and traefik, with
// the API, the dashboard and ping, never guarded.
type Options struct {
	// Version is the release; the tests' own if empty.
	Version string
	// Guard is the plugin's configuration on every entry point but traefik; nil: they have no guard.
	Guard Map
	// Plugin loads the plugin also without a guard on the entry points.
	Plugin bool
	// PluginSource is the folder of the plugin; this repository if empty.
	PluginSource string
	// Dynamic is the first dynamic configuration.
	Dynamic *Config
	// Static is merged into the static configuration. An entry point's address that ends in ":0" gets a free port.
	Static Map
	// Env are more environment variables, "NAME=value".
	Env []string

	HTTP3         bool
	ProxyProtocol bool
	LogLevel      string
	LogFormat     string
}

// Traefik is a running Traefik.
type Traefik struct {
	Log *Log
	// Dir is its working directory.
	Dir string

	addrs    map[string]string
	revision *revisions
	options  Options
	exited   chan struct{}

	mu      sync.Mutex
	guard   Map
	dynamic *Config
}

// errPort is the failure of a start that another one may not meet: someone took a port between its choice and its use.
var errPort = errors.New("address already in use")

// Start starts a Traefik, waits until it serves the configuration, and stops it with the test.
func Start(t T, options Options) *Traefik {
	t.Helper()
	if options.Version == "" {
		options.Version = traefik.Version
	}
	binary, err := traefik.Binary(t.Context(), options.Version, os.Stderr)
	fatal(t, err, "building Traefik")

	for attempt := 0; ; attempt++ {
		tr, err := start(t, binary, options)
		if errors.Is(err, errPort) && attempt < 3 {
			continue
		}
		fatal(t, err, "starting Traefik")
		return tr
	}
}

func start(t T, binary string, options Options) (*Traefik, error) {
	t.Helper()
	tr := &Traefik{
		Log:      &Log{},
		Dir:      t.TempDir(),
		addrs:    map[string]string{},
		revision: newRevisions(t),
		options:  options,
		exited:   make(chan struct{}),
		guard:    options.Guard,
		dynamic:  options.Dynamic,
	}
	if tr.dynamic == nil {
		tr.dynamic = NewConfig()
	}
	if tr.loadsPlugin() {
		InstallPlugin(t, options.PluginSource, tr.Dir)
	}

	if err := tr.writeStatic(); err != nil {
		return nil, err
	}
	revision, err := tr.write()
	if err != nil {
		return nil, err
	}
	if err := tr.run(t, binary); err != nil {
		return nil, err
	}

	return tr, tr.waitServed(t, revision)
}

func (tr *Traefik) loadsPlugin() bool { return tr.options.Plugin || tr.options.Guard != nil }

// dynamicFile is alone in its directory, which Traefik watches. Traefik 3.6 takes the certificates of a single file in their
// order, but those of a directory at random.
func (tr *Traefik) dynamicFile() string { return filepath.Join(tr.Dir, "dynamic", "dynamic.yml") }

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

func (tr *Traefik) static() Map {
	guarded := Map{}
	if tr.options.Guard != nil {
		guarded = Map{"http": Map{"middlewares": []string{GuardName + "@file"}}}
	}
	if tr.options.ProxyProtocol {
		guarded["proxyProtocol"] = Map{"insecure": true}
	}
	// Streams that a test left open need not end in peace.
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
	// A test's own entry points are guarded like these.
	if own, ok := tr.options.Static["entryPoints"].(Map); ok {
		for name := range own {
			if _, known := entryPoints[name]; !known {
				entryPoints[name] = Merge(guarded, Map{"address": "127.0.0.1:0"})
			}
		}
	}

	static := Map{
		"global":      Map{"checkNewVersion": false, "sendAnonymousUsage": false},
		"log":         Map{"level": orElse(tr.options.LogLevel, "INFO"), "format": orElse(tr.options.LogFormat, "common"), "noColor": true},
		"api":         Map{"insecure": true},
		"ping":        Map{},
		"entryPoints": entryPoints,
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

// freeAddress replaces port 0 by one that is free.
func freeAddress(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != "0" {
		return address, err
	}
	free, err := ports.Free(host)

	return net.JoinHostPort(host, strconv.Itoa(free)), err
}

func (tr *Traefik) run(t T, binary string) error {
	cmd := exec.Command(binary, "--configFile="+filepath.Join(tr.Dir, "traefik.yml"))
	cmd.Dir = tr.Dir
	cmd.Env = append(os.Environ(), tr.options.Env...)
	cmd.Stdout, cmd.Stderr = tr.Log, tr.Log
	if err := cmd.Start(); err != nil {
		return err
	}

	go func() {
		defer close(tr.exited)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		tr.stop(cmd.Process)
		if t.Failed() {
			lines := tr.Log.Lines()
			t.Logf("end of Traefik's log:\n%s", strings.Join(lines[max(0, len(lines)-40):], "\n"))
		}
	})

	return nil
}

func (tr *Traefik) stop(process *os.Process) {
	process.Signal(syscall.SIGTERM)
	select {
	case <-tr.exited:
	case <-time.After(5 * time.Second):
		process.Kill()
		<-tr.exited
	}
}

// Apply replaces the dynamic configuration and waits until Traefik serves the new one.
func (tr *Traefik) Apply(t T, dynamic *Config) {
	t.Helper()
	fatal(t, tr.waitServed(t, tr.Write(t, dynamic)), "applying a dynamic configuration")
}

// ApplyGuard replaces the guard's configuration and waits until Traefik serves the new one.
func (tr *Traefik) ApplyGuard(t T, guard Map) {
	t.Helper()
	tr.mu.Lock()
	tr.guard = guard
	tr.mu.Unlock()
	tr.Apply(t, tr.dynamic)
}

// Write replaces the dynamic configuration at once and does not wait. It returns the revision to wait for.
func (tr *Traefik) Write(t T, dynamic *Config) int {
	t.Helper()
	tr.mu.Lock()
	tr.dynamic = dynamic
	tr.mu.Unlock()
	revision, err := tr.write()
	fatal(t, err, "writing a dynamic configuration")

	return revision
}

// WaitServed waits until Traefik serves a revision.
func (tr *Traefik) WaitServed(t T, revision int) {
	t.Helper()
	fatal(t, tr.waitServed(t, revision), "waiting for a dynamic configuration")
}

func (tr *Traefik) write() (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()

	content := tr.dynamic.tree()
	if tr.guard != nil {
		content = Merge(content, NewConfig().Guard(GuardName, tr.guard).tree())
	}
	revision, marker := tr.revision.next(tr.marked())

	return revision, writeYAML(tr.dynamicFile(), Merge(content, marker))
}

// marked are the entry points that must have switched before a revision counts as served.
func (tr *Traefik) marked() []string {
	var names []string
	for name, address := range tr.addrs {
		if name != "traefik" && !strings.HasSuffix(address, "/udp") {
			names = append(names, name)
		}
	}
	slices.Sort(names)

	return names
}

func (tr *Traefik) waitServed(t T, revision int) error {
	t.Helper()
	return until(t.Context(), func() error {
		select {
		case <-tr.exited:
			log := strings.Join(tr.Log.Lines(), "\n")
			if strings.Contains(log, errPort.Error()) {
				return stop(errPort)
			}
			return stop(fmt.Errorf("traefik ended, its log: %s", log))
		default:
		}
		for _, name := range tr.marked() {
			if err := tr.revision.servedAt(t.Context(), tr.Addr(name), revision); err != nil {
				return fmt.Errorf("entry point %q: %w", name, err)
			}
		}
		return nil
	})
}

// Addr is the address to dial for an entry point.
func (tr *Traefik) Addr(entryPoint string) string {
	address, known := tr.addrs[entryPoint]
	if !known {
		panic(fmt.Sprintf("no entry point %q", entryPoint))
	}
	if strings.HasPrefix(address, ":") {
		return "127.0.0.1" + address
	}

	return address
}

// Target is the entry point with TLS, dialled with a server name; an empty one sends none.
func (tr *Traefik) Target(serverName string) Target {
	return Target{Addr: tr.Addr("websecure"), ServerName: serverName}
}

// Plain is the entry point without TLS.
func (tr *Traefik) Plain() Target { return Target{Addr: tr.Addr("web"), Plain: true} }

// API asks the entry point traefik, which has the API and ping, and returns the answer's body.
func (tr *Traefik) API(t T, path string) string {
	t.Helper()
	response := Get(t, HTTP1, Target{Addr: tr.Addr("traefik"), Plain: true}, "traefik.test", path)
	if response.Status != http.StatusOK {
		t.Errorf("GET %s: status %d, want 200", path, response.Status)
		t.FailNow()
	}

	return response.Body
}

// writeYAML writes a file that appears with its whole content.
func writeYAML(path string, content Map) error {
	encoded, err := yaml.Marshal(content)
	if err != nil {
		return err
	}
	// Outside of the folder that is watched: an unfinished file is no event.
	unfinished := filepath.Join(filepath.Dir(filepath.Dir(path)), "."+filepath.Base(path))
	if err := os.WriteFile(unfinished, encoded, 0o644); err != nil {
		return err
	}

	return os.Rename(unfinished, path)
}
