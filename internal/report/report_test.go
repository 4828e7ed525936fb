package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// buffer is a writer that a timer and a test may share.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSuffix(b.text.String(), "\n"), "\n")
}

func newTestLog(window time.Duration) (*Log, *buffer) {
	out := &buffer{}
	log := NewLog()
	log.out = out
	log.window = window
	return log, out
}

// deny says a denial of the client that it names.
func deny(log *Log, d Denial) {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.RemoteAddr = d.Client
	log.Deny(Prepare(d), req)
}

func TestDenyWritesTheContractsFields(t *testing.T) {
	log, out := newTestLog(time.Minute)
	deny(log, Denial{
		Mode: "enforce", Reason: "host-foreign", Status: 403,
		Router: "acme_web_0@kubernetescrd", Namespace: "acme", Tenant: "acme",
		Host: "a.globex.example.com", SNI: "a.acme.example.com", Certificate: "sha256/x",
		EntryPoint: "websecure", Middleware: "guard@file", Owner: "globex", Offending: "x.test",
		Other: "o", Detail: "it is not valid", Also: "sni-foreign,certificate-name",
		Client: "192.0.2.1",
	})
	want := `{"event":"deny","level":"warn","mode":"enforce","reason":"host-foreign",` +
		`"status":403,"entryPoint":"websecure","middleware":"guard@file",` +
		`"router":"acme_web_0@kubernetescrd","namespace":"acme","tenant":"acme",` +
		`"method":"GET","host":"a.globex.example.com","path":"/","sni":"a.acme.example.com",` +
		`"owner":"globex","certificate":"sha256/x","offending":"x.test","other":"o",` +
		`"detail":"it is not valid","also":"sni-foreign,certificate-name",` +
		`"client":"192.0.2.1","suppressed":0}`
	if got := out.lines(); len(got) != 1 || got[0] != want {
		t.Errorf("lines %q, want %q", got, want)
	}
}

// TestClient looks at what is written of a connection's peer.
func TestClient(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7:1234": "192.0.2.7", "[2001:db8::7]:1234": "2001:db8::7",
		"192.0.2.7": "192.0.2.7", "": "",
	} {
		log, out := newTestLog(time.Minute)
		deny(log, Denial{Reason: "host-foreign", Client: address})
		if got := lastLine(t, out)["client"]; got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// TestTimesOfSuppressed has denials come at known times: a line for the suppressed ones says when
// the first and the last of them came, and not when the one came that was written at once.
func TestTimesOfSuppressed(t *testing.T) {
	log, out := newTestLog(time.Hour)
	noon := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	at := func(seconds int) {
		log.now = func() time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
		deny(log, Denial{Reason: "host-foreign", Host: "a"})
	}
	for _, window := range []struct {
		seconds                  []int
		suppressed, since, until string
	}{
		{[]int{0, 3, 5, 9}, "2", "2026-08-01T12:00:03Z", "2026-08-01T12:00:09Z"},
		{[]int{12}, "0", "2026-08-01T12:00:12Z", "2026-08-01T12:00:12Z"},
		{[]int{24, 25}, "1", "2026-08-01T12:00:24Z", "2026-08-01T12:00:25Z"},
	} {
		for _, seconds := range window.seconds {
			at(seconds)
		}
		for _, key := range log.kindsNow() {
			log.endWindow(key)
		}
		line := lastLine(t, out)
		got := fmt.Sprint(line["suppressed"], line["since"], line["until"])
		if got != window.suppressed+window.since+window.until {
			t.Errorf("at %v: %s, want %+v", window.seconds, got, window)
		}
	}
}

// TestDenialsOfOtherHosts has one prepared denial be said for several Hosts.
func TestDenialsOfOtherHosts(t *testing.T) {
	log, out := newTestLog(time.Minute)
	p := Prepare(Denial{Reason: "host-invalid", Host: "a b"})
	for _, host := range []string{"a b", "c d", "a b"} {
		log.Deny(p.WithHost(host), httptest.NewRequest(http.MethodGet, "/", nil))
	}
	if got := out.lines(); len(got) != 2 || !strings.Contains(got[1], `"host":"c d"`) {
		t.Errorf("lines %q, want one for each Host", got)
	}
}

// TestWithHost has a denial be of another Host, as if it had been prepared so.
func TestWithHost(t *testing.T) {
	of := func(host string) Denial {
		return Denial{Mode: "enforce", Reason: "host-invalid", Router: "r", Host: host, SNI: "s"}
	}
	hosts := []string{"", "a", `a "b"`, "a\x00b", strings.Repeat("ä", 300),
		strings.Repeat("x", 256)}
	for _, before := range hosts {
		for _, host := range hosts {
			got, want := Prepare(of(before)).WithHost(host), Prepare(of(host))
			if got.Key != want.Key || got.denial != want.denial {
				t.Errorf("%.20q for %.20q: %q %+v, want %q %+v", host, before, got.Key,
					got.denial, want.Key, want.denial)
			}
		}
	}
}

func TestIdenticalDenialsAreSuppressed(t *testing.T) {
	log, out := newTestLog(50 * time.Millisecond)
	for i := 0; i < 5; i++ {
		deny(log, Denial{Reason: "host-foreign", Host: "a", Client: strconv.Itoa(i)})
	}
	deny(log, Denial{Reason: "host-foreign", Host: "b"})
	if got := out.lines(); len(got) != 2 {
		t.Fatalf("lines %q, want one for each host", got)
	}
	deadline := time.Now().Add(5 * time.Second)
	for len(out.lines()) < 3 {
		if time.Now().After(deadline) {
			t.Fatal("the suppressed denials were not reported")
		}
		time.Sleep(time.Millisecond)
	}
	got := lastLine(t, out)
	since, errSince := time.Parse(time.RFC3339, fmt.Sprint(got["since"]))
	until, errUntil := time.Parse(time.RFC3339, fmt.Sprint(got["until"]))
	if got["suppressed"] != 3.0 || errSince != nil || errUntil != nil || until.Before(since) ||
		time.Since(since) > time.Minute {
		t.Errorf("line %v stands for four denials, want suppressed 3 and when they came", got)
	}
	if strings.Contains(out.lines()[0], "since") {
		t.Errorf("line %s stands for one denial, want no times", out.lines()[0])
	}
	for len(log.kindsNow()) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("a kind of denial that has ended is still kept")
		}
		time.Sleep(time.Millisecond)
	}
}

func (l *Log) kindsNow() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var keys []string
	for key := range l.kinds {
		keys = append(keys, key)
	}
	return keys
}

func TestKindsAreBounded(t *testing.T) {
	const tenants = 20
	log, out := newTestLog(time.Minute)
	denyAs := func(tenant string, count int) {
		for i := 0; i < count; i++ {
			deny(log, Denial{Mode: "enforce", Reason: "host-unowned", Host: strconv.Itoa(i),
				Router: tenant + "-web@file", Tenant: tenant, Owner: "acme", Also: "sni-missing"})
		}
	}
	denyAs("loud", maxKinds+100)
	if got := len(out.lines()); got != maxKinds+1 {
		t.Errorf("%d lines for any number of hosts, want %d", got, maxKinds+1)
	}
	line := lastLine(t, out)
	for _, field := range []string{"path", "owner", "also", "middleware", "entryPoint"} {
		if line[field] != nil {
			t.Errorf("the last line is %v, want nothing that is one denial's", line)
		}
	}
	if line["host"] != "(many)" || line["router"] != "(many)" || line["tenant"] != "loud" {
		t.Errorf("the last line is %v, want one for all other hosts of the tenant", line)
	}
	for i := 1; i < tenants; i++ {
		denyAs("tenant-"+strconv.Itoa(i), 2)
	}
	if got := len(out.lines()); got != maxKinds+tenants {
		t.Errorf("%d lines, want one more for each other tenant, %d", got, maxKinds+tenants)
	}
	for i := tenants; i < maxAll; i++ {
		denyAs("tenant-"+strconv.Itoa(i), 1)
	}
	if got := len(out.lines()); got != maxAll+1 {
		t.Errorf("%d lines for any number of tenants, want %d", got, maxAll+1)
	}
	if line := lastLine(t, out); line["tenant"] != "(many)" {
		t.Errorf("the last line is %v, want one for all other tenants", line)
	}
}

// TestKnownKindHasNoSecondLine fills all places: what has one needs no other.
func TestKnownKindHasNoSecondLine(t *testing.T) {
	log, out := newTestLog(time.Minute)
	for i := 0; i < maxKinds; i++ {
		deny(log, Denial{Mode: "enforce", Reason: "host-unowned", Host: strconv.Itoa(i)})
	}
	deny(log, Denial{Mode: "enforce", Reason: "host-unowned", Host: "0"})
	if got := len(out.lines()); got != maxKinds {
		t.Errorf("%d lines, want none more for a host that has one", got)
	}
}

// TestClientsTextIsBounded has each text that a client has a hand in be just as long as it may be,
// longer by one, and much longer.
func TestClientsTextIsBounded(t *testing.T) {
	const bound = 256
	texts := []struct{ description, text, want string }{
		{"as long as it may be", strings.Repeat("x", bound), strings.Repeat("x", bound)},
		{"longer by one", strings.Repeat("x", bound+1), strings.Repeat("x", bound) + "…"},
		{"much longer", strings.Repeat("x", 100000), strings.Repeat("x", bound) + "…"},
		{"cut at a letter", "x" + strings.Repeat("é", 300), "x" + strings.Repeat("é", 127) + "…"},
	}
	for _, text := range texts {
		log, out := newTestLog(time.Minute)
		deny(log, Denial{
			Router: text.text, Host: text.text, SNI: text.text, Certificate: text.text,
		})
		for _, key := range []string{"router", "host", "sni", "certificate"} {
			if got := lastLine(t, out)[key]; got != text.want {
				t.Errorf("%s, %s: %.300q, want %.300q", text.description, key, got, text.want)
			}
		}
	}
}

// lastLine is the last line as JSON.
func lastLine(t *testing.T, out *buffer) map[string]any {
	t.Helper()
	lines := out.lines()
	decoded := map[string]any{}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestClientsTextIsEscaped(t *testing.T) {
	log, out := newTestLog(time.Minute)
	deny(log, Denial{Host: "a\n\"}{\x00\xff", SNI: "\u2028\x1b[31m"})
	lines := out.lines()
	if len(lines) != 1 || strings.ContainsAny(lines[0], "\x1b\x00\u2028") {
		t.Fatalf("lines %q, want one without control characters", lines)
	}
	line := lastLine(t, out)
	if line["host"] != "a\n\"}{\x00\ufffd" || line["sni"] != "\u2028\x1b[31m" {
		t.Errorf("host %q and sni %q, want what the client wrote", line["host"], line["sni"])
	}
}

// TestWhatTellsDenialsApart has two denials differ in one field.
func TestWhatTellsDenialsApart(t *testing.T) {
	first := Denial{Mode: "enforce", Reason: "host-foreign", Router: "r", Namespace: "n",
		Tenant: "t", Host: "h", SNI: "s", Certificate: "c", Client: "192.0.2.1"}
	rows := []struct {
		description string
		change      func(d *Denial)
		lines       int
	}{
		{"nothing", func(d *Denial) {}, 1},
		{"the client", func(d *Denial) { d.Client = "192.0.2.2" }, 1},
		{"the mode", func(d *Denial) { d.Mode = "report" }, 2},
		{"the reason", func(d *Denial) { d.Reason = "host-unowned" }, 2},
		{"the router", func(d *Denial) { d.Router = "other" }, 2},
		{"the namespace", func(d *Denial) { d.Namespace = "other" }, 2},
		{"the tenant", func(d *Denial) { d.Tenant = "other" }, 2},
		{"the Host", func(d *Denial) { d.Host = "other" }, 2},
		{"the server name", func(d *Denial) { d.SNI = "other" }, 2},
		{"the certificate", func(d *Denial) { d.Certificate = "other" }, 2},
		{"the entry point", func(d *Denial) { d.EntryPoint = "other" }, 2},
		{"the middleware", func(d *Denial) { d.Middleware = "other" }, 2},
		{"the owner", func(d *Denial) { d.Owner = "other" }, 2},
		{"the name that is too many", func(d *Denial) { d.Offending = "other" }, 2},
		{"who else it may be", func(d *Denial) { d.Other = "other" }, 2},
		{"the detail", func(d *Denial) { d.Detail = "other" }, 2},
		{"what else is wrong", func(d *Denial) { d.Also = "other" }, 2},
	}
	for _, row := range rows {
		log, out := newTestLog(time.Minute)
		deny(log, first)
		second := first
		row.change(&second)
		deny(log, second)
		if got := len(out.lines()); got != row.lines {
			t.Errorf("%s: %d lines, want %d", row.description, got, row.lines)
		}
	}
}

func TestPolicyNotices(t *testing.T) {
	const refused = `{"event":"policy","level":"error","middleware":"guard@file",` +
		`"message":"the policy is refused`
	const warning = `{"event":"warning","level":"warn","middleware":"guard@file","message":`
	const inForce = `{"event":"in-force","level":"info","middleware":"guard@file","message":"`
	const rest = `"source":"inline","mode":"report","counts":{"tenants":2,"enforcing":1,` +
		`"namespaces":4,"hosts":8},"digest":"0123456789ab","version":"` + Version +
		`","traefik":"3.7.13","go":"go1.26"}`
	current := Current{
		Digest: "0123456789ab", Source: "inline", Mode: "report",
		Counts:  Counts{Tenants: 2, Enforcing: 1, Namespaces: 4, Hosts: 8},
		Traefik: "3.7.13", Go: "go1.26",
	}
	again, refusedNow := current, current
	again.Again = true
	refusedNow.Refused = true
	rows := []struct {
		description string
		notice      Notice
		want        string
	}{
		{"a policy in force", Notice{Current: &current},
			inForce + `a policy is in force",` + rest},
		{"a policy that is good again", Notice{Current: &again},
			inForce + `the policy is good again and in force",` + rest},
		{"the last good one with other Namespaces", Notice{Current: &refusedNow},
			inForce + `the last good policy is in force, with the Namespaces as they are now",` +
				rest},
		{"errors", Notice{Errors: []string{"mode: wrong", "hosts: wrong"}},
			refused + ` and there is no earlier one: every request is answered 503",` +
				`"errors":["mode: wrong","hosts: wrong"]}`},
		{"errors, and an earlier policy", Notice{Errors: []string{"mode: wrong"}, InForce: true},
			refused + `, the last good one stays in force","errors":["mode: wrong"]}`},
		{"errors of a file", Notice{Errors: []string{"x"}, InForce: true, File: "/policy.json"},
			`{"event":"policy","level":"error","middleware":"guard@file","file":"/policy.json",` +
				`"message":"the policy is refused, the last good one stays in force",` +
				`"errors":["x"]}`},
		{"names only", Notice{ByNameOnly: []string{"acme", "globex"}},
			warning + `"these tenants' ` +
				`certificates are checked by their names only, which a forged certificate can ` +
				`carry as well: set certificates.roots, certificates.pins or ` +
				`certificates.secrets","tenants":["acme","globex"]}`},
		{"a Namespace left out", Notice{LeftOut: "namespace acme: wrong"},
			`{"event":"policy","level":"warn","middleware":"guard@file","message":"a Namespace ` +
				`is left out of the policy","errors":["namespace acme: wrong"]}`},
		{"wrong marks", Notice{WrongMarks: []string{"namespace acme: wrong"}},
			`{"event":"policy","level":"warn","middleware":"guard@file","message":"these labels ` +
				`and annotations of Namespaces are wrong, the rest of each Namespace is ` +
				`in force","errors":["namespace acme: wrong"]}`},
		{"broad patterns", Notice{Broad: []string{"routers: *@docker"}},
			warning + `"these patterns claim ` +
				`more than one tenant is likely to own","errors":["routers: *@docker"]}`},
		{"namespaces that are alike", Notice{Alike: []string{"shop and shop-api"}},
			warning + `"Ingresses of these ` +
				`namespaces, and their services, can have the same names in Traefik, where the ` +
				`last one wins: use IngressRoutes with safe names, or the admission policy of ` +
				`owners","errors":["shop and shop-api"]}`},
		{"a certificate that is over soon", Notice{Expiring: "sha256/x a.test: expires"},
			warning + `"this certificate is served and expires soon, from then on its hosts are ` +
				`denied as certificate-expired","errors":["sha256/x a.test: expires"]}`},
		{"outdated Namespaces", Notice{Outdated: "connection refused"},
			warning + `"the cluster's Namespaces ` +
				`are not kept up to date: tenants and their hosts stay as they were last known",` +
				`"errors":["connection refused"]}`},
	}
	for _, row := range rows {
		log, out := newTestLog(time.Minute)
		row.notice.Middleware = "guard@file"
		log.Policy(row.notice)
		if got := out.lines(); len(got) != 1 || got[0] != row.want {
			t.Errorf("%s: lines %s, want %s", row.description, got, row.want)
		}
	}
}

// TestWhatIsNoJSON writes what encoding/json refuses.
func TestWhatIsNoJSON(t *testing.T) {
	log, out := newTestLog(time.Minute)
	log.write(make(chan int))
	if got := out.lines(); len(got) != 1 || !strings.Contains(got[0], "unsupported type") {
		t.Errorf("lines %q, want one with the error", got)
	}
}

// TestPathOfADenial looks at what is written of a request's path.
func TestPathOfADenial(t *testing.T) {
	rows := []struct{ description, target, want string }{
		{"a path", "/a/b", "/a/b"},
		{"as it was sent", "/a%2Fb/%6f", "/a%2Fb/%6f"},
		{"without its query, where tokens are", "/a?token=secret", "/a"},
		{"a long one", "/" + strings.Repeat("x", 300), "/" + strings.Repeat("x", 255) + "…"},
	}
	for _, row := range rows {
		log, out := newTestLog(time.Minute)
		log.Deny(Prepare(Denial{Reason: "host-foreign"}),
			httptest.NewRequest(http.MethodPost, row.target, nil))
		got := lastLine(t, out)
		if got["path"] != row.want || got["method"] != http.MethodPost {
			t.Errorf("%s: %v, want %q", row.description, got, row.want)
		}
	}
}
