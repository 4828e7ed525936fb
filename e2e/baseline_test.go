package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

const (
	hostA = "a.example.com"
	hostB = "b.example.com"
)

// TestBaseline shows what two tenants of one unguarded Traefik can do to each other.
func TestBaseline(t *testing.T) {
	platform := lab.NewCA(t, "platform CA")
	certA, certB := platform.Issue(t, hostA), platform.Issue(t, hostB)
	teamA, teamB := lab.NewBackend(t, "team-a"), lab.NewBackend(t, "team-b")
	shared := lab.NewConfig().
		Route("team-a_web_0", "Host(`"+hostA+"`)", teamA).
		Route("team-a_grpc_0", "Host(`"+hostA+"`) && Header(`Content-Type`, `application/grpc`)",
			teamA, lab.Map{"service": teamA.GRPC()}).
		Route("team-a_plain_0", "Host(`"+hostA+"`)", teamA,
			lab.Map{"entryPoints": []string{"web"}}).
		Route("team-b_web_0", "Host(`"+hostB+"`)", teamB).
		Serve(certA, certB)
	tr := lab.Start(t, lab.Options{HTTP3: true, ProxyProtocol: true, Dynamic: shared})

	t.Run("own host", func(t *testing.T) {
		for _, protocol := range []lab.Protocol{lab.HTTP1, lab.HTTP2, lab.HTTP3} {
			response := lab.Get(t, protocol, tr.Target(hostA), hostA, "/")
			assert.Equal(t, "team-a", response.Tenant(), protocol)
			assert.Equal(t, lab.Pin(certA.Certificate), lab.Pin(response.Served), protocol)
		}
		assert.Equal(t, "team-a", lab.Get(t, lab.HTTP1, tr.Plain(), hostA, "/").Tenant())
		assert.Equal(t, "team-a", lab.Get(t, lab.HTTP2, tr.Plain(), hostA, "/").Tenant())
	})

	t.Run("domain fronting", func(t *testing.T) {
		for _, protocol := range []lab.Protocol{lab.HTTP1, lab.HTTP2, lab.HTTP3} {
			conn := lab.Dial(t, protocol, tr.Target(hostA))
			assert.Equal(t, certA.Pin(), lab.Pin(conn.Served), protocol)
			assert.Equal(t, "team-a", conn.Get(t, hostA, "/").Tenant(), protocol)
			assert.Equal(t, "team-b", conn.Get(t, hostB, "/").Tenant(), protocol)
		}
	})

	t.Run("requests that no client makes", func(t *testing.T) {
		responses := lab.RawHTTP1(t, tr.Target(hostA), 2,
			"GET / HTTP/1.1\r\nHost: A.EXAMPLE.COM.\r\n\r\nGET https://"+hostB+
				"/ HTTP/1.1\r\nHost: "+hostA+"\r\n\r\n")
		require.Len(t, responses, 2)
		assert.Equal(t, "team-a", responses[0].Tenant())
		assert.Equal(t, "team-b", responses[1].Tenant())

		response, err := lab.RawHTTP2(t, tr.Target(hostA),
			[2]string{":method", "GET"}, [2]string{":scheme", "https"}, [2]string{":path", "/"},
			[2]string{":authority", hostB}, [2]string{"host", hostA})
		require.NoError(t, err)
		assert.Equal(t, "team-b", response.Tenant())
	})

	t.Run("websocket", func(t *testing.T) {
		conn, _, err := lab.WebSocket(t, tr.Target(hostA), hostA, "/ws")
		require.NoError(t, err)
		require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte("hello")))
		_, message, err := conn.ReadMessage()
		require.NoError(t, err)
		assert.Equal(t, "team-a hello", string(message))
	})

	t.Run("server-sent events", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		response, err := lab.Dial(t, lab.HTTP2, tr.Target(hostA)).
			Open(ctx, lab.Request{Host: hostA, Path: "/sse"})
		require.NoError(t, err)
		defer response.Body.Close()
		line, err := bufio.NewReader(response.Body).ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, "data: team-a 1\n", line)
	})

	t.Run("grpc", func(t *testing.T) {
		client := grpc_health_v1.NewHealthClient(lab.GRPC(t, tr.Target(hostA), hostA))
		var header metadata.MD
		_, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{},
			grpc.Header(&header))
		require.NoError(t, err)
		assert.Equal(t, []string{"team-a"}, header.Get(lab.TenantHeader))

		watch, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		require.NoError(t, err)
		_, err = watch.Recv()
		require.NoError(t, err)
	})

	t.Run("PROXY protocol", func(t *testing.T) {
		for _, version := range []byte{1, 2} {
			target := tr.Target(hostA)
			target.Prelude = lab.ProxyHeader(t, version, "192.0.2.7:1234", target.Addr)
			assert.Equal(t, "team-a", lab.Get(t, lab.HTTP1, target, hostA, "/").Tenant())
		}
	})

	t.Run("TLS 1.2, without a server name", func(t *testing.T) {
		target := tr.Target("")
		target.TLS = func(config *tls.Config) { config.MaxVersion = tls.VersionTLS12 }
		response := lab.Get(t, lab.HTTP1, target, hostA, "/")
		assert.Equal(t, "team-a", response.Tenant())
		assert.Contains(t, response.Served.Subject.CommonName, "TRAEFIK DEFAULT CERT")
	})

	t.Run("API and ping", func(t *testing.T) {
		assert.Contains(t, tr.API(t, "/api/http/routers/team-a_web_0@file"), hostA)
		assert.Equal(t, "OK", tr.API(t, "/ping"))
	})

	t.Run("certificate hijack", func(t *testing.T) {
		forged := lab.SelfSigned(t, hostA, "zzz.evil.test")
		tr.Apply(t, shared.Clone().Serve(forged))
		for _, protocol := range []lab.Protocol{lab.HTTP1, lab.HTTP2, lab.HTTP3} {
			response := lab.Get(t, protocol, tr.Target(hostA), hostA, "/")
			assert.Equal(t, "team-a", response.Tenant(), protocol)
			assert.Equal(t, forged.Pin(), lab.Pin(response.Served), protocol)
		}

		tr.Apply(t, shared)
		assert.Equal(t, certA.Pin(), lab.Pin(lab.Certificate(t, tr.Target(hostA))))
	})
}
