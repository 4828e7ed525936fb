package policy

import (
	"fmt"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/text"
)

// The placeholders of kubernetes.hosts.
const (
	namespacePlaceholder = "{namespace}"
	tenantPlaceholder    = "{tenant}"
)

// templateError returns what is wrong with a template of hosts, "" for nothing. Two placeholders in
// one label would let two Namespaces read as each other: {tenant}-{namespace} is a-b-c for a and
// b-c as for a-b and c. One in the last label would give a Namespace called com all below it.
func templateError(template string) string {
	labels := strings.Split(template, ".")
	found := false
	for i, label := range labels {
		count := strings.Count(label, namespacePlaceholder) +
			strings.Count(label, tenantPlaceholder)
		found = found || count > 0
		if count > 1 {
			return "wanted no more than one placeholder in a label, for of two nobody can tell " +
				"where the one ends"
		}
		if count > 0 && i == len(labels)-1 {
			return "wanted a domain after the last placeholder"
		}
	}
	sample := fill(template, "x", "x")
	if strings.ContainsAny(sample, "{}") {
		return "unknown placeholder, wanted {namespace} or {tenant}"
	}
	if !found {
		return "wanted {namespace} or {tenant} in it: all Namespaces would have the same host"
	}
	if _, err := hosts.ParsePattern(sample); err != nil {
		return err.Error()
	}
	return ""
}

func fill(template, namespace, tenant string) string {
	template = strings.ReplaceAll(template, namespacePlaceholder, namespace)
	return strings.ReplaceAll(template, tenantPlaceholder, tenant)
}

// addTemplates adds the hosts that the operator's rules give a Namespace, but for those that are
// another tenant's already. Whoever chooses the name of a Namespace must not choose a host with it
// that somebody has, so a wildcard keeps what it covers here.
func (o *overlay) addTemplates(n Namespace) {
	for _, template := range o.templates {
		if wanted := o.addTemplate(n, template); wanted != "" {
			o.sayWrong(markError(n, "kubernetes.hosts", template, wanted))
		}
	}
}

func (o *overlay) addTemplate(n Namespace, template string) string {
	if strings.Contains(template, tenantPlaceholder) && !text.IsNamespace(n.Tenant) {
		return fmt.Sprintf("the tenant %s is no single label of a host, in lower case",
			quote(n.Tenant))
	}
	filled := fill(template, n.Name, n.Tenant)
	pattern, err := hosts.ParsePattern(filled)
	if err != nil {
		return quote(filled) + ": " + err.Error()
	}
	if owner := o.policy.Hosts.Covering(pattern); owner != "" && owner != n.Tenant {
		return fmt.Sprintf("%s: tenant %q has this host", quote(filled), owner)
	}
	o.addPattern(n, "kubernetes.hosts", pattern)
	return ""
}
