// Command build builds the programs of the cluster that the tests run against and prints where they
// are.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/tenantguard/tenantguard/e2e/cluster/binaries"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	type program func(context.Context, io.Writer) (string, error)
	for _, binary := range []program{binaries.Etcd, binaries.APIServer} {
		path, err := binary(ctx, os.Stderr)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			stop()
			os.Exit(1)
		}
		fmt.Println(path)
	}
}
