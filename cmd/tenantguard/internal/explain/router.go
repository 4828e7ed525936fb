package explain

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/rules"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
	"github.com/tenantguard/tenantguard/internal/hosts"
)

// Found is the router that Traefik takes for a request.
type Found struct {
	Router     running.Router
	EntryPoint string
	// Children are the routers below it.
	Children []string
	// Others are routers that Traefik would ask first, and whose rules look at more than the host
	// and the path: one of them may be taken.
	Others []string
}

// FindRouter finds the router that Traefik takes for a request, by host and path. entryPoint is the
// one that the request comes in on, "" for that of the port of an address.
func FindRouter(t *running.Traefik, r Request, entryPoint, address string) (*Found, error) {
	if entryPoint == "" {
		entryPoint = entryPointAt(t.EntryPoints, address)
	}
	host := string(hosts.Parse(r.Host))
	var others []string
	for _, router := range byPriority(t.Routers) {
		isOn := entryPoint == "" || slices.Contains(router.EntryPoints, entryPoint)
		if !isOn || hasParent(t.Routers, router) || (router.TLS != nil) != r.TLS ||
			router.Status == "disabled" {
			continue
		}
		rule, err := rules.Parse(router.Rule, rules.SyntaxOf(router.RuleSyntax, false))
		if err != nil || !rule.MayMatch(host) {
			continue
		}
		matches, isSure := matchesOf(rule, host, r.Path)
		if matches && isSure && len(router.ParentRefs) > 0 {
			return nil, fmt.Errorf("the router %s takes it, whose parentRefs lead nowhere: no "+
				"entry point's middleware stands before it, and so no guard", router.Name)
		}
		if matches && isSure {
			found := &Found{
				Router: router, EntryPoint: entryPoint, Others: others,
				Children: childrenOf(t.Routers, router.Name),
			}
			if entryPoint == "" && len(router.EntryPoints) > 0 {
				found.EntryPoint = router.EntryPoints[0]
			}

			return found, nil
		}
		if matches {
			others = append(others, router.Name)
		}
	}
	if len(others) > 0 {
		return nil, fmt.Errorf("the routers %s may match, by more than host and path: choose one "+
			"with --router", strings.Join(others, ", "))
	}

	return nil, fmt.Errorf("no router of Traefik's matches %s%s: it answers 404", r.Host, r.Path)
}

// childrenOf returns the routers below a router, and below those.
func childrenOf(all []running.Router, name string) []string {
	found := []string{name}
	for i := 0; i < len(found); i++ {
		for _, router := range all {
			isBelow := slices.ContainsFunc(router.ParentRefs, func(parent string) bool {
				return running.Qualified(parent, router.Provider) == found[i]
			})
			if isBelow && !slices.Contains(found, router.Name) {
				found = append(found, router.Name)
			}
		}
	}

	return found[1:]
}

// hasParent reports whether one of the parents of a router is there. If none is, Traefik takes the
// router for a root.
func hasParent(all []running.Router, router running.Router) bool {
	return slices.ContainsFunc(router.ParentRefs, func(parent string) bool {
		name := running.Qualified(parent, router.Provider)

		return slices.ContainsFunc(all, func(r running.Router) bool { return r.Name == name })
	})
}

// byPriority returns routers in the order in which Traefik asks them.
func byPriority(routers []running.Router) []running.Router {
	sorted := slices.Clone(routers)
	slices.SortStableFunc(sorted, func(a, b running.Router) int {
		return cmp.Compare(priorityOf(b), priorityOf(a))
	})

	return sorted
}

// priorityOf returns the priority of a router, which is the length of its rule where it has none.
func priorityOf(router running.Router) int {
	if router.Priority != 0 {
		return router.Priority
	}

	return len(router.Rule)
}

// matchesOf reports whether a rule that may match a host can match a path too, and whether that is
// sure: nothing else is looked at.
func matchesOf(rule *rules.Rule, host, path string) (matches, isSure bool) {
	for _, claim := range rule.Claims() {
		if claim.Host != "" && !isOfHost(claim.Host, host) {
			continue
		}
		if claim.Path != path && !(claim.Prefix && strings.HasPrefix(path, claim.Path)) &&
			claim.Path != "" {
			continue
		}
		matches = true
		isSure = isSure || len(claim.Others) == 0
	}

	return matches, isSure
}

func isOfHost(claimed, host string) bool {
	_, rest, _ := strings.Cut(host, ".")

	return claimed == host || claimed == "*."+rest
}

// entryPointAt returns the entry point that listens on the port of an address, "" where none or
// several do.
func entryPointAt(all []running.EntryPoint, address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	found := ""
	for _, entryPoint := range all {
		own, _, _ := strings.Cut(entryPoint.Address, "/")
		if _, listens, err := net.SplitHostPort(own); err != nil || listens != port {
			continue
		}
		if found != "" {
			return ""
		}
		found = entryPoint.Name
	}

	return found
}
