// Command generate writes examples/kubernetes/admission. It is run by go generate, in the folder of
// package admission.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tenantguard/tenantguard/internal/admission"
)

const root = "../../examples/kubernetes/admission"

func main() {
	if err := write(root); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// write replaces what is in the folder, so that no file stays of a policy that is no more.
func write(root string) error {
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	for name, content := range admission.Defaults().Files() {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
