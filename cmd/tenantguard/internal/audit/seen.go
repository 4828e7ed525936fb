package audit

import (
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/policy"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/rules"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// Seen is a router of HTTP as it runs, before any policy.
type Seen struct {
	// Name is the qualified name without an entry point before it.
	Name string
	// Title is the object that it is from, or its name, and Where its place.
	Title, Where string
	// Namespace is "" where nothing proves it.
	Namespace string
	Provider  string
	Rule      string
	Claims    []rules.Claim
	// Problem is why the rule can't be read, nil if it can.
	Problem error
	// HasResolver reports whether Traefik gets the certificate itself.
	HasResolver bool
	// MayBeTLS reports whether it is for TLS, or nobody knows.
	MayBeTLS   bool
	Precedence int
}

// Routers returns the routers of HTTP that run, but for Traefik's own: of Kubernetes those of
// objects, where there are any, for their namespaces are certain.
func Routers(traefik *running.Traefik, objects *running.Objects) []Seen {
	a := &auditor{Input: Input{Traefik: traefik, Objects: objects}}
	var routes []*route
	if objects != nil {
		routes = ofObjects(objects)
	}
	if traefik != nil {
		for _, router := range traefik.Routers {
			r := a.ofAPI(router, http)
			isKubernetes := strings.HasPrefix(r.provider(), "kubernetes")
			if r.provider() != "internal" && !(isKubernetes && objects != nil) {
				routes = append(routes, r)
			}
		}
	}
	nameBases(routes)
	var all []Seen
	for _, r := range routes {
		if r.protocol != http || r.disabled {
			continue
		}
		s := seen(r)
		same := func(other Seen) bool { return other.Name == s.Name && other.Rule == s.Rule }
		if !slices.ContainsFunc(all[max(0, len(all)-64):], same) {
			all = append(all, s)
		}
	}

	return all
}

func seen(r *route) Seen {
	s := Seen{
		Name: r.base, Where: r.where, Namespace: r.namespace, Provider: r.provider(),
		Rule: r.rule, MayBeTLS: r.tls || !r.tlsKnown, HasResolver: r.resolver != "",
		Precedence: r.precedence(),
	}
	s.Title = r.title()
	if s.Namespace == "" && s.Provider == "kubernetescrd" {
		nobody := binding.Bind(nothing, binding.Parse(r.base, ""), "", false)
		if strings.Contains(r.base, "_") && len(nobody.Namespaces) == 1 {
			s.Namespace = nobody.Namespaces[0]
		}
	}
	parsed, err := rules.Parse(r.rule, rules.SyntaxOf(r.syntax, false))
	if err != nil {
		s.Problem = err

		return s
	}
	s.Claims = parsed.Claims()

	return s
}

// nothing is a policy without tenants.
var nothing = func() *policy.Policy {
	parsed, _ := policy.Parse(map[string]any{}, nil, "", true)

	return parsed.Policy
}()

// Certificate is a certificate that Traefik has.
type Certificate struct {
	Names []string
	// Namespaces are where Secrets have it.
	Namespaces []string

	stored *stored
}

// IsFor reports whether Traefik takes it for a host.
func (c Certificate) IsFor(host string) bool {
	return c.stored.isFor(host)
}

// Certificates returns the certificates that Traefik has, the one that it prefers first.
func Certificates(traefik *running.Traefik, objects *running.Objects) []Certificate {
	a := &auditor{Input: Input{Traefik: traefik, Objects: objects}}
	a.readStore()
	var all []Certificate
	for _, s := range a.store {
		c := Certificate{Names: s.names, stored: s}
		for _, secret := range s.secrets {
			if !slices.Contains(c.Namespaces, secret.Namespace) {
				c.Namespaces = append(c.Namespaces, secret.Namespace)
			}
		}
		all = append(all, c)
	}

	return all
}
