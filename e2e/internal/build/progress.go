package build

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// interval is how often a build says what it is doing.
const interval = 5 * time.Second

// reporter says every few seconds what a build is doing. It is the standard error of the go
// commands: each line they write is a module fetched or a package compiled.
type reporter struct {
	out    io.Writer
	name   string
	start  time.Time
	ticker *time.Ticker
	quit   chan struct{}

	mu    sync.Mutex
	step  string
	total int
	lines []string
	rest  []byte
}

func newReporter(out io.Writer, name string) *reporter {
	r := &reporter{
		out:    out,
		name:   name,
		start:  time.Now(),
		ticker: time.NewTicker(interval),
		quit:   make(chan struct{}),
	}
	go r.run()

	return r
}

func (r *reporter) run() {
	for {
		select {
		case <-r.quit:
			return
		case <-r.ticker.C:
			r.say(r.status())
		}
	}
}

func (r *reporter) stop() {
	r.ticker.Stop()
	close(r.quit)
}

// doing starts a step.
func (r *reporter) doing(step string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.step, r.total, r.lines, r.rest = step, 0, nil, nil
}

// compiling starts the step whose lines are packages, so many of them at most.
func (r *reporter) compiling(total int) {
	r.doing("compiling")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total = total
}

func (r *reporter) done(what string) { r.say(what) }

func (r *reporter) say(what string) {
	fmt.Fprintf(r.out, "%s: %s: %s\n", r.name, time.Since(r.start).Round(time.Second), what)
}

func (r *reporter) status() string {
	r.mu.Lock()
	defer r.mu.Unlock()

	status := r.step
	if r.total > 0 {
		status = fmt.Sprintf("%s, %d of at most %d packages", status, len(r.lines), r.total)
	}
	if len(r.lines) > 0 {
		status += ", " + r.lines[len(r.lines)-1]
	}

	return status
}

// Write takes the standard error of a go command.
func (r *reporter) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.rest = append(r.rest, p...)
	for {
		end := bytes.IndexByte(r.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		r.lines = append(r.lines, string(r.rest[:end]))
		r.rest = r.rest[end+1:]
	}
}

// last returns the last n lines of the current step, which say why it failed.
func (r *reporter) last(n int) string {
	r.mu.Lock()
	defer r.mu.Unlock()

	return strings.Join(r.lines[max(0, len(r.lines)-n):], "\n")
}
