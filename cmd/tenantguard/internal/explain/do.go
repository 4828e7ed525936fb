package explain

import "github.com/tenantguard/tenantguard/internal/verdict"

// whatToDo is what an operator does about each denial. docs/verdicts.md says more.
var whatToDo = map[verdict.Code]string{
	verdict.PolicyInvalid: "Correct the policy: tenantguard check says how.",
	verdict.RouterUnknown: "Give the router's name with its provider, such as web@docker.",
	verdict.RouterUnbound: "Give the router's namespace to a tenant, or its name to a tenant's " +
		"routers.",
	verdict.RouterAmbiguous: "Turn providers.kubernetesCRD.safeNaming on, or narrow the pattern " +
		"of routers.",
	verdict.HostInvalid: "Correct the client.",
	verdict.HostUnowned: "Add the host to the tenant's hosts, if it is the tenant's.",
	verdict.HostForeign: "Correct the route, or the policy. If it shall serve there, make its " +
		"tenant a guest.",
	verdict.TLSRequired: "Redirect to HTTPS at the entry point.",
	verdict.SNIMissing:  "Correct the client. A proxy of yours belongs to trustedProxies.",
	verdict.SNIForeign: "Nothing for browsers, which open a new connection. Give the server name " +
		"to the tenant, if its clients use it.",
	verdict.CertificateUnavailable: "Let Traefik reach its own entry point, and the " +
		"Kubernetes API.",
	verdict.CertificateExpired: "Renew it, and delete expired ones that Traefik prefers.",
	verdict.CertificateName:    "Issue one with the name as SAN.",
	verdict.CertificateForeign: "Find who brought it. If it is the platform's, add the name to " +
		"shared.hosts.",
	verdict.CertificateUntrusted: "Find who brought it. If it is genuine, serve its " +
		"intermediates or add its authority to the roots.",
	verdict.CertificateUnpinned: "Find who brought it. If it is genuine, add its pin.",
	verdict.CertificateSecret: "Find the Secret it is in. If it is the platform's, add its " +
		"namespace to shared.namespaces.",
}
