package traefik

import (
	"net/http"
	"testing"
	"time"
)

// nested wraps handlers into each other, as many as wanted with the innermost. They are of
// net/http: of the interpreter's own types the fields can't be read as those of Traefik's handlers.
func nested(handlers int) http.Handler {
	handler := http.NotFoundHandler()
	for i := 1; i < handlers; i++ {
		handler = http.TimeoutHandler(handler, time.Minute, "")
	}
	return handler
}

// TestChildrenAreCounted has a router lead to as many handlers as are looked at, and to one more.
func TestChildrenAreCounted(t *testing.T) {
	rows := []struct {
		description string
		next        http.Handler
		truncated   bool
	}{
		{"none", nil, false},
		{"one handler", nested(1), false},
		{"as many as are looked at", nested(1024), false},
		{"one more", nested(1025), true},
	}
	for _, row := range rows {
		names, truncated := ChildRouters(row.next)
		if truncated != row.truncated || len(names) > 0 {
			t.Errorf("%s: truncated %t and %q, want %t",
				row.description, truncated, names, row.truncated)
		}
	}
}
