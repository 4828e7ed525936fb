package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

const (
	// hostTaken and hostGiven are team-a's or not, as the policy in force has it. Its routers for them stay.
	hostTaken = "taken.example.com"
	hostGiven = "given.example.com"
	// soon is how long a new policy file may take to be in force, with a second for a busy machine.
	soon = 3 * time.Second
)

// moving are the tenants, and team-a's routers for two more hosts, with a certificate each.
type moving struct {
	*tenants
	certTaken, certGiven *lab.Cert
}

func newMoving(t *testing.T) *moving {
	t.Helper()
	m := &moving{tenants: newTenants(t)}
	m.certTaken, m.certGiven = m.platform.Issue(t, hostTaken), m.platform.Issue(t, hostGiven)
	m.routes.
		Route("team-a-taken", "Host(`"+hostTaken+"`)", m.teamA).
		Route("team-a-given", "Host(`"+hostGiven+"`)", m.teamA).
		Serve(m.certTaken, m.certGiven)

	return m
}

// policy is the tenants' with a further host of team-a.
func (m *moving) policy(host string) lab.Map {
	return m.list(lab.Map{"tenants": []lab.Map{
		{"name": "team-a", "routers": []string{"team-a-*@file"}, "hosts": []string{hostA, "*." + hostA, host}},
		{"name": "team-b", "routers": []string{"team-b-*@file"}, "hosts": []string{hostB}},
	}})
}

// broken is a policy with one error, brokenError.
func (m *moving) broken() lab.Map {
	return m.list(lab.Map{"tenants": []lab.Map{
		{"name": "team-a", "routers": []string{"team-a-*@file"}, "hosts": []string{hostA, "a..example.com"}},
	}})
}

func policyJSON(t *testing.T, policy lab.Map) []byte {
	t.Helper()
	content, err := json.Marshal(policy)
	require.NoError(t, err)

	return content
}

// replaceFile replaces a policy file by renaming, as an editor does.
func replaceFile(t *testing.T, path string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", content, 0o644))
	require.NoError(t, os.Rename(path+".new", path))
}

// mountedPolicy is a folder as Kubernetes mounts a ConfigMap: policy.json leads to ..data, which leads to a folder of its own
// for each version.
type mountedPolicy struct {
	dir      string
	versions int
}

func (c *mountedPolicy) path() string { return filepath.Join(c.dir, "policy.json") }

func (c *mountedPolicy) update(t *testing.T, content []byte) {
	t.Helper()
	last := fmt.Sprintf("..version_%d", c.versions)
	c.versions++
	next := fmt.Sprintf("..version_%d", c.versions)
	require.NoError(t, os.Mkdir(filepath.Join(c.dir, next), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, next, "policy.json"), content, 0o644))
	require.NoError(t, os.Symlink(next, filepath.Join(c.dir, "..data_tmp")))
	require.NoError(t, os.Rename(filepath.Join(c.dir, "..data_tmp"), filepath.Join(c.dir, "..data")))
	if c.versions == 1 {
		require.NoError(t, os.Symlink(filepath.Join("..data", "policy.json"), c.path()))
		return
	}
	require.NoError(t, os.RemoveAll(filepath.Join(c.dir, last)))
}

// becomes asks for a host until the request comes to what is wanted, within a time.
func becomes(t *testing.T, tr *lab.Traefik, host, path string, want outcome, within time.Duration) {
	t.Helper()
	began := time.Now()
	for {
		got := outcomeOf(lab.Get(t, lab.HTTP1, tr.Target(host), host, path))
		took := time.Since(began)
		if got == want {
			require.LessOrEqual(t, took, within, "%s came to %+v too late", host, want)
			return
		}
		if took > within {
			require.Equal(t, want, got, "%s after %s", host, took)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// assertHas has all hosts asked for on new connections: has passes, has not is nobody's.
func (m *moving) assertHas(t *testing.T, tr *lab.Traefik, has, hasNot string) {
	t.Helper()
	m.assertLegitimate(t, tr)
	assertGet(t, tr, has, "/", passes("team-a"), nil)
	assertGet(t, tr, hasNot, "/", denied("host-unowned"), nil)
}

// TestReloadPolicyFile has a tenant gain and lose a host, by nothing but a new policy file.
func TestReloadPolicyFile(t *testing.T) {
	m := newMoving(t)
	renamed := filepath.Join(t.TempDir(), "policy.json")
	mounted := &mountedPolicy{dir: t.TempDir()}
	for _, way := range []struct {
		name, path string
		update     func(t *testing.T, content []byte)
	}{
		{"renamed", renamed, func(t *testing.T, content []byte) { replaceFile(t, renamed, content) }},
		{"ConfigMap", mounted.path(), mounted.update},
	} {
		t.Run(way.name, func(t *testing.T) {
			way.update(t, policyJSON(t, m.policy(hostTaken)))
			tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: m.routes, LogLevel: "DEBUG",
				Guard: lab.Map{"exposeReason": true, "policyFile": way.path}})
			reloads := func() int { return len(certLines(tr.Log, "Configuration received")) }
			before := reloads()
			require.NotZero(t, before)

			// The verdicts on these connections were made, and kept, before.
			taken, given := map[lab.Protocol]*lab.Conn{}, map[lab.Protocol]*lab.Conn{}
			for _, protocol := range protocols {
				taken[protocol] = lab.Dial(t, protocol, tr.Target(hostTaken))
				given[protocol] = lab.Dial(t, protocol, tr.Target(hostGiven))
			}
			assertConns := func(hasTaken bool) {
				t.Helper()
				wantTaken, wantGiven := passes("team-a"), denied("host-unowned")
				if !hasTaken {
					wantTaken, wantGiven = wantGiven, wantTaken
				}
				for _, protocol := range protocols {
					assertOutcome(t, taken[protocol].Get(t, hostTaken, "/"), wantTaken, m.certTaken)
					assertOutcome(t, given[protocol].Get(t, hostGiven, "/"), wantGiven, m.certGiven)
				}
			}
			m.assertHas(t, tr, hostTaken, hostGiven)
			assertConns(true)

			way.update(t, policyJSON(t, m.policy(hostGiven)))
			becomes(t, tr, hostTaken, "/", denied("host-unowned"), soon)
			m.assertHas(t, tr, hostGiven, hostTaken)
			assertConns(false)

			way.update(t, policyJSON(t, m.policy(hostTaken)))
			becomes(t, tr, hostTaken, "/", passes("team-a"), soon)
			m.assertHas(t, tr, hostTaken, hostGiven)
			assertConns(true)
			assert.Equal(t, before, reloads(), "Traefik reloaded its configuration")
		})
	}
}

// TestReloadEnvironmentPolicy has tenants attach a guard without a key: the operator's policy file applies, and none else.
func TestReloadEnvironmentPolicy(t *testing.T) {
	m := newMoving(t)
	path := filepath.Join(t.TempDir(), "policy.json")
	replaceFile(t, path, policyJSON(t, m.policy(hostTaken)))
	attached := lab.Map{"middlewares": []string{"bare"}}
	exposing := lab.Map{"middlewares": []string{"exposing"}}
	routes := m.routes.Clone().
		Guard("bare", lab.Map{}).
		Guard("exposing", lab.Map{"exposeReason": true}).
		Route("team-a-web", "Host(`"+hostA+"`)", m.teamA, attached).
		Route("team-a-taken", "Host(`"+hostTaken+"`)", m.teamA, exposing).
		Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", m.teamB, attached).
		Route("team-b-open", "Host(`"+hostA+"`) && Path(`/open`)", m.teamB)
	tr := lab.Start(t, lab.Options{HTTP3: true, Plugin: true, Dynamic: routes, Env: []string{"TENANTGUARD_POLICY_FILE=" + path}})

	m.assertLegitimate(t, tr)
	assertGet(t, tr, hostTaken, "/", passes("team-a"), m.certTaken)
	// Without exposeReason there is no reason to see.
	assertGet(t, tr, hostA, "/claim", outcome{status: 403}, m.certA)
	assertDenialLine(t, tr.Log, lab.Denial{Reason: "host-foreign", Router: "team-b-claim@file", Tenant: "team-b", Host: hostA, SNI: hostA})
	assertGet(t, tr, hostA, "/open", passes("team-b"), m.certA)

	replaceFile(t, path, policyJSON(t, m.policy(hostGiven)))
	becomes(t, tr, hostTaken, "/", denied("host-unowned"), soon)
	m.assertLegitimate(t, tr)

	t.Run("without the variable", func(t *testing.T) {
		tr := lab.Start(t, lab.Options{HTTP3: true, Plugin: true, Dynamic: routes, Env: []string{"TENANTGUARD_POLICY_FILE="}})
		assertGet(t, tr, hostTaken, "/", denied("policy-invalid"), m.certTaken)
		assertGet(t, tr, hostA, "/", outcome{status: 503}, m.certA)
		tr.Log.Wait(t, "TENANTGUARD_POLICY_FILE")
	})
}

// TestReloadOwnMiddleware has a tenant write itself a wider policy and put it on its own router.
func TestReloadOwnMiddleware(t *testing.T) {
	p := newPair(t, lab.Options{Plugin: true})
	wider := lab.Map{"exposeReason": true, "tenants": []lab.Map{
		{"name": "team-b", "routers": []string{"*@file"}, "hosts": []string{hostA, "*." + hostA, hostB}}}}
	for name, own := range map[string]lab.Map{
		"wider":        wider,
		"only reports": lab.Merge(p.guard(), lab.Map{"mode": "report"}),
	} {
		t.Run(name, func(t *testing.T) {
			p.apply(t, p.routes.Clone().
				Guard("team-b-own", own).
				Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", p.teamB, lab.Map{"middlewares": []string{"team-b-own"}}))
			reached := p.teamB.Requests()
			assertGet(t, p.off, hostA, "/claim", passes("team-b"), p.certA)
			assert.Equal(t, reached+len(protocols), p.teamB.Requests())
			assertGet(t, p.on, hostA, "/claim", denied("host-foreign"), p.certA)
			assert.Equal(t, reached+len(protocols), p.teamB.Requests(), "a denied request reached the attacker's backend")
			p.assertLegitimate(t)
		})
	}
}

// liveStream is a stream that a client reads to its end.
type liveStream struct {
	conn       *lab.Conn
	host, path string
	lines      *bufio.Scanner
	// read is how many lines there were, and err what was wrong with the last.
	read int
	err  error
}

const (
	// streamLines is how many lines the backend sends: enough for a new policy to come into force in the midst of them.
	streamLines = 600
	// streamTime is what that takes at least, a hundredth of a second for each.
	streamTime = streamLines * 10 * time.Millisecond
)

// next reads the next line, and takes nothing but the one that is due.
func (s *liveStream) next() bool {
	for s.err == nil && s.lines.Scan() {
		line := strings.TrimPrefix(s.lines.Text(), "data: ")
		if line == "" {
			continue // between two events
		}
		s.read++
		if want := fmt.Sprintf("team-a %d", s.read); line != want {
			s.err = fmt.Errorf("line %q, want %q", line, want)
		}
		return s.err == nil
	}
	if s.err == nil {
		s.err = s.lines.Err()
	}

	return false
}

// openLiveStreams opens 50, half for hostTaken and half for hostA, over both protocols and of both kinds, and reads a line of each.
func openLiveStreams(t *testing.T, tr *lab.Traefik) []*liveStream {
	t.Helper()
	var streams []*liveStream
	for i := range 50 {
		s := &liveStream{
			host: []string{hostTaken, hostA}[i%2],
			path: []string{"/sse", "/stream"}[i/2%2],
		}
		s.conn = lab.Dial(t, []lab.Protocol{lab.HTTP1, lab.HTTP2}[i/4%2], tr.Target(s.host))
		answer, err := s.conn.Open(t.Context(), lab.Request{Host: s.host, Path: fmt.Sprint(s.path, "?n=", streamLines)})
		require.NoError(t, err)
		t.Cleanup(func() { answer.Body.Close() })
		require.Equal(t, 200, answer.StatusCode)
		s.lines = bufio.NewScanner(answer.Body)
		streams = append(streams, s)
	}
	for _, s := range streams {
		require.True(t, s.next(), "%s %s: %v", s.host, s.path, s.err)
	}

	return streams
}

// TestReloadWhileStreaming has a policy reloaded in the midst of streams: none ends, and on their connections the new policy
// holds from then on.
func TestReloadWhileStreaming(t *testing.T) {
	m := newMoving(t)
	path := filepath.Join(t.TempDir(), "policy.json")
	exposed := lab.Map{"exposeReason": true}
	// Without a look at the certificate, what was allowed is so until the policy changes: with it, for a second at first.
	file := func(host string) []byte {
		return policyJSON(t, lab.Merge(m.policy(host), lab.Map{"certificates": lab.Map{"check": "off"}}))
	}
	for _, way := range []struct {
		name   string
		guard  lab.Map
		reload func(t *testing.T, tr *lab.Traefik)
	}{
		{"policy file", lab.Merge(exposed, lab.Map{"policyFile": path}), func(t *testing.T, _ *lab.Traefik) {
			replaceFile(t, path, file(hostGiven))
		}},
		{"inline", lab.Merge(exposed, m.policy(hostTaken)), func(t *testing.T, tr *lab.Traefik) {
			tr.ApplyGuard(t, lab.Merge(exposed, m.policy(hostGiven)))
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			replaceFile(t, path, file(hostTaken))
			tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: m.routes, Guard: way.guard})
			m.assertHas(t, tr, hostTaken, hostGiven)
			refused := map[lab.Protocol]*lab.Conn{}
			for _, protocol := range protocols {
				refused[protocol] = lab.Dial(t, protocol, tr.Target(hostGiven))
				assertOutcome(t, refused[protocol].Get(t, hostGiven, "/"), denied("host-unowned"), m.certGiven)
			}

			began := time.Now()
			streams := openLiveStreams(t, tr)
			way.reload(t, tr)
			becomes(t, tr, hostTaken, "/", denied("host-unowned"), soon)
			require.Less(t, time.Since(began), streamTime, "a stream may have ended before the policy was in force")
			want := map[string]outcome{hostTaken: denied("host-unowned"), hostA: passes("team-a")}
			for _, s := range streams {
				if s.conn.Protocol == lab.HTTP2 {
					assertOutcome(t, s.conn.Get(t, s.host, "/"), want[s.host], nil)
				}
			}
			for _, protocol := range protocols {
				assertOutcome(t, refused[protocol].Get(t, hostGiven, "/"), passes("team-a"), m.certGiven)
			}
			m.assertHas(t, tr, hostGiven, hostTaken)

			var readers sync.WaitGroup
			for _, s := range streams {
				readers.Go(func() {
					for s.next() {
					}
				})
			}
			readers.Wait()
			for i, s := range streams {
				assert.NoError(t, s.err, "stream %d: %s %s%s", i, s.conn.Protocol, s.host, s.path)
				assert.Equal(t, streamLines, s.read, "stream %d: %s %s%s ended early", i, s.conn.Protocol, s.host, s.path)
				assertOutcome(t, s.conn.Get(t, s.host, "/"), want[s.host], nil)
			}
			m.assertHas(t, tr, hostGiven, hostTaken)
		})
	}
}

// refusedPolicy is what the guard says of a policy with errors.
type refusedPolicy struct {
	Event, Middleware, File, Message string
	Errors                           []string
}

// refusedPolicies are those in the log.
func refusedPolicies(log *lab.Log) []refusedPolicy {
	var found []refusedPolicy
	for _, line := range certLines(log, `{"event":"policy"`) {
		var said refusedPolicy
		if json.NewDecoder(strings.NewReader(line[strings.Index(line, `{"event"`):])).Decode(&said) == nil {
			found = append(found, said)
		}
	}

	return found
}

const (
	brokenError  = `tenants[0].hosts[1]: "a..example.com": `
	lastGood     = "the policy is refused, the last good one stays in force"
	noEarlierOne = "the policy is refused and there is no earlier one: every request is answered 503"
)

// assertRefusedPolicy compares the only line there is about the guard's policy.
func assertRefusedPolicy(t *testing.T, log *lab.Log, file, message, wrong string) {
	t.Helper()
	log.Wait(t, `{"event":"policy"`)
	said := refusedPolicies(log)
	require.Len(t, said, 1)
	assert.Equal(t, refusedPolicy{Event: "policy", Middleware: "guard@file", File: file, Message: message, Errors: said[0].Errors}, said[0])
	require.NotEmpty(t, said[0].Errors)
	assert.True(t, strings.HasPrefix(said[0].Errors[0], wrong), "error %q, want it to begin with %q", said[0].Errors[0], wrong)
}

// TestReloadBrokenPolicy has a broken policy after a good one: the good one stays in force.
func TestReloadBrokenPolicy(t *testing.T) {
	m := newMoving(t)
	exposed := lab.Map{"exposeReason": true}
	more := m.routes.Clone().Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", m.teamB)

	t.Run("policy file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "policy.json")
		replaceFile(t, path, policyJSON(t, m.policy(hostTaken)))
		tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: m.routes, Guard: lab.Map{"exposeReason": true, "policyFile": path}})
		m.assertHas(t, tr, hostTaken, hostGiven)

		replaceFile(t, path, policyJSON(t, m.broken()))
		tr.Log.Wait(t, "a..example.com")
		m.assertHas(t, tr, hostTaken, hostGiven)
		// A new generation of routers has the last good one, too.
		tr.Apply(t, more)
		m.assertHas(t, tr, hostTaken, hostGiven)
		assertGet(t, tr, hostA, "/claim", denied("host-foreign"), m.certA)
		// Read with another key of the guard, the file is as wrong as before, and that is said.
		tr.ApplyGuard(t, lab.Map{"exposeReason": true, "policyFile": path, "legacyNames": "deny"})
		m.assertHas(t, tr, hostTaken, hostGiven)
		assertRefusedPolicy(t, tr.Log, path, lastGood, brokenError)

		// Other faults are said anew, and none counts.
		for _, fault := range []struct{ content, wrong string }{
			{"{", "wanted JSON"},
			{"{} {}", "wanted one JSON value"},
			{string(policyJSON(t, m.list(lab.Map{"tennants": []lab.Map{}}))), "tennants: "},
		} {
			replaceFile(t, path, []byte(fault.content))
			tr.Log.Wait(t, fault.wrong)
			m.assertHas(t, tr, hostTaken, hostGiven)
		}
		require.NoError(t, os.Remove(path))
		tr.Log.Wait(t, "wanted a readable file")
		m.assertHas(t, tr, hostTaken, hostGiven)

		said := len(refusedPolicies(tr.Log))
		assert.Equal(t, 5, said)
		replaceFile(t, path, policyJSON(t, m.policy(hostGiven)))
		becomes(t, tr, hostGiven, "/", passes("team-a"), soon)
		m.assertHas(t, tr, hostGiven, hostTaken)
		assert.Len(t, refusedPolicies(tr.Log), said)

		// What was wrong once and is so again is said again.
		replaceFile(t, path, policyJSON(t, m.broken()))
		require.Eventually(t, func() bool { return len(refusedPolicies(tr.Log)) == said+1 }, soon, 10*time.Millisecond)
		m.assertHas(t, tr, hostGiven, hostTaken)
	})

	t.Run("inline, by Traefik's reload", func(t *testing.T) {
		for name, fault := range map[string]struct {
			guard lab.Map
			wrong string
		}{
			"host":        {lab.Merge(exposed, m.broken()), brokenError},
			"unknown key": {lab.Merge(lab.Map{"exposeReason": true, "polcyFile": "/etc/p.json"}, m.policy(hostGiven)), `polcyFile: "/etc/p.json": unknown key`},
			"no policy":   {lab.Map{"exposeReason": true}, `tenants: "": `},
		} {
			t.Run(name, func(t *testing.T) {
				tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: m.routes, Guard: lab.Merge(exposed, m.policy(hostTaken)),
					Env: []string{"TENANTGUARD_POLICY_FILE="}})
				m.assertHas(t, tr, hostTaken, hostGiven)
				tr.ApplyGuard(t, fault.guard)
				m.assertHas(t, tr, hostTaken, hostGiven)
				tr.Apply(t, more)
				m.assertHas(t, tr, hostTaken, hostGiven)
				assertGet(t, tr, hostA, "/claim", denied("host-foreign"), m.certA)
				tr.ApplyGuard(t, lab.Merge(fault.guard, lab.Map{"legacyNames": "deny"}))
				m.assertHas(t, tr, hostTaken, hostGiven)
				assertRefusedPolicy(t, tr.Log, "", lastGood, fault.wrong)

				tr.ApplyGuard(t, lab.Merge(exposed, m.policy(hostGiven)))
				m.assertHas(t, tr, hostGiven, hostTaken)
				assert.Len(t, refusedPolicies(tr.Log), 1)
			})
		}
	})
}

// TestReloadBrokenFirst has a broken policy with none before it: nothing is answered until it is mended.
func TestReloadBrokenFirst(t *testing.T) {
	m := newMoving(t)
	path := filepath.Join(t.TempDir(), "policy.json")
	const nobody = "nobody.test"
	routes := m.routes.Clone().
		Route("nobody-web", "Host(`"+nobody+"`)", m.teamB).
		Route("team-a-plain", "PathPrefix(`/`)", m.teamA, lab.Map{"entryPoints": []string{"web"}})
	exposed := lab.Map{"exposeReason": true}
	good := lab.Merge(exposed, m.policy(hostTaken))
	for _, c := range []struct {
		name  string
		guard lab.Map
		// said is the file in the line.
		file, wrong string
		mend        func(t *testing.T, tr *lab.Traefik)
	}{
		{name: "policy file", guard: lab.Map{"exposeReason": true, "policyFile": path}, file: path, wrong: brokenError,
			mend: func(t *testing.T, _ *lab.Traefik) { replaceFile(t, path, policyJSON(t, m.policy(hostTaken))) }},
		{name: "no policy file", guard: lab.Map{"exposeReason": true, "policyFile": path + ".none"}, file: path + ".none",
			wrong: `policyFile: "` + path + `.none": wanted a readable file`,
			mend:  func(t *testing.T, _ *lab.Traefik) { replaceFile(t, path+".none", policyJSON(t, m.policy(hostTaken))) }},
		{name: "inline", guard: lab.Merge(exposed, m.broken()), wrong: brokenError},
		{name: "unknown key", guard: lab.Merge(lab.Map{"polcyFile": "/etc/p.json"}, good), wrong: `polcyFile: "/etc/p.json": unknown key`},
		{name: "mode report does not let pass", guard: lab.Merge(lab.Map{"mode": "report"}, lab.Merge(exposed, m.broken())), wrong: brokenError},
	} {
		t.Run(c.name, func(t *testing.T) {
			replaceFile(t, path, policyJSON(t, m.broken()))
			tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: routes, Guard: c.guard})
			reached := m.teamA.Requests() + m.teamB.Requests()
			for _, host := range []string{hostA, hostB, hostTaken, nobody} {
				assertGet(t, tr, host, "/", denied("policy-invalid"), nil)
			}
			assertOutcome(t, lab.Get(t, lab.HTTP1, tr.Plain(), nobody, "/"), denied("policy-invalid"), nil)
			assertDenialLine(t, tr.Log, lab.Denial{Reason: "policy-invalid", Router: "nobody-web@file", Host: nobody, SNI: nobody})
			assert.Equal(t, reached, m.teamA.Requests()+m.teamB.Requests(), "a request passed without a policy")
			assertRefusedPolicy(t, tr.Log, c.file, noEarlierOne, c.wrong)

			if c.mend == nil {
				tr.ApplyGuard(t, good)
			} else {
				c.mend(t, tr)
			}
			becomes(t, tr, hostTaken, "/", passes("team-a"), soon)
			m.assertHas(t, tr, hostTaken, hostGiven)
			assertGet(t, tr, nobody, "/", denied("router-unbound"), nil)
			assertRefusedPolicy(t, tr.Log, c.file, noEarlierOne, c.wrong)
		})
	}
}

// TestReloadMode has denials reported or carried out, as the tenant's mode says and else the guard's.
func TestReloadMode(t *testing.T) {
	n := newTenants(t)
	const nobody = "nobody.test"
	routes := n.routes.Clone().
		Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", n.teamB).
		Route("team-a-claim", "Host(`"+hostB+"`) && Path(`/claim`)", n.teamA).
		Route("nobody-web", "Host(`"+nobody+"`)", n.teamB)
	withModes := func(general, teamA, teamB string) lab.Map {
		guard := n.guard(lab.Map{"tenants": []lab.Map{
			{"name": "team-a", "routers": []string{"team-a-*@file"}, "hosts": []string{hostA, "*." + hostA}},
			{"name": "team-b", "routers": []string{"team-b-*@file"}, "hosts": []string{hostB}},
		}})
		list := guard["tenants"].([]lab.Map)
		for key, at := range map[*string]lab.Map{&general: guard, &teamA: list[0], &teamB: list[1]} {
			if *key != "" {
				at["mode"] = *key
			}
		}
		return guard
	}
	for _, c := range []struct {
		name                  string
		general, teamA, teamB string
		// a, b and nobody's are the modes that then hold for the routers.
		a, b, nobodys string
	}{
		{"report", "report", "", "", "report", "report", "report"},
		{"enforce, one tenant reports", "enforce", "", "report", "enforce", "report", "enforce"},
		{"the default, one tenant reports", "", "report", "", "report", "enforce", "enforce"},
		{"report, one tenant enforces", "report", "enforce", "", "enforce", "report", "report"},
		{"each its own", "report", "enforce", "report", "enforce", "report", "report"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: routes, Guard: withModes(c.general, c.teamA, c.teamB)})
			n.assertLegitimate(t, tr)
			for _, claim := range []struct {
				host, path, mode, backend string
				denial                    lab.Denial
			}{
				{hostB, "/claim", c.a, "team-a", lab.Denial{Reason: "host-foreign", Router: "team-a-claim@file", Tenant: "team-a"}},
				{hostA, "/claim", c.b, "team-b", lab.Denial{Reason: "host-foreign", Router: "team-b-claim@file", Tenant: "team-b"}},
				{nobody, "/", c.nobodys, "team-b", lab.Denial{Reason: "router-unbound", Router: "nobody-web@file"}},
			} {
				want := denied(claim.denial.Reason)
				if claim.mode == "report" {
					want = passes(claim.backend)
				}
				assertGet(t, tr, claim.host, claim.path, want, nil)
				claim.denial.Host, claim.denial.SNI, claim.denial.Mode = claim.host, claim.host, claim.mode
				assertDenialLine(t, tr.Log, claim.denial)
			}
			assert.Len(t, tr.Log.Denials(), 3)
		})
	}

	t.Run("by reload", func(t *testing.T) {
		tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: routes, Guard: withModes("report", "", "")})
		assertGet(t, tr, hostA, "/claim", passes("team-b"), n.certA)
		tr.ApplyGuard(t, withModes("enforce", "", ""))
		assertGet(t, tr, hostA, "/claim", denied("host-foreign"), n.certA)
		tr.ApplyGuard(t, withModes("enforce", "", "report"))
		assertGet(t, tr, hostA, "/claim", passes("team-b"), n.certA)
	})
}

// TestReloadSuppression has identical denials be one line, and another one, which counts the rest, after ten seconds.
func TestReloadSuppression(t *testing.T) {
	t.Parallel()
	n := newTenants(t)
	tr := lab.Start(t, lab.Options{HTTP3: true, Guard: n.guard(),
		Dynamic: n.routes.Clone().Route("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)", n.teamB)})
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	conn := lab.Dial(t, lab.HTTP2, tr.Target(hostA))
	for range 20 {
		response, err := conn.Try(ctx, lab.Request{Host: hostA, Path: "/claim"})
		require.NoError(t, err)
		require.Equal(t, denied("host-foreign"), outcomeOf(response))
	}
	first := lab.Denial{Reason: "host-foreign", Router: "team-b-claim@file", Tenant: "team-b", Host: hostA, SNI: hostA}
	assertDenialLine(t, tr.Log, first)
	require.Len(t, tr.Log.Denials(), 1)

	// Another one is not held up.
	other := lab.Get(t, lab.HTTP1, tr.Target(hostB), hostA, "/claim")
	assert.Equal(t, 403, other.Status)
	tr.Log.WaitDenial(t, func(denial lab.Denial) bool { return denial.SNI == hostB })

	second := tr.Log.WaitDenial(t, func(denial lab.Denial) bool { return denial.Suppressed > 0 })
	took := time.Since(began)
	assert.GreaterOrEqual(t, took, 10*time.Second)
	assert.Less(t, took, 15*time.Second)
	first.Event, first.Mode, first.Status, first.Client, first.Suppressed = "deny", "enforce", 403, "127.0.0.1", 18
	assert.Equal(t, first, second)
	assert.Len(t, tr.Log.Denials(), 3)
}
