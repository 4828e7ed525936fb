package kube

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// api is an API server that accepts one token and answers by a function.
type api struct {
	server    *httptest.Server
	directory string

	mu     sync.Mutex
	token  string
	answer func(rw http.ResponseWriter, req *http.Request)
	asked  []string
	// open is how many connections there are.
	open int
}

func serve(t *testing.T, answer func(rw http.ResponseWriter, req *http.Request)) *api {
	t.Helper()
	a := &api{token: "first", answer: answer, directory: t.TempDir()}
	a.server = httptest.NewUnstartedServer(http.HandlerFunc(
		func(rw http.ResponseWriter, req *http.Request) { a.handle(rw, req) }))
	a.server.Config.ConnState = func(conn net.Conn, state http.ConnState) { a.count(state) }
	a.server.StartTLS()
	t.Cleanup(func() { a.server.Close() })
	a.writeCA(t, a.server)
	a.write(t, "token", "first\n")
	return a
}

func (a *api) handle(rw http.ResponseWriter, req *http.Request) {
	a.mu.Lock()
	a.asked = append(a.asked, req.URL.RequestURI())
	token, answer := a.token, a.answer
	a.mu.Unlock()
	if req.Header.Get("Authorization") != "Bearer "+token {
		refuse(rw, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
		return
	}
	answer(rw, req)
}

func (a *api) count(state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state == http.StateNew {
		a.open++
	}
	if state == http.StateClosed || state == http.StateHijacked {
		a.open--
	}
}

func (a *api) connections() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open
}

func (a *api) requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

func (a *api) setToken(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token = token
}

func (a *api) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.directory, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *api) writeCA(t *testing.T, server *httptest.Server) {
	t.Helper()
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	a.write(t, "ca.crt", string(pem.EncodeToMemory(block)))
}

// client returns a client of the server, its time limit short.
func (a *api) client(t *testing.T) *Client {
	t.Helper()
	return a.clientOf(t, a.server.URL)
}

func (a *api) clientOf(t *testing.T, endpoint string) *Client {
	t.Helper()
	config := Config{
		Endpoint:  endpoint,
		TokenFile: filepath.Join(a.directory, "token"),
		CAFile:    filepath.Join(a.directory, "ca.crt"),
	}
	c, err := New(config, func(name string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	c.timeout = 5 * time.Second
	t.Cleanup(func() { c.Close() })
	return c
}

func write(rw http.ResponseWriter, text string) {
	rw.Header().Set("Content-Type", "application/json")
	_, _ = rw.Write([]byte(text))
}

func refuse(rw http.ResponseWriter, code int, reason, message string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(code)
	_, _ = fmt.Fprintf(rw, `{"kind":"Status","apiVersion":"v1","status":"Failure",`+
		`"reason":%q,"message":%q}`, reason, message)
}

// otherAuthority reads a certificate that no server here has.
func otherAuthority(t *testing.T) string {
	t.Helper()
	path := filepath.Join("..", "..", "testdata", "certificates", "acme-exact.pem")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// unavailable reports whether an error is an ErrUnavailable that says so.
func unavailable(err error, text string) bool {
	return errors.Is(err, ErrUnavailable) && strings.Contains(err.Error(), text)
}

func get(c *Client) (string, error) {
	body, err := c.Get(context.Background(), "/api/v1/namespaces/acme")
	return string(body), err
}
