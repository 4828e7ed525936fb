package status

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// rendered has the latest answer of each kind. It is held while one is made, which takes the
// interpreter its time: whoever asks how often, one is made at a time, and once of each state.
var rendered = struct {
	sync.Mutex
	latest map[string]rendering
}{latest: map[string]rendering{}}

// rendering is an answer, and the state that it was made of.
type rendering struct {
	of   *State
	text string
}

// Serve answers a request for the page, /status.json or /metrics, below whatever path the router
// has. state returns what is so now.
func Serve(rw http.ResponseWriter, req *http.Request, state func() *State) {
	header := rw.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(rw, "wanted GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	last := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
	switch last {
	case "":
		text := render(last, state, func(s *State) string { return s.Page() })
		answer(rw, req, "text/html; charset=utf-8", text)
	case "metrics":
		text := render(last, state, func(s *State) string { return s.Metrics() })
		answer(rw, req, "text/plain; version=0.0.4; charset=utf-8", text)
	case "status.json":
		answer(rw, req, "application/json", render(last, state, encode))
	default:
		if strings.Contains(last, ".") {
			http.NotFound(rw, req)
			return
		}
		// The page's own links are relative to a folder. This one is too: it leads nowhere else.
		header.Set("Location", "./"+url.PathEscape(last)+"/")
		rw.WriteHeader(http.StatusFound)
	}
}

// render returns the text of a state. It is written without a lock: a client may take as long as it
// likes.
func render(kind string, state func() *State, write func(s *State) string) string {
	rendered.Lock()
	defer rendered.Unlock()
	s := state()
	if latest := rendered.latest[kind]; latest.of == s {
		return latest.text
	}
	text := write(s)
	rendered.latest[kind] = rendering{of: s, text: text}
	return text
}

func encode(s *State) string {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err.Error() // which no state makes
	}
	return string(text) + "\n"
}

func answer(rw http.ResponseWriter, req *http.Request, kind, body string) {
	rw.Header().Set("Content-Type", kind)
	rw.WriteHeader(http.StatusOK)
	if req.Method != http.MethodHead {
		_, _ = rw.Write([]byte(body))
	}
}

// contentSecurityPolicy lets nothing run but the page's own script, and nothing be loaded.
var contentSecurityPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; script-src '" + digest(script) + "'; style-src '" + digest(style) + "'"

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
