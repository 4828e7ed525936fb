package flood

import (
	"net/http"
	"time"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// Flood is what one tenant's clients do to the others.
type Flood struct {
	Description string
	Load        Load
	// Tenants is how many the policy has, and ManyNames whether Traefik has the certificates of
	// that name.
	Tenants   int
	ManyNames bool
	// Status is what the guard answers.
	Status int
	// Ahead is how many requests come before, as fast as they are answered.
	Ahead int
}

// Floods are ways to a whole machine that cost a client next to nothing.
var Floods = []Flood{
	{
		Description: "2 connections/s, 20 requests each, 4,000 names",
		Load:        Load{Host: Many, ServerName: Many, Burst: 20, Rate: 2},
		Tenants:     3, ManyNames: true, Status: http.StatusMisdirectedRequest,
	},
	{
		Description: "denied requests, 1,000 tenants",
		Load:        Load{Host: Other, ServerName: Attacker, Connections: 8, Rate: 1000},
		Tenants:     1000, Status: http.StatusForbidden,
	},
	{
		Description: "ever new spellings of one Host",
		Load: Load{Host: Attacker, ServerName: Attacker, Respelled: true, Connections: 8,
			Rate: 1000},
		Tenants: 3, Status: http.StatusOK, Ahead: 20_000,
	},
	{
		Description: "ever new server names",
		Load: Load{Host: Below, ServerName: Below, Connections: 16, PerConnection: 1,
			Rate: 100},
		Tenants: 3, Status: http.StatusOK, Ahead: 4500,
	},
}

// Routes returns the configuration for a flood.
func (f Flood) Routes(t lab.T, w *World) *lab.Config {
	t.Helper()
	if f.ManyNames {
		return w.WithManyNames(t)
	}

	return w.Routes
}

// Before returns the load of what comes ahead, which is none if its Count is 0.
func (f Flood) Before() Load {
	before := f.Load
	before.Rate, before.Count = 0, f.Ahead

	return before
}

// During returns the load of a flood, after what came ahead, and those of honest clients: one that
// keeps its connections and one that makes new ones. They begin after the flood and end before it.
func (f Flood) During(duration time.Duration) (attack, kept, anew Load) {
	const head = 500 * time.Millisecond
	attack = f.Load
	attack.First += f.Ahead
	attack.Duration = duration + 2*head
	kept = Load{Host: Honest, ServerName: Honest, Connections: 4, Rate: 100, After: head,
		Duration: duration}
	anew = Load{Host: More, ServerName: More, Names: 20, Connections: 4, PerConnection: 1,
		Rate: 50, After: head, Duration: duration}

	return attack, kept, anew
}
