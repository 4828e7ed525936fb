package registry

import (
	"fmt"
	"sync"

	"github.com/tenantguard/tenantguard/internal/report"
)

// said is what was said last of each subject, so that nothing is said twice in a row.
type said struct {
	mu    sync.Mutex
	texts map[string]string
}

// isNew reports whether a notice says something, and not what was said last of its subject. It
// remembers the notice.
func (s *said) isNew(subject string, n report.Notice) bool {
	text := ""
	if len(n.Errors)+len(n.ByNameOnly)+len(n.LeftOut) > 0 {
		text = fmt.Sprintf("%q %q %q", n.Errors, n.ByNameOnly, n.LeftOut)
	} else if n.Outdated != "" {
		text = "outdated" // whatever the reason is by now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texts == nil {
		s.texts = map[string]string{}
	}
	if s.texts[subject] == text {
		return false
	}
	s.texts[subject] = text
	return text != ""
}

// sayErrors says what is wrong with the keys and with the policy that they ask for.
func (m *Middleware) sayErrors(errs []string) {
	subject, inForce := "policy", m.lastGood.effective != nil
	if !inForce {
		subject = "policy of those without one"
	}
	own := m.keys.Errors
	if m.source.path == "" {
		own = append(append([]string{}, own...), errs...)
	} else if len(errs) > 0 {
		m.say(m.source, subject, report.Notice{Errors: errs, InForce: inForce})
	}
	m.sayOwn(report.Notice{Errors: own, InForce: inForce})
}

// sayGood says what an operator should know of a policy without errors.
func (m *Middleware) sayGood(byNameOnly []string) {
	m.say(m.source, "policy", report.Notice{ByNameOnly: byNameOnly})
	m.say(m.source, "policy of those without one", report.Notice{})
	m.sayOwn(report.Notice{})
}

// say says a notice about a source: of inline keys for the middleware itself, of a file once for all
// middlewares.
func (m *Middleware) say(s *source, subject string, n report.Notice) {
	if s.path == "" {
		m.sayOnce(&m.said, s, subject, n)
		return
	}
	m.sayOnce(&s.said, s, subject, n)
}

// sayOwn says a notice about the middleware's keys.
func (m *Middleware) sayOwn(n report.Notice) {
	m.sayOnce(&m.said, m.source, "keys", n)
}

func (m *Middleware) sayOnce(memory *said, s *source, subject string, n report.Notice) {
	if memory.isNew(subject, n) {
		n.Middleware = m.name
		n.File = s.path
		m.env.Say(n)
	}
}
