package status

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

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
		answer(rw, req, "text/html; charset=utf-8", state().Page())
	case "metrics":
		answer(rw, req, "text/plain; version=0.0.4; charset=utf-8", state().Metrics())
	case "status.json":
		text, err := json.MarshalIndent(state(), "", "  ")
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(rw, req, "application/json", string(text)+"\n")
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
