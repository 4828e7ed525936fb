package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/e2e/flood"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/loader"
)

const (
	connectionRounds = 7
	connectionRound  = 2 * time.Second
	connectionNames  = 500
	newNameRounds    = 3

	// ttl, ttls and ttlNames are for how long handshakes are counted, and of how many names.
	ttl      = 2 * time.Second
	ttls     = 3
	ttlNames = 100
)

// connections measures requests that each come on a connection of their own, for many names.
func connections(t lab.T, s settings) {
	world := flood.NewWorld(t)
	off := lab.Start(t, lab.Options{Dynamic: world.Routes})
	on := lab.Start(t, lab.Options{Dynamic: world.Routes, Guard: world.Guard(50, 30*time.Second),
		PluginSource: s.source})
	load := flood.Load{Host: flood.More, ServerName: flood.More, Connections: clients,
		PerConnection: 1, Names: connectionNames, Duration: s.lasting(connectionRound)}
	var base, guard sample
	for round := range connectionRounds + 1 {
		before := measure(t, off, http.StatusOK, load)
		with := measure(t, on, http.StatusOK, load)
		if round > 0 { // before which nothing is warm, and no name observed
			base, guard = append(base, before.perSecond()), append(guard, with.perSecond())
		}
	}
	f := ratio(6, fmt.Sprintf("new connections/s, of %d names", connectionNames), base, guard, 1)
	f.atLeast = 0.90
	f.print()
	load.Names, load.First = 0, connectionNames // none of which was there before
	var cpuOff, cpuOn sample
	for range s.times(newNameRounds) {
		before := measure(t, off, http.StatusOK, load)
		with := measure(t, on, http.StatusOK, load)
		cpuOff, cpuOn = append(cpuOff, before.cpu), append(cpuOn, with.cpu)
		load.First += max(before.Total(), with.Total())
	}
	ratio(0, "CPU for a connection with a new name each, µs", cpuOff, cpuOn,
		float64(time.Microsecond)).print()
	observedOnce(t, s)
	observed(t, s)
}

// observedOnce counts the handshakes of the guard while requests for each of many names come from
// several clients at once.
func observedOnce(t lab.T, s settings) {
	entryPoint := newEntryPoint(t)
	config := entryPoint.config(t, 2)
	config["certificates"].(map[string]any)["ttl"] = ttl.String()
	guard := handlerOf(t, loader.Load(t, s.source), config)
	requests := make([]*http.Request, ttlNames)
	for i := range requests {
		requests[i] = entryPoint.request(t, fmt.Sprintf("h%d.acme.example.com", i))
	}
	_ = statusOf(guard, requests[0])
	time.Sleep(time.Second + ttl) // the first second after a reload is another matter
	before := entryPoint.handshakes()
	began := time.Now()
	var all sync.WaitGroup
	for client := range 4 {
		all.Go(func() {
			for n := client; time.Since(began) < ttls*ttl; n++ {
				guard.ServeHTTP(discard{}, requests[n%ttlNames])
			}
		})
	}
	all.Wait()
	made := float64(entryPoint.handshakes() - before)
	figure{row: 6, what: fmt.Sprintf("handshakes for each of %d names and ttl", ttlNames),
		base: ttlNames * ttls, guard: made, value: made / (ttlNames * ttls), atMost: 1}.print()
}
