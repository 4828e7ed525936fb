// Command compat runs the end-to-end tests on the newest release of each Traefik that the plugin is for, and prints a table.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// minors are the Traefiks that the plugin is for.
var minors = []string{"v3.6", "v3.7"}

// packages are the tests that run on a Traefik of their own. The others load the plugin into their own process.
var packages = []string{".", "./cluster", "./examples", "./kubernetes"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	listed, err := releases(ctx)
	if err != nil {
		return err
	}
	var results []result
	for _, minor := range minors {
		release, err := newest(ctx, listed, minor)
		if err != nil {
			return err
		}
		for _, pkg := range packages {
			fmt.Fprintf(os.Stderr, "== %s on Traefik %s\n", pkg, release)
			got, err := test(ctx, release, pkg)
			if err != nil {
				return err
			}
			results = append(results, got)
		}
		results = append(results, demo(ctx, release))
	}

	return report(os.Stdout, results)
}

// newest builds the newest release of a minor version that can be built.
func newest(ctx context.Context, listed []string, minor string) (string, error) {
	for _, release := range of(listed, minor) {
		_, err := traefik.Binary(ctx, release, os.Stderr)
		if err == nil || ctx.Err() != nil {
			return release, ctx.Err()
		}
		fmt.Fprintf(os.Stderr, "Traefik %s does not build: %s\n", release, err)
	}

	return "", fmt.Errorf("no release of Traefik %s could be built", minor)
}
