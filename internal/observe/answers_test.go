package observe

import (
	"context"
	"crypto/elliptic"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/vectors"
)

// answering calls answer with each connection until the test ends, and closes it.
func answering(t *testing.T, answer func(conn net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answerAndClose(conn, answer)
		}
	}()
	return listener.Addr().String()
}

func answerAndClose(conn net.Conn, answer func(conn net.Conn)) {
	defer func() { _ = conn.Close() }()
	answer(conn)
}

// strange is a certificate with a key on a curve that TLS 1.3 does not have.
func strange(t *testing.T) *tls.Certificate {
	t.Helper()
	return vectors.SelfSigned(t, elliptic.P224(), time.Now().Add(time.Hour), victim)
}

// TestWhatIsAnAnswer observes servers of which none serves a certificate that Go accepts: an entry
// point that can't be reached in time is one thing, what it answers another.
func TestWhatIsAnAnswer(t *testing.T) {
	genuine := loadCertificate(t, "acme-exact")
	behind := func(more ...[]byte) *tls.Certificate {
		chain := append([][]byte{}, genuine.Certificate...)
		return &tls.Certificate{
			Certificate: append(chain, more...), PrivateKey: genuine.PrivateKey,
		}
	}
	serve := func(version uint16, certificate *tls.Certificate) string {
		config := &tls.Config{MinVersion: version, MaxVersion: version}
		if certificate != nil {
			config.Certificates = []tls.Certificate{*certificate}
		} else {
			config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				return nil, errUnfinished
			}
		}
		return answering(t, func(conn net.Conn) { _ = tls.Server(conn, config).Handshake() })
	}
	closed, err := vectors.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	nobody := closed.Context().Value(http.LocalAddrContextKey).(*net.UDPAddr).String()
	rows := []struct {
		description, address string
		isAnswer             bool
	}{
		{"nobody listens", nobody, false},
		{"the connection is closed", answering(t, func(conn net.Conn) {}), false},
		{"the connection is reset", answering(t, func(conn net.Conn) {
			_ = conn.(*net.TCPConn).SetLinger(0)
		}), false},
		{"nothing in time", answering(t, func(conn net.Conn) { time.Sleep(time.Second) }), false},
		{"half a record in time", answering(t, func(conn net.Conn) {
			_, _ = conn.Write([]byte{22, 3, 3, 1, 0})
			time.Sleep(time.Second)
		}), false},
		{"half a record, and the end", answering(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte{22, 3, 3, 1, 0})
		}), false},
		{"another protocol", answering(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		}), true},
		{"no certificate", serve(0, nil), true},
		{"P-224, which can't sign in TLS 1.3", serve(0, strange(t)), true},
		{"P-224 in TLS 1.2", serve(tls.VersionTLS12, strange(t)), true},
		{"something else behind the leaf", serve(0, behind([]byte("x"))), true},
		{"something else behind the leaf, TLS 1.2",
			serve(tls.VersionTLS12, behind([]byte("x"))), true},
		{"a chain that is too long", serve(0, behind(make([]byte, 300<<10))), true},
		{"a chain that is too long, TLS 1.2",
			serve(tls.VersionTLS12, behind(make([]byte, 300<<10))), true},
		{"an RSA key that is too large", serve(0, loadCertificate(t, "acme-rsa-8448")), true},
	}
	for _, row := range rows {
		c := shortened(500 * time.Millisecond)
		if row.isAnswer {
			c = NewCache(&Chains{}, &results{})
		}
		chain, _, err := c.Observe(
			context.Background(), "acme", row.address, victim, time.Minute)
		if !row.isAnswer && err == nil {
			t.Errorf("%s: %q, want an error", row.description, chain.Problem)
		}
		if row.isAnswer && (err != nil || len(chain.Certificates) > 0 || chain.Problem == "") {
			t.Errorf("%s: %v, %v, want a problem with the certificate", row.description, chain, err)
		}
	}
}
