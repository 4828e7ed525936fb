package flood

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// source is the plugin that is flooded. With -source one can see what an earlier one made of it.
var source = flag.String("source", "", "folder of the plugin, this repository's if empty")

const (
	// rounds is how often each Traefik is flooded, in turn, and round how long honest clients ask
	// meanwhile. The best round counts: what others do to the machine is not in it.
	rounds = 3
	round  = 3 * time.Second
	// ttl is the honest tenant's: what is known of it is over again and again in that time.
	ttl = time.Second
)

// TestFloods has one tenant's clients flood a Traefik without the guard and one with it. With the
// guard the others wait hardly longer, and Traefik takes hardly more of the machine. The limits are
// generous: without what they are for the others wait 1,000 times as long, a denied request takes
// 8 times as much of Traefik's time, or the heap grows 15 times.
func TestFloods(t *testing.T) {
	for _, f := range Floods {
		t.Run(f.Description, func(t *testing.T) {
			// These clients are slow, for they look for races, and the machine may be busy: who
			// waits must do so for another tenant, and not for the processor.
			switch {
			case f.Load.PerConnection > 0:
				f.Load.Rate /= 2
			case f.Load.Burst == 0:
				f.Load.Rate /= 10
			}
			w := NewWorld(t)
			options := lab.Options{
				Dynamic: f.Routes(t, w), Static: lab.Map{"api": lab.Map{"debug": true}},
			}
			off := newFlooded(t, options, f)
			options.Guard, options.PluginSource = w.Guard(f.Tenants, ttl), *source
			on := newFlooded(t, options, f)
			for range rounds {
				off.round(t)
				on.round(t)
			}
			off.end(t)
			on.end(t)
			t.Logf("without the guard: %s", off)
			t.Logf("with the guard:    %s", on)

			assert.Equal(t, []int{f.Status}, slices.Collect(maps.Keys(on.answers)))
			assert.Less(t, on.kept.median, 10*off.kept.slow, "an honest client's answers")
			assert.Less(t, on.anew.median, 10*off.anew.slow, "those of one that connects anew")
			assert.Less(t, on.cpu, 6*off.cpu, "Traefik's time for a request of the flood")
			assert.Less(t, on.growth, 1.5*off.growth, "Traefik's memory, after ÷ before")
		})
	}
}

// flooded is a Traefik and what comes of a flood of it.
type flooded struct {
	*lab.Traefik

	flood Flood
	// kept and anew are how long answers to honest clients take: to one that keeps its connections,
	// and one that makes new ones for new names.
	kept, anew latency
	// cpu is Traefik's time for each answer to the flood, in the best round, and heap what it had
	// in use before.
	cpu  time.Duration
	heap float64
	// growth is how many times as much that is at the end.
	growth float64
	// answers are those to the flood.
	answers map[int]int
}

// latency is how long half of the answers take at most, and all but one in twenty, in the best
// round each. On a busy machine these are far apart.
type latency struct{ median, slow time.Duration }

func (l latency) String() string { return fmt.Sprintf("%s (95 %% in %s)", l.median, l.slow) }

func (l *latency) add(latencies []time.Duration) {
	sorted := slices.Sorted(slices.Values(latencies))
	lower(&l.median, sorted[len(sorted)/2])
	lower(&l.slow, sorted[len(sorted)*19/20])
}

func (f *flooded) String() string {
	return fmt.Sprintf("answers in %s, on new connections in %s, Traefik's time for a request %s, "+
		"heap %.2f times, answers to the flood %v", f.kept, f.anew, f.cpu, f.growth, f.answers)
}

// newFlooded starts a Traefik and sends what comes ahead of the flood.
func newFlooded(t *testing.T, options lab.Options, of Flood) *flooded {
	t.Helper()
	f := &flooded{Traefik: lab.Start(t, options), flood: of, answers: map[int]int{}}
	_, warm, _ := of.During(0)
	warm.Rate, warm.Count = 0, 500 // nothing is warm before
	f.run(t, warm)
	f.heap = f.Heap(t)
	if before := of.Before(); before.Count > 0 {
		f.run(t, before)
	}

	return f
}

func (f *flooded) run(t *testing.T, loads ...Load) []Result {
	t.Helper()
	for i := range loads {
		loads[i].Address = f.Addr("websecure")
	}

	return Run(t.Context(), loads...)
}

// round floods Traefik, at first while honest clients ask it.
func (f *flooded) round(t *testing.T) {
	t.Helper()
	attack, kept, anew := f.flood.During(round)
	results := f.run(t, attack, kept, anew)
	for _, honest := range results[1:] {
		require.Equal(t, map[int]int{http.StatusOK: honest.Total()}, honest.Answers)
		require.Zero(t, honest.Failed, honest.Problem)
	}
	f.kept.add(results[1].Latencies)
	f.anew.add(results[2].Latencies)
	f.note(results[0])

	// And then with nobody else, in haste: waiting costs a process time as well.
	attack = f.flood.Load
	attack.Rate, attack.Count = 0, 400
	if attack.Burst > 0 {
		attack.Rate, attack.Count = 10, 10
	}
	began := f.Usage(t).CPU
	alone := f.run(t, attack)[0]
	lower(&f.cpu, (f.Usage(t).CPU-began)/time.Duration(alone.Total()+alone.Failed))
	f.note(alone)
}

// note counts the answers to the flood, the next of which goes on where this one ended.
func (f *flooded) note(result Result) {
	for status, count := range result.Answers {
		f.answers[status] += count
	}
	f.flood.Load.First += result.Total() + result.Failed
}

func (f *flooded) end(t *testing.T) {
	t.Helper()
	f.growth = f.Heap(t) / f.heap
}

// lower keeps the lowest value, of which 0 is none.
func lower(lowest *time.Duration, value time.Duration) {
	if *lowest == 0 || value < *lowest {
		*lowest = value
	}
}
