package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// TestCertificates has another tenant bring certificates for a tenant's host into Traefik's store.
// Each attack meets one Traefik without the guard and one with it.
func TestCertificates(t *testing.T) {
	teams := newCertTeams(t)
	hijack := lab.SelfSigned(t, hostA, "zzz.evil.test")
	spanning := teams.platform.Issue(t, hostA, hostB)
	expired := teams.platform.IssueSpec(t,
		lab.Spec{Names: []string{hostA}, NotAfter: time.Now().Add(-time.Minute)})
	early := teams.platform.IssueSpec(t,
		lab.Spec{Names: []string{hostA}, NotBefore: time.Now().Add(time.Minute)})
	wildcard := teams.platform.Issue(t, "*.example.com")
	ownDefault := lab.SelfSigned(t, "zzz.evil.test")
	// A certificate authority with the platform's name, and a certificate that it signed.
	lookalike := lab.NewCA(t, "platform CA")
	forged := lab.SelfSigned(t, hostA)
	forgedWithCA := certChain(t, lab.SelfSigned(t, hostA), teams.platform)
	forgedLookalike := certChain(t, lookalike.Issue(t, hostA), teams.platform)
	forgedSpanning := certChain(t, lookalike.Issue(t, hostA, hostB), teams.platform)

	roots := lab.Map{"certificates": lab.Map{"roots": teams.platform.CertFile}}
	pinAuthority := lab.Map{"certificates": lab.Map{"pins": []string{teams.platform.Pin()}}}
	pinLeaves := lab.Map{"certificates": lab.Map{
		"pins": []string{teams.certA.Pin(), teams.certB.Pin(), teams.certC.Pin()},
	}}
	sharedPin := lab.Map{"shared": lab.Map{"pins": []string{teams.platform.Pin()}}}

	attacks := []struct {
		name  string
		guard lab.Map
		serve *lab.Config
		// a, b and c are the reasons with which requests for the tenants' hosts are refused; ""
		// passes.
		a, b, c string
		// servedA and servedB are the certificates served for a and b if not the tenants' own.
		servedA, servedB *lab.Cert
	}{
		{name: "a second name that sorts last",
			serve: teams.serve(teams.certA, teams.certB, teams.certC, hijack),
			a:     "certificate-foreign", servedA: hijack},
		{name: "one certificate for two tenants",
			serve: teams.serve(teams.certC, spanning),
			a:     "certificate-foreign", servedA: spanning,
			b: "certificate-foreign", servedB: spanning},
		{name: "a tenant's certificate as the default one",
			serve: teams.serve(teams.certB, teams.certC).Default(ownDefault),
			a:     "certificate-name", servedA: ownDefault},
		{name: "expired",
			serve: teams.serve(expired, teams.certB, teams.certC),
			a:     "certificate-expired", servedA: expired},
		{name: "not yet valid",
			serve: teams.serve(early, teams.certB, teams.certC),
			a:     "certificate-expired", servedA: early},
		{name: "forged, against roots", guard: roots,
			serve: teams.serve(forged, teams.certA, teams.certB, teams.certC),
			a:     "certificate-untrusted", servedA: forged},
		{name: "forged, the genuine authority behind it, against roots", guard: roots,
			serve: teams.serve(forgedWithCA, teams.certB, teams.certC),
			a:     "certificate-untrusted", servedA: forgedWithCA},
		{name: "forged by a lookalike, the genuine authority behind it, against roots",
			guard: roots,
			serve: teams.serve(forgedLookalike, teams.certB, teams.certC),
			a:     "certificate-untrusted", servedA: forgedLookalike},
		{name: "forged, against the leaves' pins", guard: pinLeaves,
			serve: teams.serve(forged, teams.certA, teams.certB, teams.certC),
			a:     "certificate-unpinned", servedA: forged},
		{name: "forged, against the authority's pin", guard: pinAuthority,
			serve: teams.serve(forged, teams.certA, teams.certB, teams.certC),
			a:     "certificate-unpinned", servedA: forged},
		{name: "forged, the genuine authority behind it, against its pin", guard: pinAuthority,
			serve: teams.serve(forgedWithCA, teams.certB, teams.certC),
			a:     "certificate-unpinned", servedA: forgedWithCA},
		{name: "forged by a lookalike, the genuine authority behind it, against its pin",
			guard: pinAuthority,
			serve: teams.serve(forgedLookalike, teams.certB, teams.certC),
			a:     "certificate-unpinned", servedA: forgedLookalike},
		{name: "forged for two tenants, the genuine authority behind it, against its shared pin",
			guard: sharedPin,
			serve: teams.serve(teams.certC, forgedSpanning),
			a:     "certificate-foreign", servedA: forgedSpanning,
			b: "certificate-foreign", servedB: forgedSpanning},
		{name: "the platform's wildcard, not shared",
			serve: teams.serve(wildcard),
			a:     "certificate-foreign", servedA: wildcard,
			b: "certificate-foreign", servedB: wildcard,
			c: "certificate-foreign"},
	}

	off := lab.Start(t, lab.Options{HTTP3: true})
	on := lab.Start(t, lab.Options{HTTP3: true, Guard: certPolicy()})
	for _, attack := range attacks {
		t.Run(attack.name, func(t *testing.T) {
			revision := off.Write(t, attack.serve)
			on.Write(t, attack.serve)
			on.ApplyGuard(t, certPolicy(attack.guard))
			off.WaitServed(t, revision)
			for _, request := range []struct {
				tenant, host, reason string
				served, own          *lab.Cert
			}{
				{"team-a", hostA, attack.a, attack.servedA, teams.certA},
				{"team-b", hostB, attack.b, attack.servedB, teams.certB},
				{"team-c", hostC, attack.c, nil, teams.certC},
			} {
				served := request.served
				if served == nil {
					served = request.own
				}
				if attack.c != "" {
					served = wildcard
				}
				want := certPasses(request.tenant, served)
				assertCertGet(t, off, request.host, want, protocols...)
				if request.reason != "" {
					want = certDenied(request.reason, served)
				}
				assertCertGet(t, on, request.host, want, protocols...)
			}
		})
	}

	t.Run("Traefik's default certificate", func(t *testing.T) {
		config := teams.serve(teams.certB)
		off.Apply(t, config)
		on.Write(t, config)
		on.ApplyGuard(t, certPolicy())
		assertCertGet(t, off, hostA, certPasses("team-a", nil), protocols...)
		assertCertGet(t, on, hostA, certDenied("certificate-name", nil), protocols...)
		assertCertGet(t, on, hostB, certPasses("team-b", teams.certB), protocols...)
	})

	t.Run("the denial's line", func(t *testing.T) {
		for reason, served := range map[string]*lab.Cert{
			"certificate-foreign":   hijack,
			"certificate-name":      ownDefault,
			"certificate-expired":   expired,
			"certificate-untrusted": forgedWithCA,
			"certificate-unpinned":  forgedLookalike,
		} {
			denial := on.Log.WaitDenial(t, func(denial lab.Denial) bool {
				return denial.Reason == reason &&
					strings.HasPrefix(denial.Certificate, served.Pin())
			})
			assert.Equal(t, lab.Denial{
				Event: "deny", Mode: "enforce", Reason: reason, Status: 421,
				Router: "team-a-web@file", Tenant: "team-a", Host: hostA, SNI: hostA,
				Certificate: served.Pin() + " " + strings.Join(served.DNSNames, ","),
				Client:      "127.0.0.1",
			}, denial)
		}

		var keys map[string]any
		require.NoError(t, lab.Decode(on.Log.Wait(t, hijack.Pin()), &keys))
		assert.Len(t, keys, 12)
	})

	t.Run("the platform's certificates", func(t *testing.T) {
		everyone := func(
			t *testing.T, serve *lab.Config, guard lab.Map, want func(tenant string) certWant,
		) {
			t.Helper()
			on.Write(t, serve)
			on.ApplyGuard(t, certPolicy(guard))
			for tenant, host := range map[string]string{"team-a": hostA, "team-b": hostB} {
				assertCertGet(t, on, host, want(tenant), protocols...)
			}
		}
		pass := func(served *lab.Cert) func(string) certWant {
			return func(tenant string) certWant { return certPasses(tenant, served) }
		}
		denied := func(reason string, served *lab.Cert) func(string) certWant {
			return func(string) certWant { return certDenied(reason, served) }
		}
		sharedHosts := lab.Map{"shared": lab.Map{"hosts": []string{"*.example.com"}}}

		t.Run("by shared.hosts", func(t *testing.T) {
			everyone(t, teams.serve(wildcard), sharedHosts, pass(wildcard))
			everyone(t, teams.serve(spanning), sharedHosts, pass(spanning))
			apex := teams.platform.Issue(t, "*.example.com", "example.com")
			everyone(t, teams.serve(apex), sharedHosts, denied("certificate-foreign", apex))
		})
		t.Run("by shared.pins", func(t *testing.T) {
			everyone(t, teams.serve(spanning),
				lab.Map{"shared": lab.Map{"pins": []string{spanning.Pin()}}}, pass(spanning))
			everyone(t, teams.serve(spanning), sharedPin, pass(spanning))
			everyone(t, teams.serve(spanning),
				lab.Map{"shared": lab.Map{"pins": []string{hijack.Pin()}}},
				denied("certificate-foreign", spanning))
		})
		t.Run("a shared pin stands in for a pin, not for roots", func(t *testing.T) {
			shared := lab.Map{"shared": lab.Map{"pins": []string{spanning.Pin()}}}
			everyone(t, teams.serve(spanning), lab.Merge(shared, pinLeaves), pass(spanning))
			everyone(t, teams.serve(spanning),
				lab.Merge(shared, lab.Map{"certificates": lab.Map{"roots": lookalike.CertFile}}),
				denied("certificate-untrusted", spanning))
		})
	})

	t.Run("certificates per tenant", func(t *testing.T) {
		forgedB, forgedC := lab.SelfSigned(t, hostB), lab.SelfSigned(t, hostC)
		forgedAll := teams.serve(forged, forgedB, forgedC)
		hijacked := teams.serve(hijack, lab.SelfSigned(t, hostB, "zzz.evil.test"),
			lab.SelfSigned(t, hostC, "zzz.evil.test"))
		own := func(keys lab.Map) lab.Map { return lab.Map{"certificates": keys} }
		guard := certPolicy(roots, lab.Map{"tenants": []lab.Map{
			certTenant("team-a", hostA),
			certTenant("team-b", hostB,
				own(lab.Map{"roots": "none", "pins": []string{teams.certB.Pin()}})),
			certTenant("team-c", hostC, own(lab.Map{"check": "off"})),
		}})

		on.Write(t, forgedAll)
		on.ApplyGuard(t, guard)
		assertCertGet(t, on, hostA, certDenied("certificate-untrusted", forged), lab.HTTP1)
		assertCertGet(t, on, hostB, certDenied("certificate-unpinned", forgedB), lab.HTTP1)
		assertCertGet(t, on, hostC, certPasses("team-c", forgedC), lab.HTTP1)

		on.Apply(t, hijacked)
		for host, reason := range map[string]string{
			hostA: "certificate-foreign", hostB: "certificate-foreign", hostC: "",
		} {
			response := lab.Get(t, lab.HTTP2, on.Target(host), host, "/")
			assert.Equal(t, reason, response.Reason(), host)
		}

		on.Apply(t, teams.serve(teams.certA, teams.certB, teams.certC))
		assertCertGet(t, on, hostA, certPasses("team-a", teams.certA), lab.HTTP1)
		assertCertGet(t, on, hostB, certPasses("team-b", teams.certB), lab.HTTP1)
		assertCertGet(t, on, hostC, certPasses("team-c", teams.certC), lab.HTTP1)
	})

	t.Run("check: off", func(t *testing.T) {
		on.Write(t, teams.serve(teams.certA, teams.certB, hijack))
		on.ApplyGuard(t, certPolicy(lab.Map{"certificates": lab.Map{"check": "off"}}))
		assertCertGet(t, on, hostA, certPasses("team-a", hijack), protocols...)
		// What does not depend on the certificate is still refused.
		response := lab.Get(t, lab.HTTP1, on.Target(hostB), hostA, "/")
		assert.Equal(t, "sni-foreign", response.Reason())
		assert.Equal(t, 421, response.Status)
	})
}

// TestForgedByName serves a forged certificate with exactly the victim's names under a policy that
// compares nothing but names: it passes, and the operator was warned once.
func TestForgedByName(t *testing.T) {
	const warning = `"event":"warning"`
	teams := newCertTeams(t)
	forged := lab.SelfSigned(t, hostA)
	legitimate := teams.serve(teams.certA, teams.certB, teams.certC)
	on := lab.Start(t, lab.Options{Guard: certPolicy(), Dynamic: legitimate})
	var notice struct {
		Event, Middleware, Message string
		Tenants                    []string
	}
	require.NoError(t, lab.Decode(on.Log.Wait(t, warning), &notice))
	assert.Equal(t, "guard@file", notice.Middleware)
	assert.Equal(t, []string{"team-a", "team-b", "team-c"}, notice.Tenants)
	assert.Contains(t, notice.Message,
		"set certificates.roots, certificates.pins or certificates.secrets")

	assertCertGet(t, on, hostA, certPasses("team-a", teams.certA), lab.HTTP1)
	on.Apply(t, teams.serve(forged, teams.certA, teams.certB, teams.certC))
	assertCertGet(t, on, hostA, certPasses("team-a", forged), lab.HTTP1, lab.HTTP2)

	// Three routers on each of two entry points, and more reloads.
	on.Apply(t, legitimate.Clone().Route("team-a-more", "Host(`"+hostA+"`) && Path(`/more`)",
		lab.NewBackend(t, "team-a-more")))
	on.Apply(t, legitimate)
	assert.Len(t, on.Log.With(warning), 1)

	// With roots for one tenant the warning names the others. With roots for all there is none.
	tenants := []lab.Map{
		certTenant("team-a", hostA,
			lab.Map{"certificates": lab.Map{"roots": teams.platform.CertFile}}),
		certTenant("team-b", hostB),
		certTenant("team-c", hostC, lab.Map{"certificates": lab.Map{"check": "off"}}),
	}
	on.ApplyGuard(t, certPolicy(lab.Map{"tenants": tenants}))
	require.Eventually(t, func() bool {
		return len(on.Log.With(warning)) == 2
	}, 5*time.Second, 5*time.Millisecond)
	assert.Contains(t, on.Log.With(warning)[1], `"tenants":["team-b"]`)
	on.ApplyGuard(t, certPolicy(lab.Map{"certificates": lab.Map{"roots": teams.platform.CertFile}}))
	assertCertGet(t, on, hostA, certPasses("team-a", teams.certA), lab.HTTP1)
	assert.Len(t, on.Log.With(warning), 2)
}
