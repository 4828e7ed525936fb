package guard

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

// denialOf is what the log says of a request, which must be one that is denied.
func denialOf(g *Guard, req *http.Request) report.Denial {
	d := g.check(req, read(req, nil))
	return g.denial(req, d, d.isEnforced())
}

// describe is what the log says of a certificate with one DNS name: its pin, as pins.json has it,
// and the name.
func describe(t *testing.T, certificate, name string) string {
	t.Helper()
	text, err := os.ReadFile(testdata + "/certificates/pins.json")
	if err != nil {
		t.Fatal(err)
	}
	pins := map[string]string{}
	if err := json.Unmarshal(text, &pins); err != nil {
		t.Fatal(err)
	}
	return pins[certificate] + " " + name
}

// TestResponses looks at what a client is told, by the protocol it speaks.
func TestResponses(t *testing.T) {
	rows := []struct {
		description, host, serverName, certificate string
		// reason is the code, and ends whether the connection is closed.
		reason, body string
		ends         bool
	}{
		{"a host of another", "a.globex.example.com", hostA, "acme-exact", "host-foreign",
			"Forbidden", false},
		{"a host that is none", "a b", hostA, "acme-exact", "host-invalid", "Bad Request", false},
		{"no server name", hostA, "", "acme-exact", "sni-missing", "Misdirected Request", true},
		{"a server name of another", hostA, "a.globex.example.com", "acme-exact", "sni-foreign",
			"Misdirected Request", true},
		{"no certificate", hostA, hostA, "", "certificate-unavailable", "Service Unavailable",
			false},
		{"a certificate that is over", hostA, hostA, "acme-expired", "certificate-expired",
			"Misdirected Request", true},
		{"a certificate of another host", hostA, hostA, "acme-b", "certificate-name",
			"Misdirected Request", true},
		{"a hijacker's certificate", hostA, hostA, "hijack-sorts-last", "certificate-foreign",
			"Misdirected Request", true},
	}
	for _, exposed := range []bool{false, true} {
		for _, row := range rows {
			keys := acmeKeys(nil)
			keys["exposeReason"] = exposed
			keys["tenants"] = twoTenants["tenants"]
			g := acmeGuard(fmt.Sprint("responses-", exposed, "@file"), keys)
			var served *tls.Certificate
			if row.certificate != "" {
				served = certificateOf(t, row.certificate)
			}
			entryPoint := serving(t, served)
			for protocol := 1; protocol <= 3; protocol++ {
				req := at(entryPoint, tlsRequest(row.host, row.serverName))
				req.ProtoMajor = protocol
				want := http.Header{
					"Content-Type":           {"text/plain; charset=utf-8"},
					"X-Content-Type-Options": {"nosniff"}, "Cache-Control": {"no-store"},
				}
				if exposed {
					want["Tenantguard-Reason"] = []string{row.reason}
				}
				if row.ends && protocol < 3 {
					want["Connection"] = []string{"close"}
				}
				rw := httptest.NewRecorder()
				g.ServeHTTP(rw, req)
				if !reflect.DeepEqual(rw.Header(), want) {
					t.Errorf("%s, HTTP/%d: %v, want %v",
						row.description, protocol, rw.Header(), want)
				}
				if status := vectors.Statuses[row.reason]; rw.Code != status {
					t.Errorf("%s: status %d, want %d", row.description, rw.Code, status)
				}
				if got := rw.Body.String(); got != row.body+"\n" {
					t.Errorf("%s: body %q, want %q", row.description, got, row.body)
				}
			}
		}
	}
}

// TestReasonWithoutAPolicy has a policy be refused: whether the reason is told goes by the keys all
// the same.
func TestReasonWithoutAPolicy(t *testing.T) {
	for _, exposed := range []bool{false, true} {
		keys := map[string]any{"tenants": "wrong", "mode": "report", "exposeReason": exposed}
		g := acmeGuard(fmt.Sprint("refused-", exposed, "@file"), keys)
		rw := httptest.NewRecorder()
		g.ServeHTTP(rw, plainRequest(hostA))
		reason := rw.Header().Get("Tenantguard-Reason")
		if rw.Code != 503 || (reason == "policy-invalid") != exposed || (reason == "") == exposed {
			t.Errorf("exposed %t: %d %q, want 503", exposed, rw.Code, reason)
		}
	}
}

// TestDenials looks at what the log is told of a denial.
func TestDenials(t *testing.T) {
	const acme = "acme_web_0@kubernetescrd"
	api := kubetest.Start(t, &kubetest.Cluster{Refused: map[string]int{
		kubetest.NamespacesPath + "/acme/secrets": http.StatusForbidden,
	}})
	unasked := acmeKeys(map[string]any{"secrets": true})
	unasked["kubernetes"] = map[string]any{
		"endpoint": api.Endpoint, "tokenFile": api.TokenFile, "caFile": api.CAFile,
	}
	legacy := map[string]any{"legacyNames": "allow", "tenants": []any{
		map[string]any{"name": "acme", "namespaces": "acme", "hosts": hostA},
		map[string]any{"name": "globex", "namespaces": "acme-web", "hosts": hostB},
	}}
	reporting := acmeKeys(nil)
	reporting["mode"] = "report"
	ofTenant := func(mode, general string) map[string]any {
		return map[string]any{"mode": general, "tenants": []any{
			map[string]any{"name": "acme", "namespaces": "acme", "hosts": hostA, "mode": mode},
		}}
	}
	const other = "a.globex.example.com"
	rows := []struct {
		description         string
		keys                map[string]any
		router, certificate string
		req                 *http.Request
		want                report.Denial
	}{
		{"a host of nobody", acmeKeys(nil), acme, "", plainRequest(other),
			report.Denial{Mode: "enforce", Reason: "host-unowned", Status: 403, Router: acme,
				Namespace: "acme", Tenant: "acme", Host: other}},
		{"one line for all spellings", acmeKeys(nil), acme, "", plainRequest("WWW.X.example:80"),
			report.Denial{Mode: "enforce", Reason: "host-unowned", Status: 403, Router: acme,
				Namespace: "acme", Tenant: "acme", Host: "www.x.example"}},
		{"what is no host, as it was written", acmeKeys(nil), acme, "", plainRequest("WWW X"),
			report.Denial{Mode: "enforce", Reason: "host-invalid", Status: 400, Router: acme,
				Namespace: "acme", Tenant: "acme", Host: "WWW X"}},
		{"a server name of nobody", acmeKeys(nil), acme, "", tlsRequest(hostA, other),
			report.Denial{Mode: "enforce", Reason: "sni-foreign", Status: 421, Router: acme,
				Namespace: "acme", Tenant: "acme", Host: hostA, SNI: other}},
		{"a certificate", acmeKeys(nil), acme, "acme-b", tlsRequest(hostA, hostA),
			report.Denial{Mode: "enforce", Reason: "certificate-name", Status: 421, Router: acme,
				Namespace: "acme", Tenant: "acme", Host: hostA, SNI: hostA,
				Certificate: describe(t, "acme-b", hostB), Owner: "acme",
				Detail: "it is not valid for the Host"}},
		{"Secrets that can't be asked for", unasked, acme, "acme-exact", tlsRequest(hostA, hostA),
			report.Denial{Mode: "enforce", Reason: "certificate-unavailable", Status: 503,
				Router: acme, Namespace: "acme", Tenant: "acme", Host: hostA, SNI: hostA,
				Owner: "acme", Certificate: `the right to list secrets in namespace "acme" ` +
					"is missing: the Kubernetes API refuses: " +
					"GET /api/v1/namespaces/acme/secrets: 403 Forbidden"}},
		{"a router of nobody", acmeKeys(nil), "x_web_0@kubernetescrd", "", plainRequest(hostA),
			report.Denial{Mode: "enforce", Reason: "router-unbound", Status: 403,
				Router: "x_web_0@kubernetescrd", Namespace: "x", Host: hostA, Owner: "acme"}},
		{"a router that may be two tenants'", legacy,
			"acme-web-x-0123456789abcdef0123@kubernetescrd",
			"", plainRequest(hostA), report.Denial{Mode: "enforce", Reason: "router-ambiguous",
				Status: 403, Router: "acme-web-x-0123456789abcdef0123@kubernetescrd",
				Namespace: "acme,acme-web", Host: hostA, Owner: "acme", Other: "acme,globex"}},
		{"no router", acmeKeys(nil), "", "", plainRequest(hostA),
			report.Denial{Mode: "enforce", Reason: "router-unknown", Status: 403, Host: hostA,
				Owner: "acme", Detail: "Traefik does not say the router's name"}},
		{"no policy", map[string]any{"tenants": "wrong", "mode": "report"}, acme, "",
			tlsRequest(hostA, hostB), report.Denial{Mode: "enforce", Reason: "policy-invalid",
				Status: 503, Router: acme, Host: hostA, SNI: hostB}},
		{"the mode report", reporting, acme, "", plainRequest(other),
			report.Denial{Mode: "report", Reason: "host-unowned", Status: 403, Router: acme,
				Namespace: "acme", Tenant: "acme", Host: other}},
		{"a tenant that reports", ofTenant("report", "enforce"), acme, "", plainRequest(other),
			report.Denial{Mode: "report", Reason: "host-unowned", Status: 403, Router: acme,
				Namespace: "acme", Tenant: "acme", Host: other}},
		{"a tenant that enforces", ofTenant("enforce", "report"), acme, "", plainRequest(other),
			report.Denial{Mode: "enforce", Reason: "host-unowned", Status: 403, Router: acme,
				Namespace: "acme", Tenant: "acme", Host: other}},
	}
	for _, row := range rows {
		router := binding.Parse(row.router, "websecure")
		g := newGuard(http.NotFoundHandler(), "denials, "+row.description+"@file", row.keys, router)
		var served *tls.Certificate
		if row.certificate != "" {
			served = certificateOf(t, row.certificate)
		}
		req := at(serving(t, served), row.req)
		row.want.Middleware = g.name
		if got := denialOf(g, req); got != row.want {
			t.Errorf("%s:\n%+v, want\n%+v", row.description, got, row.want)
		}
	}
}

// TestDenialSaysWhyNothingIsObserved has nobody listen, and nobody say where.
func TestDenialSaysWhyNothingIsObserved(t *testing.T) {
	g := acmeGuard("unobserved@file", acmeKeys(nil))
	rows := []struct {
		description string
		req         *http.Request
		want        string
	}{
		{"no certificate", at(serving(t, nil), tlsRequest(hostA, hostA)),
			`observing the certificate served for "` + hostA + `" at "127.0.0.1:`},
		{"no address", tlsRequest(hostA, hostA), "the address of the entry point can't be found"},
	}
	for _, row := range rows {
		got := denialOf(g, row.req)
		if got.Reason != "certificate-unavailable" || !strings.Contains(got.Certificate, row.want) {
			t.Errorf("%s: %+v, want %q", row.description, got, row.want)
		}
	}
}

// TestObservedServerName looks at what name the guard asks for.
func TestObservedServerName(t *testing.T) {
	certificate := certificateOf(t, "acme-two")
	var lock sync.Mutex
	var asked []string
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			lock.Lock()
			defer lock.Unlock()
			asked = append(asked, hello.ServerName)
			return certificate, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go vectors.Handshake(listener)
	address := listener.Addr().(*net.TCPAddr)
	local := &net.UDPAddr{IP: address.IP, Port: address.Port}
	ctx := context.WithValue(context.Background(), http.LocalAddrContextKey, local)
	g := acmeGuard("observed-name@file", acmeKeys(map[string]any{"observe": "ttl"}))
	for _, serverName := range []string{hostA, "A.Acme.Example.com", hostB} {
		req := tlsRequest(hostA, serverName).WithContext(ctx)
		if got := reasonOf(g, req); got != "pass" {
			t.Errorf("%q: %q, want a pass", serverName, got)
		}
	}
	if got := strings.Join(asked, " "); got != hostA+" "+hostB {
		t.Errorf("the guard asked for %q, want each name once", got)
	}
}
