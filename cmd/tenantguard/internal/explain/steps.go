package explain

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// This file says what each step found.

// stepNames are the steps that denials belong to, by how their codes begin.
var stepNames = []struct{ prefix, name string }{
	{"policy-", "policy"}, {"router-", "router"}, {"host-", "host"}, {"tls-", "connection"},
	{"sni-", "server name"}, {"certificate-secret", "secret"}, {"certificate-", "certificate"},
}

// stepOf returns the step that a denial belongs to.
func stepOf(code string) string {
	for _, step := range stepNames {
		if strings.HasPrefix(code, step.prefix) {
			return step.name
		}
	}

	return ""
}

// step adds a step, with the verdict if that is its own.
func (e *explainer) step(name, format string, args ...any) {
	e.stepWith(name, e.Verdict, fmt.Sprintf(format, args...))
}

func (e *explainer) stepWith(name, code, text string) {
	step := Step{Name: name, Text: text}
	isShared := name == "certificate" && code == string(verdict.SNIForeign)
	if stepOf(code) == name || isShared { // a server name passes with the platform's certificate
		step.Code = code
	}
	e.Steps = append(e.Steps, step)
}

func (e *explainer) stepPolicy(errs []string) {
	if e.policy == nil {
		e.stepWith("policy", string(verdict.PolicyInvalid),
			"None is in force:\n"+strings.Join(errs, "\n"))

		return
	}
	patterns := 0
	e.policy.Hosts.Each(func(hosts.Pattern, string) { patterns++ })
	mode := policy.ModeEnforce
	if e.policy.Report {
		mode = policy.ModeReport
	}
	e.stepWith("policy", "", fmt.Sprintf("In force with %s and %s, mode %s.",
		count(len(e.policy.Tenants), "tenant"), count(patterns, "host pattern"), mode))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}

	return fmt.Sprintf("%d %ss", n, what)
}

// stepRouter says whose the router is.
func (e *explainer) stepRouter(router binding.Router) {
	name := e.sent.Router
	if name == "" {
		name = "The router, which Traefik does not name,"
	}
	code := string(e.bound.Code)
	where := "namespace " + strings.Join(e.bound.Namespaces, ", ")
	switch {
	case e.bound.Internal:
		e.stepWith("router", code, name+" is Traefik's own, and passes.")
	case e.bound.Tenant != nil && len(e.bound.Namespaces) > 0:
		e.stepWith("router", code, fmt.Sprintf("%s lies in the %s of tenant %q.", name, where,
			e.bound.Tenant.Name))
	case e.bound.Tenant != nil:
		e.stepWith("router", code, fmt.Sprintf("%s matches a pattern of routers of tenant %q.",
			name, e.bound.Tenant.Name))
	case e.bound.Code == verdict.RouterAmbiguous && len(e.bound.Namespaces) > 0:
		e.stepWith("router", code, fmt.Sprintf("%s may lie in the %s: its name proves none.",
			name, where)+e.others())
	case e.bound.Code == verdict.RouterAmbiguous:
		e.stepWith("router", code, name+" proves nothing by its name."+e.others())
	case e.bound.Code == verdict.RouterUnbound && len(e.bound.Namespaces) > 0:
		e.stepWith("router", code, fmt.Sprintf("%s lies in the %s, which no tenant has.", name,
			where))
	case e.bound.Code == verdict.RouterUnbound:
		e.stepWith("router", code, name+" matches no tenant's patterns of routers.")
	default:
		e.stepWith("router", code, name+" is not known: that takes a name with a provider.")
	}
}

// others says who else a router may be of.
func (e *explainer) others() string {
	if e.bound.Other == "" {
		return ""
	}
	if slices.Contains(e.sent.Children, e.bound.Other) {
		return fmt.Sprintf(" The router %s below it is not the same tenant's.", e.bound.Other)
	}

	return " It may be of " + strings.ReplaceAll(e.bound.Other, ",", ", ") + "."
}

// stepHost says whose the Host is. A router without a tenant ends it before that counts.
func (e *explainer) stepHost(code verdict.Code) {
	host := e.parsed.Host
	text := fmt.Sprintf("%q is not a host name.", e.sent.Host)
	if host != "" {
		text = e.ownerOf(host)
		if verdict.IsGuest(e.policy, e.parsed) {
			text += fmt.Sprintf(" Tenant %q may serve it as a guest.", e.Tenant)
		}
	}
	e.stepWith("host", string(code), text)
}

// ownerOf says whose a name is, and by which pattern.
func (e *explainer) ownerOf(name hosts.Name) string {
	owner := e.policy.Hosts.Owner(name)
	if owner == "" {
		return fmt.Sprintf("No tenant owns %s.", name)
	}
	patterns := hosts.NewTable()
	e.policy.Hosts.Each(func(pattern hosts.Pattern, _ string) {
		patterns.Add(pattern, pattern.String())
	})

	return fmt.Sprintf("%s is tenant %q's, by %s.", name, owner, patterns.Owner(name))
}

// stepConnection says what there is of TLS, and whose the server name is.
func (e *explainer) stepConnection(code verdict.Code) {
	switch {
	case e.parsed.Proxied:
		e.stepWith("connection", string(code), fmt.Sprintf("%s is a trusted proxy: neither server "+
			"name nor certificate count.", e.sent.Client))

		return
	case !e.parsed.TLS:
		plaintext := "allow"
		if e.policy.DenyPlaintext {
			plaintext = "deny"
		}
		e.stepWith("connection", string(code), "Without TLS, plaintext is "+plaintext+"."+
			e.challenge())

		return
	}
	e.stepWith("connection", string(code), "Over TLS."+e.challenge())
	text := "The client sent none."
	if e.parsed.HasServerName {
		text = fmt.Sprintf("%q is no DNS name.", e.sent.ServerName)
	}
	if e.parsed.ServerName != "" {
		text = e.ownerOf(e.parsed.ServerName)
	}
	e.stepWith("server name", string(code), text)
}

func (e *explainer) challenge() string {
	if verdict.IsChallenge(e.parsed.Path) {
		return " The path is that of an ACME challenge, for which plaintext and certificate do " +
			"not count."
	}

	return ""
}

// stepCertificate says what is served, and what is wrong with it.
func (e *explainer) stepCertificate(code verdict.Code) {
	leaf := e.sent.Certificate.Leaf()
	text := fmt.Sprintf("%s serves %s, valid from %s to %s.", e.sent.Certificate.Name,
		verdict.Describe(leaf), leaf.NotBefore.UTC().Format(time.RFC3339),
		leaf.NotAfter.UTC().Format(time.RFC3339))
	if e.judged.IsForeign {
		text += fmt.Sprintf("\n%s is neither tenant %q's nor in shared.hosts.", e.judged.Offending,
			verdict.JudgedAs(e.policy, e.parsed).Name)
	}
	if why := verdict.Explain(code, e.parsed, leaf, e.judged, e.now); why != "" {
		text += "\nThat is: " + why + "."
	}
	if e.judged.IsPinned {
		text += "\nIt is shared, by a pin."
	}
	if e.judged.HasSharedNames {
		text += "\nAll its names are in shared.hosts."
	}
	if code == verdict.SNIForeign {
		text += "\nIt is not the platform's, so that another tenant's server name does not pass."
	}
	e.stepWith("certificate", string(code), text)
}

// stepSecret says where the certificate must lie.
func (e *explainer) stepSecret(code verdict.Code, namespaces []string) {
	text := fmt.Sprintf("A Secret of the namespaces %s must have it.",
		strings.Join(namespaces, ", "))
	if e.sent.Secrets == nil {
		text += fmt.Sprintf(" Where none has, it is %s. Say where it is with --secret.", e.Unless)
	} else {
		text += fmt.Sprintf(" It is in %s.", orNone(e.sent.Secrets))
	}
	e.stepWith("secret", string(code), text)
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}

	return strings.Join(list, ", ")
}

// stepMode says whether a denial is carried out.
func (e *explainer) stepMode() {
	if e.Verdict == string(verdict.Pass) || e.Verdict == Undecided {
		return
	}
	if e.Enforced {
		e.stepWith("mode", "", fmt.Sprintf("The denial is carried out, with status %d.", e.Status))

		return
	}
	e.stepWith("mode", "", "In report mode the denial is logged, and the request passes.")
}

// withPort returns an address as a connection has it.
func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err == nil || address == "" {
		return address
	}

	return net.JoinHostPort(strings.Trim(address, "[]"), "0")
}

func haveOneInCommon(a, b []string) bool {
	return slices.ContainsFunc(a, func(one string) bool { return slices.Contains(b, one) })
}

func sortedOnce(list []string) []string {
	slices.Sort(list)

	return slices.Compact(list)
}
