package kubernetes_test

import (
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// team is a tenant with a backend and a certificate for its hosts, NAME.test and *.NAME.test.
type team struct {
	*cluster.Tenant
	name        string
	service     string
	certificate *lab.Cert
}

func host(name string) string { return name + ".test" }

// team creates a tenant in a namespace of the same name, with the Secret "tls" and no route yet.
func (w *world) team(t *testing.T, name string) *team {
	t.Helper()
	member := &team{name: name}
	member.Tenant = w.cluster.Tenant(w.t, name, marks(name)...)
	member.certificate = lab.SelfSigned(w.t, host(name), "*."+host(name))
	member.Secret(w.t, "tls", member.certificate)
	member.service = member.Service(w.t, name)
	w.teams = append(w.teams, member)

	return member
}

// marks returns the label and the annotation that the operator sets on a tenant's Namespace.
func marks(name string) []string {
	return []string{
		"tenantguard.io/tenant=" + name,
		"@tenantguard.io/hosts=" + strings.Join(hosts(name), ", "),
	}
}

// hosts returns the hosts of a team.
func hosts(name string) []string {
	return []string{
		host(name), "*." + host(name), name + ".platform.test", "bare-" + name + ".test",
	}
}

func hostRule(name string) string { return "Host(`" + host(name) + "`)" }

// route returns an IngressRoute to the team's own backend.
func (m *team) route(name, rule, keys string) string { return m.routeVia(name, rule, keys, "") }

// routeVia returns an IngressRoute with further keys in its one route.
func (m *team) routeVia(name, rule, keys, routeKeys string) string {
	return cluster.Route{Name: name, Service: m.service}.IngressRoute(rule, keys, routeKeys)
}

// ingress returns an Ingress to the team's own backend; secret may be empty.
func (m *team) ingress(name, class, host, path, secret, annotations string) string {
	route := cluster.Route{Name: name, Host: host, Path: path, Service: m.service}

	return route.Ingress(class, secret, annotations)
}

// gatewayRoute returns an HTTPRoute or a GRPCRoute to the team's own backend, on one listener or on
// all.
func (m *team) gatewayRoute(kind, name, section, host, ruleKeys string) string {
	route := cluster.Route{Name: name, Host: host, Service: m.service}

	return route.Gateway(kind, section, ruleKeys)
}
