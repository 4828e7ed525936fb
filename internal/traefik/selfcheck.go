package traefik

import (
	"context"
	"fmt"
	"reflect"
	"strings"
)

// The checks that what is read by reflection is where it is looked for. An upgrade of Traefik, of
// Go or of zerolog can make each of them fail.
const (
	CheckRouterName       = "router-name"
	CheckHandlerTree      = "handler-tree"
	CheckChildRouters     = "child-routers"
	CheckIngressNamespace = "ingress-namespace"
	CheckListener         = "listener"
	CheckLocalCertificate = "local-certificate"
)

// Checks returns the names of the checks, in the order in which a request meets them.
func Checks() []string {
	return []string{
		CheckRouterName, CheckHandlerTree, CheckChildRouters, CheckIngressNamespace, CheckListener,
		CheckLocalCertificate,
	}
}

// consequences are what follows from checks that fail.
var consequences = map[string]string{
	CheckRouterName: "no request can be given to a tenant: all are denied as router-unknown, but " +
		"for ping, HTTP-01 challenges of Traefik's own and tenants' own Middlewares",
	CheckHandlerTree: "child routers may not be seen: do not use parentRefs with this Traefik",
	CheckChildRouters: "child routers can't be told apart: routers with children are denied as " +
		"router-ambiguous",
	CheckIngressNamespace: "Traefik does not say the namespace of Ingress routers: they go by " +
		"their names alone, which prove none, and are denied as router-ambiguous without " +
		"kubernetes.enabled or legacyNames",
	CheckListener: "served certificates can't be observed: requests over TLS are denied as " +
		"certificate-unavailable, unless certificates.onError is allow or certificates.check " +
		"is off",
	CheckLocalCertificate: "Go does not say which certificate a connection was served: " +
		"it is observed by a handshake, as before Go 1.27",
}

// Consequence returns what follows where a check fails.
func Consequence(check string) string {
	return consequences[check]
}

// NoRouterName returns why RouterOf finds no name in the context of a middleware's constructor.
func NoRouterName(ctx context.Context) (problem string) {
	defer recoverAs(&problem)
	problem = "the context of a middleware has no values that can be read"
	findValue(ctx, func(value reflect.Value) bool {
		logger := pointee(value)
		if value.IsValid() && strings.HasPrefix(problem, "the context") {
			problem = "the context of a middleware has no logger with fields"
		}
		if logger.Kind() != reflect.Struct {
			return false
		}
		if logger.FieldByName("context").Kind() == reflect.Slice {
			problem = "Traefik's logger has no field routerName, or log.level is disabled"
		}
		return false
	})
	return problem
}

// recoverAs has a panic of package reflect be a problem like others: what it is asked for may have
// become something else.
func recoverAs(problem *string) {
	if what := recover(); what != nil {
		*problem = fmt.Sprintf("reading it failed: %.200v", what)
	}
}
