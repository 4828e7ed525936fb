package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// Protocol is a version of HTTP.
type Protocol string

// The versions that Traefik speaks.
const (
	HTTP1 Protocol = "HTTP/1.1"
	HTTP2 Protocol = "HTTP/2.0"
	HTTP3 Protocol = "HTTP/3.0"
)

// Target is where a client connects, and how. Each request then chooses its own host and path.
type Target struct {
	// Addr is the address to dial.
	Addr string
	// ServerName is the TLS server name; none is sent if it is empty.
	ServerName string
	// Plain connects without TLS.
	Plain bool
	// From is the client's own address, any if empty. Linux has all of 127.0.0.0/8.
	From string
	// Prelude is sent before anything else, such as a PROXY protocol header.
	Prelude []byte
	// TLS changes the client's TLS configuration: certificates, versions, a session cache.
	TLS func(config *tls.Config)
}

// Request is a request. Method is GET and Path is / if empty.
type Request struct {
	Method string
	Host   string
	Path   string
	Header http.Header
	Body   io.Reader
}

// Response is a complete response.
type Response struct {
	Protocol Protocol
	Status   int
	Header   http.Header
	Body     string
	// Served is the certificate that the server presented on this connection.
	Served *x509.Certificate
}

// Tenant returns the tenant whose backend answered, "" if none did.
func (r *Response) Tenant() string { return r.Header.Get(TenantHeader) }

// Reason returns the code of a denial, "" if the guard does not expose it.
func (r *Response) Reason() string { return r.Header.Get("Tenantguard-Reason") }

// Conn is one connection, for any number of requests for any hosts.
type Conn struct {
	Protocol Protocol
	// Served is the certificate that the server presented.
	Served *x509.Certificate

	roundTripper http.RoundTripper
	close        func()
}

// Close closes the connection.
func (c *Conn) Close() { c.close() }

// Dial connects. The test's cleanup closes the connection.
func Dial(t T, protocol Protocol, target Target) *Conn {
	t.Helper()
	conn, err := TryDial(t.Context(), protocol, target)
	Fatal(t, err, "dialling "+target.Addr)
	t.Cleanup(conn.Close)

	return conn
}

// Get connects, makes one request and closes the connection.
func Get(t T, protocol Protocol, target Target, host, path string) *Response {
	t.Helper()
	conn := Dial(t, protocol, target)
	defer conn.Close()

	return conn.Get(t, host, path)
}

// TryDial connects, for goroutines, which cannot end the test.
func TryDial(ctx context.Context, protocol Protocol, target Target) (*Conn, error) {
	if protocol == HTTP3 {
		return dialQUIC(ctx, target)
	}

	return dialTCP(ctx, protocol, target)
}

// tls returns the client's TLS configuration. It accepts any certificate: the tests check it.
func (target Target) tls(protocol string) *tls.Config {
	config := &tls.Config{
		ServerName: target.ServerName, InsecureSkipVerify: true, NextProtos: []string{protocol},
	}
	if target.TLS != nil {
		target.TLS(config)
	}

	return config
}

// dial connects up to where HTTP begins.
func (target Target) dial(ctx context.Context, alpn string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dialer := net.Dialer{}
	if target.From != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(target.From)}
	}
	conn, err := dialer.DialContext(ctx, "tcp", target.Addr)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(target.Prelude); err != nil {
		conn.Close()
		return nil, err
	}
	if target.Plain {
		return conn, nil
	}

	secure := tls.Client(conn, target.tls(alpn))
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	if got := secure.ConnectionState().NegotiatedProtocol; got != alpn {
		conn.Close()
		return nil, fmt.Errorf("negotiated protocol %q, want %q", got, alpn)
	}

	return secure, nil
}

func dialTCP(ctx context.Context, protocol Protocol, target Target) (*Conn, error) {
	alpn := "http/1.1"
	if protocol == HTTP2 {
		alpn = "h2"
	}
	raw, err := target.dial(ctx, alpn)
	if err != nil {
		return nil, err
	}

	once := func(context.Context, string, string) (net.Conn, error) { return raw, nil }
	transport := &http.Transport{
		DialContext:        once,
		DialTLSContext:     once,
		DisableCompression: true,
		Protocols:          new(http.Protocols),
	}
	scheme := "https"
	switch {
	case protocol == HTTP1:
		transport.Protocols.SetHTTP1(true)
	case target.Plain:
		transport.Protocols.SetUnencryptedHTTP2(true)
	default:
		transport.Protocols.SetHTTP2(true)
	}
	if target.Plain {
		scheme = "http"
	}
	client, err := transport.NewClientConn(ctx, scheme, target.Addr)
	if err != nil {
		raw.Close()
		return nil, err
	}

	conn := &Conn{Protocol: protocol, roundTripper: client, close: func() { client.Close() }}
	if secure, ok := raw.(*tls.Conn); ok {
		conn.Served = secure.ConnectionState().PeerCertificates[0]
	}

	return conn, nil
}

func dialQUIC(ctx context.Context, target Target) (*Conn, error) {
	handshake, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, closeSocket, err := target.quic(handshake)
	if err != nil {
		return nil, err
	}
	transport := &http3.Transport{DisableCompression: true}

	return &Conn{
		Protocol:     HTTP3,
		Served:       raw.ConnectionState().TLS.PeerCertificates[0],
		roundTripper: transport.NewClientConn(raw),
		close: func() {
			raw.CloseWithError(0, "")
			closeSocket()
		},
	}, nil
}

// quic connects over QUIC, and returns what closes the socket that From needs.
func (target Target) quic(ctx context.Context) (*quic.Conn, func(), error) {
	if target.From == "" {
		conn, err := quic.DialAddr(ctx, target.Addr, target.tls(http3.NextProtoH3), nil)
		return conn, func() {}, err
	}
	server, err := net.ResolveUDPAddr("udp", target.Addr)
	if err != nil {
		return nil, nil, err
	}
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(target.From)})
	if err != nil {
		return nil, nil, err
	}
	conn, err := quic.Dial(ctx, socket, server, target.tls(http3.NextProtoH3), nil)
	if err != nil {
		socket.Close()
	}

	return conn, func() { socket.Close() }, err
}

// Get makes a request and reads the response.
func (c *Conn) Get(t T, host, path string) *Response {
	t.Helper()
	return c.Do(t, Request{Host: host, Path: path})
}

// Do makes a request and reads the response.
func (c *Conn) Do(t T, request Request) *Response {
	t.Helper()
	response, err := c.Try(t.Context(), request)
	Fatal(t, err, "asking for "+request.Host)

	return response
}

// Try makes a request and reads the response, for goroutines, which cannot end the test.
func (c *Conn) Try(ctx context.Context, request Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := c.Open(ctx, request)
	if err != nil {
		return nil, err
	}

	return c.read(answer)
}

// Open makes a request and returns the response with its body unread.
func (c *Conn) Open(ctx context.Context, request Request) (*http.Response, error) {
	// The host of the URL is not used: the connection exists already, and Host is what is sent.
	req, err := http.NewRequestWithContext(ctx, orElse(request.Method, http.MethodGet),
		"https://connection.test"+orElse(request.Path, "/"), request.Body)
	if err != nil {
		return nil, err
	}
	req.Host = request.Host
	if request.Header != nil {
		req.Header = request.Header.Clone()
	}

	return c.roundTripper.RoundTrip(req)
}

func (c *Conn) read(answer *http.Response) (*Response, error) {
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if got := Protocol(answer.Proto); got != c.Protocol {
		return nil, fmt.Errorf("answer in %q, want %q", got, c.Protocol)
	}

	return &Response{
		Protocol: c.Protocol, Status: answer.StatusCode, Header: answer.Header,
		Body: string(body), Served: c.Served,
	}, nil
}

// Certificate does only the handshake and returns the served certificate.
func Certificate(t T, target Target) *x509.Certificate {
	t.Helper()
	conn, err := target.dial(t.Context(), "http/1.1")
	Fatal(t, err, "dialling "+target.Addr)
	defer conn.Close()

	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
}
