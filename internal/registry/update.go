package registry

import (
	"fmt"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
)

// This file is how a policy comes into force: gather the inputs, and if one of them is new,
// parse, lay the Namespaces over the last good parse, and publish the result. say.go says what is
// new. Whoever calls its functions holds the middleware's updating.

// refresh reads the keys if they are new, asks the cluster, and returns what is in force then.
func (m *Middleware) refresh() *policy.Effective {
	m.updating.Lock()
	defer m.updating.Unlock()
	m.readNewKeys()
	m.update(nil)
	return m.lastGood.effective
}

// readNewKeys reads the keys that the middleware has now, if they are not those that were read
// last. Keys at which reading panics are not read again.
func (m *Middleware) readNewKeys() {
	m.mu.Lock()
	raw, given, read := m.raw, m.given, m.read
	m.mu.Unlock()
	if given == read {
		return
	}
	defer func() {
		m.mu.Lock()
		m.read = given
		m.mu.Unlock()
	}()
	refusal := policy.Refusal(m.name, m.env.Getenv)
	fingerprint := "too large"
	if refusal == "" || !policy.IsTooLarge(raw) {
		fingerprint = fmt.Sprintf("%#v", raw) // %q would write all large numbers alike
	}
	if m.fingerprint == fingerprint {
		return
	}
	m.fingerprint = fingerprint
	m.configure(raw, fingerprint, refusal)
	m.update(nil)
}

// configure reads keys, and finds the source of their policy.
func (m *Middleware) configure(raw map[string]any, fingerprint, refusal string) {
	m.isTenants = refusal != ""
	keys := policy.ParseKeys(raw, refusal, m.env.Getenv(policy.PolicyFileVariable))
	s := &source{Source: keys.Source(refusal), open: m.env.ReadFile}
	key := sourceKey{file: keys.File}
	if keys.Settings.Kubernetes.Enabled && refusal == "" {
		cluster, err := m.env.Cluster(keys.Settings.Kubernetes)
		if err != nil {
			keys.Errors = append(keys.Errors, "kubernetes: "+err.Error())
		} else {
			s.cluster = cluster
			s.Clustered = true
			key.cluster = cluster.Address()
			key.hostRules = keys.Settings.Kubernetes.HostRules
		}
	}
	if keys.File == "" {
		key.keys = fingerprint
		key.refusal = refusal
	} else if keys.HasInline() { // which should not be there: what is wrong with it is said as well
		beside := &source{Source: s.Source, open: s.open}
		beside.File = ""
		keys.Errors = append(keys.Errors, beside.parse().errs...)
	}
	s = m.share(key, s)
	m.mu.Lock()
	m.keys = keys
	m.source = s
	m.mu.Unlock()
}

// update publishes what the inputs make now, if one of them is new. looked are the sources whose
// files were looked at before, nil where files are not to be looked at.
func (m *Middleware) update(looked map[*source]bool) {
	if m.source == nil {
		return
	}
	next := m.gather(looked)
	if next == m.inputs {
		return
	}
	latest := m.latestGood(next)
	if latest.source != nil && m.publish(latest, next) {
		m.env.Changed(m.name)
	}
	m.inputs = next // and not before: what panics is tried again
}

func (m *Middleware) gather(looked map[*source]bool) inputs {
	look := looked != nil && !looked[m.source]
	if look {
		looked[m.source] = true
	}
	next := inputs{keys: m.keys, revision: m.source.read(look)}
	next.snapshot, next.problem = m.source.namespaces()
	if m.lastGood.source != m.source {
		next.lastGood, _ = m.lastGood.source.namespaces()
	}
	return next
}

// latestGood returns what the keys ask for, or the last good parse where there is something wrong
// with that, and says what. That the cluster was not asked yet is nothing wrong, only early.
func (m *Middleware) latestGood(next inputs) good {
	errs := next.revision.errs
	if m.source.cluster != nil && next.snapshot == nil && next.problem != "" {
		unknown := "kubernetes: the Namespaces of the cluster are not known: " + next.problem
		errs = append(append([]string{}, errs...), unknown)
	}
	if len(m.keys.Errors)+len(errs) > 0 {
		m.sayErrors(errs)
		m.noteErrors(append(append([]string{}, m.keys.Errors...), errs...))
		return m.lastGood
	}
	m.noteErrors(nil)
	p := m.source.over(next.revision.parsed, next.snapshot)
	if p == nil {
		return m.lastGood
	}
	m.sayGood(p)
	return good{settings: m.keys.Settings, source: m.source, parsed: next.revision.parsed}
}

// publish brings a parse into force, with the Namespaces as they are now. It reports whether what
// was in force before has changed: before a first policy nothing was allowed.
func (m *Middleware) publish(next good, from inputs) bool {
	snapshot := from.snapshot
	if next.source != m.source {
		snapshot = from.lastGood
	}
	before := m.lastGood.effective
	next.effective = nil
	next.snapshot = snapshot
	if p := next.source.over(next.parsed, snapshot); p != nil {
		_, problem := next.source.namespaces()
		m.sayLeftOut(next.source, p.LeftOut)
		m.say(next.source, "wrong marks", report.Notice{WrongMarks: p.WrongMarks})
		m.say(next.source, "broad patterns", report.Notice{Broad: p.Broad})
		m.say(next.source, "alike", report.Notice{Alike: p.Alike})
		m.say(next.source, "outdated", report.Notice{Outdated: problem})
		next.effective = &policy.Effective{Settings: next.settings, Policy: p}
		if before != nil && before.Policy == p && before.Settings == next.settings {
			next.effective = before
		}
	}
	m.mu.Lock()
	m.lastGood = next
	m.noteChange(before)
	m.mu.Unlock()
	return before != nil && before != next.effective
}
