package main

import (
	"crypto/x509"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// The names that requests are made for. Tenants own all names under acme.test and globex.test.
const (
	acmeShop   = "shop.acme.test"
	acmeAPI    = "api.acme.test"
	acmeApp    = "acme.apps.test"
	globexShop = "shop.globex.test"
)

// partners is an entry point beside the lab's own ones.
const partners = "partners"

// traefiksDefault is what the table calls the certificate that Traefik makes itself and serves when
// no other matches.
const traefiksDefault = "default"

// world is what the two tenants and the platform have.
type world struct {
	acme, globex *lab.Backend
	// authority is the platform's, and issues what the tenants may use.
	authority *lab.Cert
	// own are the certificates as they should be.
	own struct{ acme, globex, platform *lab.Cert }
	// owners tells by a certificate's pin what the table calls it.
	owners map[string]string
	// routes has the legitimate routers, and no certificate.
	routes *lab.Config
}

func newWorld(t lab.T) *world {
	w := &world{
		acme:      lab.NewBackend(t, "acme"),
		globex:    lab.NewBackend(t, "globex"),
		authority: lab.NewCA(t, "the platform's authority"),
		owners:    map[string]string{},
	}
	w.own.acme = w.issued(t, "acme", acmeShop, acmeAPI)
	w.own.globex = w.issued(t, "globex", globexShop)
	w.own.platform = w.issued(t, "platform", "*.apps.test")
	grpc := lab.Map{"service": w.acme.GRPC()}
	both := lab.Map{"entryPoints": []string{"websecure", partners}}
	w.routes = lab.NewConfig().
		Route("acme-shop", host(acmeShop), w.acme).
		Route("acme-grpc", host(acmeShop)+" && Header(`Content-Type`, `application/grpc`)",
			w.acme, grpc).
		Route("acme-api", host(acmeAPI), w.acme, both).
		Route("acme-app", host(acmeApp), w.acme).
		Route("globex-shop", host(globexShop), w.globex)
	return w
}

// issued is a certificate of the platform's authority. The table calls it by its owner.
func (w *world) issued(t lab.T, owner string, names ...string) *lab.Cert {
	return w.owned(owner, w.authority.Issue(t, names...))
}

// forged is a certificate that nobody vouches for. The table calls it by its owner.
func (w *world) forged(t lab.T, owner string, names ...string) *lab.Cert {
	return w.owned(owner, lab.SelfSigned(t, names...))
}

func (w *world) owned(owner string, certificate *lab.Cert) *lab.Cert {
	w.owners[certificate.Pin()] = owner
	return certificate
}

// owner is what the table calls a certificate; there is none without TLS.
func (w *world) owner(certificate *x509.Certificate) string {
	if certificate == nil {
		return ""
	}
	if owner, known := w.owners[lab.Pin(certificate)]; known {
		return owner
	}
	if certificate.Subject.CommonName == "TRAEFIK DEFAULT CERT" {
		return traefiksDefault
	}
	return "unknown"
}

// legitimate is the configuration that no attack has touched.
func (w *world) legitimate() *lab.Config {
	return w.routes.Clone().Serve(w.own.acme, w.own.globex, w.own.platform)
}

// policy is the operator's. The names of routers stand for namespaces, which the file provider has
// none of.
func (w *world) policy() lab.Map {
	return lab.Map{
		"exposeReason": true,
		"tenants": []lab.Map{
			{
				"name":    "acme",
				"routers": []string{"acme-*@file"},
				"hosts":   []string{"**.acme.test", acmeApp},
			},
			{
				"name":    "globex",
				"routers": []string{"globex-*@file"},
				"hosts":   []string{"**.globex.test", "globex.apps.test"},
			},
		},
		"shared":       lab.Map{"hosts": []string{"*.apps.test"}},
		"certificates": lab.Map{"roots": w.authority.CertFile},
	}
}

// start starts a Traefik; without a guard for its entry points it still loads the plugin, for a
// tenant to attach.
func (w *world) start(t lab.T, guard lab.Map) *lab.Traefik {
	secure := lab.Map{"to": "websecure", "scheme": "https"}
	redirect := lab.Map{"redirections": lab.Map{"entryPoint": secure}}
	return lab.Start(t, lab.Options{
		Guard:   guard,
		Plugin:  true,
		HTTP3:   true,
		Dynamic: w.legitimate(),
		Static: lab.Map{"entryPoints": lab.Map{
			"web":    lab.Map{"http": redirect},
			partners: lab.Map{"address": "127.0.0.1:0", "http": lab.Map{"tls": lab.Map{}}},
		}},
	})
}

// host is the rule for one name.
func host(name string) string { return "Host(`" + name + "`)" }
