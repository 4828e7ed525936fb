package guard

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/traefik"
)

const (
	// maxSamples bounds the routers of a reload that are looked at before any request comes.
	maxSamples = 16
	// minUnreached is how many routers must lead to nothing that is known, and none to a service or
	// to child routers, for the handlers to be others than the guard knows.
	minUnreached = 2
)

// checks are what the routers of one reload have shown of what is read by reflection.
type checks struct {
	// ofConnections reports whether connections are to say which certificate was served.
	ofConnections bool

	mu sync.Mutex
	// problems has "" for a check that was met and is good, and what was found for one that failed,
	// for which nothing can make up.
	problems map[string]string
	// reached reports whether a router led to a service, unreached counts those that did not, and
	// end is what the last of these led to.
	reached   bool
	unreached int
	end       string
}

// failing has the checks that it was said of that they fail, whatever reload it was in.
var failing = struct {
	sync.Mutex
	said map[string]bool
}{said: map[string]bool{}}

// note notes what came of a check, "" for nothing wrong.
func (c *checks) note(check, problem string) {
	c.mu.Lock()
	before, isKnown := c.problems[check]
	isNew := !isKnown || (before == "" && problem != "")
	if isNew {
		if c.problems == nil {
			c.problems = map[string]string{}
		}
		c.problems[check] = problem
	}
	c.mu.Unlock()
	if isNew && problem != "" {
		sayFailed(check, problem)
	}
}

// noteTree notes where the handlers below a router lead to. Traefik's own ping and API are no
// services.
func (c *checks) noteTree(children traefik.Children) {
	if children.IsOwn || children.IsAPI {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !children.Reached {
		c.unreached++
		c.end = children.End
		return
	}
	c.reached = true
	if c.problems == nil {
		c.problems = map[string]string{}
	}
	c.problems[traefik.CheckHandlerTree] = "" // one that is known is enough
}

// judgeTree finds that the handlers are others than the guard knows if none of those that were
// looked at leads to a service. Behind a closure that is not known, but not every router has one.
func (c *checks) judgeTree() {
	c.mu.Lock()
	reached, unreached, end := c.reached, c.unreached, c.end
	c.mu.Unlock()
	if !reached && unreached >= minUnreached {
		c.note(traefik.CheckHandlerTree, fmt.Sprintf(
			"the handlers of %d routers lead to no service that is known, the last to a %s",
			unreached, end))
	}
}

// all returns the checks and what came of each.
func (c *checks) all() []report.SelfCheck {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []report.SelfCheck
	for _, check := range traefik.Checks() {
		if check == traefik.CheckLocalCertificate && !c.ofConnections {
			continue // which nobody needs before Go 1.27
		}
		one := report.SelfCheck{Check: check, State: report.StateUnknown}
		problem, isKnown := c.problems[check]
		if isKnown {
			one.State = report.StateOK
		}
		if isKnown && problem != "" {
			one.State = report.StateFailed
			one.Detail = problem
			one.Consequence = traefik.Consequence(check)
		}
		all = append(all, one)
	}
	return all
}

// SelfChecks returns what the routers of the latest reload have shown.
func SelfChecks() []report.SelfCheck {
	reloads.Lock()
	r := reloads.current
	reloads.Unlock()
	if r == nil {
		return (&checks{ofConnections: hasLocalCertificate}).all()
	}
	return r.checks.all()
}

// sayFailed says that a check fails, once until it is good again.
func sayFailed(check, problem string) {
	failing.Lock()
	isSaid := failing.said[check]
	failing.said[check] = true
	failing.Unlock()
	if !isSaid {
		log.SelfCheck(report.SelfCheck{
			Check: check, State: report.StateFailed, Detail: problem,
			Consequence: traefik.Consequence(check),
		}, traefik.Version())
	}
}

// sayGoodAgain says which checks are good that were not in an earlier reload.
func sayGoodAgain(all []report.SelfCheck) {
	for _, check := range all {
		if check.State != report.StateOK {
			continue
		}
		failing.Lock()
		isSaid := failing.said[check.Check]
		delete(failing.said, check.Check)
		failing.Unlock()
		if isSaid {
			log.SelfCheck(check, traefik.Version())
		}
	}
}

// lookAtSamples has some routers of the latest reload be looked at before a request comes.
func lookAtSamples() {
	reloads.Lock()
	r := reloads.current
	var samples []sample
	if r != nil {
		samples = r.samples
		r.samples = nil
		r.sampled = true
	}
	reloads.Unlock()
	for _, s := range samples {
		s.look()
	}
	if r != nil {
		r.checks.judgeTree()
		sayGoodAgain(r.checks.all())
	}
}

// noteConnection notes whether Go says which certificate a connection was served, where it can. On
// a resumed connection it does not.
func (g *Guard) noteConnection(req *http.Request, chain *observe.Chain) {
	if !g.hasLocalCertificate || req.TLS == nil || req.TLS.DidResume {
		return
	}
	problem := ""
	if chain == nil {
		problem = "the state of a connection has no LocalCertificate"
	}
	g.reload.checks.note(traefik.CheckLocalCertificate, problem)
}
