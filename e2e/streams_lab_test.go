package e2e

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// streamsBackend uses what breaks if a middleware wraps the ResponseWriter. It speaks HTTP/1.1 and
// HTTP/2 without TLS:
//
//	/steps    a chunk for each value that the test sends to step
//	/digest   the length and the digest of the body
//	/trailers the body, and two trailers, one of them announced
//	/hints    103 with a Link, then 200
//	/echo     each line of the body, as it comes
type streamsBackend struct {
	*httptest.Server

	step chan int
}

func newStreamsBackend(t *testing.T) *streamsBackend {
	t.Helper()
	b := &streamsBackend{step: make(chan int)}
	mux := http.NewServeMux()
	mux.HandleFunc("/steps", func(rw http.ResponseWriter, req *http.Request) {
		rw.WriteHeader(http.StatusOK)
		for http.NewResponseController(rw).Flush() == nil {
			select {
			case n := <-b.step:
				fmt.Fprintln(rw, n)
			case <-req.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("/digest", func(rw http.ResponseWriter, req *http.Request) {
		hash := sha256.New()
		length, err := io.Copy(hash, req.Body)
		fmt.Fprintln(rw, length, hex.EncodeToString(hash.Sum(nil)), err)
	})
	mux.HandleFunc("/trailers", func(rw http.ResponseWriter, req *http.Request) {
		rw.Header().Set("Trailer", "Announced")
		io.Copy(rw, req.Body)
		rw.Header().Set("Announced", "yes")
		rw.Header().Set(http.TrailerPrefix+"Surprise", "yes")
	})
	mux.HandleFunc("/hints", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Link", "</style.css>; rel=preload")
		rw.WriteHeader(http.StatusEarlyHints)
		fmt.Fprintln(rw, "done")
	})
	mux.HandleFunc("/echo", func(rw http.ResponseWriter, req *http.Request) {
		control := http.NewResponseController(rw)
		rw.WriteHeader(http.StatusOK)
		for reader := bufio.NewReader(req.Body); control.Flush() == nil; {
			line, err := reader.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(rw, line)
		}
	})
	handle := func(rw http.ResponseWriter, req *http.Request) {
		rw.Header().Set(lab.TenantHeader, "team-a")
		mux.ServeHTTP(rw, req)
	}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(handle))
	b.Config.Protocols = new(http.Protocols)
	b.Config.Protocols.SetHTTP1(true)
	b.Config.Protocols.SetUnencryptedHTTP2(true)
	b.Start()
	t.Cleanup(func() {
		b.CloseClientConnections()
		b.Close()
	})

	return b
}

// route adds a router of team-a to the backend, over HTTP/1.1 and, below /h2c, over HTTP/2.
func (b *streamsBackend) route(n *tenants, config *lab.Config) *lab.Config {
	service := func(url string) lab.Map {
		return lab.Map{"loadBalancer": lab.Map{"servers": []lab.Map{{"url": url}}}}
	}
	rule := "(Host(`" + hostA + "`) && PathRegexp(`^/(steps|digest|trailers|hints|echo)$`))"

	return config.
		Route("team-a-streams", rule, n.teamA,
			lab.Map{"service": "team-a-streams", "entryPoints": []string{"websecure"}}).
		Route("team-a-h2c", "Host(`"+hostA+"`) && PathPrefix(`/h2c`)", n.teamA,
			lab.Map{"service": "team-a-h2c", "middlewares": []string{"strip"}}).
		Merge(lab.Map{"http": lab.Map{
			"middlewares": lab.Map{
				"strip": lab.Map{"stripPrefix": lab.Map{"prefixes": []string{"/h2c"}}},
			},
			"services": lab.Map{
				"team-a-streams": service(b.URL),
				"team-a-h2c":     service("h2c" + b.URL[len("http"):]),
			},
		}})
}
