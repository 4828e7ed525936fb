package status

import (
	"fmt"
	"strings"

	"github.com/tenantguard/tenantguard/internal/report"
)

// Words says in words why a request was denied, or would have been, and all that is to be said
// beside that.
func Words(d report.Denial) string {
	words := wordsOf(d)
	if d.Other != "" {
		words += " It may be of: " + d.Other + "."
	}
	if d.Detail != "" {
		words += " " + strings.ToUpper(d.Detail[:1]) + d.Detail[1:] + "."
	}
	if d.Also != "" {
		words += " Beside that it would be denied as " + d.Also + "."
	}
	return words
}

func wordsOf(d report.Denial) string {
	host := fmt.Sprintf("%q", d.Host)
	tenant := "a router without a tenant"
	if d.Tenant != "" {
		tenant = "the tenant " + d.Tenant
	}
	switch d.Reason {
	case "policy-invalid":
		return "There is no policy in force, so nothing can be allowed."
	case "router-unknown":
		return "The guard can't tell which router this is."
	case "router-unbound":
		return "The router belongs to no tenant: give its namespace or its name to one."
	case "router-ambiguous":
		return "The router could be of several tenants, or of none: its name proves no namespace."
	case "host-invalid":
		return "The request names no host."
	case "host-unowned":
		return "Nobody owns " + host + ", so a router of " + tenant + " may not serve it."
	case "host-foreign":
		return "A router of " + tenant + " serves " + host + ", which is " + ownerOf(d) + "."
	case "tls-required":
		return "The request came without TLS."
	case "sni-missing":
		return "The client sent no server name."
	case "sni-foreign":
		return fmt.Sprintf("A request for %s came on a connection for %q, which is %s.",
			host, d.SNI, ownerOf(d))
	}
	return certificateWords(d, host)
}

// ownerOf says whose a name is that is not the tenant's own.
func ownerOf(d report.Denial) string {
	if d.Owner == "" {
		return "no tenant's"
	}
	return "the tenant " + d.Owner + "'s"
}

func certificateWords(d report.Denial, host string) string {
	switch d.Reason {
	case "certificate-unavailable":
		return "The served certificate could not be looked at."
	case "certificate-expired":
		return "The served certificate has expired, or is not valid yet."
	case "certificate-name":
		return "The served certificate is not valid for " + host + "."
	case "certificate-foreign":
		return fmt.Sprintf("The served certificate names %q, which is neither the tenant's "+
			"nor shared.", d.Offending)
	case "certificate-untrusted":
		return "The served certificate does not verify to the roots that the policy wants."
	case "certificate-unpinned":
		return "The served certificate matches none of the pins that the policy wants."
	case "certificate-secret":
		return "The served certificate is in no Secret of the tenant's or the shared namespaces."
	}
	return d.Reason
}
