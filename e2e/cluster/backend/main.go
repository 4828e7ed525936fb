// Command backend runs one tenant's server as a process of its own.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

func main() {
	tenant := flag.String("tenant", "", "tenant that answers name")
	address := flag.String("address", "", "address to listen on")
	flag.Parse()

	listener, err := net.Listen("tcp", *address)
	if err == nil {
		err = lab.Serve(listener, *tenant)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
