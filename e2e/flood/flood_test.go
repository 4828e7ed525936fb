package flood

import (
	"flag"
	"fmt"
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
	// during is how long the honest clients ask while a flood runs.
	during = 5 * time.Second
	// ttl is the honest tenant's: what is known of it is over again and again in that time.
	ttl = time.Second
)

// TestFloods has one tenant's clients flood a Traefik without the guard and one with it. With the
// guard the others wait hardly longer, and Traefik takes hardly more of the machine.
func TestFloods(t *testing.T) {
	for _, f := range Floods {
		t.Run(f.Description, func(t *testing.T) {
			w := NewWorld(t)
			options := lab.Options{
				Dynamic: f.Routes(t, w), Static: lab.Map{"api": lab.Map{"debug": true}},
			}
			off := lab.Start(t, options)
			options.Guard, options.PluginSource = w.Guard(f.Tenants, ttl), *source
			on := lab.Start(t, options)
			without, with := flooded(t, off, f), flooded(t, on, f)
			t.Logf("without the guard: %s", without)
			t.Logf("with the guard:    %s", with)

			assert.Equal(t, map[int]int{f.Status: with.attack.Total()}, with.attack.Answers,
				with.attack.Problem)
			assert.Less(t, with.kept, 5*without.kept, "an honest client's median")
			assert.Less(t, with.anew, 5*without.anew, "that of one that connects anew")
			assert.Less(t, with.cpu, 5*without.cpu, "Traefik's time for a request")
			assert.Less(t, with.growth, 1.5*without.growth, "Traefik's memory, after ÷ before")
		})
	}
}

// seen is what comes of a flood.
type seen struct {
	// kept and anew are the medians of honest clients: of one that keeps its connections, and one
	// that makes new ones for new names.
	kept, anew time.Duration
	// cpu is Traefik's time for each answer, and growth how many times as much is on its heap.
	cpu    time.Duration
	growth float64
	attack Result
}

func (s seen) String() string {
	return fmt.Sprintf("median %s, %s on new connections, %s of Traefik's time for a request, "+
		"heap %.2f times, %d answers to the flood", s.kept, s.anew, s.cpu, s.growth,
		s.attack.Total())
}

// flooded floods a Traefik while honest clients ask it.
func flooded(t *testing.T, tr *lab.Traefik, f Flood) (s seen) {
	t.Helper()
	run := func(loads ...Load) []Result {
		for i := range loads {
			loads[i].Address = tr.Addr("websecure")
		}
		return Run(t.Context(), loads...)
	}
	attack, kept, anew := f.During(during)
	// Nothing is warm before.
	warm := kept
	warm.Rate, warm.Count, warm.Duration = 0, 500, 0
	run(warm)
	heap := tr.Heap(t)
	if before := f.Before(); before.Count > 0 {
		run(before)
	}
	began := tr.Usage(t).CPU
	results := run(attack, kept, anew)
	spent := tr.Usage(t).CPU - began
	total := 0
	for i, result := range results {
		total += result.Total()
		if i > 0 {
			require.Equal(t, map[int]int{http.StatusOK: result.Total()}, result.Answers)
			require.Zero(t, result.Failed, result.Problem)
		}
	}
	s.attack = results[0]
	s.kept, s.anew = median(results[1].Latencies), median(results[2].Latencies)
	s.cpu = spent / time.Duration(total)
	s.growth = tr.Heap(t) / heap

	return s
}

func median(latencies []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(latencies))[len(latencies)/2]
}
