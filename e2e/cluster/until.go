package cluster

import (
	"context"
	"time"

	"github.com/tenantguard/tenantguard/e2e/internal/poll"
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

// stop makes until give up at once.
func stop(err error) error { return poll.Stop(err) }

// until polls a condition until it holds or patience or the test ends.
func until(ctx context.Context, condition func() error) error {
	return poll.Until(ctx, patience, condition)
}
