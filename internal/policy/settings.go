package policy

import (
	"strings"
	"time"
)

const (
	// ModeEnforce carries denials out.
	ModeEnforce = "enforce"
	// ModeReport logs and counts them and lets the requests pass.
	ModeReport = "report"

	// PolicyFileVariable names the policy file of every instance that brings no tenants of its own.
	PolicyFileVariable = "TENANTGUARD_POLICY_FILE"
	// OperatorNamespacesVariable lists, separated by commas, the namespaces whose Middlewares are the operator's.
	OperatorNamespacesVariable = "TENANTGUARD_OPERATOR_NAMESPACES"

	notYet   = "not available in this version"
	aTenants = "a Middleware outside the namespaces of " + OperatorNamespacesVariable
	notYours = aTenants + " may not set this"
)

// Settings are the keys of one middleware that are not part of its policy.
type Settings struct {
	// Report logs and counts a denial and lets the request pass, for tenants without a mode of their own.
	Report bool
	// LegacyNames takes every namespace that the policy lists for one that a router's inexact name may belong to.
	LegacyNames bool
	// DenyPlaintext refuses requests without TLS.
	DenyPlaintext bool
	// ExposeReason writes a denial's code into a response header.
	ExposeReason bool
	// Kubernetes is where the cluster is, and whether it tells the tenants.
	Kubernetes Kubernetes
}

// Kubernetes is the section kubernetes.
type Kubernetes struct {
	// Enabled reads tenants from Namespaces.
	Enabled bool
	// Endpoint, TokenFile and CAFile are where the API is, "" for what a pod finds.
	Endpoint, TokenFile, CAFile string
	// Grace is how long a confirmed certificate outlives an API that can't be asked.
	Grace time.Duration
}

// DefaultGrace is Kubernetes.Grace when nothing else is said.
const DefaultGrace = 10 * time.Minute

// request is what one middleware asks for: its settings, and where its policy is.
type request struct {
	settings Settings
	file     string         // the policy file, "" for inline
	inline   map[string]any // tenants, shared and certificates, where there is no file
	errs     []string
}

// hasInline tells whether the middleware has a key of a policy itself.
func (r *request) hasInline() bool {
	for _, value := range r.inline {
		if value != nil {
			return true
		}
	}
	return false
}

// policyKeys are the keys of a policy file, and of the inline form.
var policyKeys = []string{"tenants", "shared", "certificates"}

// readRequest reads the keys of a middleware. operator tells that it is the operator's own; getenv is os.Getenv.
func readRequest(raw map[string]any, operator bool, getenv func(string) string) *request {
	d := &decoder{}
	section := d.section("", raw, "mode", "tenants", "policyFile", "legacyNames", "plaintext", "shared",
		"certificates", "kubernetes", "exposeReason", "status")
	r := &request{settings: Settings{
		Report:        d.choice("mode", section["mode"], ModeEnforce, ModeReport) == ModeReport,
		LegacyNames:   d.choice("legacyNames", section["legacyNames"], "deny", "allow") == "allow",
		DenyPlaintext: d.choice("plaintext", section["plaintext"], "allow", "deny") == "deny",
		ExposeReason:  d.boolean("exposeReason", section["exposeReason"]),
	}}
	r.settings.Kubernetes = d.kubernetes(section["kubernetes"])
	if v := section["status"]; v != nil && d.boolean("status", v) {
		d.fail("status", v, notYet)
	}
	d.operatorOnly(section, operator)
	r.file = d.text("policyFile", section["policyFile"])
	d.source(r, section, getenv)
	r.errs = d.errs
	return r
}

// kubernetes reads the section of that name.
func (d *decoder) kubernetes(value any) Kubernetes {
	k := Kubernetes{Grace: DefaultGrace}
	if value == nil {
		return k
	}
	section := d.section("kubernetes", value, "enabled", "endpoint", "tokenFile", "caFile", "grace")
	k.Enabled = d.boolean("kubernetes.enabled", section["enabled"])
	k.Endpoint = d.text("kubernetes.endpoint", section["endpoint"])
	k.TokenFile = d.text("kubernetes.tokenFile", section["tokenFile"])
	k.CAFile = d.text("kubernetes.caFile", section["caFile"])
	if k.Endpoint != "" && !strings.HasPrefix(k.Endpoint, "https://") {
		d.fail("kubernetes.endpoint", k.Endpoint, "wanted an address that begins with https://, for Traefik's token is sent there")
	}
	if v := section["grace"]; v != nil {
		k.Grace = d.duration("kubernetes.grace", v)
	}
	return k
}

// operatorOnly refuses what reads Traefik's disk, uses its token or shows other tenants.
func (d *decoder) operatorOnly(section map[string]any, operator bool) {
	for _, key := range []string{"policyFile", "kubernetes", "status"} {
		if v := section[key]; v != nil && !operator {
			d.fail(key, v, notYours)
		}
	}
}

// source decides where the policy is: a file or the inline keys, not a mixture of which nobody can tell what holds.
func (d *decoder) source(r *request, section map[string]any, getenv func(string) string) {
	from := "policyFile"
	if r.file == "" && section["tenants"] == nil && !r.settings.Kubernetes.Enabled {
		r.file, from = getenv(PolicyFileVariable), PolicyFileVariable
		if r.file == "" {
			d.fail("tenants", "", "wanted tenants, a policyFile, kubernetes, or a file named by "+PolicyFileVariable)
		}
	}
	r.inline = map[string]any{}
	for _, key := range policyKeys {
		v := section[key]
		if v != nil && r.file != "" {
			d.fail(key, v, "wanted in the file "+quote(r.file)+" of "+from+" and not beside it")
		}
		r.inline[key] = v
	}
}

// OperatorNamed tells from the name of a middleware whether it is the operator's. Only a Kubernetes CRD is anyone
// else's, and only a safe name, namespace_name@kubernetescrd, proves a CRD's namespace: traefik + evil-mw and
// traefik-evil + mw have the same legacy name.
func OperatorNamed(middleware string, getenv func(string) string) bool {
	name, crd := strings.CutSuffix(middleware, "@kubernetescrd")
	if !crd {
		return true
	}
	namespace, _, safe := strings.Cut(name, "_")
	if !safe {
		return false
	}
	for _, operator := range strings.Split(getenv(OperatorNamespacesVariable), ",") {
		if strings.TrimSpace(operator) == namespace && namespace != "" {
			return true
		}
	}
	return false
}
