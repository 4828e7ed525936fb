// Package said prints denials.
package said

import (
	"fmt"
	"os"
)

// Denial prints one as the plugin does.
func Denial(reason, host string) {
	fmt.Fprintf(os.Stderr,
		"{\"event\":\"deny\",\"reason\":%q,\"status\":403,\"host\":%q,\"tenant\":%q}\n", reason,
		host, os.Getenv("LAB_TENANT"))
}
