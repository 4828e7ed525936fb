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
	l := newCertLab(t)
	for _, attack := range l.attacks() {
		t.Run(attack.name, func(t *testing.T) { l.meet(t, attack) })
	}
	t.Run("Traefik's default certificate", l.traefikDefault)
	t.Run("the denial's line", l.denialLine)
	t.Run("the platform's certificates", l.platformCertificates)
	t.Run("certificates per tenant", l.perTenant)
	t.Run("check: off", l.checkOff)
}

func (l *certLab) meet(t *testing.T, attack certAttack) {
	revision := l.off.Write(t, attack.serve)
	l.on.Write(t, attack.serve)
	l.on.ApplyGuard(t, certPolicy(attack.guard))
	l.off.WaitServed(t, revision)
	for _, request := range []struct {
		tenant, host, reason string
		served, own          *lab.Cert
	}{
		{"team-a", hostA, attack.a, attack.servedA, l.certA},
		{"team-b", hostB, attack.b, attack.servedB, l.certB},
		{"team-c", hostC, attack.c, attack.servedC, l.certC},
	} {
		served := request.served
		if served == nil {
			served = request.own
		}
		want := certPasses(request.tenant, served)
		assertCertGet(t, l.off, request.host, want, protocols...)
		if request.reason != "" {
			want = certDenied(request.reason, served)
		}
		assertCertGet(t, l.on, request.host, want, protocols...)
	}
}

func (l *certLab) traefikDefault(t *testing.T) {
	config := l.serve(l.certB)
	l.off.Apply(t, config)
	l.on.Write(t, config)
	l.on.ApplyGuard(t, certPolicy())
	assertCertGet(t, l.off, hostA, certPasses("team-a", nil), protocols...)
	assertCertGet(t, l.on, hostA, certDenied("certificate-name", nil), protocols...)
	assertCertGet(t, l.on, hostB, certPasses("team-b", l.certB), protocols...)
}

func (l *certLab) denialLine(t *testing.T) {
	for reason, served := range map[string]*lab.Cert{
		"certificate-foreign":   l.hijack,
		"certificate-name":      l.ownDefault,
		"certificate-expired":   l.expired,
		"certificate-untrusted": l.forgedWithCA,
		"certificate-unpinned":  l.forgedLookalike,
	} {
		denial := l.on.Log.WaitDenial(t, func(denial lab.Denial) bool {
			return denial.Reason == reason &&
				strings.HasPrefix(denial.Certificate, served.Pin())
		})
		want := lab.Denial{
			Event: "deny", Mode: "enforce", Reason: reason, Status: 421,
			Router: "team-a-web@file", Tenant: "team-a", Host: hostA, SNI: hostA,
			Certificate: served.Pin() + " " + strings.Join(served.DNSNames, ","),
			Client:      "127.0.0.1",
		}
		if served == l.hijack {
			want.Offending = "zzz.evil.test"
		}
		assert.Equal(t, want, denial)
	}

	var keys map[string]any
	require.NoError(t, lab.Decode(l.on.Log.Wait(t, l.hijack.Pin()), &keys))
	assert.Len(t, keys, 19)
}

func (l *certLab) platformCertificates(t *testing.T) {
	everyone := func(
		t *testing.T, serve *lab.Config, guard lab.Map, want func(tenant string) certWant,
	) {
		t.Helper()
		l.on.Write(t, serve)
		l.on.ApplyGuard(t, certPolicy(guard))
		for tenant, host := range map[string]string{"team-a": hostA, "team-b": hostB} {
			assertCertGet(t, l.on, host, want(tenant), protocols...)
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
		everyone(t, l.serve(l.wildcard), sharedHosts, pass(l.wildcard))
		everyone(t, l.serve(l.spanning), sharedHosts, pass(l.spanning))
		apex := l.platform.Issue(t, "*.example.com", "example.com")
		everyone(t, l.serve(apex), sharedHosts, denied("certificate-foreign", apex))
		denial := l.on.Log.WaitDenial(t, func(denial lab.Denial) bool {
			return strings.HasPrefix(denial.Certificate, apex.Pin())
		})
		assert.Equal(t, "example.com", denial.Offending, "the name that is too many")
		both := lab.Map{"shared": lab.Map{"hosts": []string{"*.example.com", "example.com"}}}
		everyone(t, l.serve(apex), both, pass(apex))
		everyone(t, l.serve(l.wildcard), both, pass(l.wildcard))
	})
	t.Run("by shared.pins", func(t *testing.T) {
		everyone(t, l.serve(l.spanning),
			lab.Map{"shared": lab.Map{"pins": []string{l.spanning.Pin()}}}, pass(l.spanning))
		everyone(t, l.serve(l.spanning), l.sharedPin, pass(l.spanning))
		everyone(t, l.serve(l.spanning),
			lab.Map{"shared": lab.Map{"pins": []string{l.hijack.Pin()}}},
			denied("certificate-foreign", l.spanning))
	})
	t.Run("a shared pin stands in for a pin, not for roots", func(t *testing.T) {
		shared := lab.Map{"shared": lab.Map{"pins": []string{l.spanning.Pin()}}}
		everyone(t, l.serve(l.spanning), lab.Merge(shared, l.pinLeaves), pass(l.spanning))
		everyone(t, l.serve(l.spanning),
			lab.Merge(shared, lab.Map{"certificates": lab.Map{"roots": l.lookalike.CertFile}}),
			denied("certificate-untrusted", l.spanning))
	})
}

func (l *certLab) perTenant(t *testing.T) {
	forgedB, forgedC := lab.SelfSigned(t, hostB), lab.SelfSigned(t, hostC)
	forgedAll := l.serve(l.forged, forgedB, forgedC)
	hijacked := l.serve(l.hijack, lab.SelfSigned(t, hostB, "zzz.evil.test"),
		lab.SelfSigned(t, hostC, "zzz.evil.test"))
	own := func(keys lab.Map) lab.Map { return lab.Map{"certificates": keys} }
	guard := certPolicy(l.roots, lab.Map{"tenants": []lab.Map{
		certTenant("team-a", hostA),
		certTenant("team-b", hostB,
			own(lab.Map{"roots": "none", "pins": []string{l.certB.Pin()}})),
		certTenant("team-c", hostC, own(lab.Map{"check": "off"})),
	}})

	l.on.Write(t, forgedAll)
	l.on.ApplyGuard(t, guard)
	assertCertGet(t, l.on, hostA, certDenied("certificate-untrusted", l.forged), lab.HTTP1)
	assertCertGet(t, l.on, hostB, certDenied("certificate-unpinned", forgedB), lab.HTTP1)
	assertCertGet(t, l.on, hostC, certPasses("team-c", forgedC), lab.HTTP1)

	l.on.Apply(t, hijacked)
	for host, reason := range map[string]string{
		hostA: "certificate-foreign", hostB: "certificate-foreign", hostC: "",
	} {
		response := lab.Get(t, lab.HTTP2, l.on.Target(host), host, "/")
		assert.Equal(t, reason, response.Reason(), host)
	}

	l.on.Apply(t, l.serve(l.certA, l.certB, l.certC))
	assertCertGet(t, l.on, hostA, certPasses("team-a", l.certA), lab.HTTP1)
	assertCertGet(t, l.on, hostB, certPasses("team-b", l.certB), lab.HTTP1)
	assertCertGet(t, l.on, hostC, certPasses("team-c", l.certC), lab.HTTP1)
}

func (l *certLab) checkOff(t *testing.T) {
	l.on.Write(t, l.serve(l.certA, l.certB, l.hijack))
	l.on.ApplyGuard(t, certPolicy(lab.Map{"certificates": lab.Map{"check": "off"}}))
	assertCertGet(t, l.on, hostA, certPasses("team-a", l.hijack), protocols...)
	// What does not depend on the certificate is still refused.
	response := lab.Get(t, lab.HTTP1, l.on.Target(hostB), hostA, "/")
	assert.Equal(t, "sni-foreign", response.Reason())
	assert.Equal(t, 421, response.Status)
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
