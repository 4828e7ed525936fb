// Package poll waits for conditions instead of sleeping for a fixed time.
package poll

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// final is an error that further waiting cannot resolve.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// Stop wraps an error of a condition with which Until gives up at once.
func Stop(err error) error { return final{err} }

// Until polls a condition, often at first, until it returns nil or the time or ctx ends.
func Until(ctx context.Context, patience time.Duration, condition func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := condition()
		if err == nil {
			return nil
		}
		if errors.As(err, new(final)) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}
