package policy

import (
	"sort"
	"strings"
)

const (
	// ModeEnforce carries denials out.
	ModeEnforce = "enforce"
	// ModeReport logs and counts them and lets the requests pass.
	ModeReport = "report"

	// PolicyFileVariable names the policy file of every middleware that brings no tenants of its
	// own.
	PolicyFileVariable = "TENANTGUARD_POLICY_FILE"
)

// Settings are the keys of one middleware that are not part of its policy.
type Settings struct {
	// Report logs and counts a denial and lets the request pass, for tenants without a mode of
	// their own.
	Report bool
	// LegacyNames takes every namespace that the policy lists for one that a router's inexact
	// name may belong to.
	LegacyNames bool
	// DenyPlaintext refuses requests without TLS.
	DenyPlaintext bool
	// ShareServerNames lets another tenant's server name pass where the served certificate is a
	// shared one (serverName: shared).
	ShareServerNames bool
	// Proxies are the peers on whose connections the server name and the served certificate are the
	// proxy's affair, nil for none (trustedProxies).
	Proxies *Networks
	// ExposeReason writes a denial's code into a response header.
	ExposeReason bool
	// Kubernetes is where the cluster is, and whether tenants come from there.
	Kubernetes Kubernetes
}

// Keys are what one middleware asks for: its settings, and where its policy is.
type Keys struct {
	Settings Settings
	// Status reports whether this instance shows what the others do, and guards nothing itself.
	Status bool
	// File is the policy file, "" where the policy is inline.
	File string
	// Inline has the keys tenants, shared and certificates as they were written beside the others.
	Inline map[string]any
	// Broad are the keys that trust more than an operator is likely to mean.
	Broad []string
	// Errors are what is wrong with the keys, but for the policy's own.
	Errors []string
}

// HasInline reports whether the middleware has a key of a policy itself.
func (k *Keys) HasInline() bool {
	for _, value := range k.Inline {
		if value != nil {
			return true
		}
	}
	return false
}

// Source returns where the policy is written, but for whether a cluster is asked.
func (k *Keys) Source(refusal string) Source {
	return Source{
		File: k.File, Inline: k.Inline, Refusal: refusal, Kubernetes: k.Settings.Kubernetes,
	}
}

// policyKeys are the keys of a policy file, and of the inline form.
var policyKeys = []string{"tenants", "shared", "certificates"}

// ParseKeys reads the keys of a middleware. refusal is why it is not the operator's, "" if it is;
// defaultFile is the policy file of middlewares without a policy, "" for none.
func ParseKeys(raw map[string]any, refusal, defaultFile string) *Keys {
	if refusal != "" && IsTooLarge(raw) {
		return tooLarge(refusal)
	}
	d := &decoder{}
	section := d.section("", raw, "mode", "tenants", "policyFile", "legacyNames", "plaintext",
		"shared", "certificates", "kubernetes", "exposeReason", "status", "trustedProxies",
		"serverName")
	k := &Keys{Settings: Settings{
		Report:        d.choice("mode", section["mode"], ModeEnforce, ModeReport) == ModeReport,
		LegacyNames:   d.choice("legacyNames", section["legacyNames"], "deny", "allow") == "allow",
		DenyPlaintext: d.choice("plaintext", section["plaintext"], "allow", "deny") == "deny",
		ExposeReason:  d.boolean("exposeReason", section["exposeReason"]),
		ShareServerNames: d.choice("serverName", section["serverName"], "tenant", "shared") ==
			"shared",
	}}
	k.Settings.Proxies = d.networks("trustedProxies", section["trustedProxies"])
	k.Broad = tooWide("trustedProxies", k.Settings.Proxies)
	k.Settings.Kubernetes = d.kubernetes(section["kubernetes"])
	k.Status = d.boolean("status", section["status"])
	d.operatorOnly(section, refusal)
	if k.Status && refusal == "" {
		d.statusAlone(section)
	}
	k.File = d.text("policyFile", section["policyFile"])
	d.locate(k, section, defaultFile)
	k.Errors = d.errs
	return k
}

// statusAlone refuses every other key beside status: who writes one means to guard something.
func (d *decoder) statusAlone(section map[string]any) {
	var others []string
	for key, v := range section {
		if key != "status" && v != nil {
			others = append(others, key)
		}
	}
	sort.Strings(others)
	for _, key := range others {
		d.fail(key, section[key], "wanted no key beside status: true, which guards nothing")
	}
}

// WantsStatus reports whether the keys of a middleware ask for the status page. They may be wrong
// in what else they say, or not the operator's: see ParseKeys.
func WantsStatus(raw map[string]any) bool {
	for key, v := range raw {
		if strings.EqualFold(key, "status") {
			d := &decoder{}
			return d.boolean("status", v) && len(d.errs) == 0
		}
	}
	return false
}

// locate finds where the policy is: in a file or in the inline keys, not in a mixture of which
// nobody can tell what holds.
func (d *decoder) locate(k *Keys, section map[string]any, defaultFile string) {
	from := "policyFile"
	if k.File == "" && section["tenants"] == nil && !k.Settings.Kubernetes.Enabled && !k.Status {
		k.File = defaultFile
		from = PolicyFileVariable
		if k.File == "" {
			d.fail("tenants", "",
				"wanted tenants, a policyFile, kubernetes, or a file named by "+PolicyFileVariable)
		}
	}
	k.Inline = map[string]any{}
	for _, key := range policyKeys {
		v := section[key]
		if v != nil && k.File != "" {
			d.fail(key, v, "wanted in the file "+quote(k.File)+" of "+from+" and not beside it")
		}
		k.Inline[key] = v
	}
}
