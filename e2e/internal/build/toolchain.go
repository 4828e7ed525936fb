package build

import (
	"context"
	"io"
	"runtime"
)

// toolchainKey is the key of a context's toolchain.
type toolchainKey struct{}

// BinaryOf is Binary by another Go than this process's, such as go1.27.3, which the module proxy
// has. "" is this process's.
func BinaryOf(
	ctx context.Context, toolchain string, recipe Recipe, progress io.Writer,
) (string, error) {
	if toolchain == "" {
		return Binary(ctx, recipe, progress)
	}

	return Binary(context.WithValue(ctx, toolchainKey{}, toolchain), recipe, progress)
}

// toolchainOf returns the Go that builds. If nothing else is said it is that of this process:
// `go test` and `go run` put it first on the PATH.
func toolchainOf(ctx context.Context) string {
	if toolchain, said := ctx.Value(toolchainKey{}).(string); said {
		return toolchain
	}

	return runtime.Version()
}

// toolchainEnv is what the go command needs to be the Go that builds.
func toolchainEnv(ctx context.Context) []string {
	toolchain, said := ctx.Value(toolchainKey{}).(string)
	if !said {
		return nil
	}

	// go test says where its own Go lies.
	return []string{"GOTOOLCHAIN=" + toolchain, "GOROOT="}
}
