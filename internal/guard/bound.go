package guard

import (
	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// boundRouter is whose a router is under one policy.
type boundRouter struct {
	policy    *policy.Effective
	namespace string
	binding   binding.Binding
}

// bindOnce returns whose the router is, which is found once for each policy: a router that is
// nobody's may have thousands of patterns to be held to.
func (g *Guard) bindOnce(p *policy.Effective, namespace string) binding.Binding {
	g.known.lock.RLock()
	b := g.known.bound
	g.known.lock.RUnlock()
	if b != nil && b.policy == p && b.namespace == namespace {
		return b.binding
	}
	b = &boundRouter{policy: p, namespace: namespace}
	b.binding = g.bind(p, namespace)
	g.known.lock.Lock()
	g.known.bound = b
	g.known.lock.Unlock()
	return b.binding
}
