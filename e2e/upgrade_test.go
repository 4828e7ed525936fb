package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// upgraded returns the folder of a plugin that looks for another name than Traefik's, as after an
// upgrade that has renamed it.
func upgraded(t *testing.T, file, before, after string) string {
	t.Helper()
	work := t.TempDir()
	lab.InstallPlugin(t, "", work)
	source := filepath.Join(work, "plugins-local", "src", "github.com", "tenantguard",
		"tenantguard")
	path := filepath.Join(source, "internal", "traefik", file)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(content), before)
	changed := strings.ReplaceAll(string(content), before, after)
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))

	return source
}

// selfCheck is the guard's line about what it reads from Traefik.
type selfCheck struct {
	Level, Check, State, Message, Detail, Consequence, Version, Traefik string
}

// selfChecks returns those in the log.
func selfChecks(t *testing.T, log *lab.Log) []selfCheck {
	t.Helper()
	var found []selfCheck
	for _, line := range log.With(`"event":"self-check"`) {
		var one selfCheck
		require.NoError(t, lab.Decode(line, &one))
		found = append(found, one)
	}

	return found
}

// TestUpgrade runs the guard on a Traefik that has renamed what the guard reads: what no longer
// works is said once, without a request where none is needed, and nothing passes that would not
// have passed before.
func TestUpgrade(t *testing.T) {
	n := newTenants(t)
	routes := n.routes.Clone().Route("team-a-plain", "PathPrefix(`/`)", n.teamA,
		lab.Map{"entryPoints": []string{"web"}})
	for _, row := range []struct {
		check, file, before, after string
		// reason is why team-a's own request is denied from then on, and asked reports whether a
		// request is needed for the check.
		reason string
		asked  bool
		want   string
	}{
		{check: "router-name", file: "router.go", before: `"routerName"`, after: `"router"`,
			reason: "router-unknown", want: "no field routerName"},
		{check: "router-name", file: "reflect.go", before: `FieldByName("val")`,
			after: `FieldByName("value")`, reason: "router-unknown", want: "no values"},
		{check: "listener", file: "listener.go", before: `"listeners"`, after: `"sockets"`,
			reason: "certificate-unavailable", asked: true, want: "reading it failed"},
		{check: "listener", file: "listener.go", before: `"laddr"`, after: `"local"`,
			reason: "certificate-unavailable", asked: true, want: "no listener"},
		{check: "handler-tree", file: "children.go", before: "/server/service/",
			after: "/server/services/", want: "lead to no service"},
	} {
		t.Run(row.check+", "+row.before, func(t *testing.T) {
			tr := lab.Start(t, lab.Options{
				Guard: n.guard(), Dynamic: routes, Static: internalRouters(t),
				PluginSource: upgraded(t, row.file, row.before, row.after),
			})
			if !row.asked {
				tr.Log.Wait(t, `"event":"self-check"`)
			}
			want := passes("team-a")
			if row.reason != "" {
				want = denied(row.reason)
			}
			assertOwnHost := func() {
				t.Helper()
				for _, protocol := range []lab.Protocol{lab.HTTP1, lab.HTTP2} {
					response := lab.Get(t, protocol, tr.Target(hostA), hostA, "/")
					assertOutcome(t, response, want, nil)
				}
			}
			assertOwnHost()
			plain := lab.Target{Addr: tr.Addr("web"), Plain: true}
			ping := lab.Get(t, lab.HTTP1, plain, hostUnowned, "/ping")
			assert.Equal(t, outcome{status: 200}, outcomeOf(ping))
			tr.Apply(t, routes.Clone().Route("more", "Path(`/more`)", n.teamA)) // a reload
			assertOwnHost()

			said := selfChecks(t, tr.Log)
			require.Len(t, said, 1)
			assert.Equal(t, row.check, said[0].Check)
			assert.Equal(t, "error", said[0].Level)
			assert.Contains(t, said[0].Detail, row.want)
			assert.NotEmpty(t, said[0].Consequence)
		})
	}

	t.Run("none", func(t *testing.T) {
		tr := lab.Start(t, lab.Options{HTTP3: true, Guard: n.guard(), Dynamic: routes})
		n.assertLegitimate(t, tr)
		assert.Empty(t, selfChecks(t, tr.Log))
	})
}
