package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/tenantguard/tenantguard/e2e/flood"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

const (
	sharedTenants  = 50
	sharedRequests = 200
)

// shared compares the memory of one Traefik with the guard, shared by many tenants, with that of a
// Traefik for each. The shared one is measured first, and alone: the others have its program.
func shared(t lab.T, s settings) {
	tenants := s.times(sharedTenants)
	var one, many lab.Usage
	stage := func(measure func(t lab.T)) {
		lab.Fatal(t, lab.Main(t.Context(), os.Stderr, measure), "measuring memory")
	}
	stage(func(t lab.T) {
		c := newCity(t, tenants)
		tr := lab.Start(t, lab.Options{Dynamic: c.routes(0, tenants), Guard: c.guard(tenants),
			PluginSource: s.source})
		for i := range tenants {
			c.use(t, tr, i)
		}
		one = tr.Usage(t)
	})
	stage(func(t lab.T) {
		c := newCity(t, tenants)
		var all []*lab.Traefik
		for i := range tenants {
			tr := lab.Start(t, lab.Options{Dynamic: c.routes(i, i+1)})
			c.use(t, tr, i)
			all = append(all, tr)
		}
		for _, tr := range all {
			u := tr.Usage(t)
			many.Resident += u.Resident
			many.Proportional += u.Proportional
		}
	})
	const mib = 1 << 20
	what := fmt.Sprintf("%d Traefiks, one a tenant ÷ one shared: resident, MiB", tenants)
	figure{row: 5, what: what, base: many.Resident / mib, guard: one.Resident / mib,
		value: many.Resident / one.Resident, atLeast: 25}.print()
	figure{row: 5, what: "the same, proportional (PSS), MiB",
		base: many.Proportional / mib, guard: one.Proportional / mib,
		value: many.Proportional / one.Proportional, atLeast: 5}.print()
}

// city is many tenants, each with a host, a certificate and a router.
type city struct {
	backend *lab.Backend
	certs   []*lab.Cert
}

func newCity(t lab.T, tenants int) *city {
	c := &city{backend: lab.NewBackend(t, "anybody")}
	platform := lab.NewCA(t, "platform CA")
	for i := range tenants {
		c.certs = append(c.certs, platform.Issue(t, hostOf(i)))
	}

	return c
}

func hostOf(tenant int) string { return fmt.Sprintf("t%d.example.com", tenant) }

// routes returns the routers of the tenants from first to before last.
func (c *city) routes(first, last int) *lab.Config {
	config := lab.NewConfig()
	for i := first; i < last; i++ {
		config.Route(fmt.Sprintf("t%d-web", i), "Host(`"+hostOf(i)+"`)", c.backend)
		config.Serve(c.certs[i])
	}

	return config
}

func (c *city) guard(tenants int) lab.Map {
	var list []lab.Map
	for i := range tenants {
		list = append(list, lab.Map{"name": fmt.Sprintf("t%d", i),
			"routers": []string{fmt.Sprintf("t%d-*@file", i)}, "hosts": []string{hostOf(i)}})
	}

	return lab.Map{"tenants": list}
}

// use sends requests for a tenant's host: a Traefik that nobody uses has next to no memory.
func (c *city) use(t lab.T, tr *lab.Traefik, tenant int) {
	measure(t, tr, http.StatusOK, flood.Load{Host: hostOf(tenant), ServerName: hostOf(tenant),
		Connections: 4, Count: sharedRequests})
}
