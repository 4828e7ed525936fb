package lab_test

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

const host = "a.example.com"

func TestGuard(t *testing.T) {
	for _, format := range []string{"common", "json"} {
		t.Run(format, func(t *testing.T) {
			team := lab.NewBackend(t, "team-a")
			tr := lab.Start(t, lab.Options{
				Guard:        lab.Map{"reason": "host-foreign"},
				PluginSource: "testdata/plugin",
				Env:          []string{"LAB_TENANT=team-a"},
				LogFormat:    format,
				LogLevel:     "ERROR",
				HTTP3:        true,
				Dynamic:      lab.NewConfig().Route("team-a_web_0", "Host(`"+host+"`)", team),
				Static:       lab.Map{"entryPoints": lab.Map{"six": lab.Map{"address": "[::1]:0"}}},
			})

			response := lab.Get(t, lab.HTTP3, tr.Target(host), host, "/")
			assert.Equal(t, 403, response.Status)
			assert.Equal(t, "host-foreign", response.Reason())
			assert.Empty(t, response.Tenant())
			assert.Zero(t, team.Requests())
			denial := tr.Log.WaitDenial(t, func(denial lab.Denial) bool {
				return denial.Host == host
			})
			assert.Equal(t, lab.Denial{Event: "deny", Reason: "host-foreign", Status: 403,
				Host: host, Tenant: "team-a"}, denial)
			assert.True(t, strings.HasPrefix(tr.Addr("six"), "[::1]:"))

			tr.ApplyGuard(t, lab.Map{})
			assert.Equal(t, "team-a", lab.Get(t, lab.HTTP2, tr.Target(host), host, "/").Tenant())
		})
	}
}

func TestMain_cleansUp(t *testing.T) {
	var dir string
	require.NoError(t, lab.Main(t.Context(), io.Discard, func(p lab.T) {
		dir = p.TempDir()
		assert.DirExists(t, dir)
	}))
	_, err := os.Stat(dir)
	require.ErrorIs(t, err, os.ErrNotExist)

	var out strings.Builder
	require.Error(t, lab.Main(context.Background(), &out, func(p lab.T) {
		p.Errorf("want %d", 1)
		p.FailNow()
	}))
	assert.Equal(t, "want 1\n", out.String())
}

func TestMerge(t *testing.T) {
	base := lab.Map{"a": lab.Map{"x": 1, "y": 2}, "b": 3}
	assert.Equal(t, lab.Map{"a": lab.Map{"x": 1, "y": 4}, "b": []int{5}},
		lab.Merge(base, lab.Map{"a": lab.Map{"y": 4}, "b": []int{5}}))
	assert.Equal(t, lab.Map{"a": lab.Map{"x": 1, "y": 2}, "b": 3}, base)
}
