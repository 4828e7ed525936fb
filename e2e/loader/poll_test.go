package loader

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKeysAreReadWithoutARequest builds a router that nobody asks for: what is wrong with its
// middleware's keys is said all the same.
func TestKeysAreReadWithoutARequest(t *testing.T) {
	plugin := Load(t, "")
	ctx := RouterContext(t.Context(), "websecure", "acme-web@docker")
	_, err := plugin.New(ctx, teapot, map[string]any{"surprise": true}, "guard@file")
	require.NoError(t, err)
	said := func(c *assert.CollectT) { assert.Contains(c, plugin.Log.String(), "surprise") }
	require.EventuallyWithT(t, said, 20*time.Second, 100*time.Millisecond)
}
