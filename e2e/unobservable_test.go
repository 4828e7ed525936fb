package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// failureStands is a little longer than a failed observation stands.
const failureStands = 250 * time.Millisecond

// TestUnobservable has observations fail: the tap accepts their connections and closes them.
func TestUnobservable(t *testing.T) {
	needsObservation(t)
	platform := lab.NewCA(t, "platform CA")
	certA, certB := platform.Issue(t, hostA), platform.Issue(t, hostB)
	hijack := lab.SelfSigned(t, hostA, "zzz.evil.test")
	tap := newObservationTap(t, tapRefuses)
	routes := tap.route(lab.NewConfig().
		Route("team-a-web", "HostRegexp(`^a\\.example\\.com$`)", lab.NewBackend(t, "team-a")).
		Route("team-b-web", "Host(`"+hostB+"`)", lab.NewBackend(t, "team-b")), hostA)
	policy := func(onError string) lab.Map {
		return lab.Map{
			"exposeReason": true,
			"tenants":      []lab.Map{certTenant("team-a", hostA), certTenant("team-b", hostB)},
			"certificates": lab.Map{"onError": onError},
		}
	}
	legitimate := routes.Clone().Serve(certA, certB)
	on := lab.Start(t, lab.Options{ProxyProtocol: true, Guard: policy("deny"), Dynamic: legitimate})
	get := func(host string) *lab.Response {
		return lab.Get(t, lab.HTTP1, tappedClient(t, on, host), host, "/")
	}

	assertCertResponse(t, get(hostA), certDenied("certificate-unavailable", certA))
	assert.Equal(t, 1, tap.observations())
	assertCertResponse(t, get(hostB), certPasses("team-b", certB))
	denial := on.Log.WaitDenial(t, func(denial lab.Denial) bool {
		return denial.Reason == "certificate-unavailable"
	})
	assert.Contains(t, denial.Certificate,
		`observing the certificate served for "a.example.com" at "`+on.Addr("websecure")+`": `)
	denial.Certificate = ""
	assert.Equal(t, lab.Denial{
		Event: "deny", Mode: "enforce", Reason: "certificate-unavailable", Status: 503,
		Router: "team-a-web@file", Tenant: "team-a", Host: hostA, SNI: hostA, Client: "192.0.2.7",
	}, denial)

	// A failure stands for a moment.
	tap.set(tapShows(certA))
	time.Sleep(failureStands)
	assertCertResponse(t, get(hostA), certPasses("team-a", certA))
	assert.Equal(t, 2, tap.observations())

	tap.set(tapRefuses)
	on.ApplyGuard(t, policy("allow"))
	assertCertResponse(t, get(hostA), certPasses("team-a", certA))
	time.Sleep(failureStands)
	assertCertResponse(t, get(hostA), certPasses("team-a", certA))
	assert.Equal(t, 4, tap.observations(),
		"a request that passed unobserved is no reason to let the next one pass")
	on.Apply(t, routes.Clone().Serve(certA, certB, hijack))
	assertCertResponse(t, get(hostA), certPasses("team-a", hijack))
	tap.set(tapShows(hijack))
	time.Sleep(failureStands)
	assertCertResponse(t, get(hostA), certDenied("certificate-foreign", hijack))
	assertCertResponse(t, get(hostB), certPasses("team-b", certB))
}
