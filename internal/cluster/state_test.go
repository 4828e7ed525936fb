package cluster

import (
	"testing"

	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
)

// TestStates looks at a cluster before it is watched, while it is, and when it refuses.
func TestStates(t *testing.T) {
	api, set, c := start(t)
	if states := set.States(); len(states) != 0 {
		t.Errorf("states %+v of clusters that nobody watches", states)
	}
	api.mu.Lock()
	api.cluster.Namespaces = []kubetest.Namespace{{Name: "acme"}, {Name: "globex"}}
	api.mu.Unlock()
	set.Keep(map[string]bool{c.Address(): true})
	waitFor(t, "the Namespaces are listed", func() bool {
		states := set.States()
		return len(states) == 1 && states[0].Namespaces == 2
	})
	state := set.States()[0]
	if state.Problem != "" || state.Listed.IsZero() || !state.Outdated.IsZero() ||
		state.Endpoint == "" {
		t.Errorf("%+v, want it up to date", state)
	}
}

// TestStateBeforeAList has nothing known, which is not to be taken for all being well.
func TestStateBeforeAList(t *testing.T) {
	_, _, c := start(t)
	if state := c.namespaces.state(); state.Problem == "" || !state.Listed.IsZero() {
		t.Errorf("%+v, want a problem", state)
	}
}
