package estate_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

const (
	// rate is the time between two requests of a client, and reuse how many it makes in one
	// connection.
	rate  = 100 * time.Millisecond
	reuse = 10
	// enough is how often each client asks in a step after its change.
	enough = 10
)

// step is a step of the walk with what its clients were answered.
type step struct {
	name           string
	took           time.Duration
	answers, wrong int
	// examples are the first wrong answers, and reported is how many were when the step ended.
	examples []string
	reported int
}

// walk is the roll-out under traffic.
type walk struct {
	estate *estate
	// target is where the load balancer leads.
	target atomic.Pointer[cluster.Traefik]
	ctx    context.Context

	mu      sync.Mutex
	clients []*client
	steps   []*step
}

// newWalk starts a client for each question.
func (e *estate) newWalk(tr *cluster.Traefik) *walk {
	ctx, cancel := context.WithCancel(e.t.Context())
	w := &walk{estate: e, ctx: ctx, steps: []*step{{name: "begin"}}}
	w.target.Store(tr)
	w.ask(questions...)
	e.t.Cleanup(cancel)

	return w
}

// ask starts a client for each of the questions.
func (w *walk) ask(questions ...question) {
	for i, q := range questions {
		c := &client{question: q, protocol: lab.HTTP1}
		if strings.HasPrefix(q.url, "https:") && i%2 == 0 {
			c.protocol = lab.HTTP2
		}
		w.mu.Lock()
		w.clients = append(w.clients, c)
		w.mu.Unlock()
		go w.run(c)
	}
}

// run asks until the walk ends.
func (w *walk) run(c *client) {
	defer c.hangUp()
	ticker := time.NewTicker(rate)
	defer ticker.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-ticker.C:
		}
		current := w.current()
		err := c.ask(w.ctx, w.estate, w.target.Load())
		if w.ctx.Err() != nil {
			return
		}
		w.record(current, c, err)
	}
}

func (w *walk) current() *step {
	w.mu.Lock()
	defer w.mu.Unlock()

	return w.steps[len(w.steps)-1]
}

// record counts an answer for the step in which it was asked for.
func (w *walk) record(s *step, c *client, err error) {
	c.answers.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	s.answers++
	if err == nil {
		return
	}
	s.wrong++
	if len(s.examples) < 10 {
		s.examples = append(s.examples, fmt.Sprintf("%s: %v", c.question.url, err))
	}
}

// step makes a change, waits until every client has asked often enough after it, and reports an
// error if an answer was wrong meanwhile.
func (w *walk) step(name string, change func()) {
	t := w.estate.t
	t.Helper()
	began := time.Now()
	s := &step{name: name}
	w.mu.Lock()
	w.steps = append(w.steps, s)
	w.mu.Unlock()
	defer func() { s.took = time.Since(began) }()
	change()
	w.hold()

	w.mu.Lock()
	defer w.mu.Unlock()
	w.report(s)
}

// report reports an error if answers of a step were wrong that are not reported yet.
func (w *walk) report(s *step) {
	w.estate.t.Helper()
	if s.wrong == s.reported {
		return
	}
	s.reported = s.wrong
	w.estate.t.Errorf("%s: %d of %d answers are wrong, such as\n%s", s.name, s.wrong, s.answers,
		strings.Join(s.examples, "\n"))
}

// hold waits until each client has asked often enough.
func (w *walk) hold() {
	w.mu.Lock()
	clients := w.clients
	w.mu.Unlock()
	first := map[*client]int64{}
	for _, c := range clients {
		first[c] = c.answers.Load()
	}
	eventually(w.estate.t, "waiting for answers", func() error {
		for _, c := range clients {
			if got := c.answers.Load() - first[c]; got < enough {
				return fmt.Errorf("%s: %d answers", c.question.url, got)
			}
			if !c.owned.Load() {
				return fmt.Errorf("%s: no answer of the owner's", c.question.url)
			}
		}
		return nil
	})
}

// move leads all clients to another Traefik and stops the one before, once nobody asks it any more.
func (w *walk) move(tr *cluster.Traefik) {
	before := w.target.Swap(tr)
	w.hold()
	eventually(w.estate.t, "waiting for clients to leave", func() error {
		for _, c := range w.clients {
			if c.at.Load() != tr {
				return fmt.Errorf("%s still asks the Traefik before", c.question.url)
			}
		}
		return nil
	})
	before.Stop()
}

// finish prints what came of each step, and reports answers that came after their step.
func (w *walk) finish() {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "STEP\tSECONDS\tANSWERS\tWRONG")
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.steps[1:] {
		w.report(s)
		fmt.Fprintf(table, "%s\t%.1f\t%d\t%d\n", s.name, s.took.Seconds(), s.answers, s.wrong)
	}
	table.Flush()
	fmt.Printf("\n%s\n", text.String())
}
