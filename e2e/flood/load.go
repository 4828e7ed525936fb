// Package flood is clients in great number or haste: those that measure what a Traefik can do, and
// those that want to take it from the others.
package flood

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Load is what clients of one kind do. It can be written as JSON, for clients in another process.
type Load struct {
	// Address is that of an entry point with TLS.
	Address string
	// Host and ServerName are those of each request and of each connection. A "#" in them stands
	// for a number that is another one each time, of Names if that is not 0.
	Host, ServerName string
	Names            int
	// Respelled has each Host be written in another way: in upper and lower case, with a port.
	Respelled bool

	// Connections is how many there are at a time, of HTTP/1.1.
	Connections int
	// PerConnection is how many requests a connection is used for, 0 for any number.
	PerConnection int
	// Burst is how many requests a connection of HTTP/2 has at once, after which it is closed. With
	// it the connections begin Rate in a second, however many there are.
	Burst int
	// Rate is how many requests begin in a second, 0 for as many as are answered.
	Rate float64

	// After is how long the other loads are ahead.
	After time.Duration
	// Duration is how long requests are begun, and Count how many, 0 for any number.
	Duration time.Duration
	Count    int
	// First is the first number.
	First int
}

// Result is what came of a load.
type Result struct {
	// Answers counts the answers by their status.
	Answers map[int]int
	// Failed counts the requests without one, and Problem is why the first of them has none.
	Failed  int
	Problem string
	// Elapsed is how long it took, with the last answer.
	Elapsed time.Duration
	// Latencies are how long each answer took: where there is a Rate from when its request was due,
	// so that no answer that is waited for hides what would have been asked meanwhile.
	Latencies []time.Duration
}

// Total returns how many answers there are.
func (r *Result) Total() int {
	total := 0
	for _, count := range r.Answers {
		total += count
	}

	return total
}

// Run does what the loads say, all at the same time, and returns what came of each.
func Run(ctx context.Context, loads ...Load) []Result {
	results := make([]Result, len(loads))
	var all sync.WaitGroup
	for i, load := range loads {
		all.Go(func() { results[i] = load.run(ctx) })
	}
	all.Wait()

	return results
}

// running is a load that runs.
type running struct {
	Load

	began time.Time
	next  atomic.Int64

	mu     sync.Mutex
	result Result
}

func (l Load) run(ctx context.Context) Result {
	time.Sleep(l.After)
	r := &running{Load: l, began: time.Now(), result: Result{Answers: map[int]int{}}}
	r.next.Store(int64(l.First))
	var all sync.WaitGroup
	if l.Burst > 0 {
		for due := range r.schedule(ctx, 0, 1) {
			all.Go(func() { r.burst(ctx, due) })
		}
	} else {
		for i := range l.Connections {
			all.Go(func() { r.connection(ctx, i) })
		}
	}
	all.Wait()
	r.result.Elapsed = time.Since(r.began)

	return r.result
}

// schedule yields when each request is due, to one of several clients. What is due by the end is
// sent, however late it is.
func (r *running) schedule(
	ctx context.Context, client, clients int,
) func(yield func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		for n := client; ctx.Err() == nil; n += clients {
			if r.Count > 0 && n >= r.Count {
				return
			}
			due := time.Now()
			if r.Rate > 0 {
				due = r.began.Add(time.Duration(float64(n) / r.Rate * float64(time.Second)))
			}
			if r.Duration > 0 && due.Sub(r.began) >= r.Duration {
				return
			}
			time.Sleep(time.Until(due))
			if !yield(due) {
				return
			}
		}
	}
}

// names returns the Host and the server name of the next request. It is the same number in both.
func (r *running) names() (host, serverName string) {
	n := int(r.next.Add(1) - 1)
	if r.Names > 0 {
		n %= r.Names
	}
	number := strconv.FormatInt(int64(n), 36)
	host = strings.ReplaceAll(r.Host, "#", number)
	if r.Respelled {
		host = Respell(host, n)
	}

	return host, strings.ReplaceAll(r.ServerName, "#", number)
}

// ports is how many ports there are. It is odd, so that a port comes with all ways to write the
// letters, which go by the bits of the same number, before it comes with one of them again.
const ports = 65535

// Respell writes a host in another way for each number.
func Respell(host string, n int) string {
	letters, bits := []byte(host), n
	for i, letter := range letters {
		if letter < 'a' || letter > 'z' {
			continue
		}
		if bits&1 == 1 {
			letters[i] -= 'a' - 'A'
		}
		bits >>= 1
	}

	return string(letters) + ":" + strconv.Itoa(n%ports+1)
}

func (r *running) add(status int, err error, due time.Time) {
	took := time.Since(due)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.result.Failed++
		if r.result.Problem == "" {
			r.result.Problem = err.Error()
		}
		return
	}
	r.result.Answers[status]++
	r.result.Latencies = append(r.result.Latencies, took)
}
