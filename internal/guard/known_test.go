package guard

import (
	"context"
	"crypto/elliptic"
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

// expiring is a certificate for both hosts that ends at a time, in whole seconds.
func expiring(t *testing.T, end time.Time) *tls.Certificate {
	t.Helper()
	return vectors.SelfSigned(t, elliptic.P256(), end, hostA, hostB)
}

// TestWhatIsRemembered has one request allowed, and then asks which others pass for that: those
// that are alike but for the spelling of their names.
func TestWhatIsRemembered(t *testing.T) {
	certificate := certificateOf(t, "acme-two")
	rows := []struct {
		description string
		req         *http.Request
		// alike is the same for requests that are.
		alike int
	}{
		{"plaintext", plainRequest(hostA), 1},
		{"plaintext, other host", plainRequest(hostB), 2},
		{"TLS", tlsRequest(hostA, hostA), 3},
		{"TLS, upper case", tlsRequest("A.acme.example.com", hostA), 3},
		{"TLS, a port", tlsRequest(hostA+":443", hostA), 3},
		{"TLS, a dot", tlsRequest(hostA+".", hostA), 3},
		{"TLS, upper-case name", tlsRequest(hostA, "A.acme.example.com"), 3},
		{"TLS, other server name", tlsRequest(hostA, hostB), 4},
		{"TLS, other host", tlsRequest(hostB, hostA), 5},
		{"TLS, both other", tlsRequest(hostB, hostB), 6},
		{"TLS, no server name", tlsRequest(hostA, ""), 0},
		{"TLS, no host", tlsRequest("", hostA), 0},
		{"TLS, another's host", tlsRequest("a.globex.example.com", hostA), 0},
		{"TLS, a host that is none", tlsRequest("tls "+hostA+" "+hostA, ""), 0},
		{"TLS, what stands for none", tlsRequest("!", "!"), 0},
		{"TLS, the other in a host", tlsRequest("plaintext "+hostA, ""), 0},
	}
	for _, local := range []bool{false, true} {
		for _, first := range rows {
			entryPoint := serving(t, certificate)
			g := acmeGuard("remembered@file", acmeKeys(map[string]any{"observe": "ttl"}))
			withLocalCertificate(g, local)
			passed := reasonOf(handlerOf(g), at(entryPoint, first.req)) == "pass"
			if passed != (first.alike > 0) {
				t.Fatalf("%q passes: %t", first.description, passed)
			}
			for _, second := range rows {
				want := passed && first.alike == second.alike
				if got := remembers(g, at(entryPoint, second.req)); got != want {
					t.Errorf("local certificate %t: after %q, %q is remembered %t",
						local, first.description, second.description, got)
				}
			}
			entryPoint.Close()
		}
	}
}

// TestAllIsRemembered has requests allowed one after another, none of which takes another's place.
func TestAllIsRemembered(t *testing.T) {
	entryPoint := serving(t, certificateOf(t, "acme-two"))
	requests := []*http.Request{
		plainRequest(hostA), tlsRequest(hostA, hostB), tlsRequest(hostA, hostA),
		tlsRequest("A.acme.example.com", hostB), tlsRequest("A.acme.example.com", hostA),
		tlsRequest(hostB, hostA), tlsRequest(hostB, hostB), plainRequest(hostB),
	}
	g := acmeGuard("all@file", acmeKeys(map[string]any{"observe": "ttl"}))
	for round := 1; round <= 2; round++ {
		for i, req := range requests {
			if round == 1 && reasonOf(handlerOf(g), at(entryPoint, req)) != "pass" {
				t.Fatalf("request %d does not pass", i)
			}
			if round == 2 && !remembers(g, at(entryPoint, req)) {
				t.Errorf("request %d is not remembered", i)
			}
		}
	}
}

// TestHowLongIsRemembered asks again after a second and a bit.
func TestHowLongIsRemembered(t *testing.T) {
	api := kubetest.Start(t, &kubetest.Cluster{Refused: map[string]int{
		kubetest.NamespacesPath + "/acme/secrets": http.StatusServiceUnavailable,
	}})
	broken := acmeKeys(map[string]any{"secrets": true, "onError": "allow", "observe": "ttl"})
	broken["kubernetes"] = map[string]any{
		"endpoint": api.Endpoint, "tokenFile": api.TokenFile, "caFile": api.CAFile,
	}
	certificate := certificateOf(t, "acme-two")
	soon := time.Now().Truncate(time.Second).Add(2 * time.Second)
	rows := []struct {
		description string
		keys        map[string]any
		served      *tls.Certificate
		req         *http.Request
		// now and later are whether it is remembered.
		now, later bool
	}{
		{"plaintext", acmeKeys(nil), certificate, plainRequest(hostA), true, true},
		{"the certificate is not looked at", acmeKeys(map[string]any{"check": "off"}), certificate,
			tlsRequest(hostA, hostA), true, true},
		{"the first second after a reload", acmeKeys(nil), certificate, tlsRequest(hostA, hostA),
			true, false},
		{"an observation that outlives reloads", acmeKeys(map[string]any{"observe": "ttl"}),
			certificate, tlsRequest(hostA, hostA), true, true},
		{"another server name", acmeKeys(map[string]any{"observe": "ttl"}), certificate,
			tlsRequest(hostA, hostB), true, true},
		{"a short ttl", acmeKeys(map[string]any{"observe": "ttl", "ttl": "900ms"}), certificate,
			tlsRequest(hostA, hostA), true, false},
		{"a short ttl, another server name",
			acmeKeys(map[string]any{"observe": "ttl", "ttl": "900ms"}), certificate,
			tlsRequest(hostA, hostB), true, false},
		{"a certificate that ends", acmeKeys(map[string]any{"observe": "ttl"}),
			expiring(t, soon), tlsRequest(hostA, hostA), true, false},
		{"onError, the certificate can't be observed", acmeKeys(map[string]any{"onError": "allow"}),
			nil, tlsRequest(hostA, hostA), false, false},
		{"onError, Secrets can't be asked for", broken, certificate, tlsRequest(hostA, hostA),
			false, false},
	}
	guards := make([]*Guard, len(rows))
	ends := make([]*vectors.EntryPoint, len(rows))
	for i, row := range rows {
		guards[i] = acmeGuard(row.description+"@file", row.keys)
		ends[i] = serving(t, row.served)
	}
	for i, row := range rows {
		if got := reasonOf(handlerOf(guards[i]), at(ends[i], row.req)); got != "pass" {
			t.Fatalf("%s: %q, want a pass", row.description, got)
		}
		if got := remembers(guards[i], at(ends[i], row.req)); got != row.now {
			t.Errorf("%s: remembered at once %t, want %t", row.description, got, row.now)
		}
	}
	time.Sleep(time.Until(soon) + 200*time.Millisecond)
	for i, row := range rows {
		if got := remembers(guards[i], at(ends[i], row.req)); got != row.later {
			t.Errorf("%s: remembered later %t, want %t", row.description, got, row.later)
		}
	}
}

// over has a request come over a connection that was served a chain. The test is skipped where Go
// does not say so.
func over(t *testing.T, chain [][]byte, req *http.Request) *http.Request {
	t.Helper()
	field := reflect.ValueOf(req.TLS).Elem().FieldByName("LocalCertificate")
	if !field.IsValid() {
		t.Skip("this Go has no LocalCertificate")
	}
	field.Set(reflect.ValueOf(chain))
	return req
}

// TestForeignServerNameIsOfTheConnection has somebody keep a connection over which another tenant's
// server name is denied for its certificate, and others come over one that is served a shared one.
func TestForeignServerNameIsOfTheConnection(t *testing.T) {
	keys := map[string]any{"exposeReason": true, "tenants": twoTenants["tenants"],
		"serverName": "shared", "shared": map[string]any{"hosts": "**.example.com"}}
	g := acmeGuard("own-connection@file", keys)
	withLocalCertificate(g, true)
	foreign := tlsRequest(hostA, "a.globex.example.com")
	kept := over(t, certificateOf(t, "globex-exact").Certificate, foreign)
	other := tlsRequest(hostA, "a.globex.example.com")
	over(t, certificateOf(t, "platform-exact").Certificate, other)
	for i := 0; i < 2; i++ {
		if got := reasonOf(handlerOf(g), kept); got != "sni-foreign" {
			t.Errorf("the kept connection: %q, want sni-foreign", got)
		}
		if got := reasonOf(handlerOf(g), other); got != "pass" {
			t.Errorf("another connection: %q, want a pass", got)
		}
	}
}

// TestLocalCertificateIsPartOfTheKey has another certificate be served with the same names.
func TestLocalCertificateIsPartOfTheKey(t *testing.T) {
	one, two := certificateOf(t, "acme-two"), certificateOf(t, "acme-exact")
	with := func(chain [][]byte) *http.Request {
		return over(t, chain, tlsRequest(hostA, hostA))
	}
	g := acmeGuard("key@file", acmeKeys(nil))
	withLocalCertificate(g, true)
	if got := reasonOf(handlerOf(g), with(one.Certificate)); got != "pass" {
		t.Fatalf("%q, want a pass", got)
	}
	rows := []struct {
		description string
		chain       [][]byte
		want        bool
	}{
		{"the same certificate", one.Certificate, true},
		{"another one", two.Certificate, false},
		{"the same without its chain", one.Certificate[:1], false},
		{"none, as on a resumed connection", nil, false},
	}
	for _, row := range rows {
		if got := remembers(g, with(row.chain)); got != row.want {
			t.Errorf("%s: remembered %t, want %t", row.description, got, row.want)
		}
	}
}

// TestSecretBoundsWhatIsRemembered has a pass rest on an observation that is new and on an answer
// about Secrets that is not.
func TestSecretBoundsWhatIsRemembered(t *testing.T) {
	certificate := certificateOf(t, "acme-two")
	chain := ""
	for _, der := range certificate.Certificate {
		chain += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	secret := kubetest.Secret{
		Name: "web", Type: "kubernetes.io/tls",
		Data: map[string]string{"tls.crt": chain, "tls.key": "a key"},
	}
	api := kubetest.Start(t, &kubetest.Cluster{
		Secrets: map[string][]kubetest.Secret{"acme": {secret}},
	})
	const ttl = time.Second
	keys := acmeKeys(map[string]any{"secrets": true, "observe": "ttl", "ttl": ttl.String()})
	keys["kubernetes"] = map[string]any{
		"endpoint": api.Endpoint, "tokenFile": api.TokenFile, "caFile": api.CAFile,
	}
	g := acmeGuard("secret-bounds@file", keys)
	entryPoint := serving(t, certificate)
	first := at(entryPoint, tlsRequest(hostA, hostA))
	second := at(entryPoint, tlsRequest(hostB, hostB))
	if got := reasonOf(g, first); got != "pass" {
		t.Fatalf("%q, want a pass", got)
	}
	asked := time.Now() // or a little before
	time.Sleep(ttl * 6 / 10)
	if got := reasonOf(g, second); got != "pass" {
		t.Fatalf("%q, want a pass", got)
	}
	remembered := remembers(g, second)
	if time.Since(asked) < ttl*8/10 && !remembered {
		t.Error("it is not remembered at all")
	}
	time.Sleep(time.Until(asked.Add(ttl + ttl/10)))
	if remembers(g, second) {
		t.Error("it is remembered for longer than the answer about Secrets holds")
	}
}

// TestNotFoundInASecret has a certificate be in no Secret: it may be there the next moment.
func TestNotFoundInASecret(t *testing.T) {
	api := kubetest.Start(t, &kubetest.Cluster{Secrets: map[string][]kubetest.Secret{"acme": {}}})
	keys := acmeKeys(map[string]any{"secrets": true, "observe": "ttl"})
	keys["kubernetes"] = map[string]any{
		"endpoint": api.Endpoint, "tokenFile": api.TokenFile, "caFile": api.CAFile,
	}
	g := acmeGuard("no-secret@file", keys)
	req := at(serving(t, certificateOf(t, "acme-two")), tlsRequest(hostA, hostA))
	if got := reasonOf(handlerOf(g), req); got != "certificate-secret" {
		t.Fatalf("%q, want certificate-secret", got)
	}
	for _, a := range g.known.answers {
		if left := time.Until(a.until); left > 250*time.Millisecond {
			t.Errorf("it stands for %s, want up to 250ms", left)
		}
	}
	if len(g.known.answers) != 1 {
		t.Errorf("%d answers, want 1", len(g.known.answers))
	}
}

// TestLocalAddressIsPartOfTheKey has clients without a server name connect to another address: the
// certificate may be another one there.
func TestLocalAddressIsPartOfTheKey(t *testing.T) {
	keys := acmeKeys(map[string]any{"check": "off"})
	keys["tenants"].([]any)[0].(map[string]any)["hosts"] = "192.0.2.7," + hostA
	g := acmeGuard("local@file", keys)
	to := func(req *http.Request, address net.IP) *http.Request {
		local := &net.TCPAddr{IP: address, Port: 443}
		if req.TLS != nil { // the states of two connections are two
			req = req.Clone(req.Context())
			req.TLS = &tls.ConnectionState{ServerName: req.TLS.ServerName}
		}
		return req.WithContext(context.WithValue(req.Context(), http.LocalAddrContextKey, local))
	}
	one, two := net.IPv4(192, 0, 2, 7), net.IPv4(192, 0, 2, 8)
	for _, row := range []struct {
		description string
		req         *http.Request
		want        bool
	}{
		{"without a server name", tlsRequest("192.0.2.7", ""), false},
		{"with one", tlsRequest("192.0.2.7", hostA), true},
		{"plaintext", plainRequest("192.0.2.7"), true},
	} {
		if got := reasonOf(handlerOf(g), to(row.req, one)); got != "pass" {
			t.Fatalf("%s: %q, want a pass", row.description, got)
		}
		if !remembers(g, to(row.req, one)) {
			t.Errorf("%s: it is not remembered", row.description)
		}
		if got := remembers(g, to(row.req, two)); got != row.want {
			t.Errorf("%s: remembered %t at another address", row.description, got)
		}
	}
}
