package traefik

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
)

func TestListenerAddress(t *testing.T) {
	udp := context.WithValue(context.Background(), http.LocalAddrContextKey,
		&net.UDPAddr{IP: net.IPv6unspecified, Port: 8443})
	if got, err := ListenerAddress(udp); got != "127.0.0.1:8443" || err != nil {
		t.Errorf("HTTP/3 on all addresses: %q, %v", got, err)
	}
	forged := context.WithValue(context.Background(), http.LocalAddrContextKey,
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443})
	if got, err := ListenerAddress(forged); err == nil {
		t.Errorf("an address that the PROXY protocol may have forged was taken: %q", got)
	}
	for _, bind := range []string{"127.0.0.1:0", ":0"} {
		tcp, err := net.Listen("tcp", bind)
		if err != nil {
			t.Fatal(err)
		}
		addresses := make(chan string, 1)
		answer := func(rw http.ResponseWriter, req *http.Request) {
			address, _ := ListenerAddress(req.Context())
			addresses <- address
		}
		server := &http.Server{Handler: http.HandlerFunc(answer)}
		go serve(server, tcp)
		_, port, _ := net.SplitHostPort(tcp.Addr().String())
		response, err := http.Get("http://127.0.0.1:" + port)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got := <-addresses; got != "127.0.0.1:"+port {
			t.Errorf("bound to %q: %q, want port %s on 127.0.0.1", bind, got, port)
		}
		_ = server.Close()
		// Whoever asks again must not walk through the listeners once more.
		ctx := context.WithValue(context.Background(), http.ServerContextKey, server)
		if got, err := ListenerAddress(ctx); got != "127.0.0.1:"+port || err != nil {
			t.Errorf("bound to %q: later %q, %v, want what was found before", bind, got, err)
		}
	}
}

func serve(server *http.Server, tcp net.Listener) {
	_ = server.Serve(tcp)
}

// stateOfGo127 has the field that Go 1.27 adds to tls.ConnectionState.
type stateOfGo127 struct {
	ServerName       string
	LocalCertificate [][]byte
}

func TestLocalCertificate(t *testing.T) {
	leaf, issuer := []byte{1}, []byte{2}
	got := LocalCertificate(&stateOfGo127{LocalCertificate: [][]byte{leaf, issuer}})
	if len(got) != 2 || &got[0][0] != &leaf[0] {
		t.Errorf("the chain of a new connection is %v", got)
	}
	if got := LocalCertificate(&stateOfGo127{}); len(got) != 0 {
		t.Errorf("the chain of a resumed connection is %v", got)
	}
	if got := LocalCertificate(&tls.ConnectionState{}); !HasLocalCertificate() && got != nil {
		t.Errorf("the chain of a Go without the field is %v", got)
	}
	var none *tls.ConnectionState
	if got := LocalCertificate(none); got != nil {
		t.Errorf("the chain of no connection is %v", got)
	}
}

func TestAddressThatCannotBeFound(t *testing.T) {
	idle := context.WithValue(context.Background(), http.ServerContextKey, &http.Server{})
	local := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 443}
	rows := []struct {
		description string
		ctx         context.Context
	}{
		{"nothing told", context.Background()},
		{"a server without a listener", idle},
		// Whatever else is told: it is the server's own listener that counts.
		{"a server without a listener, and an address",
			context.WithValue(idle, http.LocalAddrContextKey, local)},
	}
	for _, row := range rows {
		if got, err := ListenerAddress(row.ctx); err == nil || got != "" {
			t.Errorf("%s: %q, want an error", row.description, got)
		}
	}
}

func TestHTTP3Addresses(t *testing.T) {
	rows := []struct {
		description string
		local       *net.UDPAddr
		want        string
	}{
		{"one address", &net.UDPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 443}, "192.0.2.7:443"},
		{"no address", &net.UDPAddr{Port: 443}, "127.0.0.1:443"},
		{"all IPv4 addresses", &net.UDPAddr{IP: net.IPv4zero, Port: 443}, "127.0.0.1:443"},
		{"IPv6", &net.UDPAddr{IP: net.ParseIP("2001:db8::7"), Port: 8443}, "[2001:db8::7]:8443"},
		{"IPv6, link-local", &net.UDPAddr{IP: net.ParseIP("fe80::7"), Zone: "eth0", Port: 443},
			"[fe80::7%eth0]:443"},
	}
	for _, row := range rows {
		ctx := context.WithValue(context.Background(), http.LocalAddrContextKey, row.local)
		if got, err := ListenerAddress(ctx); got != row.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", row.description, got, err, row.want)
		}
	}
}

func TestConnectedAddress(t *testing.T) {
	tcp, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	contexts := make(chan context.Context, 1)
	answer := func(rw http.ResponseWriter, req *http.Request) { contexts <- req.Context() }
	server := &http.Server{Handler: http.HandlerFunc(answer)}
	go serve(server, tcp)
	defer func() { _ = server.Close() }()
	_, port, _ := net.SplitHostPort(tcp.Addr().String())
	response, err := http.Get("http://127.0.0.1:" + port)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	ctx := <-contexts
	if got, err := ConnectedAddress(ctx); got != "127.0.0.1:"+port || err != nil {
		t.Errorf("as it came: %q, %v, want port %s on 127.0.0.1", got, err, port)
	}
	rows := []struct {
		description string
		local       net.Addr
		want        string
	}{
		{"another address, by the PROXY protocol with its port",
			&net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 443}, "192.0.2.7:" + port},
		{"IPv6", &net.TCPAddr{IP: net.ParseIP("2001:db8::7")}, "[2001:db8::7]:" + port},
		{"IPv6, link-local", &net.TCPAddr{IP: net.ParseIP("fe80::7"), Zone: "eth0"},
			"[fe80::7%eth0]:" + port},
		{"no IP address", &net.UnixAddr{Name: "/run/x"}, "127.0.0.1:" + port},
	}
	for _, row := range rows {
		told := context.WithValue(ctx, http.LocalAddrContextKey, row.local)
		if got, err := ConnectedAddress(told); got != row.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", row.description, got, err, row.want)
		}
		if got := LocalAddress(told); got != row.local.String() {
			t.Errorf("%s: the local address is %q, want %q", row.description, got, row.local)
		}
	}
	udp := context.WithValue(context.Background(), http.LocalAddrContextKey,
		&net.UDPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 443})
	if got, err := ConnectedAddress(udp); got != "192.0.2.7:443" || err != nil {
		t.Errorf("HTTP/3: %q, %v", got, err)
	}
	if got, err := ConnectedAddress(context.Background()); got != "" || err == nil {
		t.Errorf("nothing said: %q, want an error", got)
	}
	if got := LocalAddress(context.Background()); got != "" {
		t.Errorf("nothing said: the local address is %q", got)
	}
}
