package observe

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/vectors"
)

const victim = "a.acme.example.com"

// serveTLS does handshakes with a configuration until the test ends, and returns where.
func serveTLS(t *testing.T, config *tls.Config) string {
	t.Helper()
	server, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go vectors.Handshake(server)
	return server.Addr().String()
}

// shortened is a cache whose observations may not take long.
func shortened(timeout time.Duration) *Cache {
	c := NewCache(&Chains{})
	c.timeout = timeout
	return c
}

func loadCertificate(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	certificate, err := vectors.Certificate(filepath.Join("..", "..", "testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func newRSAKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestReplayedCertificate observes a server that shows another's certificate, which is public, but
// has a key of its own: whatever it asks for, it can't prove the certificate's.
func TestReplayedCertificate(t *testing.T) {
	rsaExchange := []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
	rows := []struct {
		description, shown, key string
		version                 uint16
		suites                  []uint16
		auth                    tls.ClientAuthType
		observed                bool
	}{
		// "" is a new RSA key.
		{"RSA key exchange, replayed", "acme-rsa", "", tls.VersionTLS12, rsaExchange,
			tls.NoClientCert, false},
		{"RSA key exchange, replayed, a client certificate asked for", "acme-rsa", "",
			tls.VersionTLS12, rsaExchange, tls.RequestClientCert, false},
		{"RSA key exchange, replayed, a client certificate required", "acme-rsa", "",
			tls.VersionTLS12, rsaExchange, tls.RequireAnyClientCert, false},
		{"RSA key exchange, genuine, a client certificate asked for", "acme-rsa", "acme-rsa",
			tls.VersionTLS12, rsaExchange, tls.RequestClientCert, true},
		{"RSA key exchange, genuine, but broken off before it is proved", "acme-rsa", "acme-rsa",
			tls.VersionTLS12, rsaExchange, tls.RequireAnyClientCert, false},
		{"signed key exchange, replayed", "acme-exact", "forged", tls.VersionTLS12, nil,
			tls.NoClientCert, false},
		{"signed key exchange, replayed, a client certificate required", "acme-exact", "forged",
			tls.VersionTLS12, nil, tls.RequireAnyClientCert, false},
		{"signed key exchange, genuine, a client certificate required", "acme-exact", "acme-exact",
			tls.VersionTLS12, nil, tls.RequireAnyClientCert, true},
		{"TLS 1.3, replayed, a client certificate required", "acme-exact", "forged",
			tls.VersionTLS13, nil, tls.RequireAnyClientCert, false},
		{"TLS 1.3, genuine, a client certificate required", "acme-exact", "acme-exact",
			tls.VersionTLS13, nil, tls.RequireAnyClientCert, true},
	}
	for _, row := range rows {
		shown := loadCertificate(t, row.shown)
		if row.key == "" {
			shown.PrivateKey = newRSAKey(t)
		} else {
			shown.PrivateKey = loadCertificate(t, row.key).PrivateKey
		}
		address := serveTLS(t, &tls.Config{
			Certificates: []tls.Certificate{*shown},
			MinVersion:   row.version, MaxVersion: row.version,
			CipherSuites: row.suites, ClientAuth: row.auth,
		})
		c := NewCache(&Chains{})
		counted := ""
		c.Count = func(result string) { counted += result }
		chain, _, err := c.Observe(context.Background(), "acme", address, victim, time.Minute)
		if err != nil {
			t.Errorf("%s: %v, want an answer", row.description, err)
			continue
		}
		if (counted == Accepted) != row.observed || (counted == Refused) == row.observed {
			t.Errorf("%s: counted as %q", row.description, counted)
		}
		if (len(chain.Certificates) > 0) != row.observed || (chain.Problem == "") != row.observed {
			t.Errorf("%s: %q, want it observed: %t", row.description, chain.Problem, row.observed)
		}
	}
}

// TestObservationHasATimeLimit observes servers that keep the guard waiting.
func TestObservationHasATimeLimit(t *testing.T) {
	servers := []struct {
		description string
		serve       func(conn net.Conn)
	}{
		{"that says nothing", func(conn net.Conn) {}},
		{"that stops in the middle of a record", func(conn net.Conn) {
			_, _ = conn.Write([]byte{22, 3, 3, 1, 0})
		}},
	}
	for _, server := range servers {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go keepWaiting(listener, server.serve)
		observed := make(chan error, 1)
		go func(address string) {
			c := shortened(50 * time.Millisecond)
			_, _, err := c.Observe(context.Background(), "acme", address, victim, time.Minute)
			observed <- err
		}(listener.Addr().String())
		select {
		case err := <-observed:
			if err == nil {
				t.Errorf("a server %s: no error", server.description)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("a server %s: the observation has no time limit", server.description)
		}
		_ = listener.Close()
	}
	if got := NewCache(&Chains{}).timeout; got != 5*time.Second {
		t.Errorf("an observation takes up to %s, want 5s", got)
	}
	if got := NewLastingCache(&Chains{}).timeout; got != 5*time.Second {
		t.Errorf("a lasting observation takes up to %s, want 5s", got)
	}
}

func keepWaiting(listener net.Listener, serve func(conn net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		serve(conn) // which leaves the connection open
	}
}

// TestNobodyListens observes an address where nobody does.
func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	c := NewCache(&Chains{})
	_, _, err = c.Observe(context.Background(), "acme", address, victim, time.Minute)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{victim, address, "refused"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q in it", err, want)
		}
	}
}

// TestConnectionIsClosed has a server wait for what comes after the handshake.
func TestConnectionIsClosed(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{*loadCertificate(t, "acme-exact")}}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	after := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			after <- nil
			return
		}
		_ = conn.SetReadDeadline(time.Now().Add(3 * time.Second))
		_, err = conn.Read(make([]byte, 1))
		after <- err
	}()
	address := listener.Addr().String()
	c := NewCache(&Chains{})
	_, _, err = c.Observe(context.Background(), "acme", address, victim, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	err = <-after
	if netErr, ok := err.(net.Error); err == nil || (ok && netErr.Timeout()) {
		t.Errorf("after the handshake: %v, want the end of the connection", err)
	}
}

// TestOthersAreNotAskedWithoutServerName observes at an address that a client may have chosen: it
// must be this machine's.
func TestOthersAreNotAskedWithoutServerName(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{*loadCertificate(t, "acme-exact")}}
	own := serveTLS(t, config)
	c := NewCache(&Chains{})
	if _, _, err := c.Observe(context.Background(), "acme", own, "", time.Minute); err != nil {
		t.Errorf("at an own address: %v", err)
	}
	const other = "192.0.2.7:443"
	c = shortened(100 * time.Millisecond)
	_, _, err := c.Observe(context.Background(), "acme", other, "", time.Minute)
	if err == nil || !strings.Contains(err.Error(), "bind") {
		t.Errorf("at another machine's address: %v, want it not to be asked", err)
	}
}

// TestCountFailures observes where nobody listens.
func TestCountFailures(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	c := NewCache(&Chains{})
	counted := ""
	c.Count = func(result string) { counted += result }
	_, _, err = c.Observe(context.Background(), "acme", address, victim, time.Minute)
	if err == nil || counted != Failed {
		t.Errorf("counted as %q, error %v", counted, err)
	}
}
