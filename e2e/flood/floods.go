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
		Tenants: 3, Status: http.StatusOK,
	},
	{
		Description: "ever new server names",
		Load: Load{Host: Below, ServerName: Below, Connections: 16, PerConnection: 1,
			Rate: 100},
		Tenants: 3, Status: http.StatusOK,
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

// During returns the loads of a flood and of an honest client that begins after it and ends before
// it.
func (f Flood) During(duration time.Duration) (honest, attack Load) {
	const ahead = 500 * time.Millisecond
	honest = Load{Host: Honest, ServerName: Honest, Connections: 4, Rate: 100,
		After: ahead, Duration: duration}
	attack = f.Load
	attack.Duration = duration + 2*ahead

	return honest, attack
}
