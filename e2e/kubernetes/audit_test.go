package kubernetes_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/internal/command"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// auditor runs the command's audit on the cluster as it is.
type auditor struct {
	kubeconfig, policy string
}

func newAuditor(t *testing.T, w *world) *auditor {
	t.Helper()
	c := w.cluster
	content, err := json.Marshal(w.guard("", lab.Map{}))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "guard.json")
	require.NoError(t, os.WriteFile(file, content, 0o600))

	return &auditor{
		kubeconfig: command.Kubeconfig(t, c.URL, c.CAFile, c.Admin().BearerToken), policy: file,
	}
}

// look returns what the audit finds in the cluster and in a Traefik, by the policy in force.
func (a *auditor) look(t *testing.T, tr *cluster.Traefik) []command.Finding {
	t.Helper()
	return command.Findings(t, "audit", "--kubeconfig", a.kubeconfig,
		"--api", "http://"+tr.Addr("traefik"))
}

// objects returns what the audit finds in the cluster alone.
func (a *auditor) objects(t *testing.T) []command.Finding {
	t.Helper()
	return command.Findings(t, "audit", "--kubeconfig", a.kubeconfig, "--policy", a.policy)
}

// idsOf returns the ids of findings, each once.
func idsOf(findings []command.Finding) string {
	var ids []string
	for _, f := range findings {
		ids = append(ids, f.ID)
	}
	slices.Sort(ids)

	return strings.Join(slices.Compact(ids), ", ")
}

// testWithAudit makes each attack once more while nothing refuses it, and has the command find it.
func testWithAudit(t *testing.T, w *world) {
	if !strict {
		t.Skip("the admission policies that audit asks are for Traefik with safe names")
	}
	a := newAuditor(t, w)
	assert.Empty(t, a.look(t, w.on[plain]), "a cluster without attacks")
	for _, attack := range w.again {
		if attack.owner != nil {
			attack.owner.Apply(t, attack.own...)
		}
	}
	defer func() {
		for _, attack := range w.again {
			attack.manifests = attack.own
			if attack.by = attack.owner; attack.by != nil {
				attack.undo(t)
			}
		}
	}()
	before := a.objects(t)
	for _, attack := range w.again {
		t.Run(attack.name, func(t *testing.T) {
			_, err := attack.make(t)
			require.NoError(t, err)
			found := a.since(t, before)
			attack.undo(t)
			assert.NotEmpty(t, found)
			for _, at := range attack.at {
				w.rows[at.row].audit = idsOf(found)
			}
		})
	}
}

// since returns what the audit finds that it did not find before.
func (a *auditor) since(t *testing.T, before []command.Finding) []command.Finding {
	t.Helper()
	return slices.DeleteFunc(a.objects(t), func(f command.Finding) bool {
		return slices.Contains(before, f)
	})
}
