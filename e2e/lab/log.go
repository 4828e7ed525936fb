package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// Log is what a Traefik has written.
type Log struct {
	mu    sync.Mutex
	lines []string
	rest  []byte
}

// Write takes the output of the process.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.rest = append(l.rest, p...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		l.lines = append(l.lines, string(l.rest[:end]))
		l.rest = l.rest[end+1:]
	}
}

// Lines returns the lines so far.
func (l *Log) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()

	return append([]string(nil), l.lines...)
}

// Len is how many lines there are, a mark to look from later.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()

	return len(l.lines)
}

// Wait returns the first line that holds the text, once there is one.
func (l *Log) Wait(t T, text string) string {
	t.Helper()
	var found string
	err := until(t.Context(), func() error {
		for _, line := range l.Lines() {
			if strings.Contains(line, text) {
				found = line
				return nil
			}
		}
		return fmt.Errorf("no line of the log holds %q", text)
	})
	fatal(t, err, "waiting for the log")

	return found
}

// Denial is one denial as the plugin prints it.
type Denial struct {
	Event       string `json:"event"`
	Mode        string `json:"mode"`
	Reason      string `json:"reason"`
	Status      int    `json:"status"`
	Router      string `json:"router"`
	Namespace   string `json:"namespace"`
	Tenant      string `json:"tenant"`
	Host        string `json:"host"`
	SNI         string `json:"sni"`
	Certificate string `json:"certificate"`
	Client      string `json:"client"`
	Suppressed  int    `json:"suppressed"`
}

// Denials returns the denials so far.
func (l *Log) Denials() []Denial {
	var denials []Denial
	for _, line := range l.Lines() {
		if denial, ok := parseDenial(line); ok {
			denials = append(denials, denial)
		}
	}

	return denials
}

// WaitDenial returns the first denial that matches, once there is one.
func (l *Log) WaitDenial(t T, matches func(Denial) bool) Denial {
	t.Helper()
	denial, err := l.waitDenial(t.Context(), matches)
	fatal(t, err, "waiting for a denial")

	return denial
}

func (l *Log) waitDenial(ctx context.Context, matches func(Denial) bool) (Denial, error) {
	var found Denial
	err := until(ctx, func() error {
		denials := l.Denials()
		for _, denial := range denials {
			if matches(denial) {
				found = denial
				return nil
			}
		}
		return fmt.Errorf("none of %d denials matches", len(denials))
	})

	return found, err
}

// parseDenial finds the plugin's line in one of Traefik's, be its log JSON or not.
func parseDenial(line string) (Denial, bool) {
	var record struct{ Message string }
	if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &record) == nil && record.Message != "" {
		line = record.Message
	}

	var denial Denial
	start := strings.Index(line, `{"event":"deny"`)
	if start < 0 {
		return denial, false
	}
	// Traefik's own fields may follow.
	err := json.NewDecoder(strings.NewReader(line[start:])).Decode(&denial)

	return denial, err == nil
}
