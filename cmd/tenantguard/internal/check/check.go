// Package check says what an operator should know of a policy: the plugin's errors, and what an
// expert would remark.
package check

import (
	"time"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/certs"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/source"
)

// Options are what a policy is looked at with.
type Options struct {
	// Certificates are those that are served.
	Certificates []*certs.Chain
	Now          time.Time
}

// policyCheck looks at one policy.
type policyCheck struct {
	Options
	loaded   *source.Loaded
	document *source.Document
	found    finding.List
}

// Policy returns what is to be said of a policy. Of one that the plugin refuses these are the
// errors alone: what else there is to say depends on what was meant.
func Policy(loaded *source.Loaded, o Options) finding.List {
	c := &policyCheck{Options: o, loaded: loaded, document: loaded.Document()}
	c.form()
	c.errors()
	if loaded.Parsed.Status && len(loaded.Errors) == 0 {
		c.add("status-page", "status", loaded.Middleware,
			"This middleware shows the status page, and guards nothing.",
			"Nothing, if no entry point and no tenant's router has it.")
	}
	if loaded.Effective == nil {
		return c.found
	}
	c.settings()
	c.hosts()
	c.routers()
	c.namespaces()
	c.tenants()
	c.trust()
	c.authorities()
	c.certificates()

	return c.found
}

// add adds a finding about a key of the policy, and returns it for more to be said.
func (c *policyCheck) add(id, path, subject, message, do string) *finding.Finding {
	f := finding.New(id, subject, message, do)
	f.Where = c.loaded.Place(path, subject)
	c.found = append(c.found, f)

	return &c.found[len(c.found)-1]
}

// form says that a policy file in YAML is none yet.
func (c *policyCheck) form() {
	if !c.loaded.IsYAML {
		return
	}
	file := c.loaded.File
	if file == source.StandardInput {
		file = "-"
	}
	c.add("policy-not-json", "", c.loaded.File, "The plugin reads policy files as JSON only.",
		"Give Traefik the converted file.").Fix =
		"tenantguard check " + file + " --print json > policy.json"
}
