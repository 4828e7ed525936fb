package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

const (
	// hostTaken and hostGiven are team-a's only if the policy says so. team-a's routers for them
	// stay.
	hostTaken = "taken.example.com"
	hostGiven = "given.example.com"
	// soon is how long a new policy file may take to apply, with a second's allowance for a busy
	// machine.
	soon = 3 * time.Second
)

// changing are the tenants, and team-a's routers for hostTaken and hostGiven with a certificate
// each.
type changing struct {
	*tenants
	certTaken, certGiven *lab.Cert
}

func newChanging(t *testing.T) *changing {
	t.Helper()
	m := &changing{tenants: newTenants(t)}
	m.certTaken, m.certGiven = m.platform.Issue(t, hostTaken), m.platform.Issue(t, hostGiven)
	m.routes.
		Route("team-a-taken", "Host(`"+hostTaken+"`)", m.teamA).
		Route("team-a-given", "Host(`"+hostGiven+"`)", m.teamA).
		Serve(m.certTaken, m.certGiven)

	return m
}

// policy returns the tenants' policy with a further host of team-a.
func (m *changing) policy(host string) lab.Map {
	return m.list(lab.Map{"tenants": []lab.Map{
		tenantOf("team-a", hostA, "*."+hostA, host),
		tenantOf("team-b", hostB),
	}})
}

// broken returns a policy with one error, brokenError.
func (m *changing) broken() lab.Map {
	return m.list(lab.Map{"tenants": []lab.Map{
		tenantOf("team-a", hostA, "a..example.com"),
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

// mountedPolicy is a folder as Kubernetes mounts a ConfigMap: policy.json is a link into ..data,
// which is a link to a folder of its own for each version.
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
	require.NoError(t, os.Rename(filepath.Join(c.dir, "..data_tmp"),
		filepath.Join(c.dir, "..data")))
	if c.versions == 1 {
		require.NoError(t, os.Symlink(filepath.Join("..data", "policy.json"), c.path()))
		return
	}
	require.NoError(t, os.RemoveAll(filepath.Join(c.dir, last)))
}

// becomes repeats a request until its outcome is the one wanted, within a time.
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

// assertHas requests all hosts on new connections: has passes, and hasNot has no owner.
func (m *changing) assertHas(t *testing.T, tr *lab.Traefik, has, hasNot string) {
	t.Helper()
	m.assertLegitimate(t, tr)
	assertGet(t, tr, has, "/", passes("team-a"), nil)
	assertGet(t, tr, hasNot, "/", denied("host-unowned"), nil)
}
