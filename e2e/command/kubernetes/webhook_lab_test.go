package kubernetes_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	tenantguard "github.com/tenantguard/tenantguard/e2e/internal/command"
	"github.com/tenantguard/tenantguard/e2e/internal/ports"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"k8s.io/client-go/rest"
)

func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // Traefik's own code logs each certificate
	os.Exit(m.Run())
}

// command returns the command with the cluster of a configuration.
func command(t *testing.T, config *rest.Config, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := tenantguard.Binary()
	require.NoError(t, err)

	return exec.Command(binary, append(args, "--kubeconfig",
		tenantguard.Kubeconfig(t, config.Host, config.CAFile, config.BearerToken))...)
}

// output is what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.text.String()
}

// webhook is a running webhook.
type webhook struct {
	process      *exec.Cmd
	port, status int
	log          *output
	ended        chan error
}

// startWebhook starts the webhook as its service account, on ports of the machine.
func startWebhook(t *testing.T, config *rest.Config, port int, args ...string) *webhook {
	t.Helper()
	status, err := ports.Free("127.0.0.1")
	require.NoError(t, err)
	w := &webhook{port: port, status: status, log: &output{}, ended: make(chan error, 1)}
	w.process = command(t, config, append([]string{"admission", "serve", "--drain", "1s",
		"--address", fmt.Sprintf("127.0.0.1:%d", port),
		"--status", fmt.Sprintf("127.0.0.1:%d", status)}, args...)...)
	w.process.Stderr = w.log
	require.NoError(t, w.process.Start())
	go func() { w.ended <- w.process.Wait() }()
	t.Cleanup(func() { w.kill() })
	require.Eventually(t, func() bool {
		code, _ := w.get("/readyz")

		return code == http.StatusOK
	}, time.Minute, 20*time.Millisecond, "the webhook becomes ready: %s", w.log)

	return w
}

// get asks the status address.
func (w *webhook) get(path string) (int, string) {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", w.status, path))
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(response.Body)

	return response.StatusCode, string(content)
}

// kill ends the webhook at once, as a node that fails.
func (w *webhook) kill() {
	if w.process.ProcessState == nil {
		_ = w.process.Process.Kill()
		<-w.ended
		w.ended <- nil
	}
}

// stop ends the webhook as the kubelet does.
func (w *webhook) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, w.process.Process.Signal(syscall.SIGTERM))
	err := <-w.ended
	w.ended <- nil
	require.NoError(t, err, w.log.String())
}

// example returns a file of examples/kubernetes.
func example(t *testing.T, name string) string {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	content, err := os.ReadFile(filepath.Join(root, "examples", "kubernetes", name))
	require.NoError(t, err)

	return string(content)
}

var atPort = regexp.MustCompile(`port: 443`)

// configuration returns the example's configuration of the webhook, which leads to a port of this
// machine, and the Service that leads there.
func configuration(t *testing.T, port int) []string {
	t.Helper()
	content := example(t, "webhook/configuration.yaml")
	require.Equal(t, 3, len(atPort.FindAllString(content, -1)))

	return []string{
		`{apiVersion: v1, kind: Service, metadata: {name: tenantguard-webhook, namespace: traefik},
spec: {type: ExternalName, externalName: localhost}}`,
		atPort.ReplaceAllString(content, fmt.Sprintf("port: %d", port)),
	}
}

// account returns the access of a service account in traefik.
func account(t *testing.T, c *cluster.Cluster, name string) *rest.Config {
	t.Helper()

	return c.WithToken(c.Token(t, cluster.TraefikNamespace, name, time.Hour))
}

// refused returns which part of admission refuses a request, "" for none.
func refused(err error) string {
	switch {
	case err == nil:
		return ""
	case strings.Contains(err.Error(), "ValidatingAdmissionPolicy"):
		return "policy"
	case strings.Contains(err.Error(), `admission webhook "`):
		return "webhook"
	default:
		return "failed: " + err.Error()
	}
}

// hammer calls try without pause until it is stopped, and returns the errors.
func hammer(ctx context.Context, try func(ctx context.Context) error) func() (int, []error) {
	limited, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	var failures []error
	calls := 0
	go func() {
		defer close(done)
		for limited.Err() == nil {
			calls++
			if err := try(ctx); err != nil {
				failures = append(failures, err)
			}
		}
	}()

	return func() (int, []error) {
		cancel()
		<-done

		return calls, failures
	}
}
