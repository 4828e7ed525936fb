package e2e

import (
	"bufio"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// liveStream is a stream that a client reads to its end.
type liveStream struct {
	conn       *lab.Conn
	host, path string
	lines      *bufio.Scanner
	// read is the number of lines so far; err is the first error.
	read int
	err  error
}

const (
	// streamLines is the number of lines that the backend sends, enough for a policy to change
	// meanwhile.
	streamLines = 600
	// streamTime is how long that takes at least: 10 ms for each line.
	streamTime = streamLines * 10 * time.Millisecond
)

// next reads the next line, which must be the one that follows the last.
func (s *liveStream) next() bool {
	for s.err == nil && s.lines.Scan() {
		line := strings.TrimPrefix(s.lines.Text(), "data: ")
		if line == "" {
			continue // between two events
		}
		s.read++
		if want := fmt.Sprintf("team-a %d", s.read); line != want {
			s.err = fmt.Errorf("line %q, want %q", line, want)
		}
		return s.err == nil
	}
	if s.err == nil {
		s.err = s.lines.Err()
	}

	return false
}

// openLiveStreams opens 50 streams of both kinds over both protocols, half for hostTaken and half
// for hostA, and reads a line of each.
func openLiveStreams(t *testing.T, tr *lab.Traefik) []*liveStream {
	t.Helper()
	var streams []*liveStream
	for i := range 50 {
		s := &liveStream{
			host: []string{hostTaken, hostA}[i%2],
			path: []string{"/sse", "/stream"}[i/2%2],
		}
		s.conn = lab.Dial(t, []lab.Protocol{lab.HTTP1, lab.HTTP2}[i/4%2], tr.Target(s.host))
		answer, err := s.conn.Open(t.Context(),
			lab.Request{Host: s.host, Path: fmt.Sprint(s.path, "?n=", streamLines)})
		require.NoError(t, err)
		t.Cleanup(func() { answer.Body.Close() })
		require.Equal(t, 200, answer.StatusCode)
		s.lines = bufio.NewScanner(answer.Body)
		streams = append(streams, s)
	}
	for _, s := range streams {
		require.True(t, s.next(), "%s %s: %v", s.host, s.path, s.err)
	}

	return streams
}

// TestReloadWhileStreaming reloads a policy during streams: none ends, and the new policy applies
// to new requests on their connections.
func TestReloadWhileStreaming(t *testing.T) {
	m := newChanging(t)
	path := filepath.Join(t.TempDir(), "policy.json")
	exposed := lab.Map{"exposeReason": true}
	// Without a check of the certificate, a cached verdict is valid until the policy changes; with
	// it, for one second at first.
	file := func(host string) []byte {
		return policyJSON(t,
			lab.Merge(m.policy(host), lab.Map{"certificates": lab.Map{"check": "off"}}))
	}
	for _, way := range []struct {
		name   string
		guard  lab.Map
		reload func(t *testing.T, tr *lab.Traefik)
	}{
		{
			name:  "policy file",
			guard: lab.Merge(exposed, lab.Map{"policyFile": path}),
			reload: func(t *testing.T, _ *lab.Traefik) {
				replaceFile(t, path, file(hostGiven))
			},
		},
		{
			name:  "inline",
			guard: lab.Merge(exposed, m.policy(hostTaken)),
			reload: func(t *testing.T, tr *lab.Traefik) {
				tr.ApplyGuard(t, lab.Merge(exposed, m.policy(hostGiven)))
			},
		},
	} {
		t.Run(way.name, func(t *testing.T) {
			replaceFile(t, path, file(hostTaken))
			tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: m.routes, Guard: way.guard})
			m.assertHas(t, tr, hostTaken, hostGiven)
			refused := map[lab.Protocol]*lab.Conn{}
			for _, protocol := range protocols {
				refused[protocol] = lab.Dial(t, protocol, tr.Target(hostGiven))
				assertOutcome(t, refused[protocol].Get(t, hostGiven, "/"), denied("host-unowned"),
					m.certGiven)
			}

			began := time.Now()
			streams := openLiveStreams(t, tr)
			way.reload(t, tr)
			becomes(t, tr, hostTaken, "/", denied("host-unowned"), soon)
			require.Less(t, time.Since(began), streamTime,
				"a stream may have ended before the policy was in force")
			want := map[string]outcome{hostTaken: denied("host-unowned"), hostA: passes("team-a")}
			for _, s := range streams {
				if s.conn.Protocol == lab.HTTP2 {
					assertOutcome(t, s.conn.Get(t, s.host, "/"), want[s.host], nil)
				}
			}
			for _, protocol := range protocols {
				assertOutcome(t, refused[protocol].Get(t, hostGiven, "/"), passes("team-a"),
					m.certGiven)
			}
			m.assertHas(t, tr, hostGiven, hostTaken)

			var readers sync.WaitGroup
			for _, s := range streams {
				readers.Go(func() {
					for s.next() {
					}
				})
			}
			readers.Wait()
			for i, s := range streams {
				assert.NoError(t, s.err, "stream %d: %s %s%s", i, s.conn.Protocol, s.host, s.path)
				assert.Equal(t, streamLines, s.read, "stream %d: %s %s%s ended early", i,
					s.conn.Protocol, s.host, s.path)
				assertOutcome(t, s.conn.Get(t, s.host, "/"), want[s.host], nil)
			}
			m.assertHas(t, tr, hostGiven, hostTaken)
		})
	}
}
