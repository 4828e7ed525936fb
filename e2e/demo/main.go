// Command demo shows what the guard does: one real Traefik without it and one with it, each shared
// by two tenants, get the same attacks and the same legitimate requests. It prints a table of what
// came of them, and fails when an attack does not succeed without the guard, is not refused with
// it, or a legitimate use does not pass.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

func main() {
	// An interrupted demo stops its Traefiks too.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	failed := 0
	// A Traefik that can't be had is said before anything else.
	_, err := traefik.Binary(ctx, traefik.Version, os.Stderr)
	if err == nil {
		failed, err = show(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	if err != nil || failed > 0 {
		stop()
		os.Exit(1)
	}
}

// show prints the table and returns how many requests did not come to what they must.
func show(ctx context.Context) (failed int, err error) {
	err = lab.Main(ctx, os.Stderr, func(t lab.T) {
		rows := run(t)
		fmt.Print("\n", intro, "\n", table(rows), "\n", summary(rows), "\n")
		failed = failures(os.Stderr, rows)
	})

	return failed, err
}

var intro = "Real Traefik " + traefik.Version + `, shared by two tenants: acme owns *.acme.test, globex
owns *.globex.test, and each has a name in the platform's *.apps.test. "acme, cert globex": acme's
backend answered, and the client was shown globex's certificate.
`

// run sends every scenario's request to both Traefiks.
func run(t lab.T) []row {
	fmt.Fprintf(os.Stderr, "starting Traefik %s twice: guard off, guard on\n", traefik.Version)
	w := newWorld(t)
	off, on := w.start(t, nil), w.start(t, w.policy())

	scenarios := w.scenarios(t)
	fmt.Fprintf(os.Stderr, "sending %d requests to each\n", len(scenarios))
	var rows []row
	for _, s := range scenarios {
		apply(t, s.serve, off, on)
		rows = append(rows, row{scenario: s, off: s.send(t, off), on: s.send(t, on)})
	}
	return rows
}

// apply has both Traefiks reload at once, for waiting is most of what a scenario takes.
func apply(t lab.T, config *lab.Config, both ...*lab.Traefik) {
	revisions := make([]int, len(both))
	for i, tr := range both {
		revisions[i] = tr.Write(t, config)
	}
	for i, tr := range both {
		tr.WaitServed(t, revisions[i])
	}
}
