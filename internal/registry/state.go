package registry

import (
	"sort"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
)

// State is what is so of one middleware at one time.
type State struct {
	Name string
	// File is the policy file, "" for inline keys, and Clustered reports whether Namespaces are
	// laid over it.
	File      string
	Clustered bool
	// Policy is what is in force, nil for nothing: every request is then answered 503. InForce is
	// since when something is, and Changed when another policy came into force.
	Policy           *policy.Effective
	InForce, Changed time.Time
	// Digest is that of the policy in force with its settings.
	Digest string
	// Errors are what is wrong with what is written now, and Wrong since when there is something.
	Errors []string
	Wrong  time.Time
	// Outdated is why the Namespaces are not kept up to date, "" if they are.
	Outdated string
}

// States returns what is so of the middlewares with these names, by name. New keys are read first.
func (r *Registry) States(names map[string]bool) []State {
	var states []State
	for _, m := range r.all() {
		if names[m.name] {
			m.Policy()
			states = append(states, m.state())
		}
	}
	sort.Slice(states, func(i, j int) bool { return states[i].Name < states[j].Name })
	return states
}

func (m *Middleware) state() State {
	m.mu.Lock()
	s := State{
		Name: m.name, Policy: m.lastGood.effective,
		InForce: m.times.inForce, Changed: m.times.changed,
		Errors: m.times.errs, Wrong: m.times.wrong,
	}
	source, inForce := m.source, m.lastGood.source
	m.mu.Unlock()
	if s.Policy != nil {
		s.Digest = s.Policy.Settings.Digest(inForce.digestOf(s.Policy.Policy))
	}
	if source != nil {
		s.File = source.File
		s.Clustered = source.cluster != nil
		_, s.Outdated = source.namespaces()
	}
	return s
}

// noteErrors notes what is wrong with what is written now, empty for nothing.
func (m *Middleware) noteErrors(errs []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(errs) == 0 {
		m.times.wrong = time.Time{}
	} else if len(m.times.errs) == 0 {
		m.times.wrong = time.Now()
	}
	m.times.errs = errs
}

// noteChange notes that what is in force is perhaps another policy than before. The caller holds
// mu.
func (m *Middleware) noteChange(before *policy.Effective) {
	now := m.lastGood.effective
	if now == nil {
		m.times.inForce = time.Time{}
		return
	}
	if now == before {
		return
	}
	m.times.changed = time.Now()
	if before == nil {
		m.times.inForce = m.times.changed
	}
}
