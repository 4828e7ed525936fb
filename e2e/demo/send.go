package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// patience is how long a stream may take to begin.
const patience = 10 * time.Second

// sending sends a scenario's requests and returns what came of them.
type sending func(t lab.T, tr *lab.Traefik) outcome

// over returns a request for each of the hosts, all on one connection that was made with the server
// name. What came of the last one counts; those before must be answered by a backend.
func (w *world) over(protocol lab.Protocol, serverName string, hosts ...string) sending {
	return func(t lab.T, tr *lab.Traefik) outcome {
		return w.visit(t, protocol, tr.Target(serverName), hosts...)
	}
}

// onEach returns a request on each of the entry points, and what came of the last one, or of the
// first that no backend answered.
func (w *world) onEach(entryPoints ...string) sending {
	return func(t lab.T, tr *lab.Traefik) outcome {
		var got outcome
		for _, entryPoint := range entryPoints {
			target := lab.Target{Addr: tr.Addr(entryPoint), ServerName: acmeAPI}
			got = w.visit(t, lab.HTTP2, target, acmeAPI)
			if got.backend == "" {
				break
			}
		}
		return got
	}
}

func (w *world) visit(t lab.T, protocol lab.Protocol, target lab.Target, hosts ...string) outcome {
	conn, err := lab.TryDial(t.Context(), protocol, target)
	if err != nil {
		return failure("connecting", err)
	}
	defer conn.Close()

	var got outcome
	for i, host := range hosts {
		if i > 0 && got.backend == "" {
			return failure("asking for "+hosts[i-1]+" first", errors.New(got.detail()))
		}
		response, err := conn.Try(t.Context(), lab.Request{Host: host})
		if err != nil {
			return failure("asking for "+host, err)
		}
		got = w.outcome(response)
	}
	return got
}

func (w *world) outcome(response *lab.Response) outcome {
	if response.Tenant() != "" {
		return answered(response.Tenant(), w.owner(response.Served))
	}
	return outcome{status: response.Status, code: response.Reason()}
}

// redirect asks without TLS, and expects to be sent to the same host with it.
func (w *world) redirect(t lab.T, tr *lab.Traefik) outcome {
	conn, err := lab.TryDial(t.Context(), lab.HTTP1, tr.Plain())
	if err != nil {
		return failure("connecting", err)
	}
	defer conn.Close()
	response, err := conn.Try(t.Context(), lab.Request{Host: acmeShop})
	if err != nil {
		return failure("asking for "+acmeShop, err)
	}

	location, err := url.Parse(response.Header.Get("Location"))
	if err != nil || location.Hostname() != acmeShop {
		return w.outcome(response)
	}
	return outcome{redirect: location.Scheme}
}

// webSocket sends a message and expects it back.
func (w *world) webSocket(t lab.T, tr *lab.Traefik) outcome {
	conn, answer, err := lab.WebSocket(t, tr.Target(acmeShop), acmeShop, "/ws")
	if err != nil && answer != nil {
		return w.outcome(&lab.Response{Status: answer.StatusCode, Header: answer.Header})
	}
	if err != nil {
		return failure("opening a websocket", err)
	}
	defer conn.Close()
	if err := echoed(conn); err != nil {
		return failure("talking over a websocket", err)
	}
	served := conn.NetConn().(*tls.Conn).ConnectionState().PeerCertificates[0]
	return answered(answer.Header.Get(lab.TenantHeader), w.owner(served))
}

func echoed(conn *websocket.Conn) error {
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		return err
	}
	_, message, err := conn.ReadMessage()
	if err != nil {
		return err
	}
	if want := "acme hello"; string(message) != want {
		return fmt.Errorf("got %q, want %q", message, want)
	}
	return nil
}

// events reads the first of events that never end: they arrive as they are sent.
func (w *world) events(t lab.T, tr *lab.Traefik) outcome {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := lab.TryDial(ctx, lab.HTTP2, tr.Target(acmeShop))
	if err != nil {
		return failure("connecting", err)
	}
	defer conn.Close()
	answer, err := conn.Open(ctx, lab.Request{Host: acmeShop, Path: "/sse"})
	if err != nil {
		return failure("asking for events", err)
	}
	defer answer.Body.Close()

	if answer.StatusCode == http.StatusOK {
		line, err := bufio.NewReader(answer.Body).ReadString('\n')
		if err != nil {
			return failure("reading an event", err)
		}
		if want := "data: acme 1\n"; line != want {
			return failure("reading an event", fmt.Errorf("got %q, want %q", line, want))
		}
	}
	return w.outcome(&lab.Response{
		Status: answer.StatusCode,
		Header: answer.Header,
		Served: conn.Served,
	})
}

// grpc makes a call, and begins a stream.
func (w *world) grpc(t lab.T, tr *lab.Traefik) outcome {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := grpc_health_v1.NewHealthClient(lab.GRPC(t, tr.Target(acmeShop), acmeShop))
	var header metadata.MD
	var server peer.Peer
	request := &grpc_health_v1.HealthCheckRequest{}
	_, err := client.Check(ctx, request, grpc.Header(&header), grpc.Peer(&server))
	if err != nil {
		return failure("making a call", err)
	}
	stream, err := client.Watch(ctx, request)
	if err != nil {
		return failure("beginning a stream", err)
	}
	if _, err := stream.Recv(); err != nil {
		return failure("reading a stream", err)
	}

	served := server.AuthInfo.(credentials.TLSInfo).State.PeerCertificates[0]
	backend := ""
	if tenants := header.Get(lab.TenantHeader); len(tenants) > 0 {
		backend = tenants[0]
	}
	return answered(backend, w.owner(served))
}
