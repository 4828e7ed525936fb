package flood

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// server is a server with TLS that notes what comes.
type server struct {
	*httptest.Server

	mu          sync.Mutex
	hosts       map[string]int
	connections map[string]int
	serverNames map[string]bool
}

// newServer starts one that answers after answer, which may be nil.
func newServer(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{
		hosts: map[string]int{}, connections: map[string]int{}, serverNames: map[string]bool{},
	}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(
		func(rw http.ResponseWriter, req *http.Request) {
			s.mu.Lock()
			s.hosts[req.Host]++
			s.connections[req.RemoteAddr]++
			s.serverNames[req.TLS.ServerName] = true
			s.mu.Unlock()
			if answer != nil {
				answer(rw, req)
			}
		}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)

	return s
}

func (s *server) run(t *testing.T, load Load) Result {
	t.Helper()
	load.Address = s.Listener.Addr().String()

	return Run(t.Context(), load)[0]
}

func TestLoads(t *testing.T) {
	rows := []struct {
		description string
		load        Load
		// hosts, connections and serverNames are how many different ones come.
		hosts, connections, serverNames int
	}{
		{"connections that are kept",
			Load{Host: "a.test", ServerName: "b.test", Connections: 3, Count: 60}, 1, 3, 1},
		{"connections for three requests",
			Load{Host: "a.test", ServerName: "b.test", Connections: 2, PerConnection: 3, Count: 60},
			1, 20, 1},
		{"ever new names",
			Load{Host: "#.test", ServerName: "#.test", Connections: 2, PerConnection: 1,
				Count: 60, First: 1000}, 60, 60, 60},
		{"names that come again",
			Load{Host: "#.test", ServerName: "a.test", Connections: 2, Count: 60, Names: 7},
			7, 2, 1},
		{"ever new spellings",
			Load{Host: "a.test", ServerName: "a.test", Connections: 2, Respelled: true, Count: 60},
			60, 2, 1},
		{"bursts",
			Load{Host: "#.test", ServerName: "a.test", Burst: 20, Rate: 50, Count: 3}, 3, 3, 1},
	}
	for _, row := range rows {
		t.Run(row.description, func(t *testing.T) {
			s := newServer(t, nil)
			result := s.run(t, row.load)
			assert.Equal(t, map[int]int{200: 60}, result.Answers, result.Problem)
			assert.Len(t, result.Latencies, 60)
			assert.Len(t, s.hosts, row.hosts)
			assert.Len(t, s.connections, row.connections)
			assert.Len(t, s.serverNames, row.serverNames)
		})
	}
}

// TestAnswers has a server deny, close, and give no answer.
func TestAnswers(t *testing.T) {
	s := newServer(t, func(rw http.ResponseWriter, req *http.Request) {
		switch req.Host {
		case "1.test":
			rw.WriteHeader(http.StatusForbidden)
		case "2.test":
			rw.Header().Set("Connection", "close")
			_, _ = fmt.Fprint(rw, strings.Repeat("a", 1000))
		case "3.test":
			panic(http.ErrAbortHandler)
		}
	})
	result := s.run(t, Load{Host: "#.test", ServerName: "a.test", Connections: 1, Count: 5})
	assert.Equal(t, map[int]int{200: 3, 403: 1}, result.Answers)
	assert.Equal(t, 1, result.Failed)
	assert.NotEmpty(t, result.Problem)
	assert.Len(t, s.connections, 3, "want another one after each that was closed")
}

// TestLatenciesCountFromWhenARequestIsDue has a server not answer for a while. What was due
// meanwhile waited as well.
func TestLatenciesCountFromWhenARequestIsDue(t *testing.T) {
	const stall = 500 * time.Millisecond
	var once sync.Once
	s := newServer(t, func(http.ResponseWriter, *http.Request) {
		once.Do(func() { time.Sleep(stall) })
	})
	result := s.run(t, Load{
		Host: "a.test", ServerName: "a.test", Connections: 1, Rate: 100, Duration: stall,
	})
	require.Len(t, result.Latencies, 50)
	late := 0
	for _, latency := range result.Latencies {
		if latency > stall/4 {
			late++
		}
	}
	assert.Greater(t, late, 30)
}

func TestRespell(t *testing.T) {
	assert.Equal(t, "Ab-1.test:2", Respell("ab-1.test", 1))
	assert.Equal(t, "aB-1.Test:7", Respell("ab-1.test", 6))
	assert.Equal(t, "AB-1.TEST:1", Respell("ab-1.test", ports))
	seen := map[string]bool{}
	for n := range 1_000_000 {
		seen[Respell("a.example.com", n)] = true
	}
	assert.Len(t, seen, 1_000_000)
}
