package e2e

import (
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// certLab is a Traefik without the guard and one with it, and the certificates that another tenant
// can bring into their stores.
type certLab struct {
	*certTeams
	off, on *lab.Traefik

	// hijack has a second name that sorts last, and spanning the names of two tenants.
	hijack, spanning *lab.Cert
	expired, early   *lab.Cert
	wildcard         *lab.Cert
	ownDefault       *lab.Cert
	// lookalike is an authority with the platform's name.
	lookalike *lab.Cert
	// These are forged; the last three have the genuine authority behind them.
	forged, forgedWithCA, forgedLookalike, forgedSpanning *lab.Cert

	// These are keys of the guard.
	roots, pinAuthority, pinLeaves, sharedPin lab.Map
}

func newCertLab(t *testing.T) *certLab {
	t.Helper()
	teams, lookalike := newCertTeams(t), lab.NewCA(t, "platform CA")
	platform := teams.platform
	issue := func(spec lab.Spec) *lab.Cert {
		spec.Names = []string{hostA}
		return platform.IssueSpec(t, spec)
	}
	pins := []string{teams.certA.Pin(), teams.certB.Pin(), teams.certC.Pin()}

	return &certLab{
		certTeams:       teams,
		off:             lab.Start(t, lab.Options{HTTP3: true}),
		on:              lab.Start(t, lab.Options{HTTP3: true, Guard: certPolicy()}),
		hijack:          lab.SelfSigned(t, hostA, "zzz.evil.test"),
		spanning:        platform.Issue(t, hostA, hostB),
		expired:         issue(lab.Spec{NotAfter: time.Now().Add(-time.Minute)}),
		early:           issue(lab.Spec{NotBefore: time.Now().Add(time.Minute)}),
		wildcard:        platform.Issue(t, "*.example.com"),
		ownDefault:      lab.SelfSigned(t, "zzz.evil.test"),
		lookalike:       lookalike,
		forged:          lab.SelfSigned(t, hostA),
		forgedWithCA:    certChain(t, lab.SelfSigned(t, hostA), platform),
		forgedLookalike: certChain(t, lookalike.Issue(t, hostA), platform),
		forgedSpanning:  certChain(t, lookalike.Issue(t, hostA, hostB), platform),
		roots:           lab.Map{"certificates": lab.Map{"roots": platform.CertFile}},
		pinAuthority:    lab.Map{"certificates": lab.Map{"pins": []string{platform.Pin()}}},
		pinLeaves:       lab.Map{"certificates": lab.Map{"pins": pins}},
		sharedPin:       lab.Map{"shared": lab.Map{"pins": []string{platform.Pin()}}},
	}
}

// certAttack is what Traefik's store has, and the verdicts.
type certAttack struct {
	name  string
	guard lab.Map
	serve *lab.Config
	// a, b and c are the reasons with which requests for the tenants' hosts are refused; "" passes.
	a, b, c string
	// servedA, servedB and servedC are the certificates served if not the tenants' own.
	servedA, servedB, servedC *lab.Cert
}

func (l *certLab) attacks() []certAttack {
	return []certAttack{
		{name: "a second name that sorts last",
			serve: l.serve(l.certA, l.certB, l.certC, l.hijack),
			a:     "certificate-foreign", servedA: l.hijack},
		{name: "one certificate for two tenants",
			serve: l.serve(l.certC, l.spanning),
			a:     "certificate-foreign", servedA: l.spanning,
			b: "certificate-foreign", servedB: l.spanning},
		{name: "a tenant's certificate as the default one",
			serve: l.serve(l.certB, l.certC).Default(l.ownDefault),
			a:     "certificate-name", servedA: l.ownDefault},
		{name: "expired",
			serve: l.serve(l.expired, l.certB, l.certC),
			a:     "certificate-expired", servedA: l.expired},
		{name: "not yet valid",
			serve: l.serve(l.early, l.certB, l.certC),
			a:     "certificate-expired", servedA: l.early},
		{name: "forged, against roots", guard: l.roots,
			serve: l.serve(l.forged, l.certA, l.certB, l.certC),
			a:     "certificate-untrusted", servedA: l.forged},
		{name: "forged, the genuine authority behind it, against roots", guard: l.roots,
			serve: l.serve(l.forgedWithCA, l.certB, l.certC),
			a:     "certificate-untrusted", servedA: l.forgedWithCA},
		{name: "forged by a lookalike, the genuine authority behind it, against roots",
			guard: l.roots,
			serve: l.serve(l.forgedLookalike, l.certB, l.certC),
			a:     "certificate-untrusted", servedA: l.forgedLookalike},
		{name: "forged, against the leaves' pins", guard: l.pinLeaves,
			serve: l.serve(l.forged, l.certA, l.certB, l.certC),
			a:     "certificate-unpinned", servedA: l.forged},
		{name: "forged, against the authority's pin", guard: l.pinAuthority,
			serve: l.serve(l.forged, l.certA, l.certB, l.certC),
			a:     "certificate-unpinned", servedA: l.forged},
		{name: "forged, the genuine authority behind it, against its pin", guard: l.pinAuthority,
			serve: l.serve(l.forgedWithCA, l.certB, l.certC),
			a:     "certificate-unpinned", servedA: l.forgedWithCA},
		{name: "forged by a lookalike, the genuine authority behind it, against its pin",
			guard: l.pinAuthority,
			serve: l.serve(l.forgedLookalike, l.certB, l.certC),
			a:     "certificate-unpinned", servedA: l.forgedLookalike},
		{name: "forged for two tenants, the genuine authority behind it, against its shared pin",
			guard: l.sharedPin,
			serve: l.serve(l.certC, l.forgedSpanning),
			a:     "certificate-foreign", servedA: l.forgedSpanning,
			b: "certificate-foreign", servedB: l.forgedSpanning},
		{name: "the platform's wildcard, not shared",
			serve: l.serve(l.wildcard),
			a:     "certificate-foreign", servedA: l.wildcard,
			b: "certificate-foreign", servedB: l.wildcard,
			c: "certificate-foreign", servedC: l.wildcard},
	}
}
