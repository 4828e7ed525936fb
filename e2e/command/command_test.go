// Package command_test holds the command tenantguard to the programs that it speaks of: Traefik's
// rules, its API, and a cluster that goes from nothing to enforcement.
package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
)

func repoRoot(t *testing.T) string {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)

	return root
}
