package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// maxLine is more than any line about a denial has, whatever a client writes.
const maxLine = 4096

// TestHostileHosts has clients of a tenant that takes every host write what no client writes. None
// of it reaches a backend, each line of the log stays short and can be read, and others see nothing
// of it.
func TestHostileHosts(t *testing.T) {
	n := newTenants(t)
	tr := lab.Start(t, lab.Options{HTTP3: true, Guard: n.guard(), Dynamic: n.routes.Clone().
		Route("team-b-all", "PathPrefix(`/`)", n.teamB, lab.Map{"priority": 1})})
	reached := n.teamB.Requests()
	const size = 64 << 10
	for _, row := range []struct{ description, host string }{
		{"one label", strings.Repeat("a", size)},
		{"labels of one letter", strings.Repeat("a.", size/2) + "com"},
		{"dots", strings.Repeat(".", size)},
		{"digits", strings.Repeat("1", size)},
		{"a port", hostB + ":" + strings.Repeat("4", size)},
		{"an address", "[" + strings.Repeat("f:", size/2) + "]"},
		{"hyphens below the tenant's own", strings.Repeat("-", size) + "." + hostB},
		{"percent signs", strings.Repeat("%41", size/3)},
	} {
		for _, protocol := range protocols {
			t.Run(row.description+"/"+string(protocol), func(t *testing.T) {
				conn := lab.Dial(t, protocol, tr.Target(hostB))
				response, err := conn.Try(t.Context(), lab.Request{Host: row.host})
				if err != nil { // Traefik or the client refuses it first
					t.Log(err)
					return
				}
				assert.Contains(t, []outcome{denied("host-invalid"), {status: 400},
					{status: 404}, {status: 431}}, outcomeOf(response))
			})
		}
	}
	for _, control := range []string{"\x00", "\x01", "\t", "\x0b", "\x1b[31m", "\x7f", "\xff"} {
		host := "a" + control + hostB
		t.Run(fmt.Sprintf("%q", control), func(t *testing.T) {
			for _, response := range lab.RawHTTP1(t, tr.Target(hostB), 1,
				"GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n") {
				assert.Equal(t, 400, response.Status)
			}
			response, err := lab.RawHTTP2(t, tr.Target(hostB),
				[2]string{":method", "GET"}, [2]string{":scheme", "https"},
				[2]string{":path", "/"}, [2]string{":authority", host})
			if err == nil {
				assert.Equal(t, 400, response.Status)
			}
		})
	}
	assert.Equal(t, reached, n.teamB.Requests(), "one of them reached a backend")
	for _, line := range tr.Log.Lines() {
		assert.Less(t, len(line), maxLine, "%.300s", line)
		assert.NotContains(t, line, "\x1b")
		assert.NotContains(t, line, "\x00")
	}
	assert.NotEmpty(t, tr.Log.Denials())
	for _, denial := range tr.Log.Denials() {
		assert.Equal(t, "host-invalid", denial.Reason)
		assert.Less(t, len(denial.Host), 300)
	}
	n.assertLegitimate(t, tr)
}

// TestHostileChains has twenty certificates be served behind a leaf: others' of the name of its
// authority, each of which might have signed it, or the authority itself behind a forged one.
func TestHostileChains(t *testing.T) {
	n := newTenants(t)
	var alike, genuine []*lab.Cert
	for range 20 {
		alike = append(alike, lab.NewCA(t, "platform CA"))
		genuine = append(genuine, n.platform)
	}
	leaf, forged := n.platform.Issue(t, hostA), lab.NewCA(t, "platform CA").Issue(t, hostA)
	p := &pair{tenants: n}
	options := lab.Options{HTTP3: true, Dynamic: n.routes}
	p.off = lab.Start(t, options)
	options.Guard = p.guard()
	p.on = lab.Start(t, options)
	for _, row := range []struct {
		description string
		chain       *lab.Cert
		want        outcome
	}{
		{"the tenant's own behind twenty that did not sign it", certChain(t, leaf, alike...),
			passes("team-a")},
		{"one of another authority of the name", certChain(t, forged, alike...),
			denied("certificate-untrusted")},
		{"a forged one before the genuine authority", certChain(t, forged, genuine...),
			denied("certificate-untrusted")},
	} {
		t.Run(row.description, func(t *testing.T) {
			routes := lab.NewConfig().
				Route("team-a-web", "Host(`"+hostA+"`)", n.teamA).
				Route("team-b-web", "Host(`"+hostB+"`)", n.teamB).
				Serve(row.chain, n.certB)
			p.apply(t, routes)
			served := lab.Certificate(t, p.on.Target(hostA))
			require.Equal(t, lab.Pin(row.chain.Certificate), lab.Pin(served))
			assertGet(t, p.off, hostA, "/", passes("team-a"), row.chain)
			assertGet(t, p.on, hostA, "/", row.want, row.chain)
			assertGet(t, p.on, hostB, "/", passes("team-b"), n.certB)
		})
	}
}
