// Command build builds the Traefik that the tests run against and prints where it is.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/tenantguard/tenantguard/e2e/traefik"
)

func main() {
	version := flag.String("version", traefik.Version, "Traefik release to build")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	binary, err := traefik.Binary(ctx, *version, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
	fmt.Println(binary)
}
