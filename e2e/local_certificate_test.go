package e2e

import (
	"crypto/tls"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// hasLocalCertificate reports whether the Go of the tests' Traefik says which certificate was
// served on a connection.
func hasLocalCertificate(t *testing.T) bool {
	t.Helper()
	binary, err := traefik.Binary(t.Context(), traefik.Version, os.Stderr)
	require.NoError(t, err)
	has, err := traefik.HasLocalCertificate(binary)
	require.NoError(t, err)

	return has
}

// needsObservation skips a test of observations where nothing is observed.
func needsObservation(t *testing.T) {
	t.Helper()
	if hasLocalCertificate(t) {
		t.Skip("this Traefik's Go says which certificate was served: nothing is observed")
	}
}

// needsLocalCertificate skips a test of what cannot be promised where the guard observes.
func needsLocalCertificate(t *testing.T) {
	t.Helper()
	if !hasLocalCertificate(t) {
		t.Skip("this Traefik's Go does not say which certificate was served")
	}
}

// TestConnectionKeepsItsCertificate makes connections while the hijacker's certificate is served,
// and others while the tenant's is, and uses them for the first time when the other one is. What
// counts is the certificate that the connection was made over, whatever is served later.
func TestConnectionKeepsItsCertificate(t *testing.T) {
	needsLocalCertificate(t)
	teams := newCertTeams(t)
	legitimate := teams.serve(teams.certA, teams.certB, teams.certC)
	hijack := lab.SelfSigned(t, hostA, "zzz.evil.test")
	hijacked := legitimate.Clone().Serve(hijack)
	off := lab.Start(t, lab.Options{HTTP3: true, Dynamic: hijacked})
	on := lab.Start(t, lab.Options{HTTP3: true, Dynamic: hijacked, Guard: certPolicy()})
	protocols := []lab.Protocol{lab.HTTP1, lab.HTTP2, lab.HTTP3}
	dial := func(tr *lab.Traefik) map[lab.Protocol]*lab.Conn {
		connections := map[lab.Protocol]*lab.Conn{}
		for _, protocol := range protocols {
			connections[protocol] = lab.Dial(t, protocol, tr.Target(hostA))
		}
		return connections
	}

	overHijack, unguarded := dial(on), dial(off)
	on.Apply(t, legitimate)
	off.Apply(t, legitimate)
	for _, protocol := range protocols {
		assertCertResponse(t, unguarded[protocol].Get(t, hostA, "/"), certPasses("team-a", hijack))
		assertCertGet(t, on, hostA, certPasses("team-a", teams.certA), protocol)
		assertCertResponse(t, overHijack[protocol].Get(t, hostA, "/"),
			certDenied("certificate-foreign", hijack))
	}
	// HTTP/3 has no header that closes a connection.
	assertCertResponse(t, overHijack[lab.HTTP3].Get(t, hostA, "/"),
		certDenied("certificate-foreign", hijack))

	own := dial(on)
	for _, conn := range dial(on) { // which leaves something that is remembered
		assertCertResponse(t, conn.Get(t, hostA, "/"), certPasses("team-a", teams.certA))
	}
	on.Apply(t, hijacked)
	for _, protocol := range protocols {
		assertCertGet(t, on, hostA, certDenied("certificate-foreign", hijack), protocol)
		for range 2 {
			assertCertResponse(t, own[protocol].Get(t, hostA, "/"),
				certPasses("team-a", teams.certA))
		}
	}
}

// TestResumedConnection resumes sessions: Go says nothing of the certificate of such a connection,
// so that the one served now decides, as before Go 1.27.
func TestResumedConnection(t *testing.T) {
	const ttl = time.Second
	s := newTapped(t, lab.Map{"ttl": ttl.String()})
	hijack := lab.SelfSigned(t, hostA, "zzz.evil.test")
	sessions := tls.NewLRUClientSessionCache(1)
	get := func() (*lab.Response, bool) {
		resumed := false
		target := s.target
		target.TLS = func(config *tls.Config) {
			config.ClientSessionCache = sessions
			config.VerifyConnection = func(state tls.ConnectionState) error {
				resumed = state.DidResume
				return nil
			}
		}
		return lab.Get(t, lab.HTTP1, target, hostA, "/"), resumed
	}

	response, resumed := get()
	assertCertResponse(t, response, certPasses("team-a", s.certA))
	require.False(t, resumed)
	before := s.tap.observations()
	if hasLocalCertificate(t) {
		assert.Zero(t, before, "observed although Go says which certificate was served")
	}
	time.Sleep(ttl)
	response, resumed = get()
	assertCertResponse(t, response, certPasses("team-a", s.certA))
	require.True(t, resumed, "the session was not resumed: this test shows nothing")
	assert.Equal(t, before+1, s.tap.observations())

	s.tap.set(tapShows(hijack))
	time.Sleep(ttl)
	response, resumed = get()
	require.True(t, resumed, "the session was not resumed: this test shows nothing")
	assertCertResponse(t, response, certDenied("certificate-foreign", s.certA))
	if hasLocalCertificate(t) {
		assertCertResponse(t, s.get(t), certPasses("team-a", s.certA))
	}
}
