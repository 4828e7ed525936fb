package estate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// attack is what somebody does to another tenant, who is asked for url.
type attack struct {
	name, url string
	// serverName is that of the connection; the URL's host if it is empty.
	serverName string
	// answers is whose answer it is where the attack succeeds.
	answers string
	// forged is the Secret whose certificate is served then; the genuine one if it is empty.
	forged string
	// codes are the reasons with which it may be refused.
	codes []string
}

var foreign = []string{"host-foreign"}

// attacks are those of testdata/attacks. None is on a path or a host that the clients ask for.
var attacks = []attack{
	{
		name: "an IngressRoute claims a host", answers: "users", codes: foreign,
		url: "https://www.shop.test/taken-by-ingressroute",
	},
	{
		name: "an Ingress claims a host", answers: "users", codes: foreign,
		url: "https://mail.estate.test/taken-by-ingress",
	},
	{
		name: "an Ingress of ingress-nginx claims a host", answers: "users", codes: foreign,
		url: "https://docs.estate.test/taken-by-nginx",
	},
	{
		name: "the same over plaintext", answers: "users", codes: foreign,
		url: "http://docs.estate.test/taken-by-nginx",
	},
	{
		name: "an HTTPRoute claims a host", answers: "users", codes: foreign,
		url: "https://gate.estate.test/taken-by-httproute",
	},
	{
		name: "a route without a host", answers: "users", codes: foreign,
		url: "https://wiki.apps.test/everywhere",
	},
	{
		name: "a path of a platform's host", answers: "users", codes: foreign,
		url: "https://status.apps.test/everywhere",
	},
	{
		name: "another's challenge", answers: "users", codes: foreign,
		url: "http://shop.test/.well-known/acme-challenge/stolen",
	},
	{
		name: "another's challenge after the redirect", answers: "users", codes: foreign,
		url: "https://shop.test/.well-known/acme-challenge/stolen",
	},
	{
		name: "a guest beyond its paths", answers: "solver", codes: foreign,
		url: "https://www.shop.test/.well-known/other",
	},
	{
		name: "a guest's path in other case", answers: "solver", codes: foreign,
		url: "https://www.shop.test/.well-known/ACME-challenge/token",
	},
	{
		name: "a guest's path and back", answers: "solver", codes: foreign,
		url: "https://www.shop.test/.well-known/acme-challenge/%2e%2e/token",
	},
	{
		name: "a rule gives a Namespace another's host", answers: "sale", codes: foreign,
		url: "https://sale.preview.test/taken-by-template",
	},
	{
		name: "a certificate with a name more", answers: "shop", forged: "forged",
		codes: []string{"certificate-foreign"}, url: "https://vault.eu.shop.test/",
	},
	{
		name: "a certificate with a shared name", answers: "shop", forged: "forged-shared",
		codes: []string{"certificate-untrusted", "certificate-secret"},
		url:   "https://vault.estate.test/static",
	},
	{
		name: "fronting", answers: "shop", serverName: "www.blog.test",
		codes: []string{"sni-foreign"}, url: "https://shop.test/",
	},
}

// attackers are the files of testdata/attacks by the namespace of who applies them, and sale is
// the namespace of one that comes for the attack.
var attackers = map[string]string{"blog": "blog", "cert-manager": "solver", sale: "sale"}

const sale = "sale"

// attack makes all attacks. It returns a function that takes them back.
func (e *estate) attack() (takeBack func()) {
	t := e.t
	t.Helper()
	if e.members[sale] == nil {
		e.members[sale] = e.cluster.Tenant(t, sale)
		e.members[sale].Service(t, sale)
		e.forged["forged"] = lab.SelfSigned(t, "vault.eu.shop.test", "zzz.evil.test")
		e.forged["forged-shared"] = lab.SelfSigned(t, "vault.estate.test")
	}
	for name, certificate := range e.forged {
		e.members["blog"].Secret(t, name, certificate)
	}
	for namespace, file := range attackers {
		e.members[namespace].Apply(t, read(t, "testdata/attacks/"+file+".yaml"))
	}

	return func() {
		for namespace, file := range attackers {
			e.members[namespace].Delete(t, read(t, "testdata/attacks/"+file+".yaml"))
		}
	}
}

// succeed makes the attacks and waits until all succeed, as they do without the guard, and takes
// them back.
func (e *estate) succeed(tr *cluster.Traefik) {
	e.t.Helper()
	takeBack := e.attack()
	e.waitAttacks(tr, func(a attack, response *lab.Response) error {
		served := a.forged == "" || response.Served.Equal(e.forged[a.forged].Certificate)
		if response.Tenant() != a.answers || !served {
			return fmt.Errorf("%d %s from %q, forged certificate served: %t",
				response.Status, response.Reason(), response.Tenant(), served)
		}
		return nil
	})
	takeBack()
	eventually(e.t, "taking attacks back", func() error {
		for _, router := range tr.Routers(e.t) {
			if strings.Contains(router.Rule, "taken") || strings.Contains(router.Rule, "forged") {
				return fmt.Errorf("router %s is still there", router.Name)
			}
		}
		return nil
	})
}

// fail makes the attacks and waits until all are refused.
func (e *estate) fail(tr *cluster.Traefik) {
	e.t.Helper()
	e.cluster.Namespace(e.t, sale, "tenantguard.io/tenant="+sale)
	e.attack()
	e.waitAttacks(tr, func(a attack, response *lab.Response) error {
		if response.Tenant() != "" || !slices.Contains(a.codes, response.Reason()) {
			return fmt.Errorf("%d %s from %q, want %v", response.Status, response.Reason(),
				response.Tenant(), a.codes)
		}
		return nil
	})
}

// waitAttacks waits until the responses to all attacks are as wanted.
func (e *estate) waitAttacks(tr *cluster.Traefik, check func(attack, *lab.Response) error) {
	e.t.Helper()
	require.NotEmpty(e.t, attacks)
	eventually(e.t, "waiting for attacks", func() error {
		var errs []error
		for _, a := range attacks {
			response, err := e.try(tr, a)
			if err == nil {
				err = check(a, response)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", a.name, err))
			}
		}
		return errors.Join(errs...)
	})
}

// try asks the victim's host.
func (e *estate) try(tr *cluster.Traefik, a attack) (*lab.Response, error) {
	host, path, secure := question{url: a.url}.parts(tr)
	target := tr.Plain()
	if secure {
		target = tr.Target(host)
		if a.serverName != "" {
			target.ServerName = a.serverName
		}
	}
	conn, err := lab.TryDial(e.t.Context(), lab.HTTP1, target)
	if err != nil {
		return nil, err
	}
	defer conn.Close()

	return conn.Try(e.t.Context(), lab.Request{Host: host, Path: path})
}
