package lab

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"

	"github.com/gorilla/websocket"
	"github.com/pires/go-proxyproto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// WebSocket opens a websocket. It returns that, or the answer that refused it.
func WebSocket(t T, target Target, host, path string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return target.dial(ctx, "http/1.1")
	}
	dialer := websocket.Dialer{NetDialContext: dial, NetDialTLSContext: dial}
	scheme := "wss://"
	if target.Plain {
		scheme = "ws://"
	}
	conn, response, err := dialer.DialContext(t.Context(), scheme+host+path, nil)
	if err == nil {
		t.Cleanup(func() { conn.Close() })
	}

	return conn, response, err
}

// GRPC returns a client whose calls have the authority, over a connection to the target.
func GRPC(t T, target Target, authority string) *grpc.ClientConn {
	t.Helper()
	secure := credentials.TransportCredentials(insecure.NewCredentials())
	if !target.Plain {
		secure = grpcTLS{TransportCredentials: credentials.NewTLS(target.tls("h2")), target: target}
	}
	conn, err := grpc.NewClient("passthrough:///"+target.Addr,
		grpc.WithTransportCredentials(secure), grpc.WithAuthority(authority))
	Fatal(t, err, "making a gRPC client")
	t.Cleanup(func() { conn.Close() })

	return conn
}

// grpcTLS is gRPC's TLS without the rule that the server name equals the authority.
type grpcTLS struct {
	credentials.TransportCredentials

	target Target
}

// ClientHandshake uses the target's server name.
func (g grpcTLS) ClientHandshake(
	ctx context.Context, _ string, conn net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	if _, err := conn.Write(g.target.Prelude); err != nil {
		return nil, nil, err
	}
	secure := tls.Client(conn, g.target.tls("h2"))
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}

	return secure, credentials.TLSInfo{
		State:          secure.ConnectionState(),
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}, nil
}

// Info returns no server name, which would have to equal the authority.
func (g grpcTLS) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone returns the same credentials.
func (g grpcTLS) Clone() credentials.TransportCredentials { return g }

// ProxyHeader returns a PROXY protocol header of version 1 or 2, for a target's Prelude.
func ProxyHeader(t T, version byte, source, destination string) []byte {
	t.Helper()
	from, err := net.ResolveTCPAddr("tcp", source)
	Fatal(t, err, "reading the source")
	to, err := net.ResolveTCPAddr("tcp", destination)
	Fatal(t, err, "reading the destination")
	header, err := proxyproto.HeaderProxyFromAddrs(version, from, to).Format()
	Fatal(t, err, "encoding a PROXY protocol header")

	return header
}
