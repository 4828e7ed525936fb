package e2e

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/internal/vectors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// TestStreams checks that everything beyond one request and one answer works with the guard as
// without.
func TestStreams(t *testing.T) {
	n := newTenants(t)
	backend := newStreamsBackend(t)
	web := lab.Map{"entryPoints": []string{"web"}}
	grpcRule := func(host string) string {
		return "Host(`" + host + "`) && Header(`Content-Type`, `application/grpc`)"
	}
	routes := backend.route(n, n.routes.Clone().
		Route("team-a-plain", "Host(`"+hostA+"`)", n.teamA, web).
		Route("team-a-grpc", grpcRule(hostA), n.teamA, lab.Map{"service": n.teamA.GRPC()}).
		Route("team-b-grpc", grpcRule(hostB), n.teamB, lab.Map{"service": n.teamB.GRPC()}).
		Route("team-b-claim", "Host(`"+hostA2+"`) && PathPrefix(`/`)", n.teamB).
		Route("team-b-claim-grpc", grpcRule(hostA2), n.teamB, lab.Map{"service": n.teamB.GRPC()}))
	off := lab.Start(t, lab.Options{HTTP3: true, Dynamic: routes})
	on := lab.Start(t, lab.Options{HTTP3: true, Dynamic: routes, Guard: n.guard()})

	t.Run("websocket", func(t *testing.T) {
		for name, target := range map[string]lab.Target{
			"over TLS": on.Target(hostA), "plain": on.Plain(),
		} {
			conn, _, err := lab.WebSocket(t, target, hostA, "/ws")
			require.NoError(t, err, name)
			for i := range 3 {
				sent := fmt.Sprint("hello ", i)
				require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(sent)), name)
				_, message, err := conn.ReadMessage()
				require.NoError(t, err, name)
				assert.Equal(t, "team-a "+sent, string(message), name)
			}
		}
		for _, c := range []struct{ serverName, host, reason string }{
			{hostA2, hostA2, "host-foreign"}, {hostA, hostB, "sni-foreign"},
		} {
			conn, _, err := lab.WebSocket(t, off.Target(c.serverName), c.host, "/ws")
			require.NoError(t, err, "without the guard")
			require.NoError(t, conn.WriteMessage(websocket.TextMessage, nil))
			_, message, err := conn.ReadMessage()
			require.NoError(t, err)
			assert.Equal(t, "team-b ", string(message))

			_, response, err := lab.WebSocket(t, on.Target(c.serverName), c.host, "/ws")
			require.ErrorIs(t, err, websocket.ErrBadHandshake)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			assert.Equal(t, vectors.Statuses[c.reason], response.StatusCode)
			assert.Equal(t, c.reason, response.Header.Get("Tenantguard-Reason"))
			assertDenial(t, response.StatusCode, response.Header, string(body))
		}
	})

	t.Run("gRPC", func(t *testing.T) {
		call := func(tr *lab.Traefik, serverName, host string) (string, error) {
			client := grpc_health_v1.NewHealthClient(lab.GRPC(t, tr.Target(serverName), host))
			var header metadata.MD
			_, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{},
				grpc.Header(&header))
			if err != nil {
				return "", err
			}
			watch, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
			require.NoError(t, err)
			answer, err := watch.Recv()
			require.NoError(t, err)
			assert.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, answer.Status)
			return fmt.Sprint(header.Get(lab.TenantHeader)), nil
		}
		tenant, err := call(on, hostA, hostA)
		require.NoError(t, err)
		assert.Equal(t, "[team-a]", tenant)
		tenant, err = call(on, hostB, hostB)
		require.NoError(t, err)
		assert.Equal(t, "[team-b]", tenant)

		for _, c := range []struct {
			serverName, host string
			code             codes.Code
		}{
			{hostA2, hostA2, codes.PermissionDenied}, // as gRPC reads 403
			{hostA, hostB, codes.Unknown},            // and 421
		} {
			tenant, err = call(off, c.serverName, c.host)
			require.NoError(t, err)
			assert.Equal(t, "[team-b]", tenant)
			_, err = call(on, c.serverName, c.host)
			assert.Equal(t, c.code, status.Code(err), err)
			assert.NotContains(t, fmt.Sprint(err), "team-")
		}
	})

	for name, tr := range map[string]*lab.Traefik{"guard off": off, "guard on": on} {
		for _, protocol := range protocols {
			t.Run(name+", "+string(protocol), func(t *testing.T) {
				s := &streaming{tr: tr, protocol: protocol, backend: backend}
				t.Run("flushes", s.flushes)
				t.Run("long upload", s.upload)
				t.Run("trailers", s.trailers)
				t.Run("early hints", s.hints)
				if protocol != lab.HTTP1 {
					t.Run("both ways at once", s.bothWays)
				}
			})
		}
	}

	t.Run("100 Continue", func(t *testing.T) {
		const expecting = "POST /digest HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n" +
			"Expect: 100-continue\r\n\r\n"
		response := rawHTTP1(t, on.Target(hostA),
			strings.ReplaceAll(expecting, "HOST", hostA)+"abc")
		assert.Equal(t, http.StatusContinue, response.Status)
		response = rawHTTP1(t, on.Target(hostA2), strings.ReplaceAll(expecting, "HOST", hostA2))
		assertOutcome(t, response, denied("host-foreign"), n.certA)
	})

	t.Run("a denied upload", func(t *testing.T) {
		for _, protocol := range []lab.Protocol{lab.HTTP2, lab.HTTP3} {
			conn := lab.Dial(t, protocol, on.Target(hostA2))
			response, err := conn.Try(t.Context(), lab.Request{
				Method: http.MethodPost, Host: hostA2, Path: "/digest", Body: uploaded(),
			})
			require.NoError(t, err, protocol)
			assertOutcome(t, response, denied("host-foreign"), n.certA)
		}
	})

	// A websocket and a stream outlive a reload, which builds the guard anew.
	t.Run("reload", func(t *testing.T) {
		socket, _, err := lab.WebSocket(t, on.Target(hostA), hostA, "/ws")
		require.NoError(t, err)
		running := openFlows(t, on.Target(hostA), hostA, len(protocols))
		on.Apply(t, routes.Clone().Route("team-a-more", "Host(`"+hostA+"`) && Path(`/more`)",
			n.teamA))
		running.assertFlowing(t)
		require.NoError(t, socket.WriteMessage(websocket.TextMessage, []byte("still there")))
		_, message, err := socket.ReadMessage()
		require.NoError(t, err)
		assert.Equal(t, "team-a still there", string(message))
	})
}

// streaming is the test of one protocol.
type streaming struct {
	tr       *lab.Traefik
	protocol lab.Protocol
	backend  *streamsBackend
}

// open makes a request on a new connection.
func (s *streaming) open(t *testing.T, ctx context.Context, request lab.Request) *http.Response {
	t.Helper()
	request.Host = hostA
	answer, err := lab.Dial(t, s.protocol, s.tr.Target(hostA)).Open(ctx, request)
	require.NoError(t, err, request.Path)
	t.Cleanup(func() { answer.Body.Close() })
	require.Equal(t, 200, answer.StatusCode, request.Path)
	require.Equal(t, "team-a", answer.Header.Get(lab.TenantHeader), request.Path)

	return answer
}

// flushes checks that each chunk arrives before the next one is written.
func (s *streaming) flushes(t *testing.T) {
	for _, path := range []string{"/steps", "/h2c/steps"} {
		ctx, cancel := context.WithTimeout(t.Context(), rawPatience)
		defer cancel()
		lines := bufio.NewReader(s.open(t, ctx, lab.Request{Path: path}).Body)
		for i := range 5 {
			select {
			case s.backend.step <- i:
			case <-ctx.Done():
				require.NoError(t, ctx.Err(), path)
			}
			line, err := lines.ReadString('\n')
			require.NoError(t, err, path)
			assert.Equal(t, fmt.Sprintln(i), line, path)
		}
		cancel()
	}
}

// uploaded returns a long body, always the same, whose length the client does not know.
func uploaded() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{}), 16<<20) }

func (s *streaming) upload(t *testing.T) {
	hash := sha256.New()
	length, err := io.Copy(hash, uploaded())
	require.NoError(t, err)
	for _, path := range []string{"/digest", "/h2c/digest"} {
		answer := s.open(t, t.Context(), lab.Request{Method: http.MethodPost, Path: path,
			Body: uploaded()})
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err, path)
		assert.Equal(t, fmt.Sprintln(length, hex.EncodeToString(hash.Sum(nil)), nil), string(body),
			path)
	}
}

func (s *streaming) trailers(t *testing.T) {
	for _, path := range []string{"/trailers", "/h2c/trailers"} {
		if s.protocol == lab.HTTP1 && path == "/h2c/trailers" {
			continue // Traefik drops them, guard or not
		}
		answer := s.open(t, t.Context(), lab.Request{Method: http.MethodPost, Path: path,
			Body: strings.NewReader("abc")})
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err, path)
		assert.Equal(t, "abc", string(body), path)
		assert.Equal(t, "yes", answer.Trailer.Get("Announced"), path)
		assert.Equal(t, "yes", answer.Trailer.Get("Surprise"), path)
	}
}

func (s *streaming) hints(t *testing.T) {
	var links []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			assert.Equal(t, http.StatusEarlyHints, code)
			links = append(links, header.Get("Link"))
			return nil
		},
	})
	answer := s.open(t, ctx, lab.Request{Path: "/hints"})
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, "done\n", string(body))
	assert.Equal(t, []string{"</style.css>; rel=preload"}, links)
}

// bothWays checks that each line comes back before the next one is sent.
func (s *streaming) bothWays(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), rawPatience)
	defer cancel()
	body, send := io.Pipe()
	defer send.Close()
	lines := bufio.NewReader(s.open(t, ctx,
		lab.Request{Method: http.MethodPost, Path: "/h2c/echo", Body: body}).Body)
	for i := range 5 {
		_, err := fmt.Fprintln(send, i)
		require.NoError(t, err)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintln(i), line)
	}
}
