package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/tenantguard/tenantguard/e2e/flood"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

const (
	rememberedRequests = 1_000_000
	rememberedReloads  = 10_000
	rememberedLimit    = 1.3
)

// remembered measures how a Traefik's memory grows by what clients or reloads bring: once without
// the guard, for Traefik remembers server names itself, and once with it.
func remembered(t lab.T, s settings) {
	world := flood.NewWorld(t)
	guard := world.Guard(50, 30*time.Second)
	requests := flood.Load{Host: flood.Attacker, ServerName: flood.Attacker, Connections: clients,
		Count: s.times(rememberedRequests)}
	spellings := requests
	spellings.Respelled = true
	anew := named(requests, flood.Below, flood.Below)
	anew.PerConnection = 1
	reloads := s.times(rememberedReloads)
	rows := []struct {
		what string
		grow func(tr *lab.Traefik)
	}{
		{fmt.Sprintf("%d spellings of a Host", requests.Count), func(tr *lab.Traefik) {
			measure(t, tr, http.StatusOK, spellings)
		}},
		{fmt.Sprintf("%d Hosts", requests.Count), func(tr *lab.Traefik) {
			measure(t, tr, http.StatusOK, named(requests, flood.Below, flood.Attacker))
		}},
		{fmt.Sprintf("%d server names", requests.Count), func(tr *lab.Traefik) {
			measure(t, tr, http.StatusOK, anew)
		}},
		{fmt.Sprintf("%d reloads", reloads), func(tr *lab.Traefik) {
			reloading(t, tr, world, reloads)
		}},
	}
	debug := lab.Map{"api": lab.Map{"debug": true}}
	for _, row := range rows {
		var off, on growth
		options := lab.Options{Dynamic: world.Routes, Static: debug}
		off.of(t, options, row.grow)
		options.Guard, options.PluginSource = guard, s.source
		on.of(t, options, row.grow)
		figure{row: 8, what: "memory after ÷ before " + row.what, base: off.resident,
			guard: on.resident, value: on.resident / off.resident, atMost: rememberedLimit}.print()
		figure{row: 8, what: "the same, of what is in use on the heap", base: off.heap,
			guard: on.heap, value: on.heap / off.heap, atMost: rememberedLimit}.print()
	}
}

// growth is how many times as much memory a Traefik has after something.
type growth struct{ resident, heap float64 }

// of starts a Traefik, has it do what all do, and then what may make it grow.
func (g *growth) of(t lab.T, options lab.Options, grow func(tr *lab.Traefik)) {
	tr := lab.Start(t, options)
	defer tr.Stop()
	warm := flood.Load{Host: flood.Attacker, ServerName: flood.Attacker, Connections: clients,
		Duration: 3 * time.Second}
	measure(t, tr, http.StatusOK, warm)
	resident, heap := tr.Usage(t).Resident, tr.Heap(t)
	grow(tr)
	g.resident = tr.Usage(t).Resident / resident
	g.heap = tr.Heap(t) / heap
}

// reloading has a Traefik reload many times, with a request each time.
func reloading(t lab.T, tr *lab.Traefik, world *flood.World, reloads int) {
	conn := lab.Dial(t, lab.HTTP1, tr.Target(flood.Attacker))
	for range reloads {
		tr.Apply(t, world.Routes)
		if status := conn.Get(t, flood.Attacker, "/").Status; status != http.StatusOK {
			t.Errorf("a request after a reload: status %d, want 200", status)
		}
	}
}
