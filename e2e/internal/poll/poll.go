// Package poll waits for conditions, in place of sleeping and hoping.
package poll

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// final is an error that waiting longer does not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// Stop makes Until give up at once.
func Stop(err error) error { return final{err} }

// Until polls a condition, often at first, until it holds or patience or ctx ends.
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
