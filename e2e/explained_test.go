package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// explained is what a denial says beside its reason.
type explained struct {
	Level, EntryPoint, Middleware, Method, Path, Owner, Detail, Also, Reason string
}

// TestDenialExplains has requests be denied in report mode by a real Traefik: one line says whose
// the host is, where the request came in, and what else is wrong.
func TestDenialExplains(t *testing.T) {
	n := newTenants(t)
	routes := n.routes.Clone().
		Route("team-b-claim", "Host(`"+hostA+"`) && PathPrefix(`/claim`)", n.teamB).
		Route("team-a-bare", "Host(`bare."+hostA+"`)", n.teamA)
	tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: routes,
		Guard: n.guard(lab.Map{"mode": "report"})})
	rows := []struct {
		description, host, path string
		want                    explained
	}{
		{"another tenant's host", hostA, "/claim/x?secret=y", explained{Reason: "host-foreign",
			Path: "/claim/x", Owner: "team-a"}},
		{"no certificate of one's own", "bare." + hostA, "/", explained{
			Reason: "certificate-name", Path: "/", Owner: "team-a",
			Detail: "this is Traefik's own default certificate: it has none for this name"}},
	}
	for _, row := range rows {
		t.Run(row.description, func(t *testing.T) {
			response := lab.Get(t, lab.HTTP2, tr.Target(row.host), row.host, row.path)
			require.Equal(t, 200, response.Status)
			var got explained
			require.NoError(t, lab.Decode(tr.Log.Wait(t, `"`+row.want.Reason+`"`), &got))
			row.want.Level, row.want.EntryPoint = "info", "websecure"
			row.want.Middleware, row.want.Method = "guard@file", "GET"
			assert.Equal(t, row.want, got)
		})
	}
}
