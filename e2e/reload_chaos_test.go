package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// TestReloadChaos has the policy file be what no policy is, in one way after the other: the last
// good policy stays in force, and the next good one is taken.
func TestReloadChaos(t *testing.T) {
	m := newChanging(t)
	path := filepath.Join(t.TempDir(), "policy.json")
	good := policyJSON(t, m.policy(hostTaken))
	other := filepath.Join(t.TempDir(), "other.json")
	require.NoError(t, os.WriteFile(other, policyJSON(t, m.policy(hostGiven)), 0o600))
	replaceFile(t, path, good)
	tr := lab.Start(t, lab.Options{HTTP3: true, Dynamic: m.routes,
		Guard: lab.Map{"exposeReason": true, "policyFile": path}})
	m.assertHas(t, tr, hostTaken, hostGiven)

	link := func(to string) func() error {
		return func() error {
			if err := os.Symlink(to, path+".new"); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		}
	}
	for _, way := range []struct {
		description string
		change      func() error
		// replaces is true where there must be no file before.
		replaces bool
		// said is what the log says of it, "" for another policy that is good.
		said string
	}{
		{"cut to half", func() error { return os.Truncate(path, int64(len(good)/2)) },
			false, "the file ends too early"},
		{"empty", func() error { return os.Truncate(path, 0) }, false, "wanted JSON"},
		{"a link to another policy", link(other), false, ""},
		{"a link to nothing", link(path + ".none"), false, "wanted a readable file"},
		{"a link to itself", link(path), false, "too many levels of symbolic links"},
		{"a link to a folder", link(filepath.Dir(path)), false, "is a directory"},
		{"a link to a file that is no text", link("/proc/self/exe"), false,
			"more than 16777216 bytes"},
		{"a link to what never ends", link("/dev/zero"), false, "want a regular file"},
		{"a pipe", func() error { return syscall.Mkfifo(path, 0o600) }, true,
			"want a regular file"},
		{"not to be read", func() error {
			if os.Geteuid() == 0 { // who may read everything but a folder
				return os.Mkdir(path, 0o700)
			}
			if err := os.WriteFile(path, good, 0o600); err != nil {
				return err
			}
			return os.Chmod(path, 0)
		}, true, "wanted a readable file"},
	} {
		t.Run(way.description, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(path))
			replaceFile(t, path, good)
			becomes(t, tr, hostTaken, "/", passes("team-a"), soon)
			before := len(refusedPolicies(tr.Log))
			if way.replaces {
				require.NoError(t, os.Remove(path))
			}
			require.NoError(t, way.change())
			if way.said == "" {
				becomes(t, tr, hostGiven, "/", passes("team-a"), soon)
				m.assertHas(t, tr, hostGiven, hostTaken)
				return
			}
			require.Eventually(t, func() bool {
				return len(refusedPolicies(tr.Log)) > before
			}, soon, 10*time.Millisecond)
			refused := refusedPolicies(tr.Log)
			assert.Contains(t, refused[len(refused)-1].Errors[0], way.said)
			m.assertHas(t, tr, hostTaken, hostGiven)
		})
	}
}

// TestReloadSwappedOften has the policy file be replaced ten times a second, by renaming and in
// place, where it is half written at times. Each answer is that of one of the two policies, other
// hosts are not touched, and the last policy is in force in the end.
func TestReloadSwappedOften(t *testing.T) {
	m := newChanging(t)
	path := filepath.Join(t.TempDir(), "policy.json")
	policies := [][]byte{
		policyJSON(t, m.policy(hostTaken)), policyJSON(t, m.policy(hostGiven)),
	}
	replaceFile(t, path, policies[0])
	tr := lab.Start(t, lab.Options{Dynamic: m.routes,
		Guard: lab.Map{"exposeReason": true, "policyFile": path}})
	taken, given := startProbe(t, tr.Target(hostTaken), hostTaken),
		startProbe(t, tr.Target(hostGiven), hostGiven)
	always, never := startProbe(t, tr.Target(hostA), hostA),
		startProbe(t, tr.Target(hostA), hostB)
	began := time.Now()
	const swaps = 50
	for i := 1; i <= swaps; i++ {
		next := policies[i%2]
		if i%3 > 0 {
			replaceFile(t, path, next)
		} else {
			file, err := os.Create(path)
			require.NoError(t, err)
			_, err = file.Write(next[:len(next)/2])
			require.NoError(t, err)
			time.Sleep(20 * time.Millisecond)
			_, err = file.Write(next[len(next)/2:])
			require.NoError(t, err)
			require.NoError(t, file.Close())
		}
		time.Sleep(100 * time.Millisecond)
	}
	taken.waitFor(t, passes("team-a"), time.Now())
	given.waitFor(t, denied("host-unowned"), time.Now())
	all := []*probe{taken, given, always, never}
	for _, p := range all {
		p.end()
		assert.Empty(t, p.errors)
	}
	always.assertSettled(t, passes("team-a"), began, time.Now())
	never.assertSettled(t, denied("sni-foreign"), began, time.Now())
	for _, p := range []*probe{taken, given} {
		seen := map[outcome]int{}
		for _, a := range p.answers {
			seen[a.outcome]++
		}
		assert.Positive(t, seen[passes("team-a")])
		assert.Positive(t, seen[denied("host-unowned")], "no swap was seen")
		assert.Len(t, seen, 2, "%v", seen)
	}
}
