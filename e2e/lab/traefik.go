package lab

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tenantguard/tenantguard/e2e/internal/poll"
	"github.com/tenantguard/tenantguard/e2e/internal/ports"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// GuardName is the Middleware that guards the entry points.
const GuardName = "guard"

// Options configure a Traefik. Its entry points are web (without TLS), websecure (with TLS) and
// traefik (API, dashboard and ping, never guarded).
type Options struct {
	// Version is the release; the default is traefik.Version.
	Version string
	// Guard is the plugin's configuration on every entry point but traefik. There is no guard if it
	// is nil.
	Guard Map
	// Plugin loads the plugin even without a guard on the entry points.
	Plugin bool
	// PluginSource is the plugin's folder; this repository if empty.
	PluginSource string
	// Dynamic is the first dynamic configuration.
	Dynamic *Config
	// Static is merged into the static configuration. An entry point's address with port 0 gets a
	// free port.
	Static Map
	// Env are additional environment variables, "NAME=value".
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
	process  *os.Process
	exited   chan struct{}

	mu      sync.Mutex
	guard   Map
	dynamic *Config
}

// Start starts a Traefik and waits until it serves the configuration. The test's cleanup stops it.
func Start(t T, options Options) *Traefik {
	t.Helper()
	if options.Version == "" {
		options.Version = traefik.Version
	}
	binary, err := traefik.Binary(t.Context(), options.Version, os.Stderr)
	Fatal(t, err, "building Traefik")

	var tr *Traefik
	err = ports.Retry(func() (err error) {
		tr, err = start(t, binary, options)
		return err
	})
	Fatal(t, err, "starting Traefik")

	return tr
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

// dynamicFile returns the dynamic configuration's path, alone in the directory that Traefik
// watches. Traefik 3.6 reads the certificates of a single file in order, but those of a directory
// at random.
func (tr *Traefik) dynamicFile() string { return filepath.Join(tr.Dir, "dynamic", "dynamic.yml") }

func (tr *Traefik) run(t T, binary string) error {
	cmd := exec.Command(binary, "--configFile="+filepath.Join(tr.Dir, "traefik.yml"))
	cmd.Dir = tr.Dir
	cmd.Env = append(os.Environ(), tr.options.Env...)
	cmd.Stdout, cmd.Stderr = tr.Log, tr.Log
	if err := cmd.Start(); err != nil {
		return err
	}
	tr.process = cmd.Process
	go func() {
		defer close(tr.exited)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		tr.Stop()
		if t.Failed() {
			lines := tr.Log.Lines()
			panicked := func(line string) bool { return strings.Contains(line, "panic") }
			if at := slices.IndexFunc(lines, panicked); at >= 0 {
				t.Logf("first panic in Traefik's log:\n%s", excerpt(lines[at:]))
			}
			t.Logf("end of Traefik's log:\n%s", excerpt(lines[max(0, len(lines)-40):]))
		}
	})

	return nil
}

// excerpt returns the first 40 lines.
func excerpt(lines []string) string {
	return strings.Join(lines[:min(40, len(lines))], "\n")
}

// Stop ends Traefik, which the test's cleanup does otherwise.
func (tr *Traefik) Stop() {
	tr.process.Signal(syscall.SIGTERM)
	select {
	case <-tr.exited:
	case <-time.After(5 * time.Second):
		tr.process.Kill()
		<-tr.exited
	}
}

// Apply replaces the dynamic configuration and waits until Traefik serves the new one.
func (tr *Traefik) Apply(t T, dynamic *Config) {
	t.Helper()
	Fatal(t, tr.waitServed(t, tr.Write(t, dynamic)), "applying a dynamic configuration")
}

// ApplyGuard replaces the guard's configuration and waits until Traefik serves the new one.
func (tr *Traefik) ApplyGuard(t T, guard Map) {
	t.Helper()
	tr.mu.Lock()
	tr.guard = guard
	tr.mu.Unlock()
	tr.Apply(t, tr.dynamic)
}

// Write replaces the dynamic configuration without waiting. It returns the revision for WaitServed.
func (tr *Traefik) Write(t T, dynamic *Config) int {
	t.Helper()
	tr.mu.Lock()
	tr.dynamic = dynamic
	tr.mu.Unlock()
	revision, err := tr.write()
	Fatal(t, err, "writing a dynamic configuration")

	return revision
}

// WaitServed waits until Traefik serves a revision.
func (tr *Traefik) WaitServed(t T, revision int) {
	t.Helper()
	Fatal(t, tr.waitServed(t, revision), "waiting for a dynamic configuration")
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

// marked returns the entry points that must have switched before a revision counts as served.
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
			return poll.Stop(ports.Exited("traefik", strings.Join(tr.Log.Lines(), "\n")))
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

// Addr returns the address to dial for an entry point.
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

// Target returns the entry point with TLS; an empty server name sends none.
func (tr *Traefik) Target(serverName string) Target {
	return Target{Addr: tr.Addr("websecure"), ServerName: serverName}
}

// Plain returns the entry point without TLS.
func (tr *Traefik) Plain() Target { return Target{Addr: tr.Addr("web"), Plain: true} }

// API requests a path from the entry point traefik and returns the answer's body.
func (tr *Traefik) API(t T, path string) string {
	t.Helper()
	response := Get(t, HTTP1, Target{Addr: tr.Addr("traefik"), Plain: true}, "traefik.test", path)
	if response.Status != http.StatusOK {
		t.Errorf("GET %s: status %d, want 200", path, response.Status)
		t.FailNow()
	}

	return response.Body
}
