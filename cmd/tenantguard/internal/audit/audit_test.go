package audit_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// traefikOf is a Traefik as its API says, from JSON by list.
func traefikOf(t *testing.T, lists map[string]string) *running.Traefik {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{
		"entrypoints": `[
			{"name": "web", "address": ":80", "http": {"middlewares": ["guard@file"]}},
			{"name": "websecure", "address": ":443",
				"http": {"middlewares": ["guard@file"], "tls": {}}}]`,
		"http-middlewares": `[{"name": "guard@file", "provider": "file",
			"plugin": {"tenantguard": {"exposeReason": "true"}}}]`,
		"http-routers": "[]", "http-services": "[]", "tcp-routers": "[]", "udp-routers": "[]",
		"certificates": `[
			{"name": "01", "commonName": "acme.test", "sans": ["acme.test"],
				"notBefore": "2026-11-01T00:00:00Z", "notAfter": "2027-01-30T00:00:00Z"},
			{"name": "02", "commonName": "", "sans": ["globex.test"],
				"notBefore": "2026-11-01T00:00:00Z", "notAfter": "2027-01-30T00:00:00Z"}]`,
	}
	for name, content := range lists {
		all[name] = content
	}
	for name, content := range all {
		err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(content), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := running.API{At: dir}.Read(t.Context(), func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}

	return got
}

// router is a router of the API on an entry point with the guard.
func router(name, rule string, more ...string) string {
	keys := append([]string{
		fmt.Sprintf(`"name": %q, "provider": %q, "rule": %q, "service": "s"`, name,
			name[strings.LastIndex(name, "@")+1:], rule),
	}, more...)
	text := strings.Join(keys, ", ")
	for key, value := range map[string]string{
		"entryPoints": `["websecure"]`, "middlewares": `["guard@file"]`, "tls": `{}`,
		"status": `"enabled"`,
	} {
		if !strings.Contains(text, `"`+key+`":`) {
			text += fmt.Sprintf(", %q: %s", key, value)
		}
	}

	return "{" + text + "}"
}

func routers(list ...string) map[string]string {
	return map[string]string{"http-routers": "[" + strings.Join(list, ",") + "]"}
}

// tenants are two tenants by the names of routers.
var tenants = map[string]any{"tenants": []any{
	map[string]any{"name": "acme", "routers": "acme-*@docker", "hosts": "acme.test,*.acme.test"},
	map[string]any{"name": "globex", "routers": "globex-*@docker", "hosts": "globex.test"},
}}

var (
	acme   = router("acme-web@docker", "Host(`acme.test`)")
	globex = router("globex-web@docker", "Host(`globex.test`)")
)

// TestTraefik audits what Traefik's API says.
func TestTraefik(t *testing.T) {
	rows := []struct {
		description string
		lists       map[string]string
		want        string
	}{
		{"nothing wrong", routers(acme, globex), ""},
		{"another tenant's host", routers(acme, globex,
			router("globex-steal@docker", "Host(`acme.test`) && PathPrefix(`/login`)")),
			"host-claimed-twice host-foreign"},
		{"no tenant", routers(acme, globex, router("other@docker", "Host(`x.test`)")),
			"router-unbound"},
		{"a host of nobody", routers(router("acme-x@docker", "Host(`x.test`)")), "host-unowned"},
		{"no host", routers(acme, router("globex-all@docker", "PathPrefix(`/`)",
			`"priority": 1`)), "rule-any-host"},
		{"no host, before others", routers(acme, globex, router("globex-all@docker",
			"PathPrefix(`/`)", `"priority": 1000`)), "host-shadowed rule-any-host"},
		{"an expression that matches another tenant's",
			routers(globex, acme, router("globex-x@docker", "HostRegexp(`^.+\\.test$`)",
				`"priority": 1`)), "host-foreign"},
		{"an expression that matches nobody's",
			routers(acme, router("acme-x@docker", "HostRegexp(`^[a-z]+\\.acme\\.test$`)")), ""},
		{"a rule that Traefik leaves out", routers(acme, router("acme-x@docker", "Host(")),
			"rule-unreadable"},
		{"the same, as Traefik says it", routers(acme, router("acme-x@docker", "Host(",
			`"status": "disabled"`)), "rule-unreadable"},
		{"a router that Traefik leaves out", routers(acme, router("globex-x@docker",
			"Host(`acme.test`) && Path(`/`)", `"status": "disabled"`)), ""},
		{"a router without the guard", routers(router("acme-web@docker", "Host(`acme.test`)",
			`"middlewares": []`)), "router-unguarded"},
		{"parents that do not exist", routers(acme, router("acme-x@docker", "Host(`acme.test`)",
			`"parentRefs": ["ghost@docker"]`)), "router-orphan"},
		{"below one's own router", routers(acme, router("acme-x@docker", "PathPrefix(`/`) && "+
			"Host(`acme.test`)", `"parentRefs": ["acme-web@docker"]`)), ""},
		{"below another tenant's", routers(acme, router("globex-x@docker", "Host(`globex.test`)",
			`"parentRefs": ["acme-web@docker"]`)), "router-child-foreign"},
		{"options in conflict", routers(acme, router("globex-x@docker", "Host(`acme.test`)",
			`"tls": {"options": "mtls@docker"}`)),
			"host-claimed-twice host-foreign tls-options-conflict"},
		{"options in conflict, one's own", routers(acme, router("acme-x@docker",
			"Host(`acme.test`) && Path(`/`)", `"tls": {"options": "mtls@docker"}`)),
			"setting-strict-tls"},
		{"options without a host", routers(acme, router("acme-x@docker",
			"HostRegexp(`^x\\.acme\\.test$`)", `"tls": {"options": "mtls@docker"}`)),
			"setting-strict-tls"},
		{"no certificate", routers(router("acme-x@docker", "Host(`x.acme.test`)")),
			"certificate-name"},
		{"no certificate yet, but a resolver", routers(router("acme-x@docker",
			"Host(`x.acme.test`)", `"tls": {"certResolver": "le"}`)), ""},
		{"no TLS", routers(router("acme-x@docker", "Host(`x.acme.test`)", `"tls": null`)), ""},
		{"legacy names", routers(router("team-web-0123456789abcdef0123@kubernetescrd",
			"Host(`acme.test`)")), "router-ambiguous safe-naming-off"},
	}
	for _, row := range rows {
		report := run(t, tenants, traefikOf(t, row.lists), nil)
		if got := sortedIDs(report.Findings); got != row.want {
			t.Errorf("%s: %q, want %q: %+v", row.description, got, row.want, report.Findings)
		}
	}
}

// TestLeftOut wants no verdict on a router to which no request comes.
func TestLeftOut(t *testing.T) {
	report := run(t, tenants, traefikOf(t, routers(acme,
		router("other@docker", "Host(`x.test`)", `"status": "disabled"`),
		router("wrong@docker", "Host("))), nil)
	for _, row := range report.Routers {
		want := map[string]string{"acme-web@docker": "pass"}[row.Router]
		if want == "" {
			want = "left out"
		}
		if row.Verdict != want {
			t.Errorf("%s: %q, want %q", row.Router, row.Verdict, want)
		}
	}
	if len(report.Hosts) != 1 {
		t.Errorf("hosts of routers that are left out: %+v", report.Hosts)
	}
	var text strings.Builder
	if err := report.WriteTable(&text, false); err != nil {
		t.Fatal(err)
	}
	want := "3 routers, 1 host, 2 certificates; 0 with requests that are denied."
	if !strings.HasPrefix(text.String(), want) {
		t.Errorf("%s, want %s", text.String(), want)
	}
}

func sortedIDs(findings finding.List) string {
	ids := strings.Fields(idsOf(findings))
	slices.Sort(ids)

	return strings.Join(slices.Compact(ids), " ")
}

// TestEntryPoints looks at where the guard is attached.
func TestEntryPoints(t *testing.T) {
	const labels = `,{"name": "guard@docker", "provider": "docker", "headers": {}},
		{"name": "all@file", "provider": "file", "chain": {"middlewares": ["guard"]}}]`
	guard := `[{"name": "guard@file", "provider": "file", "plugin": {"tenantguard": {}}}`
	entryPoint := func(middlewares string) string {
		return `[{"name": "websecure", "address": ":443", "http": {"tls": {}, "middlewares": [` +
			middlewares + `]}}]`
	}
	rows := []struct {
		description, middlewares, of, want, fix string
	}{
		{"none", "", `["guard@file"]`, "entrypoint-unguarded",
			"--entryPoints.websecure.http.middlewares=guard@file"},
		{"another one", `"headers@file"`, `["guard@file"]`,
			"entrypoint-middleware-missing entrypoint-unguarded",
			"--entryPoints.websecure.http.middlewares=guard@file,headers@file"},
		{"without its provider", `"guard"`, `["guard@file"]`, "guard-unqualified",
			"--entryPoints.websecure.http.middlewares=guard@file"},
		{"in a chain", `"all@file"`, `["all@file"]`, "", ""},
		{"with its provider", `"guard@file"`, `["guard@file"]`, "", ""},
	}
	for _, row := range rows {
		report := run(t, tenants, traefikOf(t, map[string]string{
			"entrypoints": entryPoint(row.middlewares), "http-middlewares": guard + labels,
			"http-routers": "[" + router("acme-web@docker", "Host(`acme.test`)",
				`"middlewares": `+row.of) + "]",
		}), nil)
		if got := sortedIDs(report.Findings); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
		if row.fix != "" && !slices.ContainsFunc(report.Findings, func(f finding.Finding) bool {
			return f.Fix == row.fix
		}) {
			t.Errorf("%s: no finding has the fix %q: %+v", row.description, row.fix,
				report.Findings)
		}
	}
}

// TestStreams has routers of TCP.
func TestStreams(t *testing.T) {
	rows := []struct {
		description, router, want, says string
	}{
		{"another tenant's host", router("globex-tcp@docker", "HostSNI(`acme.test`)"),
			"tcp-host-foreign", "of tenant acme"},
		{"one for some addresses", router("globex-tcp@docker",
			"HostSNI(`acme.test`) && ClientIP(`127.0.0.1`)"), "tcp-host-foreign", "deceives"},
		{"its own host", router("globex-tcp@docker", "HostSNI(`globex.test`)"),
			"tcp-over-guarded-host", "past the guard"},
		{"everything", router("globex-tcp@docker", "HostSNI(`*`)"), "tcp-catch-all", "all "},
		{"a host of nobody", router("globex-tcp@docker", "HostSNI(`db.test`)"), "", ""},
		{"an entry point of its own", router("globex-tcp@docker", "HostSNI(`acme.test`)",
			`"entryPoints": ["postgres"]`), "", ""},
		{"an expression", router("globex-tcp@docker", "HostSNIRegexp(`^acme`)"),
			"tcp-host-foreign", "acme.test"},
	}
	for _, row := range rows {
		lists := routers(acme, globex)
		lists["tcp-routers"] = "[" + row.router + "]"
		report := run(t, tenants, traefikOf(t, lists), nil)
		if got := sortedIDs(report.Findings); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
			continue
		}
		if row.want != "" && !strings.Contains(report.Findings[0].Message, row.says) {
			t.Errorf("%s: %q, want %q in it", row.description, report.Findings[0].Message, row.says)
		}
	}
}

// certificate is a certificate of the API.
func certificate(name, until string, sans ...string) string {
	names, _ := json.Marshal(sans)

	return fmt.Sprintf(`{"name": %q, "sans": %s, "notBefore": "2026-11-01T00:00:00Z",
		"notAfter": %q}`, name, names, until)
}

// TestStore has certificates, of which Traefik takes the one whose joined names sort last.
func TestStore(t *testing.T) {
	const long = "2027-01-30T00:00:00Z"
	shared := map[string]any{
		"tenants": tenants["tenants"], "shared": map[string]any{"hosts": "*.test"},
	}
	own := certificate("own", long, "acme.test")
	rows := []struct {
		description  string
		keys         map[string]any
		certificates []string
		want, served string
	}{
		{"its own", tenants, []string{own}, "", "acme.test"},
		{"a hijack", tenants, []string{own, certificate("x", long, "acme.test", "zzz.evil.test")},
			"certificate-foreign", "acme.test,zzz.evil.test"},
		{"a hijack that sorts first", tenants,
			[]string{own, certificate("x", long, "acme.test", "a.evil.test")}, "", "acme.test"},
		{"the other way round", tenants,
			[]string{certificate("x", long, "acme.test", "a.evil.test")}, "certificate-foreign",
			"acme.test,a.evil.test"},
		{"a wildcard of nobody", tenants, []string{certificate("x", long, "*.test")},
			"certificate-foreign", "*.test"},
		{"a wildcard of the platform", shared, []string{certificate("x", long, "*.test")}, "",
			"*.test"},
		{"one that expires", tenants, []string{certificate("x", "2026-12-05T00:00:00Z",
			"acme.test")}, "certificate-expires", "acme.test"},
		{"an expired one", tenants, []string{certificate("x", "2026-11-30T00:00:00Z",
			"acme.test")}, "certificate-expired", "acme.test"},
	}
	for _, row := range rows {
		lists := routers(acme)
		lists["certificates"] = "[" + strings.Join(row.certificates, ",") + "]"
		report := run(t, row.keys, traefikOf(t, lists), nil)
		if got := sortedIDs(report.Findings); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
		served := ""
		for _, c := range report.Certificates {
			if len(c.Hosts) > 0 {
				served = strings.Join(c.Names, ",")
			}
		}
		if served != row.served {
			t.Errorf("%s: %q is served, want %q", row.description, served, row.served)
		}
	}
}

// TestPlatformCertificate has one certificate for hosts of two tenants.
func TestPlatformCertificate(t *testing.T) {
	lists := routers(acme, globex)
	lists["certificates"] = "[" + certificate("x", "2027-01-30T00:00:00Z", "*.test", "test") + "]"
	report := run(t, tenants, traefikOf(t, lists), nil)
	want := "certificate-foreign shared-host-missing"
	if got := sortedIDs(report.Findings); got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	i := slices.IndexFunc(report.Findings, func(f finding.Finding) bool {
		return f.ID == "shared-host-missing"
	})
	if fix := report.Findings[i].Fix; fix != "shared:\n  hosts: [\"*.test\", \"test\"]" {
		t.Errorf("%s", fix)
	}
}

// TestSeveralEntryPoints says what is wrong with one router once.
func TestSeveralEntryPoints(t *testing.T) {
	report := run(t, tenants, traefikOf(t, routers(
		router("web-globex-x@docker", "Host(`acme.test`)", `"entryPoints": ["web"]`, `"tls": null`),
		router("websecure-globex-x@docker", "Host(`acme.test`)"),
	)), nil)
	if len(report.Findings) != 1 || report.Findings[0].Subject != "router globex-x@docker" {
		t.Errorf("%+v", report.Findings)
	}
}

// TestSARIF reads what code scanning would.
func TestSARIF(t *testing.T) {
	report := run(t, tenants, traefikOf(t, routers(router("other@docker", "Host(`x.test`)"))), nil)
	var text strings.Builder
	if err := report.WriteSARIF(&text); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct{ RuleID, Level string }
		}
	}
	if err := json.Unmarshal([]byte(text.String()), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if log.Version != "2.1.0" || len(run.Results) != 1 || run.Results[0].Level != "error" ||
		run.Results[0].RuleID != "router-unbound" || len(run.Tool.Driver.Rules) != 1 {
		t.Errorf("%s", text.String())
	}
}

// TestTable looks for what a terminal would obey in what is written.
func TestTable(t *testing.T) {
	report := run(t, tenants, traefikOf(t, routers(strings.Replace(
		router("other@docker", "Host(`x.test`)"), "other@", `other\u001b[31m@`, 1))), nil)
	for _, all := range []bool{false, true} {
		var text strings.Builder
		if err := report.WriteTable(&text, all); err != nil {
			t.Fatal(err)
		}
		got := text.String()
		if strings.Contains(got, "\x1b") || !strings.Contains(got, "1 router,") ||
			strings.Contains(got, "VERDICT") != all {
			t.Errorf("all %v: %q", all, text.String())
		}
	}
}

// BenchmarkAudit audits five thousand routers in a cluster.
func BenchmarkAudit(b *testing.B) {
	var list []string
	for i := range 5000 {
		list = append(list, fmt.Sprintf(`{apiVersion: traefik.io/v1alpha1, kind: IngressRoute,
metadata: {name: r%d, namespace: n%d}, spec: {entryPoints: [websecure], routes: [
{kind: Rule, match: 'Host(`+"`h%d.n%d.test`"+`) && PathPrefix(`+"`/`"+`)', services: [
{name: s, port: 80}]}], tls: {}}}`, i, i%100, i, i%100))
	}
	for i := range 100 {
		list = append(list, fmt.Sprintf(`{apiVersion: v1, kind: Namespace, metadata: {name: n%d,
labels: {tenantguard.io/tenant: t%d}, annotations: {tenantguard.io/hosts: '*.n%d.test'}}}`,
			i, i, i))
	}
	objects, err := running.ParseManifests("bench", []byte(strings.Join(list, "\n---\n")))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		began := time.Now()
		report := run(b, nil, nil, objects)
		if len(report.Findings) > 0 || len(report.Routers) != 5000 {
			b.Fatalf("%d routers, %+v", len(report.Routers), report.Findings[:1])
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/5000-routers")
	}
}
