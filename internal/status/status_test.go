package status

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func denialOf(tenant, reason, mode, host string) *report.Prepared {
	return report.Prepare(report.Denial{Tenant: tenant, Reason: reason, Mode: mode, Host: host})
}

func requestFrom(client string) *http.Request {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.RemoteAddr = client
	return req
}

func filled(c *Counters, now time.Time) *State {
	s := &State{Now: now}
	c.Fill(s)
	s.Summarize()
	return s
}

// TestLastHour counts the same denial again and again, and looks at what is left of it later.
func TestLastHour(t *testing.T) {
	rows := []struct {
		description string
		later       time.Duration
		hour        int
	}{
		{"at once", 0, 3},
		{"within the hour", 50 * time.Minute, 3},
		{"after the hour", 61 * time.Minute, 0},
		{"long after", 1000 * time.Hour, 0},
	}
	for _, row := range rows {
		c := NewCounters()
		d := denialOf("acme", "host-foreign", "enforce", "x.example.com")
		for i := 0; i < 3; i++ {
			at := noon.Add(time.Duration(i) * time.Second)
			c.Denied(d, false, requestFrom("192.0.2.7:1234"), at)
		}
		s := filled(c, noon.Add(row.later))
		if len(s.Denials.Counts) != 1 {
			t.Fatalf("%s: %d counts", row.description, len(s.Denials.Counts))
		}
		got := s.Denials.Counts[0]
		if got.Total != 3 || got.Hour != row.hour {
			t.Errorf("%s: %d in all and %d in the hour, want 3 and %d",
				row.description, got.Total, got.Hour, row.hour)
		}
		sum := 0
		for _, bar := range s.Denials.Bars {
			sum += bar.Count
		}
		if sum != row.hour {
			t.Errorf("%s: the bars have %d, want %d", row.description, sum, row.hour)
		}
		if l := s.Denials.Latest[0]; l.Count != 3 || l.Denial.Client != "192.0.2.7" ||
			!l.First.Equal(noon) {
			t.Errorf("%s: the latest is %+v", row.description, l)
		}
	}
}

// TestLatestGoOn has denials come again, of which one went on and others were pushed aside.
func TestLatestGoOn(t *testing.T) {
	c := NewCounters()
	again := denialOf("acme", "host-foreign", "enforce", "again.example.com")
	for i := 0; i < 3*maxLatest; i++ {
		at := noon.Add(time.Duration(i) * time.Second)
		d := denialOf("acme", "host-foreign", "enforce", fmt.Sprint(i))
		c.Denied(d, false, requestFrom(""), at)
		if i%10 == 0 {
			c.Denied(again, false, requestFrom(fmt.Sprintf("192.0.2.%d:1", i)), at)
		}
	}
	s := filled(c, noon.Add(3*maxLatest*time.Second))
	if got := s.Denials.Counts[0].Total; got != 3*maxLatest+15 {
		t.Errorf("%d denials, want %d", got, 3*maxLatest+15)
	}
	found := 0
	for _, l := range s.Denials.Latest {
		if l.Denial.Host == "again.example.com" {
			found++
			if l.Count != 15 || !l.First.Equal(noon) || l.Denial.Client != "192.0.2.0" {
				t.Errorf("it came %d times, first at %v from %q", l.Count, l.First, l.Denial.Client)
			}
		}
	}
	if found != 1 || s.Denials.Latest[0].Denial.Host != "149" {
		t.Errorf("it is there %d times, and the latest is %q",
			found, s.Denials.Latest[0].Denial.Host)
	}
}

// TestBounds has more tenants, denials and hosts than are kept. Nothing is lost of the sums.
func TestBounds(t *testing.T) {
	c := NewCounters()
	const tenants = maxSeries + 10
	for i := 0; i < tenants; i++ {
		name := fmt.Sprintf("tenant-%d", i)
		c.Denied(denialOf(name, "host-foreign", "enforce", "x"), false, requestFrom(""), noon)
		c.Served(Serving{Host: name, Tenant: name, At: noon})
	}
	s := filled(c, noon)
	sum, more := 0, 0
	for _, count := range s.Denials.Counts {
		sum += count.Total
		if count.Tenant == many {
			more = count.Total
		}
	}
	if sum != tenants || more != 10 || len(s.Denials.Counts) != maxSeries+1 {
		t.Errorf("%d denials, %d of many tenants, in %d counts", sum, more, len(s.Denials.Counts))
	}
	if len(s.Denials.Latest) != maxLatest {
		t.Errorf("%d denials are kept, want %d", len(s.Denials.Latest), maxLatest)
	}
	if len(s.Hosts) > 2*maxHosts || len(s.Hosts) < maxHosts {
		t.Errorf("%d hosts are kept", len(s.Hosts))
	}
	if s = filled(c, noon.Add(hostKept)); len(s.Hosts) != 0 {
		t.Errorf("%d hosts are in use after a day", len(s.Hosts))
	}
}

// TestFloodHidesNobody has one tenant be asked for any number of hosts, and be denied as often.
func TestFloodHidesNobody(t *testing.T) {
	c := NewCounters()
	for i := 0; i < 10; i++ {
		name := fmt.Sprintf("quiet-%d", i)
		c.Served(Serving{Host: name + ".example.com", Tenant: name, At: noon})
		c.Denied(denialOf(name, "host-foreign", "enforce", "x"), false, requestFrom(""), noon)
	}
	for i := 0; i < 9*maxHostsOfTenant; i++ {
		host, at := fmt.Sprintf("h%d.loud.example.com", i), noon.Add(time.Duration(i)*time.Second)
		c.Served(Serving{Host: host, Tenant: "loud", At: at})
		if i < 2*maxLatest {
			c.Denied(denialOf("loud", "sni-foreign", "enforce", host), false, requestFrom(""), at)
		}
	}
	s := filled(c, noon.Add(time.Hour))
	quiet, latest := 0, 0
	for _, h := range s.Hosts {
		if strings.HasPrefix(h.Tenant, "quiet-") {
			quiet++
		}
	}
	for _, l := range s.Denials.Latest {
		if strings.HasPrefix(l.Denial.Tenant, "quiet-") {
			latest++
		}
	}
	if quiet != 10 || latest != 10 {
		t.Errorf("%d hosts and %d denials of quiet tenants, want 10, among %d hosts", quiet, latest,
			len(s.Hosts))
	}
	if loud := len(s.Hosts) - quiet; loud < maxHostsOfTenant || loud > 2*maxHostsOfTenant {
		t.Errorf("%d hosts of the loud tenant are kept", loud)
	}
	if last := s.Hosts[len(s.Hosts)-1]; last.Tenant != "quiet-9" {
		t.Errorf("the hosts are not sorted, the last is %+v", last)
	}
}

// TestExpirySeries has one series for all hosts of a pattern, however many clients make up.
func TestExpirySeries(t *testing.T) {
	c := NewCounters()
	for i := 0; i < 5; i++ {
		leaf := &x509.Certificate{NotAfter: noon.Add(time.Duration(i+1) * time.Hour),
			DNSNames: []string{strings.Repeat("x", 1000)}}
		c.Served(Serving{Host: fmt.Sprintf("h%d.acme.example.com", i), Tenant: "acme",
			Pattern: "*.acme.example.com", Leaf: leaf, At: noon})
	}
	s := filled(c, noon)
	want := fmt.Sprintf("tenantguard_certificate_expiry_timestamp_seconds{tenant=\"acme\","+
		"host=\"*.acme.example.com\"} %d\n", noon.Add(time.Hour).Unix())
	text := s.Metrics()
	if !strings.Contains(text, want) || strings.Count(text, "_expiry_timestamp_seconds{") != 1 {
		t.Errorf("%s, want one series %s", text, want)
	}
	if len(s.Hosts) != 5 || len(s.Hosts[0].Names[0]) > 300 {
		t.Errorf("hosts: %+v", s.Hosts)
	}
}

// TestPoliciesOfTenants has a tenant write a policy of their own, with names and errors as they
// like: what is said of the operator's stays.
func TestPoliciesOfTenants(t *testing.T) {
	c := NewCounters()
	c.Denied(denialOf("acme", "host-foreign", "enforce", "x"), true, requestFrom(""), noon)
	s := &State{Now: noon, Traefik: Traefik{Known: true}, Policies: []Policy{
		{Middleware: "guard@file", InForce: true, Mode: "enforce", Since: noon},
		{Middleware: "evil_mw@kubernetescrd", ByTenant: true, Errors: []string{"wrong"}},
	}}
	c.Fill(s)
	s.Summarize()
	if s.Summary.Sentence != "In force on every entry point." || s.Summary.Level != Warning {
		t.Errorf("%s: %s", s.Summary.Level, s.Summary.Sentence)
	}
	if counts := s.Denials.Counts; len(counts) != 1 || counts[0].Tenant != ownPolicy {
		t.Errorf("denials: %+v, want them not to be acme's", counts)
	}
	if text := s.Metrics(); strings.Contains(text, "evil") {
		t.Errorf("the metrics have what a tenant writes: %s", text)
	}
	if !strings.Contains(s.Page(), "written by a tenant") {
		t.Error("the page does not say who wrote the policy")
	}
	s.Policies = s.Policies[1:]
	s.Summarize()
	if s.Summary.Level != Bad {
		t.Errorf("with nothing else: %s: %s", s.Summary.Level, s.Summary.Sentence)
	}
}

// TestWords wants words for every code.
func TestWords(t *testing.T) {
	for _, code := range verdict.Codes() {
		if words := Words(report.Denial{Reason: string(code)}); words == string(code) {
			t.Errorf("%s: no words", code)
		}
	}
}

// TestSentence is what is read first.
func TestSentence(t *testing.T) {
	good := Policy{Middleware: "guard@file", InForce: true, Mode: "enforce", Since: noon,
		Tenants: 2, Enforcing: 2}
	with := func(change func(p *Policy)) []Policy {
		p := good
		change(&p)
		return []Policy{p}
	}
	known := Traefik{Known: true}
	rows := []struct {
		description, sentence, level string
		state                        State
	}{
		{"all is well", "In force on every entry point.", Good,
			State{Policies: []Policy{good}, Traefik: known}},
		{"no guard", "Nothing is guarded: no router has a guard.", Bad, State{Traefik: known}},
		{"no API", "In force where it is attached, and where that is, is not known.", Warning,
			State{Policies: []Policy{good}}},
		{"an entry point without a guard", "In force, but not on every entry point.", Warning,
			State{Policies: []Policy{good}, Traefik: Traefik{Known: true, Open: 1},
				EntryPoints: []EntryPoint{{Name: "web", Open: 1}}}},
		{"an unguarded router", "Not in force everywhere: 1 router without the guard of the " +
			"entry point.", Bad,
			State{Policies: []Policy{good}, Traefik: Traefik{Known: true, Unguarded: 1}}},
		{"no policy", "Not in force: requests are answered 503.", Bad, State{Traefik: known,
			Policies: with(func(p *Policy) { p.InForce = false })}},
		{"errors", "In force on every entry point, with the last good policy.", Bad, State{
			Traefik: known, Policies: with(func(p *Policy) { p.Errors = []string{"wrong"} })}},
		{"report mode", "In force on every entry point, in report mode: denied requests pass.",
			Good, State{Traefik: known, Policies: with(func(p *Policy) {
				p.Mode = "report"
				p.Enforcing = 0
			})}},
		{"a tenant in report mode", "In force on every entry point, in part in report mode.",
			Good, State{Traefik: known, Policies: with(func(p *Policy) { p.Enforcing = 1 })}},
		{"a check that failed", "The guard does not know this Traefik: see the self-check.", Bad,
			State{Traefik: known, Policies: []Policy{good},
				SelfCheck: []Check{{Check: "listener", State: report.StateFailed}}}},
		{"a check that is not known", "In force on every entry point.", Good, State{Traefik: known,
			Policies: []Policy{good}, SelfCheck: []Check{{Check: "listener", State: "unknown"}}}},
		{"an API that is down", "In force on every entry point.", Warning, State{Traefik: known,
			Policies: []Policy{good}, Kubernetes: []Kubernetes{{Cluster: "x"}}}},
	}
	for _, row := range rows {
		row.state.Summarize()
		got := row.state.Summary
		if got.Sentence != row.sentence || got.Level != row.level {
			t.Errorf("%s: %s: %q, want %s: %q",
				row.description, got.Level, got.Sentence, row.level, row.sentence)
		}
	}
}

// markup is what somebody else may write in the hope that a browser takes it for the page's own.
const markup = `"><script>alert(1)</script><img src=x onerror='alert(1)'>`

// hostile has markup in every text that somebody else may have a hand in.
func hostile() *State {
	c := NewCounters()
	for i := 0; i < 2*colours; i++ {
		for _, mode := range []string{"enforce", "report"} {
			c.Denied(report.Prepare(report.Denial{
				Tenant: markup, Reason: fmt.Sprintf("%s%d", markup, i), Mode: mode, Host: markup,
				SNI: markup, Router: markup, Certificate: markup, Namespace: markup,
				Offending: markup, Owner: markup, Other: markup, Detail: markup, Also: markup,
				EntryPoint: markup, Middleware: markup,
			}), false, requestFrom(markup), noon)
		}
	}
	c.Served(Serving{Host: markup, Tenant: markup, Owner: markup, Router: markup, Verdict: markup,
		Problem: markup, Owned: markup, At: noon})
	c.Observed(markup)
	texts := []string{markup, markup}
	s := &State{
		Now:         noon,
		Traefik:     Traefik{Known: true, Problem: markup, Version: markup},
		EntryPoints: []EntryPoint{{Name: markup, Address: markup, Guards: texts, Open: 1}},
		Policies: []Policy{{Middleware: markup, Source: markup, Mode: markup, Digest: markup,
			InForce: true, Errors: texts, Warnings: texts, Outdated: markup}},
		Tenants: []Tenant{{Name: markup, Middleware: markup, Mode: markup, Namespaces: texts,
			Hosts: texts, Routers: texts, Certificates: markup}},
		Routers: []Router{{Name: markup, Problem: markup, EntryPoints: texts, Rule: markup,
			Detail: markup}},
		Kubernetes: []Kubernetes{{Cluster: markup, Problem: markup}},
		SelfCheck:  []Check{{Check: markup, State: markup, Detail: markup, Consequence: markup}},
	}
	c.Fill(s)
	s.Summarize()
	return s
}

func TestNothingIsTakenForMarkup(t *testing.T) {
	page := hostile().Page()
	for _, wrong := range []string{"<script>alert", "<img", "onerror='", `""`} {
		text := strings.ReplaceAll(page, script, "")
		for _, attribute := range []string{"class", "data-host", "data-tenant"} {
			text = strings.ReplaceAll(text, attribute+`=""`, "")
		}
		if at := strings.Index(text, wrong); at >= 0 {
			t.Errorf("the page has %q: %.200q", wrong, text[at:])
		}
	}
	if count := strings.Count(page, "<script>"); count != 1 {
		t.Errorf("the page has %d scripts", count)
	}
	for _, line := range strings.Split(strings.TrimSpace(hostile().Metrics()), "\n") {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "tenantguard_") {
			t.Errorf("the metrics have a line %q", line)
		}
	}
}

func TestVisible(t *testing.T) {
	rows := []struct{ description, text, want string }{
		{"plain", `C:\x "y"`, `C:\x "y"`},
		{"a line break", "a\nb", `a\nb`},
		{"what turns the direction of reading", "a\u202eb", `a\u202eb`},
		{"letters", "münchen", "münchen"},
		{"no UTF-8", "a\xff", `a\xff`},
	}
	for _, row := range rows {
		if got := visible(row.text); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestMetricsEscape writes labels as Prometheus' format has them.
func TestMetricsEscape(t *testing.T) {
	c := NewCounters()
	c.Denied(denialOf("a\"b\\c\nd", "host-foreign", "enforce", ""), false, requestFrom(""), noon)
	want := `tenantguard_denials_total{tenant="a\"b\\c\nd",reason="host-foreign",mode="enforce"} 1`
	if got := filled(c, noon).Metrics(); !strings.Contains(got, want+"\n") {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestServe(t *testing.T) {
	state := func() *State { return filled(NewCounters(), noon) }
	rows := []struct {
		method, path, kind string
		status             int
	}{
		{"GET", "/", "text/html; charset=utf-8", 200},
		{"GET", "/deep/down/", "text/html; charset=utf-8", 200},
		{"HEAD", "/x/status.json", "application/json", 200},
		{"GET", "/x/status.json", "application/json", 200},
		{"GET", "/x/metrics", "text/plain; version=0.0.4; charset=utf-8", 200},
		{"GET", "/x", "", 302},
		{"GET", "/favicon.ico", "text/plain; charset=utf-8", 404},
		{"POST", "/x/", "text/plain; charset=utf-8", 405},
	}
	for _, row := range rows {
		rw := httptest.NewRecorder()
		Serve(rw, httptest.NewRequest(row.method, row.path, nil), state)
		header := rw.Header()
		if rw.Code != row.status || header.Get("Content-Type") != row.kind {
			t.Errorf("%s %s: %d %q, want %d %q", row.method, row.path, rw.Code,
				header.Get("Content-Type"), row.status, row.kind)
		}
		if (rw.Body.Len() == 0) != (row.method == "HEAD" || row.status == 302) {
			t.Errorf("%s %s: a body of %d bytes", row.method, row.path, rw.Body.Len())
		}
		policy := header.Get("Content-Security-Policy")
		if policy == "" || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: header %v", row.method, row.path, header)
		}
	}
}

// TestJSON decodes what /status.json says.
func TestJSON(t *testing.T) {
	text, err := json.Marshal(hostile())
	if err != nil {
		t.Fatal(err)
	}
	var decoded State
	if err := json.Unmarshal(text, &decoded); err != nil {
		t.Fatal(err)
	}
	if !decoded.Now.Equal(noon) || len(decoded.Tenants) != 1 || decoded.Tenants[0].Name != markup {
		t.Errorf("decoded %+v", decoded)
	}
	if strings.Contains(string(text), "0001-01-01") {
		t.Error("a time that is not known is written")
	}
}

// fakeAPI is Traefik's, with answers by path.
type fakeAPI map[string]string

// handler is the API's. In the interpreter a map is no http.Handler.
func (f fakeAPI) handler() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) { f.serve(rw, req) })
}

func (f fakeAPI) serve(rw http.ResponseWriter, req *http.Request) {
	path := req.URL.Path
	if page := req.URL.Query().Get("page"); page != "" && page != "1" {
		path += "?" + page
	}
	body, found := f[path]
	if !found {
		rw.WriteHeader(http.StatusNotFound)
		return
	}
	if _, more := f[path+"?2"]; more {
		rw.Header().Set("X-Next-Page", "2")
	}
	_, _ = rw.Write([]byte(body))
}

func traefikAPI(routers string) fakeAPI {
	return fakeAPI{
		"/api/version": `{"Version": "3.7.13"}`,
		"/api/entrypoints": `[
			{"name": "secure", "address": ":443", "http": {"middlewares": ["chain@file"]}},
			{"name": "bare", "http": {"middlewares": ["guard"]}},
			{"name": "open"}]`,
		"/api/http/middlewares": `[
			{"name": "guard@file", "plugin": {"tenantguard": {"mode": "report"}}},
			{"name": "unused@docker", "plugin": {"tenantguard": {}}},
			{"name": "page@file", "plugin": {"tenantguard": {"status": "true"}}},
			{"name": "other@file", "plugin": {"other": {}}},
			{"name": "alike@file", "plugin": {"other": {"status": "true"}}},
			{"name": "chain@file", "chain": {"middlewares": ["headers", "inner"]}},
			{"name": "inner@file", "chain": {"middlewares": ["guard"]}}]`,
		"/api/http/routers": routers,
	}
}

func TestAsk(t *testing.T) {
	rows := []struct {
		description, router      string
		guarded, unguarded, open int
	}{
		{"with the entry point's chain", `"using": ["secure"], "middlewares": ["chain@file"]`,
			1, 0, 0},
		{"without it", `"using": ["secure"]`, 0, 1, 0},
		{"with the guard's name in another provider", `"using": ["bare"], "middlewares": ["guard"],
			"name": "web@http"`, 0, 1, 0},
		{"with another guard only", `"using": ["secure"], "middlewares": ["unused@docker"]`,
			1, 1, 0},
		{"a child", `"using": ["secure"], "parentRefs": ["x@file"]`, 0, 0, 0},
		{"disabled", `"using": ["secure"], "status": "disabled"`, 0, 0, 0},
		{"a guard of the router's provider", `"using": ["bare"], "middlewares": ["guard"]`,
			1, 0, 0},
		{"no guard where there is none", `"using": ["open"]`, 0, 0, 1},
		{"a guard of its own", `"using": ["open"], "middlewares": ["unused@docker"]`, 1, 0, 0},
		{"another plugin", `"using": ["open"], "middlewares": ["other@file"]`, 0, 0, 1},
		{"another plugin with the page's key", `"using": ["open"], "middlewares": ["alike@file"]`,
			0, 0, 1},
		{"the status page's", `"using": ["open"], "middlewares": ["page@file"]`, 0, 0, 0},
		{"on two entry points", `"using": ["secure", "bare"], "middlewares": ["chain@file"]`,
			1, 1, 0},
	}
	isStatus := func(keys map[string]any) bool { return keys["status"] == "true" }
	for _, row := range rows {
		api := traefikAPI(`[{"name": "web@file", "rule": "r", ` + row.router + `}]`)
		found := Ask(api.handler(), map[string]bool{"guard@file": true}, isStatus)
		got := found.Traefik
		if !got.Known || got.Version != "3.7.13" {
			t.Fatalf("%s: %+v", row.description, got)
		}
		if got.Guarded != row.guarded || got.Unguarded != row.unguarded || got.Open != row.open {
			t.Errorf("%s: %d guarded, %d unguarded, %d open, want %d, %d, %d", row.description,
				got.Guarded, got.Unguarded, got.Open, row.guarded, row.unguarded, row.open)
		}
	}
	own := Ask(traefikAPI(`[{"name": "api@internal", "using": ["open"]}]`).handler(), nil, isStatus)
	if own.Traefik.Open != 0 || own.Traefik.Routers != 1 {
		t.Errorf("Traefik's own router: %+v", own.Traefik)
	}
}

// TestAskChains has chains lie in each other, each of them many times in the one before, and the
// last in the first. Whoever writes middlewares may write such.
func TestAskChains(t *testing.T) {
	const chains = 40
	write := func(last string) string {
		all := []string{`{"name": "guard@file", "plugin": {"tenantguard": {}}}`}
		for i := 0; i < chains; i++ {
			next := fmt.Sprintf(`"c%d"`, (i+1)%chains)
			if i == chains-1 {
				next += last
			}
			all = append(all, fmt.Sprintf(`{"name": "c%d@file", "chain": {"middlewares": [%s]}}`,
				i, strings.Repeat(next+",", 9)+next))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	for last, guarded := range map[string]int{"": 0, `,"guard"`: 1} {
		api := traefikAPI(`[{"name": "web@file", "using": ["open"], "middlewares": ["c0@file"]}]`)
		api["/api/http/middlewares"] = write(last)
		found := Ask(api.handler(), map[string]bool{"guard@file": true},
			func(keys map[string]any) bool { return false })
		if !found.Traefik.Known || found.Traefik.Guarded != guarded {
			t.Errorf("last%s: %+v, want %d guarded", last, found.Traefik, guarded)
		}
	}
}

// TestAskPages has more routers than one page.
func TestAskPages(t *testing.T) {
	api := traefikAPI(`[{"name": "a@file", "using": ["open"]}]`)
	api["/api/http/routers?2"] = `[{"name": "b@file", "using": ["open"]}]`
	found := Ask(api.handler(), nil, func(keys map[string]any) bool { return false })
	if found.Traefik.Routers != 2 {
		t.Errorf("%d routers, want those of both pages", found.Traefik.Routers)
	}
}

// TestAskLongRouters has routers of which a page of thousand is too large.
func TestAskLongRouters(t *testing.T) {
	rule := strings.Repeat("x", maxBody/20)
	sizes := map[string]int{}
	api := http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/api/http/routers" {
			traefikAPI("[]").serve(rw, req)
			return
		}
		size, _ := strconv.Atoi(req.URL.Query().Get("per_page"))
		page, _ := strconv.Atoi(req.URL.Query().Get("page"))
		sizes[req.URL.Query().Get("per_page")]++
		var routers []string
		for i := (page - 1) * size; i < page*size && i < 41; i++ {
			routers = append(routers, fmt.Sprintf(
				`{"name": "r%d@file", "using": ["open"], "rule": %q}`, i, rule))
		}
		if page*size < 41 {
			rw.Header().Set("X-Next-Page", strconv.Itoa(page+1))
		}
		_, _ = rw.Write([]byte("[" + strings.Join(routers, ",") + "]"))
	})
	found := Ask(api, nil, func(keys map[string]any) bool { return false })
	if !found.Traefik.Known || found.Traefik.Routers != 41 {
		t.Errorf("%+v, want 41 routers: asked %v", found.Traefik, sizes)
	}
}

// TestAskOther has something else behind the status page than Traefik's API.
func TestAskOther(t *testing.T) {
	rows := []struct {
		description string
		handler     http.Handler
		wanted      string
	}{
		{"no such path", fakeAPI{}.handler(), "wanted Traefik's api@internal"},
		{"no JSON", fakeAPI{"/api/version": "<html>"}.handler(), "is not that of Traefik's API"},
		{"a panic", http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			panic("broken")
		}), "panics: broken"},
		{"too much", http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			part := make([]byte, maxBody/2+1)
			_, _ = rw.Write(part)
			_, _ = rw.Write(part)
		}), "too large"},
	}
	for _, row := range rows {
		found := Ask(row.handler, nil, func(keys map[string]any) bool { return false })
		if found.Traefik.Known || !strings.Contains(found.Traefik.Problem, row.wanted) {
			t.Errorf("%s: %+v, want %q", row.description, found.Traefik, row.wanted)
		}
	}
}

// TestHostsStay has many tenants be asked for by turns, and one of them between any two: its hosts
// stay, each once.
func TestHostsStay(t *testing.T) {
	c := NewCounters()
	for i := 0; i < 3*maxHosts; i++ {
		name := fmt.Sprintf("tenant-%d", i)
		c.Served(Serving{Host: name, Tenant: name, At: noon})
		c.Served(Serving{Host: fmt.Sprintf("h%d", i%10), Tenant: "steady", At: noon})
	}
	hosts := map[string]int{}
	for _, h := range filled(c, noon).Hosts {
		if h.Tenant == "steady" {
			hosts[h.Host]++
		}
	}
	if len(hosts) != 10 || hosts["h0"] != 1 || hosts["h9"] != 1 {
		t.Errorf("hosts of the steady tenant: %v, want ten, each once", hosts)
	}
}

// slowClient takes an answer when it is told to.
type slowClient struct {
	http.ResponseWriter
	writing, proceed chan bool
}

func (s *slowClient) Write(part []byte) (int, error) {
	s.writing <- true
	<-s.proceed
	return s.ResponseWriter.Write(part)
}

// TestSlowClient has somebody else ask while a client takes no answer.
func TestSlowClient(t *testing.T) {
	state := func() *State { return filled(NewCounters(), noon) }
	slow := &slowClient{ResponseWriter: httptest.NewRecorder(), writing: make(chan bool),
		proceed: make(chan bool)}
	ended := make(chan bool, 2)
	go func() {
		Serve(slow, httptest.NewRequest("GET", "/", nil), state)
		ended <- true
	}()
	<-slow.writing
	answered := make(chan bool, 1)
	go func() {
		Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil), state)
		answered <- true
	}()
	deadline := time.Now().Add(5 * time.Second)
	for len(answered) == 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if len(answered) == 0 {
		t.Error("nobody gets an answer while a client takes none")
	}
	slow.proceed <- true
	<-ended
}

// TestRenderedOnce has a state be asked for again, and another one after it.
func TestRenderedOnce(t *testing.T) {
	s := filled(NewCounters(), noon)
	get := func(path string) string {
		rw := httptest.NewRecorder()
		Serve(rw, httptest.NewRequest("GET", path, nil), func() *State { return s })
		return rw.Body.String()
	}
	for _, path := range []string{"/", "/status.json", "/metrics"} {
		first := get(path)
		s.Judged++
		if get(path) != first {
			t.Errorf("%s: an answer is made of the same state again", path)
		}
		judged := s.Judged
		s = filled(NewCounters(), noon)
		s.Judged = judged + 10
		if path != "/" && get(path) == first {
			t.Errorf("%s: the answer is of a state before", path)
		}
	}
}
