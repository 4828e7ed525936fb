package report

// Version is the plugin's version, the newest one of CHANGELOG.md.
const Version = "0.1.0-dev"

// The levels of lines. Traefik logs all of them at ERROR.
const (
	levelError = "error"
	levelWarn  = "warn"
	levelInfo  = "info"
)

// Notice is what an operator must know of a policy. It says one thing: Errors, or one of the
// fields behind InForce.
type Notice struct {
	Middleware string
	// File is the policy file, "" for inline keys.
	File string
	// Errors are what is wrong with the policy, empty for a warning.
	Errors []string
	// InForce reports whether an earlier policy stays in force.
	InForce bool
	// Current is a policy that came into force, nil for none.
	Current *Current
	// ByNameOnly are the tenants whose certificates are held to their names alone.
	ByNameOnly []string
	// Broad are patterns that claim more than one tenant is likely to own.
	Broad []string
	// Alike are pairs of namespaces whose Ingresses can have the same names in Traefik.
	Alike []string
	// LeftOut is the error of a Namespace that the policy does without, "" for none.
	LeftOut string
	// WrongMarks are the errors of Namespaces of which the policy has the rest.
	WrongMarks []string
	// Expiring is a certificate that is served and is over soon, "" for none.
	Expiring string
	// Outdated is why the Namespaces are not kept up to date, "" if they are.
	Outdated string
}

// Current is a policy that came into force.
type Current struct {
	// Digest is the same for policies that say the same.
	Digest string
	// Source is where the policy is written, such as "inline, kubernetes".
	Source string
	// Mode is the general one.
	Mode   string
	Counts Counts
	// Refused reports whether the present keys or file have errors, so that this is the last good
	// policy with other Namespaces, and Again whether they had until now.
	Refused, Again bool
	// Traefik and Go are versions, "unknown" for one that can't be found out.
	Traefik, Go string
}

// Counts says how much a policy has. Enforcing are the tenants that are not in report mode.
type Counts struct {
	Tenants    int `json:"tenants"`
	Enforcing  int `json:"enforcing"`
	Namespaces int `json:"namespaces"`
	Hosts      int `json:"hosts"`
}

// notice is a line about a policy.
type notice struct {
	Event      string   `json:"event"`
	Level      string   `json:"level"`
	Middleware string   `json:"middleware"`
	File       string   `json:"file,omitempty"`
	Message    string   `json:"message"`
	Errors     []string `json:"errors,omitempty"`
	Tenants    []string `json:"tenants,omitempty"`
}

// currentLine is a line about a policy that came into force.
type currentLine struct {
	Event      string `json:"event"`
	Level      string `json:"level"`
	Middleware string `json:"middleware"`
	File       string `json:"file,omitempty"`
	Message    string `json:"message"`
	Source     string `json:"source"`
	Mode       string `json:"mode"`
	Counts     Counts `json:"counts"`
	Digest     string `json:"digest"`
	Version    string `json:"version"`
	Traefik    string `json:"traefik"`
	Go         string `json:"go"`
}

// Policy writes a notice.
func (l *Log) Policy(n Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n.Current != nil {
		l.write(n.current())
		return
	}
	l.write(n.line())
}

// current returns what is written of a policy that came into force.
func (n Notice) current() currentLine {
	message := "a policy is in force"
	if n.Current.Refused {
		message = "the last good policy is in force, with the Namespaces as they are now"
	} else if n.Current.Again {
		message = "the policy is good again and in force"
	}
	return currentLine{
		Event: "in-force", Level: levelInfo, Middleware: n.Middleware, File: n.File,
		Message: message, Source: n.Current.Source, Mode: n.Current.Mode, Counts: n.Current.Counts,
		Digest: n.Current.Digest, Version: Version, Traefik: n.Current.Traefik, Go: n.Current.Go,
	}
}

// line returns what is written of any other notice.
func (n Notice) line() notice {
	if n.Outdated != "" {
		return n.warning([]string{n.Outdated}, "the cluster's Namespaces are not kept up to date: "+
			"tenants and their hosts stay as they were last known")
	}
	if n.Expiring != "" {
		return n.warning([]string{n.Expiring}, "this certificate is served and expires soon, "+
			"from then on its hosts are denied as certificate-expired")
	}
	if n.LeftOut != "" {
		return n.ofPolicy(levelWarn, []string{n.LeftOut}, "a Namespace is left out of the policy")
	}
	if len(n.WrongMarks) > 0 {
		return n.ofPolicy(levelWarn, n.WrongMarks, "these labels and annotations of Namespaces "+
			"are wrong, the rest of each Namespace is in force")
	}
	if len(n.Broad) > 0 {
		return n.warning(n.Broad, "these patterns claim more than one tenant is likely to own")
	}
	if len(n.Alike) > 0 {
		return n.warning(n.Alike, "Ingresses of these namespaces, and their services, can have "+
			"the same names in Traefik, where the last one wins: use IngressRoutes with safe "+
			"names, or the admission policy of owners")
	}
	if len(n.Errors) == 0 {
		line := n.warning(nil, "these tenants' certificates are checked by their names only, "+
			"which a forged certificate can carry as well: "+
			"set certificates.roots, certificates.pins or certificates.secrets")
		line.Tenants = n.ByNameOnly
		return line
	}
	if n.InForce {
		return n.ofPolicy(levelError, n.Errors,
			"the policy is refused, the last good one stays in force")
	}
	return n.ofPolicy(levelError, n.Errors, "the policy is refused and there is no earlier one: "+
		"every request is answered 503")
}

// warning returns a line about what is in force all the same.
func (n Notice) warning(errs []string, message string) notice {
	line := n.ofPolicy(levelWarn, errs, message)
	line.Event = "warning"
	return line
}

// ofPolicy returns a line about what is not in force.
func (n Notice) ofPolicy(level string, errs []string, message string) notice {
	return notice{
		Event: "policy", Level: level, Middleware: n.Middleware, File: n.File, Message: message,
		Errors: errs,
	}
}
