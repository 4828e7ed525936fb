// Package kubetest starts API servers for tests of what reads from the API.
package kubetest

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/tenantguard/tenantguard/internal/kube"
)

// token is the only one that Cluster accepts.
const token = "token"

// Start serves an API over TLS, with a token and a file of its authority, until the test ends.
func Start(t *testing.T, api http.Handler) kube.Config {
	t.Helper()
	server := httptest.NewTLSServer(api)
	t.Cleanup(func() {
		_ = server.Listener.Close()
		server.CloseClientConnections()
	})
	dir := t.TempDir()
	config := kube.Config{
		Endpoint:  server.URL,
		TokenFile: filepath.Join(dir, "token"),
		CAFile:    filepath.Join(dir, "ca.crt"),
	}
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	authority := string(pem.EncodeToMemory(block))
	for path, text := range map[string]string{config.TokenFile: token, config.CAFile: authority} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config
}
