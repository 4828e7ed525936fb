// Package status shows what is so at one time: as metrics for Prometheus, as JSON, and as a page
// for people. All three are made of one State, so that they say the same. It counts what the guards
// report, and asks Traefik's own API which routers have no guard.
package status

import (
	"time"

	"github.com/tenantguard/tenantguard/internal/report"
)

// State is what is so at one time, as /status.json has it. A time is zero where there is none.
type State struct {
	Now     time.Time `json:"now"`
	Summary Summary   `json:"summary"`
	// Traefik is what Traefik's own API says.
	Traefik     Traefik      `json:"traefik"`
	EntryPoints []EntryPoint `json:"entryPoints"`
	Policies    []Policy     `json:"policies"`
	// MorePolicies counts the policies that are too many to be shown.
	MorePolicies int          `json:"morePolicies"`
	Tenants      []Tenant     `json:"tenants"`
	Hosts        []Host       `json:"hosts"`
	Routers      []Router     `json:"routers"`
	Denials      Denials      `json:"denials"`
	Kubernetes   []Kubernetes `json:"kubernetes"`
	SelfCheck    []Check      `json:"selfCheck"`
	Judged       int          `json:"checked"`
	Observed     []Observed   `json:"observed"`
	Versions     Versions     `json:"versions"`
}

// Versions are those of the programs, each "" where it is not known.
type Versions struct {
	Plugin string `json:"plugin"`
	Go     string `json:"go"`
}

// Traefik is what Traefik's own API says. Known is false where it does not answer, and Problem says
// why then: nothing is known of entry points and of routers without a guard.
type Traefik struct {
	Known   bool      `json:"known"`
	Problem string    `json:"problem"`
	Version string    `json:"version"`
	Asked   time.Time `json:"asked,omitzero"`
	// Routers counts the HTTP routers that are in use, Guarded those with a guard, Unguarded those
	// without the guard of their entry point, and Open those on entry points that have none.
	Routers   int `json:"routers"`
	Guarded   int `json:"guarded"`
	Unguarded int `json:"unguarded"`
	Open      int `json:"open"`
}

// EntryPoint is an entry point of Traefik.
type EntryPoint struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	// Guards are the guards at the entry point. Routers counts the HTTP routers on it, and Open
	// those of them that no guard is in front of.
	Guards  []string `json:"guards"`
	Routers int      `json:"routers"`
	Open    int      `json:"open"`
}

// Policy is the policy of middlewares that have the same.
type Policy struct {
	// Middleware is the first of them, by name, and Middlewares counts them.
	Middleware  string `json:"middleware"`
	Middlewares int    `json:"middlewares"`
	// Source is the policy file, or "inline". FromNamespaces reports whether Namespaces are laid
	// over it.
	Source         string `json:"source"`
	FromNamespaces bool   `json:"fromNamespaces"`
	// ByTenant reports whether a tenant wrote it into a Middleware of theirs.
	ByTenant bool   `json:"byTenant"`
	Mode     string `json:"mode"`
	Digest   string `json:"digest"`
	Tenants  int    `json:"tenants"`
	// Enforcing counts the tenants that are not in report mode.
	Enforcing  int `json:"enforcing"`
	Hosts      int `json:"hosts"`
	Namespaces int `json:"namespaces"`
	// InForce reports whether there is one, and Since since when. Changed is when it changed last.
	InForce bool      `json:"inForce"`
	Since   time.Time `json:"since,omitzero"`
	Changed time.Time `json:"changed,omitzero"`
	// Errors are what is wrong with what is written now, and Wrong since when there is something:
	// the policy in force is then an earlier one.
	Errors []string  `json:"errors"`
	Wrong  time.Time `json:"wrong,omitzero"`
	// Outdated is why the Namespaces are not kept up to date, "" if they are.
	Outdated string   `json:"outdated"`
	Warnings []string `json:"warnings"`
}

// Tenant is a tenant of a policy in force.
type Tenant struct {
	Name string `json:"name"`
	// Middleware is that of the policy.
	Middleware string   `json:"middleware"`
	Mode       string   `json:"mode"`
	Namespaces []string `json:"namespaces"`
	Routers    []string `json:"routers"`
	Hosts      []string `json:"hosts"`
	// Certificates is what its certificates are held to.
	Certificates string `json:"certificates"`
}

// Host is a host in use: the certificate that was served for it last, and what came of that.
type Host struct {
	Host   string `json:"host"`
	Tenant string `json:"tenant"`
	// Owner is the tenant whose host it is, "" where nobody owns it.
	Owner string `json:"owner"`
	// Pattern is the pattern of the owner's that the host is of.
	Pattern string    `json:"pattern"`
	Router  string    `json:"router"`
	Verdict string    `json:"verdict"`
	At      time.Time `json:"at,omitzero"`
	// Fingerprint is the SHA-256 of the certificate, as in Traefik's /api/certificates, "" where
	// the certificate is none that Go accepts.
	Fingerprint string    `json:"fingerprint"`
	Pin         string    `json:"pin"`
	Names       []string  `json:"names"`
	Issuer      string    `json:"issuer"`
	NotAfter    time.Time `json:"notAfter,omitzero"`
	// ExpiresSoon reports whether it is time to renew it.
	ExpiresSoon bool `json:"expiresSoon"`
	// Owned is how the certificate comes to serve the tenant.
	Owned string `json:"owned"`
}

// What is wrong with a router.
const (
	Unguarded = "unguarded"
	Unbound   = "unbound"
	Ambiguous = "ambiguous"
	Unknown   = "unknown"
)

// Router is a router that something is wrong with.
type Router struct {
	Name        string   `json:"name"`
	Problem     string   `json:"problem"`
	EntryPoints []string `json:"entryPoints"`
	Rule        string   `json:"rule"`
	Detail      string   `json:"detail"`
}

// Kubernetes is a cluster that Namespaces are read from.
type Kubernetes struct {
	Cluster    string    `json:"cluster"`
	Namespaces int       `json:"namespaces"`
	UpToDate   bool      `json:"upToDate"`
	Problem    string    `json:"problem"`
	Listed     time.Time `json:"listed,omitzero"`
	Outdated   time.Time `json:"outdated,omitzero"`
}

// Check is one of the self-check: whether the guard can read what Traefik gives it.
type Check struct {
	Check string `json:"check"`
	// State is that of a report.SelfCheck.
	State       string `json:"state"`
	Detail      string `json:"detail"`
	Consequence string `json:"consequence"`
}

// Observed counts the handshakes with one result.
type Observed struct {
	Result string `json:"result"`
	Count  int    `json:"count"`
}

// Denials are what was denied, or would have been in report mode.
type Denials struct {
	Counts []Count `json:"counts"`
	// Bars have the last hour in twelve parts, the latest last.
	Bars   []Bar    `json:"bars"`
	Latest []Latest `json:"latest"`
}

// Count counts the denials of a tenant with one reason. Tenant is "" for routers without one.
type Count struct {
	Tenant string `json:"tenant"`
	Reason string `json:"reason"`
	Mode   string `json:"mode"`
	Total  int    `json:"total"`
	Hour   int    `json:"lastHour"`
}

// Bar counts the denials of five minutes with one reason.
type Bar struct {
	// Ago is how many bars ago it was: 0 for the present one.
	Ago    int    `json:"ago"`
	Reason string `json:"reason"`
	Mode   string `json:"mode"`
	Count  int    `json:"count"`
}

// Latest is a denial as the log has it, with its words, and how often it came.
type Latest struct {
	Denial report.Denial `json:"denial"`
	Words  string        `json:"words"`
	First  time.Time     `json:"first,omitzero"`
	Last   time.Time     `json:"last,omitzero"`
	Count  int           `json:"count"`
}
