package policy

import "strings"

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
	notYours = "a Middleware outside the namespaces of " + OperatorNamespacesVariable + " may not set this"
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
}

// request is what one middleware asks for: its settings, and where its policy is.
type request struct {
	settings Settings
	file     string         // the policy file, "" for inline
	inline   map[string]any // tenants, shared and certificates, where there is no file
	errs     []string
}

// policyKeys are the keys of a policy file, and of the inline form.
var policyKeys = []string{"tenants", "shared", "certificates"}

// readRequest reads the keys of a middleware. operator tells that it is the operator's own; getenv is os.Getenv.
func readRequest(raw map[string]any, operator bool, getenv func(string) string) request {
	d := &decoder{}
	section := d.section("", raw, "mode", "tenants", "policyFile", "legacyNames", "plaintext", "shared",
		"certificates", "kubernetes", "exposeReason", "status")
	r := request{settings: Settings{
		Report:        d.choice("mode", section["mode"], ModeEnforce, ModeReport) == ModeReport,
		LegacyNames:   d.choice("legacyNames", section["legacyNames"], "deny", "allow") == "allow",
		DenyPlaintext: d.choice("plaintext", section["plaintext"], "allow", "deny") == "deny",
		ExposeReason:  d.boolean("exposeReason", section["exposeReason"]),
	}}
	d.unavailable(section)
	d.operatorOnly(section, operator)
	r.file = d.text("policyFile", section["policyFile"])
	d.source(&r, section, getenv)
	r.errs = d.errs
	return r
}

// unavailable refuses what the contract promises and this version has not.
func (d *decoder) unavailable(section map[string]any) {
	if v := section["kubernetes"]; v != nil {
		d.fail("kubernetes", v, notYet)
	}
	if v := section["status"]; v != nil && d.boolean("status", v) {
		d.fail("status", v, notYet)
	}
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
	if r.file == "" && section["tenants"] == nil {
		r.file, from = getenv(PolicyFileVariable), PolicyFileVariable
		if r.file == "" {
			d.fail("tenants", "", "wanted tenants, a policyFile, or a file named by "+PolicyFileVariable)
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
