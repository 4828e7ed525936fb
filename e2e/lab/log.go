package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Log is the output of a Traefik.
type Log struct {
	mu    sync.Mutex
	lines []string
	rest  []byte
}

// Write appends output of the process.
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

// With returns the lines so far that contain the text.
func (l *Log) With(text string) []string {
	return slices.DeleteFunc(l.Lines(), func(line string) bool {
		return !strings.Contains(line, text)
	})
}

// Len returns the number of lines so far.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()

	return len(l.lines)
}

// Wait returns the first line that contains the text, once there is one.
func (l *Log) Wait(t T, text string) string {
	t.Helper()
	var found string
	err := until(t.Context(), func() error {
		lines := l.With(text)
		if len(lines) == 0 {
			return fmt.Errorf("no line of the log contains %q", text)
		}
		found = lines[0]
		return nil
	})
	Fatal(t, err, "waiting for the log")

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
	Guest       bool   `json:"guest"`
	Offending   string `json:"offending"`
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
	Fatal(t, err, "waiting for a denial")

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

// parseDenial decodes the denial in a line of Traefik's log, if there is one.
func parseDenial(line string) (denial Denial, ok bool) {
	err := Decode(line, &denial)

	return denial, err == nil && denial.Event == "deny"
}

// Decode decodes the plugin's JSON object in a line of Traefik's log, which may itself be JSON.
func Decode(line string, into any) error {
	var record struct{ Message string }
	if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &record) == nil &&
		record.Message != "" {
		line = record.Message
	}
	start := strings.Index(line, `{"event":`)
	if start < 0 {
		return fmt.Errorf("no event in %q", line)
	}

	// Traefik's own fields may follow.
	return json.NewDecoder(strings.NewReader(line[start:])).Decode(into)
}
