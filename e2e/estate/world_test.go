package estate_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/internal/poll"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/e2e/lab"
	kubernetesyaml "sigs.k8s.io/yaml"
)

// patience is how long to wait for what should happen soon, on a machine that may be busy.
const patience = 30 * time.Second

// The size of the estate.
const (
	namespaces = 11
	routers    = 32
)

// ttl is how long an observation of a certificate holds.
const ttl = time.Second

// services are the Services of each namespace. Their servers answer with the Service's name.
var services = map[string][]string{
	"traefik":      {"gateway-solver"},
	"ops":          {"notfound", "sso", "status", "fallback"},
	"cert-manager": {"solver"},
	"shop":         {"shop", "orders"},
	"shop-api":     {"api", "orders"},
	"blog":         {"blog", "users"},
	"mail":         {"mail", "help"},
	"wiki":         {"wiki"},
	"gate":         {"gate"},
	"pr-41":        {"pr-41"},
	"pr-42":        {"pr-42"},
}

// wildcards are the copies of the platform's wildcard certificate beside the one of its own, and
// previews those of another that has no such, as a reflector makes them.
var (
	wildcards = []string{"mail", "wiki"}
	previews  = []string{"pr-41", "pr-42"}
)

// estate is a cluster, its namespaces and the authority that all its certificates are from.
type estate struct {
	t       *testing.T
	cluster *cluster.Cluster
	ca      *lab.Cert
	members map[string]*cluster.Tenant
	// preview is the wildcard of the previews.
	preview *lab.Cert
	// started is the number of Traefiks so far.
	started int
	// forged is a tenant's certificate for another tenant's host by the name of the attack.
	forged map[string]*lab.Cert
	// api is where the guard asks the API, and tokenFile its token.
	api       *cluster.Proxy
	tokenFile string
}

// newEstate starts a cluster with the namespaces, their servers and their certificates.
func newEstate(t *testing.T) *estate {
	t.Helper()
	e := &estate{
		t: t, cluster: cluster.Start(t), ca: lab.NewCA(t, "estate"),
		members: map[string]*cluster.Tenant{}, forged: map[string]*lab.Cert{},
	}
	// In the order of their names: of two claims that of the older Namespace stays.
	for _, namespace := range slices.Sorted(maps.Keys(services)) {
		e.members[namespace] = e.cluster.Tenant(t, namespace)
		for _, name := range services[namespace] {
			e.members[namespace].Service(t, name)
		}
	}
	e.preview = e.wildcard("preview.test")
	e.copies("wildcard", e.wildcard("estate.test"), append([]string{"traefik"}, wildcards...)...)
	e.copies("preview", e.preview, previews...)
	e.copies("apps", e.wildcard("apps.test"), "traefik", "ops")
	e.copies("shop", e.wildcard("shop.test"), "shop")
	e.copies("shop-eu", e.wildcard("eu.shop.test"), "shop")
	e.copies("blog", e.wildcard("blog.test"), "blog")
	e.copies("mail", e.wildcard("mail.test"), "mail")
	e.copies("api", e.ca.Issue(t, "api.shop.test"), "shop-api")

	return e
}

// wildcard issues a certificate for all names right below a domain and for the domain itself.
func (e *estate) wildcard(domain string) *lab.Cert {
	return e.ca.Issue(e.t, domain, "*."+domain)
}

// copies puts a certificate into a Secret of each namespace.
func (e *estate) copies(name string, certificate *lab.Cert, namespaces ...string) {
	e.t.Helper()
	for _, namespace := range namespaces {
		e.members[namespace].Secret(e.t, name, certificate)
	}
}

// populate applies the thirty-two routers and the Gateway, whose listeners are on the ports of the
// first Traefik.
func (e *estate) populate(first *cluster.Traefik) {
	e.t.Helper()
	e.applyAll(cluster.GatewayManifests(e.t, first, e.wildcard("estate.test"))...)
	files, err := filepath.Glob("testdata/routes/*.yaml")
	require.NoError(e.t, err)
	require.NotEmpty(e.t, files)
	count := 1 // the default backend of the ingress-nginx provider
	for _, file := range files {
		manifests := read(e.t, file)
		for _, router := range []string{"kind: Rule\n", "kind: Ingress\n", "kind: HTTPRoute\n"} {
			count += strings.Count(manifests, router)
		}
		e.applyAll(manifests)
	}
	require.Equal(e.t, routers, count, "routers")
	require.Len(e.t, services, namespaces, "namespaces")
	rbac, err := repo.Root()
	require.NoError(e.t, err)
	e.applyAll(read(e.t, filepath.Join(rbac, "examples/kubernetes/rbac.yaml")))
}

func (e *estate) applyAll(manifests ...string) {
	e.t.Helper()
	e.cluster.Apply(e.t, e.cluster.Admin(), manifests...)
}

// apply applies a file of testdata as the operator.
func (e *estate) apply(file string) {
	e.t.Helper()
	e.applyAll(read(e.t, filepath.Join("testdata", file)))
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)

	return string(content)
}

// applyGuard applies the guard's Middleware with further keys.
func (e *estate) applyGuard(change func(keys lab.Map)) {
	e.t.Helper()
	if e.tokenFile == "" {
		e.api = e.cluster.Proxy(e.t)
		e.tokenFile = e.cluster.TokenFile(e.t, cluster.TraefikNamespace, cluster.TraefikAccount,
			time.Hour)
	}
	var middleware struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   map[string]any `json:"metadata"`
		Spec       struct {
			Plugin map[string]lab.Map `json:"plugin"`
		} `json:"spec"`
	}
	require.NoError(e.t, kubernetesyaml.Unmarshal([]byte(read(e.t, "testdata/guard.yaml")),
		&middleware))
	keys := middleware.Spec.Plugin[lab.PluginName]
	api := keys["kubernetes"].(map[string]any)
	api["endpoint"], api["tokenFile"], api["caFile"] = e.api.URL, e.tokenFile,
		e.cluster.CAFile
	keys["certificates"] = lab.Map{"roots": e.ca.CertFile, "ttl": ttl.String()}
	if change != nil {
		change(keys)
	}
	encoded, err := json.Marshal(middleware)
	require.NoError(e.t, err)
	e.applyAll(string(encoded))
}

// enforceAll sets the general mode.
func enforceAll(keys lab.Map) { keys["mode"] = "enforce" }

// traefikOptions say how far a Traefik is in the roll-out.
type traefikOptions struct {
	// beside is the Traefik on whose ports it listens, at another address; nil: it is the first.
	beside *cluster.Traefik
	// hardened turns on safe names, the plugin and what keeps tenants apart; guarded names the
	// guard at the entry points.
	hardened, guarded bool
}

func (e *estate) traefik(options traefikOptions) *cluster.Traefik {
	t := e.t
	t.Helper()
	e.started++
	middlewares := []string{"ops-badge@kubernetescrd"}
	crd := lab.Merge(cluster.Naming(false), lab.Map{"allowCrossNamespace": true})
	gateway, static := lab.Map{}, lab.Map{}
	if options.hardened {
		middlewares = []string{"ops_badge@kubernetescrd"}
		own := lab.Map{"crossProviderNamespaces": []string{cluster.TraefikNamespace}}
		gateway = own
		crd = lab.Merge(lab.Merge(cluster.Naming(true), own), lab.Map{
			"allowCrossNamespace":          false,
			"defaultTLSResourcesNamespace": cluster.TraefikNamespace,
		})
		static["core"] = lab.Map{"strictTLSOptions": true}
	}
	if options.guarded {
		middlewares = append([]string{"traefik_guard@kubernetescrd"}, middlewares...)
	}
	entryPoints := lab.Map{}
	if options.beside != nil {
		entryPoints = options.beside.Beside(e.started)
	}
	for _, name := range []string{"web", "websecure"} {
		http := lab.Map{"http": lab.Map{"middlewares": middlewares}}
		above, _ := entryPoints[name].(lab.Map)
		entryPoints[name] = lab.Merge(http, above)
	}
	static["entryPoints"] = entryPoints

	return e.cluster.Traefik(t, cluster.TraefikOptions{
		Options: lab.Options{
			Plugin: options.hardened, Static: static,
			Env: []string{"TENANTGUARD_OPERATOR_NAMESPACES=" + cluster.TraefikNamespace},
		},
		Providers: lab.Map{
			cluster.CRD: crd, cluster.Ingress: lab.Map{}, cluster.Gateway: gateway,
			cluster.NGINX: lab.Map{"defaultBackendService": "ops/fallback"},
		},
	})
}

// eventually waits until a condition returns nil.
func eventually(t *testing.T, what string, condition func() error) {
	t.Helper()
	require.NoError(t, poll.Until(t.Context(), patience, condition), what)
}

// events returns what the guard has denied or found wrong. Denials of requests for one host in a
// connection for another are left out: no client of the estate makes such, but the test does.
func events(tr *cluster.Traefik) []string {
	return slices.DeleteFunc(tr.Log.With(`"event":"`), func(line string) bool {
		return strings.Contains(line, `"event":"warning"`) ||
			strings.Contains(line, `"event":"in-force"`) ||
			strings.Contains(line, `"reason":"sni-foreign"`)
	})
}
