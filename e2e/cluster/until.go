package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// patience is how long the cluster waits for what should happen soon, on a machine that may be busy.
const patience = time.Minute

// fatal ends the test when there is an error.
func fatal(t lab.T, err error, doing string) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", doing, err)
		t.FailNow()
	}
}

// final is an error that waiting longer does not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// stop makes until give up at once.
func stop(err error) error { return final{err} }

// until polls a condition until it holds or patience or the test ends.
func until(ctx context.Context, condition func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	for {
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
		case <-time.After(20 * time.Millisecond):
		}
	}
}
