package lab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Backend is one tenant's server. It names its tenant in every answer:
//
//	/sse     server-sent events without end, or ?n= of them
//	/stream  lines without end, or ?n= of them
//	/ws      a websocket that echoes
//	gRPC     the health service, unary and streaming, over HTTP/2 without TLS
//	else     one line
type Backend struct {
	Tenant string
	addr   string

	requests atomic.Int64
}

// TenantHeader names the tenant whose backend answered.
const TenantHeader = "Tenant"

// pause is the time between two events of a stream.
const pause = 10 * time.Millisecond

// NewBackend starts a tenant's server.
func NewBackend(t T, tenant string) *Backend {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Fatal(t, err, "listening for a backend")
	b := &Backend{Tenant: tenant, addr: listener.Addr().String()}

	// The handlers of streams end with this context, so that closing the server does not wait for
	// clients.
	ctx, cancel := context.WithCancel(context.Background())
	server := b.server(ctx)
	go server.Serve(listener)
	t.Cleanup(func() {
		cancel()
		server.Close()
	})

	return b
}

// Serve runs a tenant's server until the process ends, for programs that are not tests.
func Serve(listener net.Listener, tenant string) error {
	return (&Backend{Tenant: tenant}).server(context.Background()).Serve(listener)
}

func (b *Backend) server(ctx context.Context) *http.Server {
	server := &http.Server{
		Handler:     b.handler(),
		Protocols:   new(http.Protocols),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)

	return server
}

// Requests returns how many requests reached this backend.
func (b *Backend) Requests() int { return int(b.requests.Load()) }

// Service returns the name of the Traefik service that leads here.
func (b *Backend) Service() string { return b.Tenant }

// GRPC returns the name of the Traefik service that leads here over HTTP/2 without TLS.
func (b *Backend) GRPC() string { return b.Tenant + "-grpc" }

func (b *Backend) services() Map {
	service := func(scheme string) Map {
		return Map{"loadBalancer": Map{"servers": []Map{{"url": scheme + "://" + b.addr}}}}
	}

	return Map{b.Service(): service("http"), b.GRPC(): service("h2c")}
}

func (b *Backend) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", b.echo)
	mux.HandleFunc("/sse", func(rw http.ResponseWriter, req *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		b.stream(rw, req, "data: %s %d\n\n")
	})
	mux.HandleFunc("/stream", func(rw http.ResponseWriter, req *http.Request) {
		b.stream(rw, req, "%s %d\n")
	})
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(rw, b.Tenant)
	})
	rpc := b.rpc()

	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		b.requests.Add(1)
		rw.Header().Set(TenantHeader, b.Tenant)
		// Tests compare the Host and the target that arrived with those they sent.
		rw.Header().Set("Seen-Host", req.Host)
		rw.Header().Set("Seen-Target", req.RequestURI)
		if strings.HasPrefix(req.Header.Get("Content-Type"), "application/grpc") {
			rpc.ServeHTTP(rw, req)
			return
		}
		mux.ServeHTTP(rw, req)
	})
}

func (b *Backend) stream(rw http.ResponseWriter, req *http.Request, format string) {
	count, _ := strconv.Atoi(req.URL.Query().Get("n"))
	control := http.NewResponseController(rw)
	for i := 1; count == 0 || i <= count; i++ {
		fmt.Fprintf(rw, format, b.Tenant, i)
		if control.Flush() != nil {
			return
		}
		select {
		case <-req.Context().Done():
			return
		case <-time.After(pause):
		}
	}
}

func (b *Backend) echo(rw http.ResponseWriter, req *http.Request) {
	// Only browsers need the check of the origin. The tests' clients send none.
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(rw, req, http.Header{TenantHeader: {b.Tenant}})
	if err != nil {
		return
	}
	defer conn.Close()

	// Closing the server does not close a hijacked connection.
	stop := context.AfterFunc(req.Context(), func() { conn.Close() })
	defer stop()
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if conn.WriteMessage(kind, append([]byte(b.Tenant+" "), message...)) != nil {
			return
		}
	}
}

// rpc returns the health service. Header fields that were set before it answers are its metadata.
func (b *Backend) rpc() *grpc.Server {
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())

	return server
}
