// Package report says what the guard does: a JSON line on standard error for a denial and for
// what is wrong with a policy. Traefik logs that at ERROR.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/text"
)

const (
	// window is how long identical denials are suppressed after one was written.
	window = 10 * time.Second
	// maxKinds bounds how many different denials are kept apart within a window; a client can
	// make up any number. Those beyond are kept apart by tenant, mode and reason, until there are
	// maxAll.
	maxKinds = 1000
	maxAll   = 2000
	// many stands for what differs in the denials of one line.
	many = "(many)"
	// maxText bounds, in bytes, each text that a client has a hand in: a host name has at most 253.
	maxText = 256
	// modeReport is the mode of a denial that is not carried out.
	modeReport = "report"
)

// Denial is one refused request.
type Denial struct {
	Event      string `json:"event"`
	Level      string `json:"level"`
	Mode       string `json:"mode"`
	Reason     string `json:"reason"`
	Status     int    `json:"status"`
	EntryPoint string `json:"entryPoint,omitempty"`
	Middleware string `json:"middleware,omitempty"`
	Router     string `json:"router"`
	Namespace  string `json:"namespace"`
	Tenant     string `json:"tenant"`
	Method     string `json:"method,omitempty"`
	Host       string `json:"host"`
	Path       string `json:"path,omitempty"`
	SNI        string `json:"sni"`
	// Owner is the tenant whose the Host is, or, for a verdict on it, the server name.
	Owner       string `json:"owner,omitempty"`
	Certificate string `json:"certificate"`
	// Guest reports whether the tenant serves the Host as a guest.
	Guest bool `json:"guest,omitempty"`
	// Offending is the certificate's name that is too many.
	Offending string `json:"offending,omitempty"`
	// Other names who else an ambiguous router may be of.
	Other string `json:"other,omitempty"`
	// Detail is what there is to say beside the reason.
	Detail string `json:"detail,omitempty"`
	// Also are the further codes that the request would have met, with commas, in report mode.
	Also   string `json:"also,omitempty"`
	Client string `json:"client"`
	// Suppressed counts the identical denials since the last line about them. The first and the
	// last one that a line stands for came at Since and Until, if it was not written at once.
	Suppressed int    `json:"suppressed"`
	Since      string `json:"since,omitempty"`
	Until      string `json:"until,omitempty"`
}

// Prepared is a denial that can be said any number of times.
type Prepared struct {
	// Key is the same for identical denials, of which there is a line every ten seconds.
	Key string
	// Tenant is the router's, "" for none.
	Tenant string
	denial Denial
}

// Prepare returns a denial to be said, with texts of bounded length.
func Prepare(d Denial) *Prepared {
	d.Event, d.Level = "deny", levelWarn
	if d.Mode == modeReport {
		d.Level = levelInfo
	}
	d.Router, d.Host = bounded(d.Router), bounded(d.Host)
	d.EntryPoint, d.Middleware = bounded(d.EntryPoint), bounded(d.Middleware)
	d.Namespace, d.Tenant, d.Owner = bounded(d.Namespace), bounded(d.Tenant), bounded(d.Owner)
	d.SNI, d.Certificate = bounded(d.SNI), bounded(d.Certificate)
	d.Offending, d.Detail = bounded(d.Offending), bounded(d.Detail)
	d.Other, d.Also = bounded(d.Other), bounded(d.Also)
	key := fmt.Sprintf("%q", []string{
		d.Mode, d.Reason, d.EntryPoint, d.Middleware, d.Router, d.Namespace, d.Tenant,
		d.SNI, d.Owner, d.Certificate, d.Offending, d.Other, d.Detail, d.Also,
	})
	return &Prepared{denial: d, Tenant: d.Tenant, Key: strconv.Quote(d.Host) + key}
}

// Of returns what is said of one request.
func (p *Prepared) Of(req *http.Request) Denial {
	d := p.denial
	d.Client = withoutPort(req.RemoteAddr)
	d.Method = bounded(req.Method)
	d.Path = bounded(req.URL.EscapedPath())
	return d
}

// bounded returns a copy of a text, of bounded length: what the text is part of may be much longer,
// such as the line of a request.
func bounded(s string) string {
	if len(s) > maxText { // or else there is no need of a call, which is dear to the interpreter
		s = text.Bound(s, maxText)
	}
	return strings.Clone(s)
}

// WithHost returns the same denial for another Host. To prepare it anew would cost the interpreter
// many times as much.
func (p *Prepared) WithHost(host string) *Prepared {
	d := p.denial
	d.Host = bounded(host)
	rest := p.Key[len(strconv.Quote(p.denial.Host)):]
	return &Prepared{denial: d, Tenant: d.Tenant, Key: strconv.Quote(d.Host) + rest}
}

// Log writes lines and suppresses repeated ones.
type Log struct {
	window time.Duration
	// now is time.Now, or a test's.
	now func() time.Time

	mu    sync.Mutex
	out   io.Writer
	kinds map[string]*kind
}

// kind is what identical denials have in common.
type kind struct {
	denial     Denial
	suppressed int
	// since and until are when the first and the last one came that are not written yet.
	since, until time.Time
}

func (k *kind) suppress(now time.Time) {
	k.until = now
	if k.suppressed == 0 {
		k.since = k.until
	}
	k.suppressed++
}

// NewLog returns a log that writes to standard error, by the writer of package log: in Traefik's
// interpreter that one is Traefik's logger, while os.Stderr is the process's own.
func NewLog() *Log {
	return &Log{out: log.Writer(), window: window, now: time.Now, kinds: map[string]*kind{}}
}

// Deny writes a denial, or counts it if one like it was written within the last ten seconds.
// Denials are identical when they differ in nothing but client, method and path: one misconfigured
// host is one line, however many clients ask for whatever path of it. These are the first one's.
func (l *Log) Deny(p *Prepared, req *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seen := l.kinds[p.Key]; seen != nil {
		seen.suppress(l.now())
		return
	}
	l.begin(p, req)
}

// begin writes a denial, and begins the window of its kind. Where there are too many kinds, that is
// one of all that have its tenant, mode and reason. The caller holds mu.
func (l *Log) begin(p *Prepared, req *http.Request) {
	if len(l.kinds) < maxKinds {
		l.open(p.Key, p.Of(req))
		return
	}
	tenant := p.Tenant
	key := commonKey(p, tenant)
	if len(l.kinds) >= maxAll && l.kinds[key] == nil {
		tenant = many
		key = commonKey(p, tenant)
	}
	if seen := l.kinds[key]; seen != nil {
		seen.suppress(l.now())
		return
	}
	d := withoutNames(p.Of(req))
	d.Tenant = tenant
	l.open(key, d)
}

func commonKey(p *Prepared, tenant string) string {
	return p.denial.Mode + " " + p.denial.Reason + " " + tenant
}

// open writes the first denial of a window. The caller holds mu.
func (l *Log) open(key string, d Denial) {
	l.kinds[key] = &kind{denial: d}
	l.write(d)
	endLater(l, key)
}

// withoutNames returns what many denials have in common. It is no method: of a type with methods
// the interpreter writes {} as JSON.
func withoutNames(d Denial) Denial {
	d.Router, d.Host = many, many
	d.EntryPoint, d.Middleware, d.Namespace = "", "", ""
	d.SNI, d.Certificate = "", ""
	d.Path, d.Method, d.Owner = "", "", ""
	d.Offending, d.Other, d.Detail, d.Also = "", "", "", ""
	d.Guest = false
	return d
}

// withoutPort returns the host of an address, or the address where it has no port.
func withoutPort(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// endLater ends the window of a kind at its time. It is a variable because what a closure is made
// in stays in memory in the interpreter: for one made by a function these are the frames of all
// that called it, with the request.
var endLater func(l *Log, key string)

func init() { // for endWindow calls it as well
	endLater = func(l *Log, key string) {
		time.AfterFunc(l.window, func() { l.endWindow(key) })
	}
}

// endWindow writes what was suppressed, so that no denial goes unreported, and forgets a kind
// that has ended.
func (l *Log) endWindow(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.kinds[key]
	if k.suppressed == 0 {
		delete(l.kinds, key)
		return
	}
	d := k.denial
	d.Suppressed = k.suppressed - 1
	d.Since = k.since.UTC().Format(time.RFC3339)
	d.Until = k.until.UTC().Format(time.RFC3339)
	k.suppressed = 0
	l.write(d)
	endLater(l, key)
}

// write writes one line at once: Traefik logs each write as a message of its own.
func (l *Log) write(line any) {
	written, err := json.Marshal(line)
	if err != nil {
		written = []byte(fmt.Sprintf("%q", err.Error()))
	}
	_, _ = l.out.Write(append(written, '\n'))
}
