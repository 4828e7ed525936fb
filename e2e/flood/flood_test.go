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
// generous: what they are for is 5 times as much, and 1,000 times.
func TestFloods(t *testing.T) {
	for _, f := range Floods {
		t.Run(f.Description, func(t *testing.T) {
			if f.Load.Burst == 0 {
				f.Load.Rate /= 4 // for these clients are slow: they look for races
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
			assert.Less(t, on.kept, 10*off.kept, "an honest client's median")
			assert.Less(t, on.anew, 10*off.anew, "that of one that connects anew")
			assert.Less(t, on.cpu, 4*off.cpu, "Traefik's time for a request")
			assert.Less(t, on.growth, 1.5*off.growth, "Traefik's memory, after ÷ before")
		})
	}
}

// flooded is a Traefik and what comes of a flood of it.
type flooded struct {
	*lab.Traefik

	flood Flood
	// kept and anew are the medians of honest clients, of the best round each: of one that keeps
	// its connections, and one that makes new ones for new names.
	kept, anew time.Duration
	// cpu is Traefik's time for each answer, in the best round, and heap what it had in use before.
	cpu  time.Duration
	heap float64
	// growth is how many times as much that is at the end.
	growth float64
	// answers are those to the flood.
	answers map[int]int
}

func (f *flooded) String() string {
	return fmt.Sprintf("median %s, %s on new connections, %s of Traefik's time for a request, "+
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

// round floods Traefik while honest clients ask it.
func (f *flooded) round(t *testing.T) {
	t.Helper()
	attack, kept, anew := f.flood.During(round)
	began := f.Usage(t).CPU
	results := f.run(t, attack, kept, anew)
	spent := f.Usage(t).CPU - began
	total := 0
	for _, result := range results {
		total += result.Total()
	}
	for _, honest := range results[1:] {
		require.Equal(t, map[int]int{http.StatusOK: honest.Total()}, honest.Answers)
		require.Zero(t, honest.Failed, honest.Problem)
	}
	for status, count := range results[0].Answers {
		f.answers[status] += count
	}
	f.flood.Load.First += results[0].Total() + results[0].Failed
	lower(&f.kept, median(results[1].Latencies))
	lower(&f.anew, median(results[2].Latencies))
	lower(&f.cpu, spent/time.Duration(total))
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

func median(latencies []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(latencies))[len(latencies)/2]
}
