// Package audit finds what the guard would deny, and what it can't see, in what runs now: by
// Traefik's API, by the objects of a cluster, or both. Verdicts are the plugin's own.
package audit

import (
	"crypto/x509"
	"slices"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/objections"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// Input is what is looked at.
type Input struct {
	// Traefik is what its API says, nil where that was not asked.
	Traefik *running.Traefik
	// Objects are those of Kubernetes, nil where there are none.
	Objects *running.Objects
	// Policy is what the guard would have, with the Namespaces of Objects laid over it where it
	// takes tenants from there.
	Policy *policy.Effective
	// Plugin is the name of the guard in Traefik's static configuration.
	Plugin string
	// OperatorNamespaces are those in which only operators write.
	OperatorNamespaces []string
	Now                time.Time
	// Served are the chains that Traefik really serves, by server name, nil where nobody looked.
	Served map[string][]*x509.Certificate
	// Objections are the admission policies. They are made for the rest of the input where this is
	// nil, which takes a tenth of a second.
	Objections *objections.Policies
}

// Report is what came of it.
type Report struct {
	Routers      []RouterRow      `json:"routers"`
	Hosts        []HostRow        `json:"hosts"`
	Certificates []CertificateRow `json:"certificates"`
	// Renamed are the names in Traefik that safeNaming changes.
	Renamed  []Rename     `json:"renamed"`
	Findings finding.List `json:"findings"`
}

// RouterRow is one router with its verdict.
type RouterRow struct {
	Router  string   `json:"router"`
	Object  string   `json:"object,omitempty"`
	Tenant  string   `json:"tenant"`
	Hosts   []string `json:"hosts"`
	Verdict string   `json:"verdict"`
}

// HostRow is one host with the verdict on the requests for it that its own tenant's routers get.
type HostRow struct {
	Host  string `json:"host"`
	Owner string `json:"owner"`
	// Router is the one that Traefik prefers.
	Router string `json:"router"`
	// Certificate says which one is served, and Until when it expires.
	Certificate string `json:"certificate,omitempty"`
	Until       string `json:"until,omitempty"`
	Verdict     string `json:"verdict"`
}

// CertificateRow is one certificate of Traefik's store.
type CertificateRow struct {
	Names   []string `json:"names"`
	Secrets []string `json:"secrets"`
	// Hosts are those that it is served for.
	Hosts   []string `json:"hosts"`
	Until   string   `json:"until"`
	Verdict string   `json:"verdict"`
}

// Rename is a name in Traefik with legacy naming, and with safeNaming.
type Rename struct {
	Object string `json:"object"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

// auditor is one audit.
type auditor struct {
	Input
	routes []*route
	// byHost are the routers of HTTP that name a host, by that host.
	byHost map[string][]*route
	// vague are the routers of HTTP that match hosts which they do not name exactly.
	vague  []*route
	store  []*stored
	report Report
	// certificates are what is served for hosts.
	certificates map[string]served
	// names and hosts are what knownNames and sortedHosts return.
	names, hosts []string
	// namespaced is what namespaceObject knows.
	namespaced map[string]objections.Namespace
}

// Run looks at everything. say is told what is being done.
func Run(in Input, say func(format string, args ...any)) (*Report, error) {
	a := &auditor{
		Input: in, byHost: map[string][]*route{}, certificates: map[string]served{},
	}
	a.OperatorNamespaces = append(slices.Clone(a.OperatorNamespaces), in.Policy.SharedNamespaces...)
	say("reading rules")
	a.readRoutes()
	say("comparing %d routers with the policy", len(a.routes))
	for _, step := range []func(){
		a.namespaces, a.verdicts, a.claimedTwice, a.shadowed, a.guards, a.parents, a.streams,
		a.readStore, a.serve, a.secrets, a.options, a.references, a.annotations, a.defaults,
		a.services, a.collisions, a.renames, a.unread,
	} {
		step()
	}
	say("asking the admission policies")
	if err := a.objections(); err != nil {
		return nil, err
	}
	a.rows()
	a.report.Findings.Sort()
	a.report.Findings = slices.Compact(a.report.Findings) // one router on several entry points

	return &a.report, nil
}

// find adds a finding.
func (a *auditor) find(f finding.Finding) {
	a.report.Findings = append(a.report.Findings, f)
}

// isOperators reports whether only operators write to a namespace.
func (a *auditor) isOperators(namespace string) bool {
	return slices.Contains(a.OperatorNamespaces, namespace)
}

// tenantOf returns the name of the tenant of a namespace, "" for none.
func (a *auditor) tenantOf(namespace string) string {
	if tenant := a.Policy.NamespaceTenant(namespace); tenant != nil {
		return tenant.Name
	}

	return ""
}

// namespaces says what the policy does without.
func (a *auditor) namespaces() {
	for _, text := range a.Policy.LeftOut {
		a.find(finding.New("namespace-left-out", "Namespaces", sentence(text),
			"Put the label right, or list the namespace in the policy."))
	}
	for _, text := range a.Policy.WrongMarks {
		a.find(finding.New("namespace-marks", "Namespaces", sentence(text),
			"Put the label or the annotation right."))
	}
}

// unread says which kinds of object nothing was found in.
func (a *auditor) unread() {
	if a.Objects == nil {
		return
	}
	for _, text := range a.Objects.Unread {
		a.find(finding.New("not-looked", "the cluster", sentence(text),
			"Let the account of the audit list them: examples/kubernetes/audit-job.yaml."))
	}
}
