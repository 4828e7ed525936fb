package audit

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// services finds Services that lead to the control plane, to Traefik's own machine or to another
// tenant's Service.
func (a *auditor) services() {
	for _, object := range a.Objects.Of("Service") {
		own := object.GetNamespace()
		name := text(object.Object, "spec", "externalName")
		if text(object.Object, "spec", "type") != "ExternalName" || a.isOperators(own) {
			continue
		}
		if what := a.leadsTo(name, own); what != "" {
			a.find(a.ofObject("service-control-plane", object,
				fmt.Sprintf("It is an ExternalName for %s: %s. Traefik connects there with its "+
					"own address and rights of network.", quoted(name), what),
				"Remove it, and allow ExternalName to no tenant."))
		}
	}
	if a.Traefik == nil {
		return
	}
	for _, s := range a.Traefik.Services {
		isOperators := slices.Contains([]string{"internal", "file", "http"}, s.Provider)
		if isOperators || s.LoadBalancer == nil {
			continue
		}
		for _, server := range s.LoadBalancer.Servers {
			parsed, err := url.Parse(server.URL)
			if err != nil {
				continue
			}
			if what := a.leadsTo(parsed.Hostname(), ""); what != "" {
				f := finding.New("service-control-plane", "service "+s.Name,
					fmt.Sprintf("One of its servers is %s: %s.", quoted(server.URL), what),
					"Remove it, or let only operators write it.")
				f.Where = a.Traefik.Where
				a.find(f)
				break
			}
		}
	}
}

// leadsTo says what is wrong with an address that a Service of a namespace leads to, "" for
// nothing.
func (a *auditor) leadsTo(name, own string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if address, err := netip.ParseAddr(name); err == nil {
		switch {
		case address.IsLoopback() || address.IsUnspecified():
			return "Traefik's own machine"
		case address.IsLinkLocalUnicast():
			return "the metadata of the cloud's machine"
		default:
			return ""
		}
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return "Traefik's own machine"
	}
	if name == "metadata.google.internal" || name == "instance-data" {
		return "the metadata of the cloud's machine"
	}
	labels := strings.Split(name, ".")
	isService := len(labels) >= 3 && labels[2] == "svc" || len(labels) == 2 && own != "" &&
		a.isNamespace(labels[1])
	if !isService {
		return ""
	}
	switch namespace := labels[1]; {
	case name == "kubernetes.default" || strings.HasPrefix(name, "kubernetes.default.svc"):
		return "the Kubernetes API"
	case a.isOperators(namespace):
		return "a Service of the platform"
	case own != "" && a.tenantOf(namespace) != a.tenantOf(own):
		return "a Service of " + a.whoseNamespace(namespace)
	}

	return ""
}

func (a *auditor) isNamespace(name string) bool {
	return slices.ContainsFunc(a.Objects.Of("Namespace"), func(o running.Object) bool {
		return o.GetName() == name
	})
}

// collisions finds Ingresses of several tenants whose routers or services have one name in
// Traefik, which joins the parts of names with hyphens. The last one wins.
func (a *auditor) collisions() {
	services, routers := map[string][]running.Object{}, map[string][]running.Object{}
	withIngress := map[string]bool{}
	for _, o := range a.Objects.Of("Ingress") {
		withIngress[o.GetNamespace()] = true
		for _, name := range ingressServices(o) {
			services[name] = append(services[name], o)
		}
		for _, rule := range items(o.Object, "spec", "rules") {
			for _, path := range items(rule, "http", "paths") {
				name := ingressRouter(o, text(rule, "host"), text(path, "path"))
				routers[name] = append(routers[name], o)
			}
		}
	}
	a.sayCollisions("service-collision", "service", services)
	a.sayCollisions("router-collision", "router", routers)
	for _, text := range a.Policy.Alike {
		parts := strings.Split(text, `"`) // "acme" of tenant "acme" and "acme-api" of tenant "x"
		if len(parts) > 5 && withIngress[parts[1]] && withIngress[parts[5]] {
			a.find(finding.New("namespaces-alike", parts[1]+" and "+parts[5], sentence(text),
				"Use IngressRoutes with safeNaming in one of them, or rename it."))
		}
	}
}

// ingressServices are the names in Traefik of the services of an Ingress.
func ingressServices(o running.Object) []string {
	var names []string
	add := func(backend map[string]any) {
		service := sub(backend, "service")
		port := text(service, "port", "name")
		if port == "" {
			port = fmt.Sprint(number(service, "port", "number"))
		}
		if len(service) > 0 {
			names = append(names,
				normalize(o.GetNamespace()+"-"+text(service, "name")+"-"+port))
		}
	}
	for _, rule := range items(o.Object, "spec", "rules") {
		for _, path := range items(rule, "http", "paths") {
			add(sub(path, "backend"))
		}
	}

	return names
}

func (a *auditor) sayCollisions(id, what string, byName map[string][]running.Object) {
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		tenants := map[string]running.Object{}
		for _, o := range byName[name] {
			tenants[a.tenantOf(o.GetNamespace())] = o
		}
		if len(tenants) < 2 {
			continue
		}
		keys := slices.Sorted(maps.Keys(tenants))
		one, other := tenants[keys[0]], tenants[keys[1]]
		a.find(a.ofObject(id, one,
			fmt.Sprintf("It and %s of %s have one %s in Traefik, %s@kubernetes: the one that "+
				"Traefik "+
				"reads last wins, and gets the other's requests.", other.Title(),
				a.whoseNamespace(other.GetNamespace()), what, name),
			"Use IngressRoutes with safeNaming in one of the namespaces, or rename the Service."))
	}
}
