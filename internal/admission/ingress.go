package admission

import (
	"fmt"
	"strings"
)

const (
	traefikMark = "traefik.ingress.kubernetes.io/"
	nginxMark   = "nginx.ingress.kubernetes.io/"

	// traefikKnown matches the annotations of Traefik's that concern an Ingress alone.
	traefikKnown = `^traefik\.ingress\.kubernetes\.io/router\.` +
		`(entrypoints|priority|pathmatcher|rulesyntax|tls|tls\.certresolver|tls\.options|` +
		`tls\.domains\.[0-9]+\.(main|sans)|middlewares|observability\.[a-z.]+)$`

	ingressRules = "object.spec.?rules.orValue([])"
	ruleHosts    = ingressRules + ".map(rule, rule.?host.orValue('').lowerAscii())"
)

// nginxKnown are the annotations of ingress-nginx that concern an Ingress alone, or whose values
// are checked. Those that lead anywhere else, such as snippets, are not in it.
const nginxKnown = `
affinity affinity-canary-behavior allowlist-source-range app-root
auth-method auth-realm auth-response-headers auth-secret auth-secret-type auth-signin
auth-tls-pass-certificate-to-upstream auth-tls-secret auth-tls-verify-client auth-type auth-url
backend-protocol canary canary-by-cookie canary-by-header canary-by-header-pattern
canary-by-header-value canary-weight canary-weight-total client-body-buffer-size
cors-allow-credentials cors-allow-headers cors-allow-methods cors-allow-origin cors-expose-headers
cors-max-age custom-headers custom-http-errors default-backend enable-access-log enable-cors
force-ssl-redirect from-to-www-redirect limit-burst-multiplier limit-connections limit-rpm limit-rps
permanent-redirect permanent-redirect-code proxy-body-size proxy-buffer-size proxy-buffering
proxy-buffers-number proxy-connect-timeout proxy-http-version proxy-max-temp-file-size
proxy-next-upstream proxy-next-upstream-timeout proxy-next-upstream-tries proxy-read-timeout
proxy-request-buffering proxy-send-timeout proxy-ssl-name proxy-ssl-secret proxy-ssl-server-name
proxy-ssl-verify rewrite-target server-alias service-upstream session-cookie-expires
session-cookie-max-age session-cookie-name session-cookie-path session-cookie-samesite
session-cookie-secure ssl-redirect temporal-redirect temporal-redirect-code upstream-hash-by
upstream-vhost use-regex websocket-services whitelist-source-range x-forwarded-prefix`

// traefikValues returns the values of Traefik's annotations whose key in lower case matches.
func traefikValues(key string) string {
	return "variables.traefik.filter(key, key.lowerAscii().matches(r'^traefik\\.ingress\\." +
		"kubernetes\\.io/router\\." + key + "'))\n  .map(key, variables.annotations[key])"
}

// nginxValue returns the value of an annotation of ingress-nginx.
func nginxValue(key string) string {
	return "variables.annotations[?'" + nginxMark + key + "'].orValue('')"
}

// ingressHosts are the hosts of an Ingress, wherever it names them.
func ingressHosts() []expression {
	return []expression{
		{"annotations", "object.metadata.?annotations.orValue({})"},
		{"traefik", "variables.annotations.filter(key, key.startsWith('" + traefikMark + "'))"},
		{"nginx", "variables.annotations.filter(key, key.startsWith('" + nginxMark + "'))"},
		{"names", `
([` + ruleHosts + `.join(',')] +
  object.spec.?tls.orValue([]).map(tls, tls.?hosts.orValue([]).join(',')) +
  ` + traefikValues(`tls\.domains\.`) + ` +
  [` + nginxValue("server-alias") + `]).join(',')`},
		{"tooLarge", fmt.Sprintf("variables.names.size() > %d", maxText)},
		{"hosts", splitNames[1:] + ` +
(variables.tooLarge ||
  ` + nginxValue("from-to-www-redirect") + `.lowerAscii() in ['', 'false', 'f', '0'] ? [] :
  ` + ruleHosts + `
    .map(host, host.startsWith('www.') ? host.substring(4) : 'www.' + host))`},
	}
}

func (o Options) ingresses() check {
	var known []string
	for _, key := range strings.Fields(nginxKnown) {
		known = append(known, nginxMark+key)
	}
	variables := append(o.patternsAndGuests(), ingressHosts()...)
	variables = append(variables, hostVariables()...)
	variables = append(variables, expression{"unknown", `
variables.traefik.filter(key, !key.lowerAscii().matches(r'` + traefikKnown + `')) +
variables.nginx.filter(key, variables.nginx.size() > 200 || !(key in [
  ` + strings.ReplaceAll(quoted(known), ", ", ",\n  ") + `]))
  .filter(key, key != '` + nginxMark + `ssl-passthrough' ||
    !('passthrough' in variables.allowed))`})
	return check{
		name: "ingresses",
		comment: `
Stops an Ingress that takes requests for a host that is not one of its Namespace's, also by a rule
without a host, a default backend, or an annotation of Traefik's or ingress-nginx's (server-alias,
from-to-www-redirect, ssl-passthrough, a rule as path matcher), or that uses what is another
tenant's. Of these annotations only those pass that are known to concern the Ingress alone.`,
		resources: []resource{{"networking.k8s.io", []string{"ingresses", "ingresses/status"}}},
		// Annotations can be written through the subresource too.
		everywhere:  true,
		parts:       []string{"spec"},
		variables:   variables,
		validations: ingressValidations(),
	}
}

func ingressValidations() []validation {
	validations := []validation{tenant,
		require("!("+ruleHosts+").exists(host, host == '')",
			"a rule without a host takes the requests of every host; write a host in each rule").
			orGuestAnywhere(),
		require("!has(object.spec.defaultBackend)",
			"defaultBackend takes the requests for every host that no one else does;"+
				" write a rule with a host").orGuestAnywhere(),
	}
	validations = append(validations, notTooLarge)
	validations = append(validations, guestHostValidations()...)
	return append(validations,
		requireComputed("variables.unknown.size() == 0",
			"'annotation ' + "+short("variables.unknown.join(', ')")+
				" + ' is not for tenants, as it may concern more than this Ingress; leave it out'"),
		require(ingressRules+".all(rule, rule.?http.?paths.orValue([]).all(path,\n"+
			"  !path.?path.orValue('').contains('"+tick+"')))",
			"a path may have no backquote: Traefik writes it into a rule"),
		require(traefikValues(`pathmatcher$`)+
			".all(value, value in ['Path', 'PathPrefix', 'PathRegexp'])",
			"router.pathmatcher may be Path, PathPrefix or PathRegexp"),
		require(traefikValues(`rulesyntax$`)+".all(value, value in ['', 'v3', 'default'])",
			"router.rulesyntax may be v3 only"),
		mayOnly(traefikValues(`tls\.certresolver$`)+".all(value, value == '')", "certresolver",
			"router.tls.certresolver"),
		requireComputed(traefikValues(`(middlewares|tls\.options)$`)+
			".join(',').split(',')\n  .map(value, value.trim()).all(value, value == '' ||\n"+
			"    value.startsWith(variables.ns + '_') && value.endsWith('@kubernetescrd'))",
			"'router.middlewares and router.tls.options may name only ' + variables.ns +"+
				" '_NAME@kubernetescrd (with safeNaming)'"),
		require("['auth-secret', 'auth-tls-secret', 'proxy-ssl-secret', 'custom-headers']\n"+
			"  .map(key, variables.annotations[?'"+nginxMark+"' + key].orValue('').trim())\n"+
			"  .all(value, !value.contains('/') || value.startsWith(variables.ns + '/'))",
			"auth-secret, auth-tls-secret, proxy-ssl-secret and custom-headers may name what is in"+
				" this namespace only"),
	)
}
