package loader

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// TestConcurrentVerdicts sends one router requests for its own hosts and for others concurrently:
// in the interpreter, variables of one request must not reach another.
func TestConcurrentVerdicts(t *testing.T) {
	plugin := Load(t, "")
	config := forms["crd"].decode(t, readForm(t, forms["crd"].file))[lab.PluginName]
	handler, err := plugin.New(RouterContext(t.Context(), "websecure", "acme-web@docker"), teapot,
		config, "guard@file")
	require.NoError(t, err)

	requests := []struct {
		host, sni string
		status    int
	}{
		{"acme.example.com", "acme.example.com", http.StatusTeapot},
		{"b.acme.example.com", "b.acme.example.com", http.StatusTeapot},
		{"globex.example.com", "acme.example.com", http.StatusForbidden},
		{"acme.example.com", "globex.example.com", http.StatusMisdirectedRequest},
		{"b.acme.example.com", "initech.example.com", http.StatusMisdirectedRequest},
		{"globex.example.com", "globex.example.com", http.StatusForbidden},
	}
	var wrong atomic.Int64
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for n := range 400 {
				r := requests[(client+n)%len(requests)]
				req := httptest.NewRequest(http.MethodGet, "https://"+r.host+"/", nil)
				req.TLS = &tls.ConnectionState{ServerName: r.sni, HandshakeComplete: true}
				recorder := httptest.NewRecorder()
				handler.ServeHTTP(recorder, req)
				if recorder.Code != r.status {
					wrong.Add(1)
				}
			}
		})
	}
	clients.Wait()
	assert.Zero(t, wrong.Load(), "wrong verdicts")
}
