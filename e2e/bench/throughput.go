package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/tenantguard/tenantguard/e2e/flood"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/loader"
	"github.com/tenantguard/tenantguard/internal/hosts"
)

const (
	throughputRounds = 7
	throughputRound  = 1500 * time.Millisecond
	// clients is how many connections there are at a time.
	clients = 16
)

// way is one way for a request through Traefik.
type way struct {
	tr *lab.Traefik
	// authoriser is the process that ForwardAuth asks, 0 for none.
	authoriser int

	perSecond, cpu sample
}

// round measures one round, and what the authoriser spends as well.
func (w *way) round(t lab.T, load flood.Load) {
	before := w.spentByAuthoriser(t)
	m := measure(t, w.tr, http.StatusOK, load)
	asked := float64(w.spentByAuthoriser(t)-before) / float64(m.Total())
	w.perSecond = append(w.perSecond, m.perSecond())
	w.cpu = append(w.cpu, m.cpu+asked)
}

func (w *way) spentByAuthoriser(t lab.T) time.Duration {
	if w.authoriser == 0 {
		return 0
	}

	return lab.UsageOf(t, w.authoriser).CPU
}

// throughput measures allowed requests through a real Traefik, over TLS with connections that are
// kept, and small bodies: with nothing in front of the route, a plugin that passes everything, the
// guard, and ForwardAuth to an authoriser that compares the Host with the tenant's.
func throughput(t lab.T, s settings) {
	world := flood.NewWorld(t)
	guard := world.Guard(50, 30*time.Second)
	authoriser, address := startAuthoriser(t)
	none := &way{tr: lab.Start(t, lab.Options{Dynamic: world.Routes})}
	pass := &way{tr: passing(t, world.Routes, guard)}
	guarded := &way{tr: lab.Start(t, lab.Options{
		Dynamic: world.Routes, Guard: guard, PluginSource: s.source,
	})}
	asking := &way{authoriser: authoriser, tr: lab.Start(t, lab.Options{
		Dynamic: forwarding(world.Routes, address),
		Static: lab.Map{"entryPoints": lab.Map{"websecure": lab.Map{
			"http": lab.Map{"middlewares": []string{"ask@file"}},
		}}},
	})}

	ways := []*way{none, pass, guarded, asking}
	load := flood.Load{Host: flood.Honest, ServerName: flood.Honest, Connections: clients,
		Duration: s.lasting(throughputRound)}
	for _, w := range ways {
		w.round(t, load) // and is not counted: nothing is warm yet
		w.perSecond, w.cpu = nil, nil
	}
	for range throughputRounds {
		for _, w := range ways {
			w.round(t, load)
		}
	}
	const us = float64(time.Microsecond)
	if s.wants(2) {
		f := ratio(2, "throughput beside a pass-through plugin, requests/s",
			pass.perSecond, guarded.perSecond, 1)
		f.atLeast = 0.97
		f.print()
		added := guarded.cpu.minus(pass.cpu)
		figure{row: 2, what: "CPU for a request, what the guard's adds, µs", atMost: 6,
			base: pass.cpu.median() / us, guard: guarded.cpu.median() / us,
			value: added.median() / us}.print()
		ratio(0, "throughput beside no plugin, requests/s",
			none.perSecond, guarded.perSecond, 1).print()
	}
	if s.wants(3) {
		ours, its := guarded.cpu.minus(none.cpu), asking.cpu.minus(none.cpu)
		figure{row: 3, what: "added CPU for a request, ForwardAuth ÷ guard, µs",
			atLeast: 15, base: its.median() / us, guard: ours.median() / us,
			value: its.median() / ours.median()}.print()
		ratio(0, "throughput with ForwardAuth beside none, requests/s",
			none.perSecond, asking.perSecond, 1).print()
	}
}

// passing starts a Traefik with a plugin that passes everything and ignores the keys of the guard.
func passing(t lab.T, routes *lab.Config, guard lab.Map) *lab.Traefik {
	return lab.Start(t, lab.Options{
		Dynamic: routes, Guard: guard, PluginSource: loader.Passthrough(t),
	})
}

// forwarding returns routes with a middleware that asks an authoriser about the honest tenant.
func forwarding(routes *lab.Config, address string) *lab.Config {
	return routes.Clone().Merge(lab.Map{"http": lab.Map{"middlewares": lab.Map{
		"ask": lab.Map{"forwardAuth": lab.Map{"address": "http://" + address + "/honest"}},
	}}})
}

// startAuthoriser starts an authoriser as a process of its own, and returns its number.
func startAuthoriser(t lab.T) (pid int, address string) {
	program, err := os.Executable()
	lab.Fatal(t, err, "finding this program")
	address = lab.FreeAddress(t)
	command := exec.Command(program, "authorise", address)
	command.Stderr = os.Stderr
	lab.Fatal(t, command.Start(), "starting an authoriser")
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return command.Process.Pid, address
		}
		if time.Since(began) > 10*time.Second {
			lab.Fatal(t, err, "reaching the authoriser")
		}
	}
}

// authorise answers whether a Host is that of the tenant in the path.
func authorise(address string) {
	table := hosts.NewTable()
	for _, text := range []string{flood.Honest, "*." + flood.Honest} {
		pattern, err := hosts.ParsePattern(text)
		if err != nil {
			panic(err)
		}
		table.Add(pattern, "honest")
	}
	handler := func(rw http.ResponseWriter, req *http.Request) {
		owner := table.Owner(hosts.Parse(req.Header.Get("X-Forwarded-Host")))
		if owner == "" || "/"+owner != req.URL.Path {
			rw.WriteHeader(http.StatusForbidden)
		}
	}
	panic(http.ListenAndServe(address, http.HandlerFunc(handler)))
}
