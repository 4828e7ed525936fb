package webhook

import (
	"crypto/x509"
	"net/netip"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"golang.org/x/net/publicsuffix"
)

// allNames returns all names by which Traefik finds a certificate: the DNS and IP subject
// alternative names, and the common name, which nobody else looks at any more. Traefik joins the
// names with commas and later splits them there, and makes them lower case, so that a common name
// may hide several.
func allNames(leaf *x509.Certificate) []string {
	names := append([]string{}, leaf.DNSNames...)
	seen := map[string]bool{}
	for _, name := range names {
		seen[strings.ToLower(name)] = true
	}
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
		seen[ip.String()] = true
	}
	for _, part := range strings.Split(strings.ToLower(leaf.Subject.CommonName), ",") {
		part = strings.TrimRight(part, ".")
		if !seen[part] && isHost(part) {
			names = append(names, part)
			seen[part] = true
		}
	}

	return names
}

// isHost reports whether a part of a common name may be the name of a host, or stand for some.
func isHost(name string) bool {
	return hosts.ParseName(strings.TrimPrefix(name, "*.")) != ""
}

// withNames returns a certificate whose names are others.
func withNames(leaf *x509.Certificate, names []string) *x509.Certificate {
	changed := *leaf
	changed.DNSNames = names
	changed.IPAddresses = nil

	return &changed
}

// local are names for which no request comes from outside, in a Namespace: the names of its own
// Services, names of one label, and the machine itself. Certificates of databases, operators and
// webhooks have them. What a tenant has is not local.
type local struct {
	view      *view
	namespace string
	// domain is the domain of the cluster.
	domain string
}

func (l local) has(name string) bool {
	if l.view.owner(name, "") != "" {
		return false
	}
	if address, err := netip.ParseAddr(name); err == nil {
		return address.IsLoopback()
	}
	name = strings.ToLower(name)
	labels := strings.Split(name, ".")
	if hosts.ParseDNS(strings.TrimPrefix(name, "*.")) == "" {
		return false
	}
	if len(labels) == 1 || name == "localhost.localdomain" {
		return true
	}
	if strings.HasSuffix(name, "."+l.namespace+".svc") ||
		strings.HasSuffix(name, "."+l.namespace+".svc."+l.domain) {
		return true
	}

	return len(labels) == 2 && labels[0] != "*" && labels[1] == l.namespace &&
		!isTopLevel(l.namespace)
}

// isTopLevel reports whether a label is a domain of the public DNS: in a Namespace called com,
// example.com is no Service.
func isTopLevel(label string) bool {
	suffix, icann := publicsuffix.PublicSuffix("name." + label)

	return icann && suffix == label
}

// allowWord, before a host pattern, is a word of the annotation that lets a Namespace have
// certificates with names that are not its own.
const allowWord = "certificate:"

// allowed returns what the operators let certificates of a Namespace name beside its own hosts.
func allowed(annotation string) *hosts.Table {
	table := hosts.NewTable()
	for _, word := range strings.Split(annotation, ",") {
		text, found := strings.CutPrefix(strings.TrimSpace(word), allowWord)
		if !found {
			continue
		}
		if pattern, err := hosts.ParsePattern(text); err == nil {
			table.Add(pattern, allowWord)
		}
	}

	return table
}

// patternError returns what is wrong with a host pattern, nil for nothing.
func patternError(pattern string) error {
	_, err := hosts.ParsePattern(pattern)

	return err
}
