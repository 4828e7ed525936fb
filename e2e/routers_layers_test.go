package e2e

import (
	"testing"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// layered adds a root router with a rule and a child with the tenant's service.
func layered(
	config *lab.Config, parent, rule, child, childRule string, backend *lab.Backend,
	childMore ...lab.Map,
) *lab.Config {
	below := lab.Map{
		"rule": childRule, "parentRefs": []string{parent}, "service": backend.Service(),
	}
	for _, keys := range childMore {
		below = lab.Merge(below, keys)
	}

	return config.Merge(lab.Map{"http": lab.Map{"routers": lab.Map{
		parent: lab.Map{"rule": rule, "entryPoints": []string{"websecure"}},
		child:  below,
	}}})
}

// TestLayeredRouters has child routers. Traefik puts the entry point's guard in front of their
// parent only.
func TestLayeredRouters(t *testing.T) {
	p := newPair(t, lab.Options{Plugin: true})
	layers := p.routes.Clone()
	layered(layers, "team-a-parent", "Host(`"+hostA+"`) && PathPrefix(`/layers`)",
		"team-a-child", "PathPrefix(`/layers`)", p.teamA)
	layered(layers, "team-b-parent", "Host(`"+hostB+"`) && PathPrefix(`/layers`)",
		"team-b-child", "PathPrefix(`/layers`)", p.teamB)

	t.Run("a parent claims another tenant's host", func(t *testing.T) {
		p.apply(t, layered(layers.Clone(), "team-b-claim", "PathPrefix(`/layers/deeper/claim`)",
			"team-b-below", "Host(`"+hostA+"`)", p.teamB, lab.Map{"priority": 1000}).
			Merge(lab.Map{"http": lab.Map{"routers": lab.Map{
				"team-b-claim": lab.Map{"priority": 1000},
			}}}))
		for _, tr := range []*lab.Traefik{p.off, p.on} {
			assertGet(t, tr, hostA, "/layers", passes("team-a"), p.certA)
			assertGet(t, tr, hostB, "/layers", passes("team-b"), p.certB)
		}
		assertGet(t, p.off, hostA, "/layers/deeper/claim", passes("team-b"), p.certA)
		assertGet(t, p.on, hostA, "/layers/deeper/claim", denied("host-foreign"), p.certA)
		assertDenialLine(t, p.on.Log, lab.Denial{Reason: "host-foreign",
			Router: "team-b-claim@file", Tenant: "team-b", Host: hostA, SNI: hostA})
		p.assertLegitimate(t)
	})

	t.Run("a parent on several entry points", func(t *testing.T) {
		both := lab.Map{"http": lab.Map{"routers": lab.Map{}}}
		for _, parent := range []string{"team-a-parent", "team-b-parent"} {
			both["http"].(lab.Map)["routers"].(lab.Map)[parent] = lab.Map{
				"entryPoints": []string{"web", "websecure"},
			}
		}
		p.apply(t, layers.Clone().Merge(both))
		requireRouters(t, p.on, "web-team-a-parent@file", "websecure-team-a-parent@file",
			"team-a-child@file")
		for _, tr := range []*lab.Traefik{p.off, p.on} {
			assertGet(t, tr, hostA, "/layers", passes("team-a"), p.certA)
			assertOutcome(t, lab.Get(t, lab.HTTP1, tr.Plain(), hostB, "/layers"), passes("team-b"),
				nil)
		}
	})

	// The tenants' own guard is on the child alone, so no guard has seen the request before.
	t.Run("the guard on a child", func(t *testing.T) {
		own := layers.Clone().Guard("own", p.guard())
		parent := lab.Map{"http": lab.Map{"routers": lab.Map{"team-b-parent": lab.Map{
			"rule":     "(Host(`" + hostA + "`) || Host(`" + hostB + "`)) && PathPrefix(`/layers`)",
			"priority": 1000,
		}}}}
		child := lab.Map{"http": lab.Map{"routers": lab.Map{
			"team-b-child": lab.Map{"middlewares": []string{"own"}},
		}}}
		p.off.Apply(t, own.Clone().Merge(parent))
		assertGet(t, p.off, hostA, "/layers", passes("team-b"), p.certA)
		p.off.Apply(t, own.Clone().Merge(parent).Merge(child))
		assertGet(t, p.off, hostA, "/layers", denied("host-foreign"), p.certA)
		assertGet(t, p.off, hostB, "/layers", passes("team-b"), p.certB)
		assertDenialLine(t, p.off.Log, lab.Denial{Reason: "host-foreign",
			Router: "team-b-child@file", Tenant: "team-b", Host: hostA, SNI: hostA})
	})
}

// TestForeignChild has team-b add a child to team-a's router, even to one without children of its
// own. The child takes the requests, and no guard is in front of it.
func TestForeignChild(t *testing.T) {
	p := newPair(t, lab.Options{})
	child := func(parent string) lab.Map {
		return lab.Map{"http": lab.Map{"routers": lab.Map{"team-b-child": lab.Map{
			"rule": "PathPrefix(`/`)", "priority": 1000, "parentRefs": []string{parent},
			"service": p.teamB.Service(),
		}}}}
	}
	for _, parent := range []string{"team-a-parent", "team-a-web"} {
		t.Run(parent, func(t *testing.T) {
			p.apply(t, layered(p.routes.Clone(), "team-a-parent",
				"Host(`"+hostA+"`) && PathPrefix(`/layers`)",
				"team-a-child", "PathPrefix(`/layers`)", p.teamA).Merge(child(parent)))
			path := "/"
			if parent == "team-a-parent" {
				path = "/layers"
			}
			assertGet(t, p.off, hostA, path, passes("team-b"), p.certA)
			assertGet(t, p.on, hostA, path, denied("router-ambiguous"), p.certA)
		})
	}
	p.apply(t, p.routes)
	p.assertLegitimate(t)
}
