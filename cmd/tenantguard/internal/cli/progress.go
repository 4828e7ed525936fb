package cli

import (
	"fmt"
	"io"
	"os"
	"time"
)

const (
	// progressAfter is how long work may take before a file that is no terminal hears of it.
	progressAfter = 2 * time.Second
	// progressEvery is how often it hears of it from then on.
	progressEvery = 2 * time.Second
)

// A progress says on standard error how far long work is. It is for one goroutine.
type progress struct {
	out      io.Writer
	terminal bool
	next     time.Time
	now      func() time.Time
	shown    bool
}

// progress returns what says how far work is that begins now.
func (r *root) progress() *progress {
	p := &progress{out: r.errs, terminal: isTerminal(r.errs), now: time.Now}
	if r.quiet {
		p.out = io.Discard
		p.terminal = false
	}
	p.next = p.now().Add(progressAfter)

	return p
}

// say says what is being done. A terminal shows it at once, in the place of what it showed before.
func (p *progress) say(format string, args ...any) {
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K"+format, args...)
		p.shown = true

		return
	}
	if now := p.now(); !now.Before(p.next) {
		fmt.Fprintf(p.out, format+"\n", args...)
		p.next = now.Add(progressEvery)
	}
}

// done takes away what a terminal shows.
func (p *progress) done() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}

// isTerminal reports whether somebody looks at what is written.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()

	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
