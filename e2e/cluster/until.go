package cluster

import (
	"context"
	"time"

	"github.com/tenantguard/tenantguard/e2e/internal/poll"
)

// patience is how long the cluster waits for what should happen soon, on a machine that may be
// busy.
const patience = time.Minute

// until polls a condition until it returns nil, or patience or the test ends.
func until(ctx context.Context, condition func() error) error {
	return poll.Until(ctx, patience, condition)
}
