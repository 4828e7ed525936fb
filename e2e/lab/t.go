// Package lab runs the real Traefik between real clients and backends that name their tenant.
package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/tenantguard/tenantguard/e2e/internal/poll"
)

// T is what the lab needs of a test. *testing.T implements it, and Main passes one to programs.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
	Failed() bool
	Logf(format string, args ...any)
	Cleanup(cleanup func())
	TempDir() string
	Context() context.Context
}

// patience is how long the lab waits for what should happen at once, on a machine that may be busy.
const patience = 20 * time.Second

// Fatal ends the test if there is an error. doing says what failed.
func Fatal(t T, err error, doing string) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", doing, err)
		t.FailNow()
	}
}

// until polls a condition until it returns nil, or patience or the test ends.
func until(ctx context.Context, condition func() error) error {
	return poll.Until(ctx, patience, condition)
}

// Main runs a function that uses the lab outside of a test, then cleans up.
func Main(ctx context.Context, out io.Writer, run func(t T)) error {
	p := &program{ctx: ctx, out: out}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.cleanup()
		run(p)
	}()
	<-done

	if p.failed {
		return errors.New("failed, see above")
	}

	return nil
}

// program is the T that Main passes.
type program struct {
	ctx      context.Context
	out      io.Writer
	cleanups []func()
	failed   bool
}

func (p *program) Helper() {}

func (p *program) Errorf(format string, args ...any) {
	p.failed = true
	p.Logf(format, args...)
}

func (p *program) FailNow() {
	p.failed = true
	runtime.Goexit()
}

func (p *program) Failed() bool { return p.failed }

func (p *program) Logf(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

func (p *program) Cleanup(cleanup func()) { p.cleanups = append(p.cleanups, cleanup) }

func (p *program) TempDir() string {
	dir, err := os.MkdirTemp("", "tenantguard-lab-")
	Fatal(p, err, "making a temporary folder")
	p.Cleanup(func() { os.RemoveAll(dir) })

	return dir
}

func (p *program) Context() context.Context { return p.ctx }

func (p *program) cleanup() {
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
}
