package cluster

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// Router is a router as Traefik's API shows it, with the entry points' settings applied.
type Router struct {
	Name        string
	Provider    string
	Status      string
	Rule        string
	Service     string
	EntryPoints []string
	Middlewares []string
	Error       []string
}

// Routers returns Traefik's HTTP routers except its internal ones.
func (tr *Traefik) Routers(t lab.T) []Router {
	t.Helper()
	var routers []Router
	lab.Fatal(t, json.Unmarshal([]byte(tr.API(t, "/api/http/routers?per_page=100000")), &routers),
		"reading Traefik's routers")

	return slices.DeleteFunc(routers, func(router Router) bool {
		return router.Provider == "internal"
	})
}

// WaitRouter waits for an enabled router that matches, and returns it.
func (tr *Traefik) WaitRouter(t lab.T, matches func(Router) bool) Router {
	t.Helper()
	var found Router
	err := until(t.Context(), func() error {
		routers := tr.Routers(t)
		for _, router := range routers {
			if matches(router) && router.Status == "enabled" {
				found = router
				return nil
			}
		}
		return fmt.Errorf("none of these matches:\n%s", list(routers))
	})
	lab.Fatal(t, err, "waiting for a router")
	// The API may show a configuration before the entry points serve it.
	tr.Traefik.Apply(t, tr.dynamic)

	return found
}

// ForHost matches routers for a host.
func ForHost(host string) func(Router) bool {
	return func(router Router) bool {
		// The Gateway provider quotes differently.
		return strings.Contains(router.Rule, "`"+host+"`") ||
			strings.Contains(router.Rule, strconv.Quote(host))
	}
}

func list(routers []Router) string {
	var lines []string
	for _, router := range routers {
		lines = append(lines, fmt.Sprintf("%s %s %v %s %v", router.Name, router.Status,
			router.EntryPoints, router.Rule, router.Error))
	}

	return strings.Join(lines, "\n")
}

// WaitNamed waits for the enabled router of that qualified name, and returns it.
func (tr *Traefik) WaitNamed(t lab.T, name string) Router {
	t.Helper()
	return tr.WaitRouter(t, func(router Router) bool { return router.Name == name })
}

// WaitRemoved waits until no router matches.
func (tr *Traefik) WaitRemoved(t lab.T, matches func(Router) bool) {
	t.Helper()
	err := until(t.Context(), func() error {
		routers := tr.Routers(t)
		if at := slices.IndexFunc(routers, matches); at >= 0 {
			return fmt.Errorf("still there: %+v", routers[at])
		}
		return nil
	})
	lab.Fatal(t, err, "waiting for a router to go")
	tr.Traefik.Apply(t, tr.dynamic)
}

// WaitCertificate waits until Traefik serves the certificate for the server name.
func (tr *Traefik) WaitCertificate(t lab.T, serverName string, certificate *lab.Cert) {
	t.Helper()
	err := until(t.Context(), func() error {
		served := lab.Certificate(t, tr.Target(serverName))
		if !served.Equal(certificate.Certificate) {
			return fmt.Errorf("served is one for %q, want one for %q", served.DNSNames,
				certificate.DNSNames)
		}
		return nil
	})
	lab.Fatal(t, err, "waiting for a certificate")
}
