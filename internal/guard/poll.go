package guard

import (
	"fmt"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/registry"
	"github.com/tenantguard/tenantguard/internal/report"
)

const (
	// pollInterval is how often the files of policies are looked at, and how long a new
	// configuration may wait for a request until it is read.
	pollInterval = time.Second
	// maxIdlePolls is how many polls in a row must find no router before polling ends: between the
	// routers of two reloads there is a moment with none.
	maxIdlePolls = 2
)

// polling reads new configurations, and files that changed, without waiting for a request.
var polling = struct {
	sync.Mutex
	running bool
	// idlePolls counts the polls since there was a router.
	idlePolls int
}{}

// startPolling begins to poll, once for all routers. A timer does it, and ends when the plugin
// has no router any more.
func startPolling() {
	polling.Lock()
	defer polling.Unlock()
	if !polling.running {
		polling.running = true
		time.AfterFunc(pollInterval, poll)
	}
}

func poll() {
	defer pollAgain()
	lookForChanges(middlewares)
}

// lookForChanges must not panic: it would end Traefik.
func lookForChanges(all *registry.Registry) {
	defer func() {
		if problem := recover(); problem != nil {
			text := fmt.Sprintf("looking for changes failed: %.300v", problem)
			log.Policy(report.Notice{InForce: true, Errors: []string{text}})
		}
	}()
	lookAtSamples()
	all.Refresh()
	clusters.Keep(all.Clusters())
	askTraefik()
}

func pollAgain() {
	polling.Lock()
	defer polling.Unlock()
	if pollingEnds(noRouter()) {
		polling.running = false
		clusters.Keep(nil)
		return
	}
	time.AfterFunc(pollInterval, poll)
}

// pollingEnds reports whether polling ends with a poll. The caller holds polling.
func pollingEnds(noRouter bool) bool {
	polling.idlePolls++
	if !noRouter {
		polling.idlePolls = 0
	}
	if polling.idlePolls < maxIdlePolls {
		return false
	}
	polling.idlePolls = 0
	return true
}
