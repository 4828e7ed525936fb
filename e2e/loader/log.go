package loader

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/log"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// Log is the file with a plugin's log. The plugin reaches Traefik's logger by package log.
type Log struct {
	file *os.File
}

func newLog(t lab.T) *Log {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(t.TempDir(), "plugin.log"),
		os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	require.NoError(t, err)
	return &Log{file: file} // and never closed: a plugin's timers log after the test's end
}

// capture directs what a plugin logs that is loaded meanwhile to this file, until end is called.
func (l *Log) capture() (end func()) {
	logger := log.Logger
	log.Logger = zerolog.New(l.file)
	return func() { log.Logger = logger }
}

// String returns the log so far.
func (l *Log) String() string {
	content, err := os.ReadFile(l.file.Name())
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// Lines returns the plugin's own lines so far, without what Traefik adds.
func (l *Log) Lines() []string {
	var lines []string
	for line := range strings.Lines(l.String()) {
		line = strings.TrimSpace(line)
		var entry struct {
			Plugin  string `json:"plugin"`
			Message string `json:"message"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Plugin != "" {
			line = strings.TrimSpace(entry.Message)
		}
		lines = append(lines, line)
	}
	return lines
}
