package guard

import (
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// spelled returns a Host in one of many spellings.
func spelled(host string, i int) string {
	letters := []byte(host)
	for at := range letters {
		if i&(1<<uint(at)) != 0 && letters[at] >= 'a' && letters[at] <= 'z' {
			letters[at] -= 'a' - 'A'
		}
	}
	return string(letters) + ":" + strconv.Itoa(i)
}

// TestSpellingsOfAHost has each spelling of a Host end in the same answer, a pass or a denial.
func TestSpellingsOfAHost(t *testing.T) {
	rows := []struct {
		description, host, want string
		spellings               []string
	}{
		{"a name", hostA, "pass", []string{
			hostA, "A.ACME.example.com", hostA + ":443", hostA + ":", hostA + ":00080", hostA + ".",
			"A.acme.Example.COM.:8443",
		}},
		{"a name of nobody", "b.globex.example.com", "host-unowned", []string{
			"b.globex.example.com", "B.globex.example.com", "b.globex.example.com.:1",
		}},
		{"an IPv6 address", "[2001:db8::7]", "pass", []string{
			"[2001:db8::7]", "[2001:DB8::7]:443", "[2001:db8:0:0:0:0:0:7]", "[2001:0db8::0007]:",
			"[2001:db8::0.0.0.7]",
		}},
		{"an IPv4 address", "192.0.2.7", "pass", []string{
			"192.0.2.7", "192.0.2.7:443", "192.0.2.7.",
		}},
		{"what is no host", invalid, "host-invalid", []string{
			"", "a b", "a b:443", hostA + ":65536", "[::1", "127.1", "!", strings.Repeat("a", 64),
		}},
	}
	for _, row := range rows {
		g := acmeGuard("spellings@file", map[string]any{"exposeReason": true, "tenants": []any{
			map[string]any{"name": "acme", "namespaces": "acme",
				"hosts": hostA + ",2001:db8::7,192.0.2.7"},
		}})
		for i, host := range row.spellings {
			if i > 0 && remembered(g, plainRequest(host)) != row.want {
				t.Errorf("%s: %q is not found", row.description, host)
			}
			if got := reasonOf(handlerOf(g), plainRequest(host)); got != row.want {
				t.Errorf("%s: %q: %q, want %q", row.description, host, got, row.want)
			}
		}
		if len(g.known.answers) != 1 {
			t.Errorf("%s: %d answers, want 1", row.description, len(g.known.answers))
		}
		for k := range g.known.answers {
			if k.host != row.host {
				t.Errorf("%s: it is known as %q, want %q", row.description, k.host, row.host)
			}
		}
	}
}

// TestManySpellings has a client write a Host in ever new ways, and a server name too.
func TestManySpellings(t *testing.T) {
	entryPoint := serving(t, certificateOf(t, "acme-two"))
	for _, local := range []bool{false, true} {
		for _, host := range []string{hostA, "a.globex.example.com"} {
			g := acmeGuard("many-spellings@file", acmeKeys(map[string]any{"observe": "ttl"}))
			withLocalCertificate(g, local)
			req := at(entryPoint, tlsRequest(host, hostA))
			want := reasonOf(handlerOf(g), req)
			for i := 0; i < 10_000; i++ {
				req.Host = spelled(host, i)
				if got := reasonOf(handlerOf(g), req); got != want {
					t.Fatalf("%q: %q, want %q", req.Host, got, want)
				}
			}
			n := &g.known
			if len(n.answers) != 1 || n.named > 1 || len(n.connections) > 1 {
				t.Errorf("%q, local certificate %t: %d answers, %d names and %d connections",
					host, local, len(n.answers), n.named, len(n.connections))
			}
		}
	}
}

// TestNothingLongIsKept has names be part of long texts, as the Host of a request to an absolute
// URL is part of its first line.
func TestNothingLongIsKept(t *testing.T) {
	g := acmeGuard("long@file", acmeKeys(map[string]any{"check": "off"}))
	withLocalCertificate(g, true)
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	const requests, size = 100, 1 << 18
	before := heap()
	for i := 0; i < requests; i++ {
		line := fmt.Sprintf("http://h%d.globex.example.com/", i) + strings.Repeat("x", size)
		host, path := line[7:7+strings.Index(line[7:], "/")], line[strings.LastIndex(line, "/"):]
		for _, req := range []*http.Request{
			plainRequest(host), tlsRequest(hostA, host), tlsRequest(hostA+line[:0], hostA),
		} {
			req.URL.Path = path
			reasonOf(handlerOf(g), req)
		}
		req := tlsRequest((hostA + line)[:len(hostA)], hostA)
		req.URL.Path = path
		reasonOf(handlerOf(g), req)
	}
	after := heap()
	if len(g.known.answers) < 2*requests || len(g.known.connections) < requests {
		t.Fatalf("%d answers, %d connections", len(g.known.answers), len(g.known.connections))
	}
	if after > before && after-before > requests*size/4 {
		t.Errorf("%d bytes are kept of %d requests", after-before, requests)
	}
	runtime.KeepAlive(g)
}
