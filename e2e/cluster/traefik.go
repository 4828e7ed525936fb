package cluster

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// The names of Traefik's Kubernetes providers in its static configuration.
const (
	CRD     = "kubernetesCRD"
	Ingress = "kubernetesIngress"
	NGINX   = "kubernetesIngressNGINX"
	Gateway = "kubernetesGateway"
)

// Where Traefik runs, as the tests have it.
const (
	TraefikNamespace = "traefik"
	TraefikAccount   = "traefik"

	// traefikRole is the name that the Helm chart gives the role of a release "traefik" in the namespace "traefik".
	traefikRole = "traefik-traefik"
)

// TraefikOptions say how a Traefik is to run on a cluster.
type TraefikOptions struct {
	lab.Options
	// Providers are the Kubernetes providers by name, each with its own keys. Endpoint, token and authority are given.
	Providers lab.Map
	// Endpoint is the API's address, such as a Proxy's; the cluster's if empty.
	Endpoint string
	// TokenFile holds the token to start with; a new one of Traefik's service account, for an hour, if empty.
	// Traefik reads it once per provider: outside of a cluster it takes no notice of a rotation.
	TokenFile string
}

// Naming is the IngressRoute provider's setting of safe names, for releases that have it.
func Naming(safe bool) lab.Map {
	if !traefik.Since(traefik.SafeNames) {
		return lab.Map{}
	}

	return lab.Map{"safeNaming": safe}
}

// Traefik is a Traefik with Kubernetes providers.
type Traefik struct {
	*lab.Traefik
	// TokenFile holds the token of its service account.
	TokenFile string

	dynamic *lab.Config
}

// Traefik starts a Traefik on the cluster, with a service account that has the rights which the Helm chart gives for
// these providers and no others.
func (c *Cluster) Traefik(t lab.T, options TraefikOptions) *Traefik {
	t.Helper()
	c.grant(t, slices.Sorted(maps.Keys(options.Providers)))
	if options.TokenFile == "" {
		options.TokenFile = c.TokenFile(t, TraefikNamespace, TraefikAccount, time.Hour)
	}
	if options.Endpoint == "" {
		options.Endpoint = c.URL
	}

	providers := lab.Map{}
	for name, keys := range options.Providers {
		own, _ := keys.(lab.Map)
		providers[name] = lab.Merge(lab.Map{
			"endpoint":         options.Endpoint,
			"token":            options.TokenFile,
			"certAuthFilePath": c.CAFile,
		}, own)
	}
	options.Static = lab.Merge(options.Static, lab.Map{"providers": providers})
	// These would have Traefik look for another cluster.
	options.Env = append([]string{"KUBERNETES_SERVICE_HOST=", "KUBERNETES_SERVICE_PORT=", "KUBECONFIG="}, options.Env...)
	if options.Dynamic == nil {
		options.Dynamic = lab.NewConfig()
	}

	return &Traefik{Traefik: lab.Start(t, options.Options), TokenFile: options.TokenFile, dynamic: options.Dynamic}
}

// rule is a rule of a role.
type rule struct {
	Groups    []string `json:"apiGroups"`
	Resources []string `json:"resources"`
	Verbs     []string `json:"verbs"`
}

var (
	read   = []string{"get", "list", "watch"}
	follow = []string{"list", "watch"}
	update = []string{"update"}
)

// rights are the rules of the Helm chart's ClusterRole for the providers.
func rights(providers []string) []rule {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(providers, name) })
	}
	networking := []string{"extensions", "networking.k8s.io"}

	rules := []rule{
		{[]string{""}, []string{"nodes", "services", "secrets"}, read},
		{[]string{""}, []string{"pods"}, []string{"get"}},
		{[]string{"discovery.k8s.io"}, []string{"endpointslices"}, follow},
	}
	if has(Ingress, NGINX) {
		rules = append(rules,
			rule{networking, []string{"ingresses"}, read},
			rule{networking, []string{"ingresses/status"}, update})
	}
	if has(Ingress, NGINX, CRD) {
		rules = append(rules, rule{networking, []string{"ingressclasses"}, read})
	}
	if has(CRD) {
		rules = append(rules,
			rule{[]string{"traefik.io"}, []string{
				"ingressroutes", "ingressroutetcps", "ingressrouteudps", "middlewares", "middlewaretcps",
				"serverstransports", "serverstransporttcps", "tlsoptions", "tlsstores", "traefikservices",
			}, read})
	}
	// The chart forgets ConfigMaps for the ingress-nginx provider alone, which then never starts. Traefik's reference
	// has them.
	if has(CRD, NGINX, Gateway) {
		rules = append(rules, rule{[]string{""}, []string{"configmaps"}, read})
	}
	if has(Gateway) {
		var statuses []string
		kinds := []string{"backendtlspolicies", "gatewayclasses", "gateways", "grpcroutes", "httproutes", "tcproutes", "tlsroutes"}
		for _, kind := range kinds {
			statuses = append(statuses, kind+"/status")
		}
		rules = append(rules,
			rule{[]string{""}, []string{"namespaces"}, read},
			rule{[]string{"gateway.networking.k8s.io"}, append(kinds, "referencegrants"), read},
			rule{[]string{"gateway.networking.k8s.io"}, statuses, update})
	}

	return rules
}

// grant gives Traefik's service account the rights for the providers, and takes others away.
func (c *Cluster) grant(t lab.T, providers []string) {
	t.Helper()
	role := manifest(t, map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1",
		"kind":       "ClusterRole",
		"metadata":   map[string]any{"name": traefikRole},
		"rules":      rights(providers),
	})
	c.Apply(t, c.Admin(), role, fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %s}
subjects: [{kind: ServiceAccount, name: %s, namespace: %s}]
`, traefikRole, traefikRole, TraefikAccount, TraefikNamespace))
}

// Apply replaces the dynamic configuration of the file provider and waits until Traefik serves the new one.
func (tr *Traefik) Apply(t lab.T, dynamic *lab.Config) {
	t.Helper()
	tr.dynamic = dynamic
	tr.Traefik.Apply(t, dynamic)
}

// Port is an entry point's port, which a Gateway's listener must have to be on that entry point.
func (tr *Traefik) Port(entryPoint string) int {
	address := tr.Addr(entryPoint)
	port, err := strconv.Atoi(address[strings.LastIndexByte(address, ':')+1:])
	if err != nil {
		panic(err)
	}

	return port
}

// Router is a router as Traefik's API shows it, after the entry points' settings were put into it.
type Router struct {
	Name        string
	Provider    string
	Status      string
	Rule        string
	Service     string
	EntryPoints []string
	Middlewares []string
	Error       []string
}

// Routers returns the HTTP routers that Traefik has, by name, without its own.
func (tr *Traefik) Routers(t lab.T) []Router {
	t.Helper()
	var routers []Router
	fatal(t, json.Unmarshal([]byte(tr.API(t, "/api/http/routers?per_page=100000")), &routers), "reading Traefik's routers")

	return slices.DeleteFunc(routers, func(router Router) bool { return router.Provider == "internal" })
}

// WaitRouter waits until Traefik serves a router that matches, in use and without an error, and returns it.
func (tr *Traefik) WaitRouter(t lab.T, matches func(Router) bool) Router {
	t.Helper()
	var found Router
	err := until(t.Context(), func() error {
		routers := tr.Routers(t)
		for _, router := range routers {
			if matches(router) && router.Status == "enabled" {
				found = router
				return nil
			}
		}
		return fmt.Errorf("none of these matches:\n%s", list(routers))
	})
	fatal(t, err, "waiting for a router")
	// The API may have switched before the entry points.
	tr.Traefik.Apply(t, tr.dynamic)

	return found
}

// ForHost matches routers of a host.
func ForHost(host string) func(Router) bool {
	return func(router Router) bool {
		// The Gateway provider quotes in another way.
		return strings.Contains(router.Rule, "`"+host+"`") || strings.Contains(router.Rule, strconv.Quote(host))
	}
}

func list(routers []Router) string {
	var lines []string
	for _, router := range routers {
		lines = append(lines, fmt.Sprintf("%s %s %v %s %v", router.Name, router.Status, router.EntryPoints, router.Rule, router.Error))
	}

	return strings.Join(lines, "\n")
}

// WaitNamed waits until Traefik serves the router of that name, with its provider.
func (tr *Traefik) WaitNamed(t lab.T, name string) Router {
	t.Helper()
	return tr.WaitRouter(t, func(router Router) bool { return router.Name == name })
}

// WaitGone waits until no router matches any more.
func (tr *Traefik) WaitGone(t lab.T, matches func(Router) bool) {
	t.Helper()
	err := until(t.Context(), func() error {
		routers := tr.Routers(t)
		if at := slices.IndexFunc(routers, matches); at >= 0 {
			return fmt.Errorf("still there: %+v", routers[at])
		}
		return nil
	})
	fatal(t, err, "waiting for a router to go")
	tr.Traefik.Apply(t, tr.dynamic)
}

// WaitCertificate waits until Traefik serves the certificate to clients that ask for the server name.
func (tr *Traefik) WaitCertificate(t lab.T, serverName string, certificate *lab.Cert) {
	t.Helper()
	err := until(t.Context(), func() error {
		served := lab.Certificate(t, tr.Target(serverName))
		if !served.Equal(certificate.Certificate) {
			return fmt.Errorf("served is one for %q, want one for %q", served.DNSNames, certificate.DNSNames)
		}
		return nil
	})
	fatal(t, err, "waiting for a certificate")
}
