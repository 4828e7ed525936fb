package main

import (
	"net/http"
	"slices"
	"time"

	"github.com/tenantguard/tenantguard/e2e/flood"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

const (
	floodRounds = 5
	floodRound  = 5 * time.Second
)

// floor is as many requests as the floods have, but allowed and known ones, for which the guard
// does next to nothing. It shows what others wait for because the interpreter's tree of the plugin
// is looked through with each collection of garbage.
var floor = flood.Flood{
	Description: "allowed requests (the floor)",
	Load: flood.Load{Host: flood.Attacker, ServerName: flood.Attacker, Connections: 8,
		Rate: 1000},
	Tenants: 3, Status: http.StatusOK,
}

// flooded measures what an honest tenant's client waits for while each flood runs, without and with
// the guard.
func flooded(t lab.T, s settings) {
	world := flood.NewWorld(t)
	for _, f := range append(slices.Clone(flood.Floods), floor) {
		routes := f.Routes(t, world)
		off := lab.Start(t, lab.Options{Dynamic: routes})
		on := lab.Start(t, lab.Options{Dynamic: routes, PluginSource: s.source,
			Guard: world.Guard(f.Tenants, 30*time.Second)})
		var base, guard sample
		for _, tr := range []*lab.Traefik{off, on} {
			if before := f.Before(); before.Count > 0 {
				send(t, tr, before)
			}
		}
		for range floodRounds {
			base = append(base, honestly(t, s, off, &f)...)
			guard = append(guard, honestly(t, s, on, &f)...)
		}
		const ms = float64(time.Millisecond)
		p99 := func(s sample) float64 { return s.quantile(0.99) / ms }
		figure{row: 9, what: "honest p99 under " + f.Description + ", ms",
			base: p99(base), guard: p99(guard), value: p99(guard) / p99(base), atMost: 1.5}.print()
		figure{what: "its median, ms", base: base.median() / ms, guard: guard.median() / ms,
			value: guard.median() / base.median()}.print()
		off.Stop()
		on.Stop()
	}
}

// honestly returns the latencies of an honest client during one round of a flood.
func honestly(t lab.T, s settings, tr *lab.Traefik, f *flood.Flood) (latencies sample) {
	attack, kept, anew := f.During(s.lasting(floodRound))
	results := send(t, tr, attack, kept, anew)
	f.Load.First += results[0].Total() + results[0].Failed
	for _, honest := range results[1:] {
		if honest.Answers[http.StatusOK] != honest.Total() || honest.Failed > 0 {
			t.Errorf("%s: an honest client had answers %v, and %d failed: %s", f.Description,
				honest.Answers, honest.Failed, honest.Problem)
		}
	}
	for _, latency := range results[1].Latencies {
		latencies = append(latencies, float64(latency))
	}

	return latencies
}
