package report

import "github.com/tenantguard/tenantguard/internal/policy"

// notice is a line about a policy.
type notice struct {
	Event      string   `json:"event"`
	Middleware string   `json:"middleware"`
	File       string   `json:"file,omitempty"`
	Message    string   `json:"message"`
	Errors     []string `json:"errors,omitempty"`
	Tenants    []string `json:"tenants,omitempty"`
}

// Policy writes what an operator must know of a policy.
func (l *Log) Policy(n policy.Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n.Outdated != "" {
		l.write(notice{Event: "warning", Middleware: n.Middleware, File: n.File, Errors: []string{n.Outdated},
			Message: "the cluster's Namespaces are not kept up to date: tenants and their hosts stay as they were last known"})
		return
	}
	if len(n.LeftOut) > 0 {
		l.write(notice{Event: "policy", Middleware: n.Middleware, File: n.File, Errors: n.LeftOut,
			Message: "these Namespaces are left out of the policy"})
		return
	}
	if len(n.Errors) == 0 {
		l.write(notice{Event: "warning", Middleware: n.Middleware, File: n.File, Tenants: n.ByNameOnly,
			Message: "these tenants' certificates are checked by their names only, which a forged certificate can carry as well: set certificates.roots, certificates.pins or certificates.secrets"})
		return
	}
	message := "the policy is refused and there is no earlier one: every request is answered 503"
	if n.InForce {
		message = "the policy is refused, the last good one stays in force"
	}
	l.write(notice{Event: "policy", Middleware: n.Middleware, File: n.File, Message: message, Errors: n.Errors})
}
