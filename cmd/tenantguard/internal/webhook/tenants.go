package webhook

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	corev1 "k8s.io/api/core/v1"
)

// A namespace is what is read of a Namespace.
type namespace struct {
	policy.Namespace
	// allow is the annotation with what the Namespace may do beyond others.
	allow string
}

// Tenants knows which tenant each Namespace and each host is of: the policy with the Namespaces of
// the cluster laid over it.
type Tenants struct {
	label string

	mu         sync.Mutex
	parsed     *policy.Parsed
	namespaces map[string]namespace
	// current is nil once something has changed.
	current *view
}

// NewTenants returns the tenants of a policy without Namespaces; label is the label of a Namespace
// that says which tenant it is of.
func NewTenants(parsed *policy.Parsed, label string) *Tenants {
	return &Tenants{label: label, parsed: parsed, namespaces: map[string]namespace{}}
}

// SetPolicy replaces the policy.
func (t *Tenants) SetPolicy(parsed *policy.Parsed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parsed = parsed
	t.current = nil
}

// Set takes in a Namespace, and reports whether it says something new.
func (t *Tenants) Set(object *corev1.Namespace) bool {
	read := t.read(object)
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, found := t.namespaces[read.Name]; found && known == read {
		return false
	}
	t.namespaces[read.Name] = read
	t.current = nil

	return true
}

// Delete drops a Namespace.
func (t *Tenants) Delete(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, found := t.namespaces[name]; found {
		delete(t.namespaces, name)
		t.current = nil
	}
}

// Len returns how many Namespaces are known.
func (t *Tenants) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()

	return len(t.namespaces)
}

// read reads a Namespace. One that is about to be created is younger than all others.
func (t *Tenants) read(object *corev1.Namespace) namespace {
	created := object.CreationTimestamp.Time
	if created.IsZero() {
		created = time.Now()
	}

	return namespace{
		Namespace: policy.NewNamespace(object.Name, created.UTC().Format(time.RFC3339), t.label,
			object.Labels, object.Annotations),
		allow: object.Annotations[policy.AllowAnnotation],
	}
}

// view returns the tenants as they are now.
func (t *Tenants) view() *view {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == nil {
		t.current = newView(t.parsed, t.namespaces)
	}

	return t.current
}

// with returns the tenants as they would be with another Namespace, or with one changed.
func (t *Tenants) with(object *corev1.Namespace) *view {
	t.mu.Lock()
	parsed := t.parsed
	changed := make(map[string]namespace, len(t.namespaces)+1)
	for name, known := range t.namespaces {
		changed[name] = known
	}
	t.mu.Unlock()
	changed[object.Name] = t.read(object)

	return newView(parsed, changed)
}

// A view is the policy in force at one time. It does not change.
type view struct {
	policy *policy.Effective
	allow  map[string]string
	// below has, for a suffix, the owners of the patterns for names right below it.
	below map[hosts.Name][]string
}

func newView(parsed *policy.Parsed, namespaces map[string]namespace) *view {
	v := &view{allow: map[string]string{}, below: map[hosts.Name][]string{}}
	snapshot := &policy.Snapshot{}
	for _, n := range namespaces {
		snapshot.Namespaces = append(snapshot.Namespaces, n.Namespace)
		if n.allow != "" {
			v.allow[n.Name] = n.allow
		}
	}
	v.policy = &policy.Effective{Policy: parsed.Over(snapshot)}
	v.policy.Hosts.Each(func(pattern hosts.Pattern, owner string) {
		if _, suffix, found := strings.Cut(pattern.String(), "."); found {
			below := hosts.Name(suffix)
			if !slices.Contains(v.below[below], owner) {
				v.below[below] = append(v.below[below], owner)
			}
		}
	})

	return v
}

// tenant returns the tenant of a Namespace, nil for none.
func (v *view) tenant(namespace string) *policy.Tenant {
	return v.policy.NamespaceTenant(namespace)
}

// isShared reports whether Secrets of the Namespace may serve every tenant.
func (v *view) isShared(namespace string) bool {
	for _, shared := range v.policy.SharedNamespaces {
		if shared == namespace {
			return true
		}
	}

	return false
}

// owner returns the tenant that has a certificate's name, or one that has a name that it stands
// for, if possible another than the given one, "" for none.
func (v *view) owner(name, tenant string) string {
	suffix, wildcard := strings.CutPrefix(name, "*.")
	if !wildcard {
		return v.policy.Hosts.Owner(hosts.ParseName(name))
	}
	parsed := hosts.ParseDNS(suffix)
	if parsed == "" {
		return ""
	}
	owners := v.below[parsed]
	for _, owner := range owners {
		if owner != tenant {
			return owner
		}
	}
	if len(owners) > 0 {
		return owners[0]
	}

	return v.policy.Hosts.Owner("any." + parsed)
}

// patterns returns the host patterns of a tenant.
func (v *view) patterns(tenant string) []string {
	var patterns []string
	v.policy.Hosts.Each(func(pattern hosts.Pattern, owner string) {
		if owner == tenant {
			patterns = append(patterns, pattern.String())
		}
	})

	return patterns
}
