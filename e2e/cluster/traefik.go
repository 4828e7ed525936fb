package cluster

import (
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

// Where Traefik runs in the cluster.
const (
	TraefikNamespace = "traefik"
	TraefikAccount   = "traefik"

	// traefikRole is the Helm chart's name for the role of a release "traefik" in the namespace
	// "traefik".
	traefikRole = "traefik-traefik"
)

// TraefikOptions configure a Traefik on a cluster.
type TraefikOptions struct {
	lab.Options
	// Providers are the Kubernetes providers by name, each with its own keys. Endpoint, token and
	// authority are added.
	Providers lab.Map
	// Endpoint is the API's address, such as a Proxy's; the cluster's if empty.
	Endpoint string
	// TokenFile holds the token to start with. If empty, a token of Traefik's service account for
	// one hour is made. Traefik reads the file once per provider: outside a cluster it ignores a
	// rotation.
	TokenFile string
}

// Naming returns the IngressRoute provider's setting of safe names, if the release has it.
func Naming(safe bool) lab.Map {
	if !traefik.Since(traefik.SafeNames) {
		return lab.Map{}
	}

	return lab.Map{"safeNaming": safe}
}

// AllProviders returns the configuration of all of Traefik's Kubernetes providers.
func AllProviders(safeNaming bool) lab.Map {
	return lab.Map{
		CRD: Naming(safeNaming), Ingress: lab.Map{}, NGINX: lab.Map{}, Gateway: lab.Map{},
	}
}

// Traefik is a Traefik with Kubernetes providers.
type Traefik struct {
	*lab.Traefik
	// TokenFile holds the token of its service account.
	TokenFile string

	dynamic *lab.Config
}

// Traefik starts a Traefik on the cluster. Its service account has the rights that the Helm chart
// gives for these providers, and no others.
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
	// With these set Traefik would look for another cluster.
	options.Env = append([]string{
		"KUBERNETES_SERVICE_HOST=", "KUBERNETES_SERVICE_PORT=", "KUBECONFIG=",
	}, options.Env...)
	if options.Dynamic == nil {
		options.Dynamic = lab.NewConfig()
	}

	return &Traefik{
		Traefik: lab.Start(t, options.Options), TokenFile: options.TokenFile,
		dynamic: options.Dynamic,
	}
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

// rights returns the rules of the Helm chart's ClusterRole for the providers.
func rights(providers []string) []rule {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			return slices.Contains(providers, name)
		})
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
				"ingressroutes", "ingressroutetcps", "ingressrouteudps",
				"middlewares", "middlewaretcps", "serverstransports", "serverstransporttcps",
				"tlsoptions", "tlsstores", "traefikservices",
			}, read})
	}
	// The chart omits ConfigMaps for the ingress-nginx provider alone, which then never starts.
	// Traefik's reference includes them.
	if has(CRD, NGINX, Gateway) {
		rules = append(rules, rule{[]string{""}, []string{"configmaps"}, read})
	}
	if has(Gateway) {
		var statuses []string
		kinds := []string{
			"backendtlspolicies", "gatewayclasses", "gateways", "grpcroutes", "httproutes",
			"tcproutes", "tlsroutes",
		}
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

// grant gives Traefik's service account the rights for the providers and removes all others.
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

// Apply replaces the dynamic configuration of the file provider and waits until Traefik serves the
// new one.
func (tr *Traefik) Apply(t lab.T, dynamic *lab.Config) {
	t.Helper()
	tr.dynamic = dynamic
	tr.Traefik.Apply(t, dynamic)
}

// Beside returns the entry points of another Traefik: the ports of this one at another loopback
// address, so that the listeners of one Gateway are entry points of both.
func (tr *Traefik) Beside(address int) lab.Map {
	entryPoints := lab.Map{}
	for _, name := range []string{"web", "websecure"} {
		entryPoints[name] = lab.Map{
			"address": fmt.Sprintf("127.0.0.%d:%d", address, tr.Port(name)),
		}
	}

	return entryPoints
}

// Port returns an entry point's port. A Gateway's listener is on that entry point if it has that
// port.
func (tr *Traefik) Port(entryPoint string) int {
	address := tr.Addr(entryPoint)
	port, err := strconv.Atoi(address[strings.LastIndexByte(address, ':')+1:])
	if err != nil {
		panic(err)
	}

	return port
}
