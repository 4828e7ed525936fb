package status

import (
	"sort"
	"strings"

	"github.com/tenantguard/tenantguard/internal/text"
)

// This file is what is made of the answers of Traefik's API.

// askMiddlewares finds chains, and the guards that no router has: they are of the same plugin as
// those that one has.
func (a *api) askMiddlewares() {
	ours := map[string]bool{}
	var others []apiMiddleware
	a.each("/api/http/middlewares", func(path string) int {
		var page []apiMiddleware
		next := a.get(path, &page)
		for _, m := range page {
			if len(m.Chain.Middlewares) > 0 {
				a.chains[m.Name] = m.Chain.Middlewares
			}
			for plugin := range m.Plugin {
				ours[plugin] = ours[plugin] || a.guards[m.Name]
				others = append(others, m)
			}
		}
		return next
	})
	for _, m := range others {
		for plugin, keys := range m.Plugin {
			if !ours[plugin] {
				continue // one with a key status may be any other plugin
			}
			if a.isStatus(keys) {
				a.pages[m.Name] = true
			} else {
				a.guards[m.Name] = true
			}
		}
	}
}

// askEntryPoints returns the middlewares of each entry point that is or has a guard.
func (a *api) askEntryPoints(found *Findings) map[string][]string {
	guarded := map[string][]string{}
	a.each("/api/entrypoints", func(path string) int {
		var page []apiEntryPoint
		next := a.get(path, &page)
		for _, e := range page {
			one := EntryPoint{Name: e.Name, Address: e.Address, Guards: []string{}}
			for _, m := range e.HTTP.Middlewares {
				if a.isGuardAnywhere(m) {
					one.Guards = append(one.Guards, m)
				}
			}
			guarded[e.Name] = one.Guards
			found.EntryPoints = append(found.EntryPoints, one)
		}
		return next
	})
	return guarded
}

func (a *api) askRouters(found *Findings, guarded map[string][]string) {
	at := map[string]int{}
	for i, e := range found.EntryPoints {
		at[e.Name] = i
	}
	a.each("/api/http/routers", func(path string) int {
		var page []apiRouter
		next := a.get(path, &page)
		for _, r := range page {
			if r.Status != "disabled" && len(r.ParentRefs) == 0 {
				a.look(r, found, guarded, at)
			}
		}
		return next
	})
	sort.Slice(found.Unguarded, func(i, j int) bool {
		return found.Unguarded[i].Name < found.Unguarded[j].Name
	})
}

// look notes one router.
func (a *api) look(
	r apiRouter, found *Findings, guarded map[string][]string, at map[string]int,
) {
	r.Rule = text.Bound(r.Rule, maxText)
	using := r.Using
	if len(using) == 0 {
		using = r.EntryPoints
	}
	guard := a.guardOf(r)
	// Traefik's own routers and those of status pages need no guard where there is none.
	isOperators := providerOf(r.Name) == "internal" || a.hasPage(r)
	found.Traefik.Routers++
	isOpen := false
	for _, entryPoint := range using {
		i, known := at[entryPoint]
		if !known {
			continue
		}
		found.EntryPoints[i].Routers++
		if guard != "" {
			found.Names = append(found.Names,
				GuardedRouter{Name: r.Name, EntryPoint: entryPoint, Guard: guard, Rule: r.Rule,
					Namespace: r.Observability.Metadata.Ingress.Namespace})
		}
		absent := a.missing(r, guarded[entryPoint])
		if absent != "" {
			found.addUnguarded(r, entryPoint, absent)
			found.EntryPoints[i].Open++
		} else if guard == "" && !isOperators {
			found.EntryPoints[i].Open++
			isOpen = true
		}
	}
	if guard != "" {
		found.Traefik.Guarded++
	} else if isOpen {
		found.Traefik.Open++
	}
}

func (f *Findings) addUnguarded(r apiRouter, entryPoint, absent string) {
	f.Traefik.Unguarded++
	if len(f.Unguarded) >= maxListed {
		return
	}
	f.Unguarded = append(f.Unguarded, Router{
		Name: r.Name, Problem: Unguarded, EntryPoints: []string{entryPoint}, Rule: r.Rule,
		Detail: "the guard " + absent + " of the entry point is not in front of it",
	})
}

// missing returns the first guard of an entry point that a router has not, "" for none. Traefik
// puts the middlewares of an entry point in front of a router's own as they are written: one
// without a provider is another provider's for its routers, and may be no guard.
func (a *api) missing(r apiRouter, guards []string) string {
	for _, guard := range guards {
		has := false
		for _, m := range r.Middlewares {
			has = has || m == guard
		}
		if !has || a.find(qualified(guard, providerOf(r.Name))) == "" {
			return guard
		}
	}
	return ""
}

// guardOf returns the first of a router's middlewares that is or has a guard, "" for none.
func (a *api) guardOf(r apiRouter) string {
	for _, m := range r.Middlewares {
		if guard := a.find(qualified(m, providerOf(r.Name))); guard != "" {
			return guard
		}
	}
	return ""
}

// hasPage reports whether a router leads to a status page.
func (a *api) hasPage(r apiRouter) bool {
	for _, m := range r.Middlewares {
		if a.pages[qualified(m, providerOf(r.Name))] {
			return true
		}
	}
	return false
}

// find returns the guard that a middleware is, or has in its chain, "" for none.
func (a *api) find(name string) string {
	guard, isKnown := a.found[name]
	if !isKnown {
		guard = a.search(name)
		a.found[name] = guard
	}
	return guard
}

// search looks at each middleware once: chains may lie in each other, and whoever writes them may
// have each many times in the next, or the last in the first.
func (a *api) search(name string) string {
	seen := map[string]bool{}
	left := []string{name}
	for len(left) > 0 {
		last := len(left) - 1
		next := left[last]
		left = left[:last]
		if seen[next] {
			continue
		}
		seen[next] = true
		if a.guards[next] {
			return next
		}
		chain := a.chains[next]
		for i := len(chain) - 1; i >= 0; i-- {
			left = append(left, qualified(chain[i], providerOf(next)))
		}
	}
	return ""
}

// isGuardAnywhere reports whether a middleware of an entry point is or has a guard. One without a
// provider is looked for in that of each router.
func (a *api) isGuardAnywhere(name string) bool {
	if strings.Contains(name, "@") {
		return a.find(name) != ""
	}
	for guard := range a.guards {
		if strings.HasPrefix(guard, name+"@") {
			return true
		}
	}
	for chain := range a.chains {
		if strings.HasPrefix(chain, name+"@") && a.find(chain) != "" {
			return true
		}
	}
	return false
}

func providerOf(name string) string {
	return name[strings.LastIndex(name, "@")+1:]
}

// qualified returns a name with its provider.
func qualified(name, provider string) string {
	if strings.Contains(name, "@") {
		return name
	}
	return name + "@" + provider
}
