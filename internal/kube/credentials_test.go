package kube

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTokenIsReadAgainWhenItIsRefused(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { write(rw, "{}") })
	c := a.client(t)
	if _, err := get(c); err != nil {
		t.Fatal(err)
	}
	a.setToken("second")
	if _, err := get(c); !errors.Is(err, ErrForbidden) || !errors.Is(err, ErrUnauthorized) {
		t.Errorf("the file still has the old token: %v", err)
	}
	if a.requests() != 2 {
		t.Errorf("%d requests, want no other one with the same token", a.requests())
	}
	a.write(t, "token", "second")
	if _, err := get(c); err != nil {
		t.Errorf("the token has rotated: %v", err)
	}
	if a.requests() != 4 {
		t.Errorf("%d requests, want one more with the new token", a.requests())
	}
}

func TestTokenIsReadAgainInTime(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { write(rw, "{}") })
	c := a.client(t)
	c.credentials.every = 10 * time.Millisecond
	if _, err := get(c); err != nil {
		t.Fatal(err)
	}
	a.setToken("second")
	a.write(t, "token", "second")
	time.Sleep(20 * time.Millisecond)
	if _, err := get(c); err != nil || a.requests() != 2 {
		t.Errorf("%v after %d requests, want a second one with the new token", err, a.requests())
	}
}

func TestAuthoritiesAreReadAgainWhenTheyChange(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { write(rw, "{}") })
	right, err := os.ReadFile(filepath.Join(a.directory, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, "ca.crt", otherAuthority(t))
	c := a.client(t)
	if _, err := get(c); err == nil {
		t.Fatal("a server of another authority was trusted")
	}
	a.write(t, "ca.crt", string(right))
	if _, err := get(c); err != nil {
		t.Errorf("the file has the server's authority: %v", err)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { write(rw, "{}") })
	rows := []struct {
		file    string
		content string
		want    string
	}{
		{"token", "", "visible ASCII"},
		{"token", "hunter2\r\nX-Injected: 1", "visible ASCII"},
		{"ca.crt", "no PEM", "wanted certificates in PEM"},
	}
	for _, row := range rows {
		a.write(t, "token", "first")
		a.writeCA(t, a.server)
		a.write(t, row.file, row.content)
		_, err := get(a.client(t))
		if !unavailable(err, row.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s %q: %v, want %s", row.file, row.content, err, row.want)
		}
	}
	_ = os.Remove(filepath.Join(a.directory, "token"))
	c := a.client(t)
	if _, err := get(c); !errors.Is(err, ErrUnavailable) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no token: %v", err)
	}
	a.write(t, "token", "first")
	_ = os.Remove(filepath.Join(a.directory, "ca.crt"))
	if _, err := get(c); !errors.Is(err, ErrUnavailable) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no authorities: %v", err)
	}
	a.writeCA(t, a.server)
	if _, err := get(c); err != nil {
		t.Errorf("the files are there now: %v", err)
	}
	c.credentials.every = 0
	_ = os.Remove(filepath.Join(a.directory, "token"))
	if _, err := get(c); err != nil {
		t.Errorf("the file is deleted, its token still good: %v", err)
	}
}

// TestConnectionsOfARotation counts the connections after the files have changed: a new token comes
// over the one there is, and one that was made with other authorities is closed.
func TestConnectionsOfARotation(t *testing.T) {
	rows := []struct {
		description string
		rotate      func(a *api)
		kept        bool
	}{
		{"nothing", func(a *api) {}, true},
		{"another token", func(a *api) {
			a.write(t, "token", "second")
			a.setToken("second")
		}, true},
		{"more authorities", func(a *api) {
			content, err := os.ReadFile(filepath.Join(a.directory, "ca.crt"))
			if err != nil {
				t.Fatal(err)
			}
			a.write(t, "ca.crt", string(content)+string(content))
		}, false},
	}
	for _, row := range rows {
		var addresses []string
		a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
			addresses = append(addresses, req.RemoteAddr)
			write(rw, "{}")
		})
		c := a.client(t)
		for i := 0; i < 2; i++ {
			if _, err := get(c); err != nil {
				t.Errorf("%s: %v", row.description, err)
			}
			row.rotate(a)
			c.credentials.every = 0
		}
		for i := 0; i < 1000 && a.connections() != 1; i++ {
			time.Sleep(time.Millisecond)
		}
		if got := a.connections(); got != 1 || (addresses[0] == addresses[1]) != row.kept {
			t.Errorf("%s: %d connections, of %v", row.description, got, addresses)
		}
	}
}

// TestTriesAgainOnlyForAnotherToken has the token rotate while a request is refused for other
// reasons.
func TestTriesAgainOnlyForAnotherToken(t *testing.T) {
	rows := []struct {
		code     int
		requests int
	}{
		{http.StatusForbidden, 1},
		{http.StatusNotFound, 1},
		{http.StatusTooManyRequests, 1},
		{http.StatusInternalServerError, 1},
		{http.StatusUnauthorized, 2},
	}
	for _, row := range rows {
		var addresses []string
		a := serve(t, nil)
		a.answer = func(rw http.ResponseWriter, req *http.Request) {
			addresses = append(addresses, req.RemoteAddr)
			if len(addresses) == 1 {
				a.write(t, "token", "second")
				a.setToken("second")
				refuse(rw, row.code, "Because", "of this")
				return
			}
			write(rw, "{}")
		}
		_, err := get(a.client(t))
		if len(addresses) != row.requests || (err == nil) != (row.requests == 2) {
			t.Errorf("%d: %d requests, %v, want %d", row.code, len(addresses), err, row.requests)
		}
		if len(addresses) == 2 && addresses[0] != addresses[1] {
			t.Errorf("%d: connections from %v, want one", row.code, addresses)
		}
	}
}

// TestRotationUnderLoad writes the new token in place, so that the file is empty for a moment.
func TestRotationUnderLoad(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { write(rw, "{}") })
	c := a.client(t)
	c.credentials.every = time.Millisecond
	if _, err := get(c); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go hammer(t, c, &all)
	}
	a.write(t, "token", "second")
	a.setToken("second")
	all.Wait()
}

func hammer(t *testing.T, c *Client, all *sync.WaitGroup) {
	defer all.Done()
	for i := 0; i < 20; i++ {
		if _, err := get(c); err != nil && !errors.Is(err, ErrUnauthorized) {
			t.Error(err)
		}
	}
}

// TestTokenGoesNowhereElse redirects to a server that the authorities vouch for.
func TestTokenGoesNowhereElse(t *testing.T) {
	handler := func(rw http.ResponseWriter, req *http.Request) {
		t.Error("the redirect was followed")
	}
	thief := httptest.NewTLSServer(http.HandlerFunc(handler))
	defer thief.Close()
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
		http.Redirect(rw, req, thief.URL, http.StatusTemporaryRedirect)
	})
	if _, err := get(a.client(t)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a redirect: %v", err)
	}
}
