// Package flight lets many callers share one piece of work: one does it, the rest wait.
package flight

import (
	"context"
	"time"

	"github.com/tenantguard/tenantguard/internal/wait"
)

// Call is a piece of work that is done once. Whoever keeps calls by key gives the same one to all
// who ask while it runs; what the work finds is kept beside it, and may be read once it has ended.
type Call struct {
	// Began is when the call was made: what the work finds is no older.
	Began time.Time

	done chan struct{}
	err  error
}

// NewCall returns a call to be run. unfinished is its error if the work panics.
func NewCall(began time.Time, unfinished error) *Call {
	return &Call{Began: began, done: make(chan struct{}), err: unfinished}
}

// Run does the work and passes its error to end, before those who wait go on: end is where a caller
// takes the call out of its map, so that no more callers join it. A panic of either ends here, and
// all who wait go on.
func (c *Call) Run(work func() error, end func(err error)) {
	defer close(c.done)
	recoverPanic(func() { c.err = work() })
	recoverPanic(func() { end(c.err) })
}

func recoverPanic(step func()) {
	defer func() { _ = recover() }()
	step()
}

// Running reports whether the call has not ended.
func (c *Call) Running() bool {
	return !wait.IsClosed(c.done)
}

// Wait waits for the end of the call. It returns the error of ctx if that ends first, and nil
// otherwise, however the call ended.
func (c *Call) Wait(ctx context.Context) error {
	if wait.First(c.done, ctx.Done()) || wait.IsClosed(c.done) {
		return nil
	}
	return ctx.Err()
}

// Err returns the error of the work. It must not be asked for while the call runs.
func (c *Call) Err() error {
	return c.err
}
