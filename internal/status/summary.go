package status

import (
	"fmt"
	"time"

	"github.com/tenantguard/tenantguard/internal/report"
)

// The levels of a summary.
const (
	Good    = "good"
	Warning = "warning"
	Bad     = "bad"
)

// Summary says in one sentence whether the guard is in force, and what there is to be done.
type Summary struct {
	Level    string    `json:"level"`
	Sentence string    `json:"sentence"`
	Since    time.Time `json:"since,omitzero"`
	Problems []Problem `json:"problems"`
}

// Problem is one thing that is not as it should be.
type Problem struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

// Summarize fills in the summary of a state that is complete but for that.
func (s *State) Summarize() {
	s.Summary = Summary{Level: Good, Problems: []Problem{}}
	reporting, partly := 0, false
	for _, p := range s.counting() {
		s.ofPolicy(p)
		if p.InForce && p.Mode == "report" && p.Enforcing == 0 {
			reporting++
		} else if p.InForce && (p.Mode == "report" || p.Enforcing < p.Tenants) {
			partly = true
		}
	}
	s.ofTenantsPolicies()
	s.ofTraefik()
	for _, check := range s.SelfCheck {
		if check.State == report.StateFailed {
			s.problem(Bad, "The self-check "+check.Check+" failed, so "+check.Consequence+".")
		}
	}
	for _, k := range s.Kubernetes {
		if !k.UpToDate {
			s.problem(Warning,
				"The Namespaces of "+k.Cluster+" are not kept up to date: "+k.Problem)
		}
	}
	s.Summary.Sentence = s.sentence(reporting, partly)
	if s.Traefik.Unguarded > 0 || !s.allInForce() || s.anyFailed() {
		s.Summary.Since = time.Time{}
	}
}

func (s *State) problem(level, text string) {
	s.Summary.Problems = append(s.Summary.Problems, Problem{Level: level, Text: text})
	if level == Bad || s.Summary.Level == Good {
		s.Summary.Level = level
	}
}

func (s *State) ofPolicy(p Policy) {
	if !p.InForce {
		s.problem(Bad, "The policy of "+p.Middleware+" is not in force: every request is "+
			"answered 503.")
	} else if p.Since.After(s.Summary.Since) {
		s.Summary.Since = p.Since
	}
	if len(p.Errors) > 0 {
		text := "What is written for " + p.Middleware + " is refused"
		if p.InForce {
			text += ", the policy from before stays in force until Traefik restarts"
		}
		s.problem(Bad, fmt.Sprintf("%s (%s).", text, count(len(p.Errors), "error")))
	}
	if len(p.Warnings) > 0 {
		s.problem(Warning, fmt.Sprintf("%s about the policy of %s.",
			count(len(p.Warnings), "warning"), p.Middleware))
	}
}

func (s *State) ofTraefik() {
	if !s.Traefik.Known {
		s.problem(Warning, "Whether every router has a guard is not known: "+s.Traefik.Problem)
		return
	}
	if s.Traefik.Unguarded > 0 {
		s.problem(Bad, count(s.Traefik.Unguarded, "router")+" on a guarded entry point, where "+
			"its guard is not in front: see Entry points and routers.")
	}
	for _, e := range s.EntryPoints {
		if e.Open > 0 && len(e.Guards) == 0 {
			s.problem(Warning, fmt.Sprintf("The entry point %s has no guard, and %s that has none "+
				"of its own.", e.Name, count(e.Open, "router")))
		}
	}
}

// sentence says the most important thing first.
func (s *State) sentence(reporting int, partly bool) string {
	if len(s.Policies) == 0 {
		s.problem(Bad, "No router has a guard.")
		return "Nothing is guarded: no router has a guard."
	}
	if !s.allInForce() {
		return "Not in force: requests are answered 503."
	}
	if s.Traefik.Unguarded > 0 {
		return "Not in force everywhere: " + count(s.Traefik.Unguarded, "router") +
			" without the guard of the entry point."
	}
	if s.anyFailed() {
		return "The guard does not know this Traefik: see the self-check."
	}
	return s.where() + s.how(reporting, partly) + "."
}

// counting returns the policies that the first sentence is about: what a tenant wrote is in front
// of the tenant's own routers only. Where there is nothing else it counts all the same.
func (s *State) counting() []Policy {
	var operators []Policy
	for _, p := range s.Policies {
		if !p.ByTenant {
			operators = append(operators, p)
		}
	}
	if len(operators) == 0 {
		return s.Policies
	}
	return operators
}

// ofTenantsPolicies notes that policies are refused that tenants wrote, unless these are all.
func (s *State) ofTenantsPolicies() {
	refused := 0
	if len(s.counting()) == len(s.Policies) {
		return
	}
	for _, p := range s.Policies {
		if p.ByTenant && len(p.Errors) > 0 {
			refused++
		}
	}
	if refused == 1 {
		s.problem(Warning, "1 policy that a tenant wrote is refused: see Policy.")
	} else if refused > 1 {
		s.problem(Warning, fmt.Sprintf("%d policies that tenants wrote are refused: see Policy.",
			refused))
	}
}

func (s *State) allInForce() bool {
	for _, p := range s.counting() {
		if !p.InForce {
			return false
		}
	}
	return true
}

// anyFailed reports whether a check of the self-check failed.
func (s *State) anyFailed() bool {
	for _, check := range s.SelfCheck {
		if check.State == report.StateFailed {
			return true
		}
	}
	return false
}

// where says where the guard is in force.
func (s *State) where() string {
	if !s.Traefik.Known {
		return "In force where it is attached, and where that is, is not known"
	}
	if s.Traefik.Open > 0 {
		return "In force, but not on every entry point"
	}
	return "In force on every entry point"
}

// how says what takes from the force.
func (s *State) how(reporting int, partly bool) string {
	text := ""
	for _, p := range s.counting() {
		if len(p.Errors) > 0 {
			text = ", with the last good policy"
		}
	}
	if reporting == len(s.counting()) {
		text += ", in report mode: denied requests pass"
	} else if reporting > 0 || partly {
		text += ", in part in report mode"
	}
	return text
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
