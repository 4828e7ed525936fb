package e2e

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// fromHTTP is the static configuration of a provider whose configuration anybody may have written:
// Traefik reads it from a server of the test, and calls what is in it NAME@http. It stands for all
// providers but the file provider.
func fromHTTP(t *testing.T, dynamic *lab.Config) lab.Map {
	t.Helper()
	content := dynamic.YAML(t)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write(content)
	}))
	t.Cleanup(server.Close)

	return lab.Map{"providers": lab.Map{"http": lab.Map{
		"endpoint": server.URL, "pollInterval": "100ms",
	}}}
}

// collector is a server of an attacker's that notes which tokens it is sent.
type collector struct {
	endpoint, caFile string

	mu     sync.Mutex
	tokens []string
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{caFile: filepath.Join(t.TempDir(), "ca.pem")}
	server := httptest.NewTLSServer(http.HandlerFunc(c.note))
	t.Cleanup(server.Close)
	c.endpoint = server.URL
	block := pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	require.NoError(t, os.WriteFile(c.caFile, pem.EncodeToMemory(&block), 0o600))

	return c
}

func (c *collector) note(rw http.ResponseWriter, req *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens = append(c.tokens, req.Header.Get("Authorization"))
	rw.WriteHeader(http.StatusNotFound)
}

// sent returns the tokens so far.
func (c *collector) sent() []string {
	c.mu.Lock()
	defer c.mu.Unlock()

	return append([]string(nil), c.tokens...)
}
