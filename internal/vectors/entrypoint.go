package vectors

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
)

// errNoCertificate ends a handshake where a vector's certificate can't be observed.
var errNoCertificate = errors.New("this vector serves no certificate")

// EntryPoint is a real TLS listener on which a guard can observe a vector's certificate.
type EntryPoint struct {
	listener net.Listener
}

// Listen serves the certificate, nil for none, to every server name.
func Listen(certificate *tls.Certificate) (*EntryPoint, error) {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if certificate == nil {
				return nil, errNoCertificate
			}
			return certificate, nil
		},
	})
	if err != nil {
		return nil, err
	}
	go Handshake(listener)
	return &EntryPoint{listener: listener}, nil
}

// Handshake does the handshake of every connection that a TLS listener gets, and closes it.
func Handshake(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go finish(conn)
	}
}

func finish(conn net.Conn) {
	if tlsConn, ok := conn.(*tls.Conn); ok {
		_ = tlsConn.Handshake()
	}
	_ = conn.Close()
}

// Context is a request's context as HTTP/3 makes it: its local address is what a guard observes at.
func (e *EntryPoint) Context() context.Context {
	address := e.listener.Addr().(*net.TCPAddr)
	local := &net.UDPAddr{IP: address.IP, Port: address.Port}
	return context.WithValue(context.Background(), http.LocalAddrContextKey, local)
}

// Close stops listening.
func (e *EntryPoint) Close() {
	_ = e.listener.Close()
}

// observability has the shape of the value with which Traefik tells an Ingress's namespace.
type observability struct {
	Metadata *metadata
}

type metadata struct {
	Ingress *ingress
}

type ingress struct {
	Namespace string
}

// observabilityKey is a pointer: in the interpreter, keys of a struct type collide.
var observabilityKey = new(int)

// WithIngress adds what Traefik tells of an Ingress to a request's context.
func WithIngress(ctx context.Context, namespace string) context.Context {
	return context.WithValue(ctx, observabilityKey,
		observability{Metadata: &metadata{Ingress: &ingress{Namespace: namespace}}})
}
