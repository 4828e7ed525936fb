package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/flood"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/loader"
)

const (
	deniedRounds = 7
	deniedRound  = 700 * time.Millisecond
	deniedLimit  = 3

	deniedLoaderRounds = 21
)

// denied compares what a denied request makes a real Traefik pay with what an allowed one does, and
// then the same in the interpreter alone, where an allowed one costs next to nothing.
func denied(t lab.T, s settings) {
	world := flood.NewWorld(t)
	few := lab.Start(t, lab.Options{Dynamic: world.WithManyNames(t),
		Guard: world.Guard(3, 30*time.Second), PluginSource: s.source})
	many := lab.Start(t, lab.Options{Dynamic: world.Routes,
		Guard: world.Guard(1000, 30*time.Second), PluginSource: s.source})
	kept := flood.Load{Connections: clients, Duration: s.lasting(deniedRound)}
	// A certificate that is refused ends the connection.
	anew := kept
	anew.PerConnection = 1
	honest := named(kept, flood.Honest, flood.Honest)
	foreign := named(kept, flood.Other, flood.Attacker)
	respelled := foreign
	respelled.Respelled = true
	rows := []struct {
		what            string
		tr              *lab.Traefik
		status          int
		allowed, denied flood.Load
	}{
		{"wrong Host", few, http.StatusForbidden, honest, foreign},
		{"1,000 and 4,000 names, a connection each", few,
			http.StatusMisdirectedRequest, named(anew, flood.Long, flood.Long),
			named(anew, flood.Many, flood.Many)},
		{"1,000 tenants, wrong Host", many, http.StatusForbidden, honest, foreign},
		{"1,000 tenants, a new spelling each", many, http.StatusForbidden, honest, respelled},
	}
	const us = float64(time.Microsecond)
	for _, row := range rows {
		var base, guard sample
		for round := range deniedRounds + 1 {
			allowed := measure(t, row.tr, http.StatusOK, row.allowed)
			refused := measure(t, row.tr, row.status, row.denied)
			row.denied.First += refused.Total()
			if round > 0 {
				base, guard = append(base, allowed.cpu), append(guard, refused.cpu)
			}
		}
		f := ratio(7, "CPU, denied ÷ allowed: "+row.what+", µs", base, guard, us)
		f.atMost = deniedLimit
		f.print()
	}
	deniedInLoader(t, s)
}

func named(load flood.Load, host, serverName string) flood.Load {
	load.Host, load.ServerName = host, serverName

	return load
}

// deniedInLoader measures the guard alone.
func deniedInLoader(t lab.T, s settings) {
	entryPoint := newEntryPoint(t)
	other := func(req *http.Request, _ int) { req.Host = "globex.example.com" }
	respelled := func(req *http.Request, n int) {
		req.Host = flood.Respell("globex.example.com", n)
	}
	rows := []struct {
		what, serverName string
		tenants, status  int
		change           func(req *http.Request, n int)
	}{
		{"wrong Host", "acme.example.com", 2, http.StatusForbidden, other},
		{"4,000 names", withManyNames, 2, http.StatusMisdirectedRequest,
			func(*http.Request, int) {}},
		{"1,000 tenants", "acme.example.com", 1000, http.StatusForbidden, other},
		{"a new spelling each time", "acme.example.com", 2, http.StatusForbidden, respelled},
	}
	allowed := entryPoint.request(t, "acme.example.com")
	for _, row := range rows {
		guard := handlerOf(t, loader.Load(t, s.source), entryPoint.config(t, row.tenants))
		refused := entryPoint.request(t, row.serverName)
		row.change(refused, 0)
		require.Equal(t, http.StatusTeapot, statusOf(guard, allowed))
		require.Equal(t, row.status, statusOf(guard, refused))
		var base, with sample
		n := 0
		for range s.times(deniedLoaderRounds) {
			base = append(base, timeOf(guard, allowed))
			with = append(with, timeOf(changing{guard, row.change, &n}, refused))
		}
		what := fmt.Sprintf("in the loader, denied ÷ allowed: %s, ns", row.what)
		ratio(0, what, base, with, 1).print()
	}
}

// changing changes a request each time.
type changing struct {
	http.Handler

	change func(req *http.Request, n int)
	n      *int
}

func (c changing) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	*c.n++
	c.change(req, *c.n)
	c.Handler.ServeHTTP(rw, req)
}
