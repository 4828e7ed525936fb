package report

import "fmt"

// Notice is what an operator must know of a policy.
type Notice struct {
	Middleware string
	// File is the policy file, "" for inline keys.
	File string
	// Errors are what is wrong with the policy, empty for a warning.
	Errors []string
	// InForce reports whether an earlier policy stays in force.
	InForce bool
	// ByNameOnly are the tenants whose certificates are held to their names alone.
	ByNameOnly []string
	// Broad are patterns that claim more than one tenant is likely to own.
	Broad []string
	// Alike are pairs of namespaces whose Ingresses can have the same names in Traefik.
	Alike []string
	// LeftOut are the errors of Namespaces that the policy does without.
	LeftOut []string
	// WrongMarks are the errors of Namespaces of which the policy has the rest.
	WrongMarks []string
	// Unreadable is a router whose child routers can't be read, "" for none.
	Unreadable string
	// Outdated is why the Namespaces are not kept up to date, "" if they are.
	Outdated string
}

// notice is a line about a policy.
type notice struct {
	Event      string   `json:"event"`
	Middleware string   `json:"middleware"`
	File       string   `json:"file,omitempty"`
	Message    string   `json:"message"`
	Errors     []string `json:"errors,omitempty"`
	Tenants    []string `json:"tenants,omitempty"`
}

// Policy writes a notice.
func (l *Log) Policy(n Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(n.line())
}

// line returns what is written of a notice.
func (n Notice) line() notice {
	line := notice{Event: "policy", Middleware: n.Middleware, File: n.File}
	if n.Unreadable != "" {
		line.Event = "warning"
		line.Errors = []string{fmt.Sprintf("router %.300q", n.Unreadable)}
		line.Message = "the self-check failed: this Traefik keeps child routers otherwise than " +
			"the guard knows, such routers are denied as router-ambiguous"
		return line
	}
	if n.Outdated != "" {
		line.Event = "warning"
		line.Errors = []string{n.Outdated}
		line.Message = "the cluster's Namespaces are not kept up to date: " +
			"tenants and their hosts stay as they were last known"
		return line
	}
	if len(n.LeftOut) > 0 {
		line.Errors = n.LeftOut
		line.Message = "these Namespaces are left out of the policy"
		return line
	}
	if len(n.WrongMarks) > 0 {
		line.Errors = n.WrongMarks
		line.Message = "these labels and annotations of Namespaces are wrong, " +
			"the rest of each Namespace is in force"
		return line
	}
	if len(n.Broad) > 0 {
		line.Event = "warning"
		line.Errors = n.Broad
		line.Message = "these patterns claim more than one tenant is likely to own"
		return line
	}
	if len(n.Alike) > 0 {
		line.Event = "warning"
		line.Errors = n.Alike
		line.Message = "Ingresses of these namespaces, and their services, can have the same " +
			"names in Traefik, where the last one wins: use IngressRoutes with safe names, or " +
			"the admission policy of owners"
		return line
	}
	if len(n.Errors) == 0 {
		line.Event = "warning"
		line.Tenants = n.ByNameOnly
		line.Message = "these tenants' certificates are checked by their names only, " +
			"which a forged certificate can carry as well: " +
			"set certificates.roots, certificates.pins or certificates.secrets"
		return line
	}
	line.Errors = n.Errors
	line.Message = "the policy is refused and there is no earlier one: " +
		"every request is answered 503"
	if n.InForce {
		line.Message = "the policy is refused, the last good one stays in force"
	}
	return line
}
