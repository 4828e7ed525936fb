package lab

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// revisions detect which dynamic configuration an entry point serves. Each configuration has a TCP
// router for a server name of its own, which passes TLS through to a listener of this type. Once
// that answers, the entry point serves the configuration. TCP routers do not affect the HTTP
// routing under test, and neither guards nor TLS options apply to them.
type revisions struct {
	addr string
	cert *Cert
	last int
}

func newRevisions(t T) *revisions {
	t.Helper()
	cert := SelfSigned(t, "revision.lab.test")
	config := &tls.Config{Certificates: []tls.Certificate{cert.TLS()}}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	Fatal(t, err, "listening for revisions")
	t.Cleanup(func() { listener.Close() })

	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go shake(conn)
		}
	}()

	return &revisions{addr: listener.Addr().String(), cert: cert}
}

// shake completes the handshake and closes.
func shake(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	conn.(*tls.Conn).Handshake()
}

func revisionName(revision int) string { return fmt.Sprintf("revision-%d.lab.test", revision) }

// next starts a revision. It returns its number and the part of the dynamic configuration that
// marks it.
func (r *revisions) next(entryPoints []string) (int, Map) {
	r.last++
	router := Map{
		"entryPoints": entryPoints,
		"rule":        "HostSNI(`" + revisionName(r.last) + "`)",
		"service":     "lab-revision",
		"tls":         Map{"passthrough": true},
	}
	service := Map{"loadBalancer": Map{"servers": []Map{{"address": r.addr}}}}

	return r.last, Map{"tcp": Map{
		"routers": Map{"lab-revision": router}, "services": Map{"lab-revision": service},
	}}
}

// servedAt returns an error if the entry point does not serve the revision.
func (r *revisions) servedAt(ctx context.Context, addr string, revision int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	dialer := tls.Dialer{
		Config: &tls.Config{ServerName: revisionName(revision), InsecureSkipVerify: true},
	}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if !conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Equal(r.cert.Certificate) {
		return fmt.Errorf("revision %d is not served", revision)
	}

	return nil
}
