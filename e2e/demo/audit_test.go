package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/internal/command"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// TestAudit has the command's audit find every attack of the demo that Traefik's configuration
// carries, and nothing in a configuration without one.
func TestAudit(t *testing.T) {
	w := newWorld(t)
	tr := w.start(t, w.policy())
	audit := func(config *lab.Config) []command.Finding {
		tr.Apply(t, config)
		return command.Findings(t, "audit", "--api", "http://"+tr.Addr("traefik"),
			"--connect", tr.Addr("websecure"))
	}
	assert.Empty(t, audit(w.legitimate()), "a configuration without an attack")
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "ATTACK\tAT RUN TIME\tAUDIT")
	for _, s := range append(w.certificateAttacks(t), w.routerAttacks()...) {
		found := audit(s.serve)
		ids := map[string]bool{}
		for _, f := range found {
			ids[f.ID] = true
		}
		// A rule without a host is not for acme's alone.
		assert.True(t, ids[s.code] || ids["rule-any-host"] && s.code == "host-foreign",
			"%s: %v, want %s among them", s.request, found, s.code)
		list := slices.Sorted(maps.Keys(ids))
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.request, s.code, strings.Join(list, ", "))
	}
	table.Flush()
	fmt.Printf("\n%s\n", text.String())
}
