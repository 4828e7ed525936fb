package vectors

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

// EntryPoint is a real TLS listener on which a guard can observe a vector's certificate.
type EntryPoint struct {
	listener net.Listener
}

// Listen serves the certificate to every server name. Where there is none it can't be observed:
// each connection is closed at once.
func Listen(certificate *tls.Certificate) (*EntryPoint, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	serving := listener
	if certificate != nil {
		serving = tls.NewListener(listener, &tls.Config{
			Certificates: []tls.Certificate{*certificate},
		})
	}
	go Handshake(serving)
	return &EntryPoint{listener: listener}, nil
}

// EntryPointAt returns the entry point of a listener that somebody else serves.
func EntryPointAt(listener net.Listener) *EntryPoint {
	return &EntryPoint{listener: listener}
}

// Handshake does the handshake of every connection that a listener gets, if it is one of TLS, and
// closes it.
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
