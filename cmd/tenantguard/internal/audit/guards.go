package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// guards finds entry points and routers that no guard stands before. Only Traefik's API says that.
func (a *auditor) guards() {
	if a.Traefik == nil {
		return
	}
	guards := a.guardNames()
	guarded := map[string]bool{}
	for _, e := range a.Traefik.EntryPoints {
		if a.isUsed(e.Name) {
			guarded[e.Name] = a.ofEntryPoint(e, guards)
		}
	}
	for _, r := range a.routes {
		if r.protocol != http || r.binding.Internal || len(r.parents) > 0 || r.disabled {
			continue
		}
		if hasAny(guarded, r.entryPoints) && !hasAny(guards, r.middlewares) {
			a.find(a.ofRoute("router-unguarded", r,
				fmt.Sprintf("The router %s does not have the guard of its entry point %s.",
					r.name, strings.Join(r.entryPoints, ", ")),
				"Look at the router in Traefik's dashboard, and remove what takes the entry "+
					"point's middlewares from it."))
		}
	}
}

// hasAny reports whether a set has one of some names.
func hasAny(set map[string]bool, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return set[name] })
}

// guardNames returns the qualified names of all guards, and of chains that begin with one.
func (a *auditor) guardNames() map[string]bool {
	guards := map[string]bool{}
	for _, m := range a.Traefik.Middlewares {
		if _, is := m.Plugin[a.Plugin]; is {
			guards[m.Name] = true
		}
	}
	for _, m := range a.Traefik.Middlewares {
		if m.Chain == nil {
			continue
		}
		for _, name := range m.Chain.Middlewares {
			if guards[running.Qualified(name, m.Provider)] {
				guards[m.Name] = true
			}
		}
	}

	return guards
}

// isUsed reports whether an entry point has routers of HTTP but for Traefik's own.
func (a *auditor) isUsed(entryPoint string) bool {
	return slices.ContainsFunc(a.routes, func(r *route) bool {
		return r.protocol == http && !r.binding.Internal &&
			slices.Contains(r.entryPoints, entryPoint)
	})
}

// ofEntryPoint looks at the middlewares of an entry point, and reports whether a guard is one.
func (a *auditor) ofEntryPoint(e running.EntryPoint, guards map[string]bool) bool {
	flag := fmt.Sprintf("--entryPoints.%s.http.middlewares=", e.Name)
	isGuarded := false
	for i, name := range e.HTTP.Middlewares {
		qualified := withProviders(guards, name)
		switch {
		case guards[name]:
			isGuarded = true
		case !strings.Contains(name, "@") && qualified != "":
			isGuarded = true
			f := finding.New("guard-unqualified", "entry point "+e.Name,
				fmt.Sprintf("It names the guard %q without its provider: Traefik looks for it in "+
					"each router's own provider, and whoever writes there can put another "+
					"middleware in its place.", name),
				"Name the provider as well.")
			list := slices.Clone(e.HTTP.Middlewares)
			list[i] = qualified
			f.Fix, f.Where = flag+strings.Join(list, ","), a.Traefik.Where
			a.find(f)
		case strings.Contains(name, "@") && !a.hasMiddleware(name):
			f := finding.New("entrypoint-middleware-missing", "entry point "+e.Name,
				fmt.Sprintf("Its middleware %q does not exist, so Traefik answers 404 for all "+
					"its routers.", name),
				"Define the middleware, or name the one that there is: with safeNaming a "+
					"Middleware is called namespace_name@kubernetescrd.")
			f.Where = a.Traefik.Where
			a.find(f)
		}
	}
	if !isGuarded {
		a.unguarded(e, guards, flag)
	}

	return isGuarded
}

func (a *auditor) unguarded(e running.EntryPoint, guards map[string]bool, flag string) {
	name := "guard@file"
	for _, m := range a.Traefik.Middlewares {
		_, is := m.Plugin[a.Plugin]
		if is && (!guards[name] || m.Name < name) {
			name = m.Name
		}
	}
	f := finding.New("entrypoint-unguarded", "entry point "+e.Name,
		"No guard stands before its routers: whatever they claim is served.",
		"Attach the guard to the entry point, before its other middlewares.")
	f.Fix = flag + strings.Join(append([]string{name}, e.HTTP.Middlewares...), ",")
	f.Where = a.Traefik.Where
	a.find(f)
}

// withProviders returns a guard that has that name before its provider, "" for none.
func withProviders(guards map[string]bool, name string) string {
	var found []string
	for guard := range guards {
		if strings.HasPrefix(guard, name+"@") {
			found = append(found, guard)
		}
	}
	slices.Sort(found)
	if i := slices.Index(found, name+"@file"); i >= 0 {
		return found[i]
	}
	if len(found) == 0 {
		return ""
	}

	return found[0]
}

func (a *auditor) hasMiddleware(name string) bool {
	return slices.ContainsFunc(a.Traefik.Middlewares, func(m running.Middleware) bool {
		return m.Name == name
	})
}

// parents finds routers whose parents do not exist, which Traefik serves without the middlewares
// of the entry point, and those below another tenant's router.
func (a *auditor) parents() {
	byName := map[string]*route{}
	for _, r := range a.routes {
		byName[r.name] = r
		if a.Traefik == nil && r.object != "" {
			byName[strings.TrimPrefix(r.object, "IngressRoute ")] = r
		}
	}
	for _, r := range a.routes {
		found := 0
		for _, name := range r.parents {
			parent := byName[running.Qualified(name, r.provider())]
			if a.Traefik == nil {
				parent = byName[name]
			}
			if parent == nil {
				continue
			}
			found++
			if parent.tenant() != r.tenant() {
				a.find(a.ofRoute("router-child-foreign", r,
					fmt.Sprintf("It hangs below %s of %s, so requests for that tenant's hosts "+
						"come to it.", parent.title(), whose(parent)),
					"Remove the parentRefs, and keep allowCrossNamespace: false."))
			}
		}
		if len(r.parents) > 0 && found == 0 {
			a.find(a.ofRoute("router-orphan", r,
				fmt.Sprintf("Its parents %s make no router, so Traefik serves it as a router of "+
					"its own, without the guard of the entry point.", bounded(r.parents)),
				"Remove the parentRefs, or the route."))
		}
	}
}
