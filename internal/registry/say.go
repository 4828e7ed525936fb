package registry

import (
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
)

// This file is what is said of a policy. Whoever calls its functions holds the middleware's
// updating.

// inForce is the subject of notices about a policy in force.
const inForce = "in force"

// sayErrors says what is wrong with the keys and with the policy that they ask for.
func (m *Middleware) sayErrors(errs []string) {
	m.refused = true
	m.forgetInForce()
	subject, inForce := "policy", m.lastGood.effective != nil
	if !inForce {
		subject = "policy of those without one"
	}
	own := m.keys.Errors
	if m.source.File == "" {
		own = append(append([]string{}, own...), errs...)
	} else if len(errs) > 0 {
		m.say(m.source, subject, report.Notice{Errors: errs, InForce: inForce})
	}
	m.sayOnce(&m.said, m.source, "keys", report.Notice{Errors: own, InForce: inForce})
}

// sayGood says what an operator should know of a policy without errors.
func (m *Middleware) sayGood(p *policy.Policy) {
	m.again = m.again || (m.refused && m.lastGood.effective != nil)
	m.refused = false
	m.say(m.source, "policy", report.Notice{ByNameOnly: p.CheckedByNameOnly()})
	m.say(m.source, "policy of those without one", report.Notice{})
	m.sayOnce(&m.said, m.source, "keys", report.Notice{})
	m.sayOnce(&m.said, m.source, "broad keys", report.Notice{Broad: m.keys.Broad})
}

// say says a notice about a source: of inline keys for the middleware itself, of a file once for
// all middlewares.
func (m *Middleware) say(s *source, subject string, n report.Notice) {
	if s.File == "" {
		m.sayOnce(&m.said, s, subject, n)
		return
	}
	m.sayOnce(&s.said, s, subject, n)
}

func (m *Middleware) sayOnce(memory *report.Said, s *source, subject string, n report.Notice) {
	if memory.IsNew(subject, n) {
		n.Middleware = m.name
		n.File = s.File
		m.env.Say(n)
	}
}

// sayLeftOut says which Namespaces the policy does without, each once.
func (m *Middleware) sayLeftOut(s *source, errs []string) {
	news := &m.leftOut
	if s.File != "" {
		news = &s.leftOut
	}
	for _, text := range news.Of(errs) {
		m.env.Say(report.Notice{Middleware: m.name, File: s.File, LeftOut: text})
	}
}

// sayInForce says which policy is in force, if it is another one than before, or good again. A
// tenant's middleware that attaches the operator's file is said once for all such.
func (m *Middleware) sayInForce() {
	now, s := m.lastGood.effective, m.lastGood.source
	if now == nil || (now == m.announced && !m.again) {
		return
	}
	ofPolicy := s.digestOf(now.Policy)
	current := m.current(now, ofPolicy)
	m.announced = now
	m.again = false
	if m.isTenants && s.File != "" {
		same := report.Notice{Current: &report.Current{Digest: ofPolicy}}
		if !s.said.IsNew(inForce, same) {
			return
		}
	} else if !m.said.IsNew(inForce, report.Notice{Current: current}) {
		return
	}
	m.env.Say(report.Notice{Middleware: m.name, File: s.File, Current: current})
}

// forgetInForce has what is in force be said again once there are no errors any more.
func (m *Middleware) forgetInForce() {
	m.said.IsNew(inForce, report.Notice{})
	if m.isTenants {
		m.source.said.IsNew(inForce, report.Notice{})
	}
}

func (m *Middleware) current(now *policy.Effective, ofPolicy string) *report.Current {
	counts := now.Policy.Counts(now.Report)
	current := &report.Current{
		Digest: now.Settings.Digest(ofPolicy), Source: "inline", Mode: policy.ModeEnforce,
		Counts: report.Counts{
			Tenants: counts.Tenants, Enforcing: counts.Enforcing,
			Namespaces: counts.Namespaces, Hosts: counts.Hosts,
		},
		Refused: m.refused, Again: m.again, Traefik: m.env.Traefik, Go: m.env.Go,
	}
	if m.lastGood.source.File != "" {
		current.Source = "file"
	}
	if m.lastGood.source.cluster != nil {
		current.Source += ", kubernetes"
	}
	if now.Report {
		current.Mode = policy.ModeReport
	}
	return current
}
