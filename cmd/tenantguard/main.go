// Command tenantguard says what the plugin will say, before it says it: it checks policies,
// explains verdicts, audits what runs, and writes what refuses attacks when they are created. As
// kubectl-tenantguard on the path it is also "kubectl tenantguard".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
