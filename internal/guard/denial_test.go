package guard

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// TestDenialsExplainThemselves looks at what a denial says beside its reason, in report mode, where
// it also says what else is wrong.
func TestDenialsExplainThemselves(t *testing.T) {
	const acme, other = "acme_web_0@kubernetescrd", "a.globex.example.com"
	legacy := map[string]any{"legacyNames": "deny", "tenants": twoTenants["tenants"]}
	rooted := map[string]any{"roots": testdata + "/certificates/roots-other.pem"}
	pinned := map[string]any{"roots": testdata + "/certificates/roots-other.pem",
		"pins": "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
	two := map[string]any{"tenants": twoTenants["tenants"]}
	with := func(certificates map[string]any) map[string]any {
		return map[string]any{"tenants": twoTenants["tenants"], "certificates": certificates}
	}
	strict := map[string]any{"tenants": twoTenants["tenants"], "plaintext": "deny"}
	rows := []struct {
		description         string
		keys                map[string]any
		router, certificate string
		req                 *http.Request
		reason, owner       string
		// detail is part of what is said.
		detail, offending, otherwise, also string
	}{
		{"another's host", two, acme, "globex-exact", tlsRequest(other, other), "host-foreign",
			"globex", "", "", "", ""},
		{"another's host, on a server name of its own", two, acme, "acme-exact",
			tlsRequest(other, hostA), "host-foreign", "globex", "", "", "",
			"sni-foreign,certificate-name,certificate-foreign"},
		{"a host of nobody without TLS", strict, acme, "", plainRequest("x.example"),
			"host-unowned", "", "", "", "", "tls-required"},
		{"another's server name", two, acme, "globex-exact", tlsRequest(hostA, other),
			"sni-foreign", "globex", "", "", "", "certificate-name,certificate-foreign"},
		{"a router of nobody, a host of nobody, no server name", two, "x_web_0@kubernetescrd", "",
			tlsRequest("x.example", ""), "router-unbound", "", "", "", "",
			"host-unowned,sni-missing"},
		{"a router of nobody on a host that has an owner", two, "x_web_0@kubernetescrd",
			"acme-expired", tlsRequest(hostA, hostA), "router-unbound", "acme", "", "", "",
			"certificate-expired"},
		{"a name that proves nothing", legacy, "x-web-0123456789abcdef0123@kubernetescrd",
			"acme-exact", tlsRequest(hostA, hostA), "router-ambiguous", "acme",
			"proves no namespace", "", "", ""},
		{"Traefik's default certificate", two, acme, "traefik-default", tlsRequest(hostA, hostA),
			"certificate-name", "acme", "Traefik's own default certificate", "", "",
			""},
		{"an expired certificate", two, acme, "acme-expired", tlsRequest(hostA, hostA),
			"certificate-expired", "acme", "it expired at ", "", "", ""},
		{"one of tomorrow", two, acme, "acme-not-yet", tlsRequest(hostA, hostA),
			"certificate-expired", "acme", "it is not valid before ", "", "", ""},
		{"a hijack", two, acme, "hijack-sorts-last", tlsRequest(hostA, hostA),
			"certificate-foreign", "acme", "", "zzz.evil.test", "", ""},
		{"an authority that is not trusted", with(rooted), acme, "acme-exact",
			tlsRequest(hostA, hostA), "certificate-untrusted", "acme", "unknown authority", "", "",
			""},
		{"nor pinned", with(pinned), acme, "acme-exact", tlsRequest(hostA, hostA),
			"certificate-untrusted", "acme", "unknown authority", "", "", "certificate-unpinned"},
		{"no certificate", two, acme, "", tlsRequest(hostA, hostA), "certificate-unavailable",
			"acme", "", "", "", ""},
	}
	for _, row := range rows {
		keys := map[string]any{"mode": "report"}
		for key, value := range row.keys {
			keys[key] = value
		}
		router := binding.Parse(row.router, "websecure")
		g := newGuard(http.NotFoundHandler(), "explained, "+row.description+"@file", keys, router)
		g.entryPoint = "websecure"
		var served *tls.Certificate
		if row.certificate != "" {
			served = certificateOf(t, row.certificate)
		}
		got := denialOf(g, at(serving(t, served), row.req))
		want := report.Denial{
			Mode: "report", Reason: row.reason, Status: verdict.Status(verdict.Code(row.reason)),
			EntryPoint: "websecure", Middleware: g.name, Router: row.router,
			Namespace: got.Namespace, Tenant: got.Tenant, Host: row.req.Host, SNI: got.SNI,
			Certificate: got.Certificate, Owner: row.owner, Offending: row.offending,
			Other: row.otherwise, Detail: got.Detail, Also: row.also,
		}
		if got != want {
			t.Errorf("%s:\n%+v, want\n%+v", row.description, got, want)
		}
		if !strings.Contains(got.Detail, row.detail) || (row.detail == "") != (got.Detail == "") {
			t.Errorf("%s: detail %q, want %q", row.description, got.Detail, row.detail)
		}
	}
}

// TestAlsoIsSaidInReportMode has what else is wrong be looked for only where the request passes.
func TestAlsoIsSaidInReportMode(t *testing.T) {
	for mode, want := range map[string]string{"report": "sni-missing", "enforce": ""} {
		keys := acmeKeys(nil)
		keys["mode"] = mode
		g := newGuard(http.NotFoundHandler(), "also "+mode+"@file", keys,
			binding.Parse("acme_web_0@kubernetescrd", "websecure"))
		if got := denialOf(g, tlsRequest("x.example", "")).Also; got != want {
			t.Errorf("%s: %q, want %q", mode, got, want)
		}
	}
}

// TestChildOfAnother names the router below that is another tenant's.
func TestChildOfAnother(t *testing.T) {
	g := newGuard(http.NotFoundHandler(), "child@file", twoTenants,
		binding.Parse("acme_web_0@kubernetescrd", "web"))
	below(g, "globex_child_0@kubernetescrd")
	if got := denialOf(g, plainRequest(hostA)); got.Other != "globex_child_0@kubernetescrd" {
		t.Errorf("%+v, want the child", got)
	}
	g.moreChildren = true
	g.known.bound = nil
	if got := denialOf(g, plainRequest(hostA)); !strings.Contains(got.Detail, "can't be read") {
		t.Errorf("%+v, want that there may be more", got)
	}
}
