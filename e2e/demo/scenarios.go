package main

import (
	"strings"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// scenario is one line of the table.
type scenario struct {
	// request says what is sent, as the table has it.
	request string
	// serve is the dynamic configuration at that time.
	serve *lab.Config
	// send sends it and tells what came of it.
	send sending
	// want is what must come of it without the guard.
	want outcome
	// code is the guard's reason to refuse an attack. It is empty for a legitimate use: what comes
	// of that is the same.
	code string
}

// attack reports whether it is one.
func (s scenario) attack() bool { return s.code != "" }

// answered is a request that a tenant's backend answered on a connection with that certificate.
func answered(backend, certificate string) outcome {
	return outcome{backend: backend, certificate: certificate}
}

func (w *world) scenarios(t lab.T) []scenario {
	var all []scenario
	all = append(all, w.certificateAttacks(t)...)
	all = append(all, w.routerAttacks()...)
	all = append(all, w.connectionAttacks()...)
	return append(all, w.legitimateUses()...)
}

// certificateAttacks have a client of acme, who does everything right, meet a certificate that is
// not acme's alone.
func (w *world) certificateAttacks(t lab.T) []scenario {
	// Among certificates that match, Traefik takes the one whose joined names sort last.
	hijack := w.forged(t, "globex", acmeShop, "zzz.globex.test")
	spanning := w.issued(t, "acme+globex", acmeShop, globexShop)
	byDefault := w.forged(t, "globex", "zzz.globex.test")
	sameNames := w.forged(t, "globex", acmeShop, acmeAPI)
	shop := w.over(lab.HTTP2, acmeShop, acmeShop)

	return []scenario{
		{"store hijack: acme's name and one that sorts last",
			w.legitimate().Serve(hijack), shop, answered("acme", "globex"), "certificate-foreign"},
		{"one certificate spans acme and globex",
			w.legitimate().Serve(spanning), shop,
			answered("acme", "acme+globex"), "certificate-foreign"},
		{"globex sets the default certificate, acme has none",
			w.routes.Clone().Serve(w.own.globex).Default(byDefault), shop,
			answered("acme", "globex"), "certificate-name"},
		// Of two certificates with the same names the first one counts.
		{"forged certificate, exactly acme's names (roots)",
			w.routes.Clone().Serve(sameNames, w.own.acme), shop,
			answered("acme", "globex"), "certificate-untrusted"},
	}
}

// routerAttacks have another router than acme's catch requests for acme's name.
func (w *world) routerAttacks() []scenario {
	shop := w.over(lab.HTTP2, acmeShop, acmeShop)
	first := lab.Map{"priority": 1000}
	grab := func(name, rule string, more ...lab.Map) *lab.Config {
		return w.legitimate().Route(name, rule, w.globex, more...)
	}
	// What globex may attach guards globex's router with globex's idea of who owns what.
	wider := lab.Map{"tenants": []lab.Map{{
		"name":    "globex",
		"routers": []string{"*@file"},
		"hosts":   []string{"**.acme.test"},
	}}}
	attach := lab.Map{"middlewares": []string{"globex-guard"}}
	got := answered("globex", "acme")

	return []scenario{
		{"globex claims acme's Host, higher priority",
			grab("globex-grab", host(acmeShop), first), shop, got, "host-foreign"},
		{"globex claims acme's Host, longer rule",
			grab("globex-grab", host(acmeShop)+" && PathPrefix(`/`)"), shop, got, "host-foreign"},
		{"globex claims acme's Host, as HostRegexp",
			grab("globex-grab", "HostRegexp(`^[a-z]+\\.acme\\.test$`)"), shop, got, "host-foreign"},
		{"globex claims a path on every Host",
			grab("globex-grab", "PathPrefix(`/`)", first), shop, got, "host-foreign"},
		{"globex lists acme's Host beside its own",
			grab("globex-grab", host(globexShop)+" || "+host(acmeShop)), shop, got, "host-foreign"},
		{"globex claims acme's Host, own Middleware allows it",
			grab("globex-grab", host(acmeShop), first, attach).Guard("globex-guard", wider), shop,
			got, "host-foreign"},
		{"router of no tenant claims acme's Host",
			grab("stray", host(acmeShop), first), shop, got, "router-unbound"},
	}
}

// connectionAttacks ask for one tenant's host on a connection that was not made for it.
func (w *world) connectionAttacks() []scenario {
	serve := w.legitimate()
	fronting := func(protocol lab.Protocol) scenario {
		return scenario{"domain fronting over " + name(protocol) + ": SNI globex, Host acme",
			serve, w.over(protocol, globexShop, acmeShop),
			answered("acme", "globex"), "sni-foreign"}
	}
	return []scenario{
		fronting(lab.HTTP1),
		fronting(lab.HTTP2),
		fronting(lab.HTTP3),
		{"connection reused across tenants: acme, then globex",
			serve, w.over(lab.HTTP2, acmeShop, acmeShop, globexShop),
			answered("globex", "acme"), "sni-foreign"},
		{"no server name, Host acme",
			serve, w.over(lab.HTTP1, "", acmeShop),
			answered("acme", traefiksDefault), "sni-missing"},
	}
}

func (w *world) legitimateUses() []scenario {
	serve := w.legitimate()
	own := answered("acme", "acme")
	use := func(request string, send sending, want outcome) scenario {
		return scenario{request: request, serve: serve, send: send, want: want}
	}
	return []scenario{
		use("acme's site over HTTP/1.1", w.over(lab.HTTP1, acmeShop, acmeShop), own),
		use("acme's site over HTTP/2", w.over(lab.HTTP2, acmeShop, acmeShop), own),
		use("acme's site over HTTP/3", w.over(lab.HTTP3, acmeShop, acmeShop), own),
		use("globex's site over HTTP/2",
			w.over(lab.HTTP2, globexShop, globexShop), answered("globex", "globex")),
		use("acme's site, Host in capitals and with a port",
			w.over(lab.HTTP1, acmeShop, strings.ToUpper(acmeShop)+":443"), own),
		use("websocket", w.webSocket, own),
		use("server-sent events", w.events, own),
		use("gRPC, a call and a stream", w.grpc, own),
		use("connection reused inside a tenant",
			w.over(lab.HTTP2, acmeShop, acmeShop, acmeAPI), own),
		use("the platform's wildcard certificate, shared",
			w.over(lab.HTTP2, acmeApp, acmeApp), answered("acme", "platform")),
		use("one router on two entry points", w.onEach("websecure", partners), own),
		use("http redirected to https", w.redirect, outcome{redirect: "https"}),
	}
}

// name is the version as people write it: of HTTP/2.0 and HTTP/3.0 there is no minor version.
func name(protocol lab.Protocol) string { return strings.TrimSuffix(string(protocol), ".0") }
