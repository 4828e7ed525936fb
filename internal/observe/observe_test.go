package observe

import (
	"context"
	"crypto/tls"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/vectors"
)

// listener counts handshakes, and serves one certificate or closes connections.
type listener struct {
	address string
	count   atomic.Int64
	broken  atomic.Bool
}

func listen(t *testing.T, change func(*tls.Config)) *listener {
	t.Helper()
	path := filepath.Join("..", "..", "testdata", "certificates", "acme-exact.pem")
	certificate, err := tls.LoadX509KeyPair(path, path)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{}
	config := &tls.Config{}
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		l.count.Add(1)
		time.Sleep(10 * time.Millisecond)
		if l.broken.Load() {
			_ = hello.Conn.Close()
		}
		return &certificate, nil
	}
	if change != nil {
		change(config)
	}
	server, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	l.address = server.Addr().String()
	go vectors.Handshake(server)
	return l
}

func observe(t *testing.T, c *Cache, l *listener, name string, ttl time.Duration) string {
	t.Helper()
	chain, _, err := c.Observe(context.Background(), "acme", l.address, name, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(chain.Certificates[0].DNSNames, ",")
}

func TestOneObservationAtATime(t *testing.T) {
	l := listen(t, nil)
	c := NewCache(&Chains{}, &results{})
	var all sync.WaitGroup
	for i := 0; i < 50; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			chain, _, err := c.Observe(context.Background(), "acme", l.address, victim, time.Minute)
			if err != nil || len(chain.Certificates) == 0 {
				t.Errorf("%v, %v", chain, err)
			}
		}()
	}
	all.Wait()
	if got := l.count.Load(); got != 1 {
		t.Errorf("%d handshakes for one name, want 1", got)
	}
	observe(t, c, l, "b.acme.example.com", time.Minute)
	if got := l.count.Load(); got != 2 {
		t.Errorf("%d handshakes for two names, want 2", got)
	}
}

func TestObservationIsRenewedAfterTTL(t *testing.T) {
	l := listen(t, nil)
	c := NewCache(&Chains{}, &results{})
	chain, holds, err := c.Observe(context.Background(), "acme", l.address, victim, time.Minute)
	if err != nil || len(chain.Certificates) == 0 || holds <= 0 || holds > time.Minute {
		t.Fatalf("%v, holds %s, %v", chain, holds, err)
	}
	observe(t, c, l, victim, time.Minute)
	time.Sleep(5 * time.Millisecond)
	observe(t, c, l, victim, time.Millisecond)
	if got := l.count.Load(); got != 2 {
		t.Errorf("%d handshakes, want a second one after ttl", got)
	}
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	l := listen(t, nil)
	c := NewCache(&Chains{}, &results{})
	started := make(chan struct{})
	go func() {
		close(started)
		_, _, _ = c.Observe(context.Background(), "acme", l.address, victim, time.Minute)
	}()
	<-started
	for l.count.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := c.Observe(gone, "acme", l.address, victim, time.Minute); err == nil {
		t.Error("a request that is gone waited for the observation")
	}
}

// TestHandshake observes through what TLS options may demand.
func TestHandshake(t *testing.T) {
	options := []struct {
		description string
		change      func(*tls.Config)
	}{
		{"TLS 1.2, client certificate required", func(c *tls.Config) {
			c.MaxVersion, c.ClientAuth = tls.VersionTLS12, tls.RequireAndVerifyClientCert
		}},
		{"TLS 1.3, client certificate required", func(c *tls.Config) {
			c.MinVersion, c.ClientAuth = tls.VersionTLS13, tls.RequireAndVerifyClientCert
		}},
		{"TLS 1.0", func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
		}},
		{"HTTP/2 only", func(c *tls.Config) { c.NextProtos = []string{"h2"} }},
		{"one old cipher", func(c *tls.Config) {
			c.MaxVersion = tls.VersionTLS12
			c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}},
		{"one curve", func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP521} }},
	}
	for _, option := range options {
		l := listen(t, option.change)
		c := NewCache(&Chains{}, &results{})
		if got := observe(t, c, l, victim, time.Minute); got != victim {
			t.Errorf("%s: observed %q", option.description, got)
		}
	}
}

// results are what handshakes were counted as.
type results struct {
	mu  sync.Mutex
	all string
}

func (r *results) Observed(result string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all += result
}
