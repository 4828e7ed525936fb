package cluster

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/tenantguard/tenantguard/e2e/internal/ports"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// backendProgram builds the backend's program, once per test process.
var backendProgram = sync.OnceValues(func() (string, error) {
	root, err := repo.Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, ".cache", "backend")
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", err
	}
	// Tests of another package may run the program, or build it, at the same time.
	unfinished := fmt.Sprintf("%s.%d", binary, os.Getpid())
	cmd := exec.Command("go", "build", "-o", unfinished, "./cluster/backend")
	cmd.Dir = filepath.Join(root, "e2e")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building a backend: %w\n%s", err, output)
	}

	return binary, os.Rename(unfinished, binary)
})

// startBackend starts a tenant's server as a process of its own, which ends with the test. Its
// address is not a loopback address, since Kubernetes rejects those in endpoints.
func startBackend(t lab.T, tenant string) netip.AddrPort {
	t.Helper()
	binary, err := backendProgram()
	lab.Fatal(t, err, "building a backend")
	host, err := ownAddress()
	lab.Fatal(t, err, "finding an address for endpoints")
	port, err := ports.Free(host.String())
	lab.Fatal(t, err, "finding a port for a backend")
	address := netip.AddrPortFrom(host, uint16(port))

	p := newProcess(t, t.TempDir(), binary, "-tenant", tenant, "-address", address.String())
	lab.Fatal(t, p.start(), "starting a backend")
	lab.Fatal(t, until(t.Context(), func() error {
		if err := p.alive(); err != nil {
			return err
		}
		conn, err := net.Dial("tcp", address.String())
		if err != nil {
			return err
		}

		return conn.Close()
	}), "waiting for a backend")

	return address
}
