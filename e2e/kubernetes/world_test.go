package kubernetes_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// naming is how the IngressRoute provider names routers.
type naming string

const (
	safe   naming = "safe"
	legacy naming = "legacy"
	// crossing is safe naming with references across namespaces.
	crossing naming = "crossing"
)

// namings are the namings that the release supports, the safest first.
var namings = map[bool][]naming{
	true: {safe, legacy}, false: {legacy},
}[traefik.Since(traefik.SafeNames)]

// hasIngressNamespace reports whether Traefik shows the guard the namespace of an Ingress. Without
// it the guard knows only the router's name.
var hasIngressNamespace = traefik.Since(traefik.IngressNamespaces)

// ofIngress returns exact if the guard knows the namespace of an Ingress, else byName.
func ofIngress(exact, byName string) map[naming]string {
	if hasIngressNamespace {
		return both(exact)
	}

	return both(byName)
}

// world is a cluster with two tenants and several Traefiks that all serve it: with and without the
// guard, under each naming. An attack is made once and tried at each of them.
type world struct {
	// t is the whole test, with which backends and Traefiks end.
	t       *testing.T
	cluster *cluster.Cluster
	off, on map[naming]*cluster.Traefik
	acme    *team
	globex  *team
	// client is a certificate of the client that requests a victim's pages.
	client []tls.Certificate
	// disk is a certificate that only Traefik can read.
	disk  *lab.Cert
	teams []*team
	rows  []row
	again []again
}

// newWorld starts the cluster, its tenants and the Traefiks.
func newWorld(t *testing.T) *world {
	t.Helper()
	started := time.Now()
	w := &world{
		t: t, cluster: cluster.Start(t),
		off: map[naming]*cluster.Traefik{}, on: map[naming]*cluster.Traefik{},
	}
	t.Logf("cluster: %s", time.Since(started).Round(time.Millisecond))
	own := lab.SelfSigned(t, "client.test")
	certificate, err := tls.LoadX509KeyPair(own.CertFile, own.KeyFile)
	require.NoError(t, err)
	w.client = []tls.Certificate{certificate}
	w.cluster.Apply(t, w.cluster.Admin(), example(t, "rbac.yaml"))
	w.acme, w.globex = w.team(t, "acme"), w.team(t, "globex")
	w.acme.Apply(t, w.acme.route("web", hostRule("acme"),
		"entryPoints: [websecure], tls: {secretName: tls}"))
	w.globex.Apply(t, w.globex.route("web", hostRule("globex"),
		"entryPoints: [websecure], tls: {secretName: tls}"))

	started = time.Now()
	var first *cluster.Traefik
	for i, name := range namings {
		w.off[name] = w.traefik(first, 2*i+1, providers(name, nil), nil, nil)
		if first == nil {
			first = w.off[name]
		}
		w.on[name] = w.traefik(first, 2*i+2, providers(name, nil), lab.Map{}, nil)
	}
	last := time.Now()
	w.cluster.Apply(t, w.cluster.Admin(),
		cluster.GatewayManifests(t, first, lab.SelfSigned(t, "*.platform.test"))...)
	for _, tr := range w.all(namings...) {
		tr.WaitRouter(t, cluster.ForHost(host("acme")))
		tr.WaitRouter(t, cluster.ForHost(host("globex")))
		tr.WaitCertificate(t, host("acme"), w.acme.certificate)
	}
	t.Logf("Traefiks with two tenants: %s", time.Since(started).Round(time.Millisecond))
	// The guard lists the Namespaces one second after its start and applies them one second later.
	// Requests must pass before, between and after.
	time.Sleep(time.Until(last.Add(1300 * time.Millisecond)))
	for began := time.Now(); time.Since(began) < time.Second; time.Sleep(20 * time.Millisecond) {
		response := get(t, w.on[legacy], host("acme"), "/", false)
		require.Equal(t, "acme", response.Tenant(), "%s after the start: %d %s", time.Since(last),
			response.Status, response.Reason())
	}

	return w
}

// providers returns the configuration of all of Traefik's Kubernetes providers.
func providers(name naming, crd lab.Map) lab.Map {
	own := lab.Map{cluster.CRD: crd}
	if name == crossing {
		own[cluster.Ingress] = lab.Map{
			"crossProviderNamespaces": []string{cluster.TraefikNamespace},
		}
	}

	return lab.Merge(cluster.AllProviders(name != legacy), own)
}

// traefik starts a Traefik with the guard at its entry points. If guard is nil the plugin is only
// loaded. It has the ports of the first one at another address, so that the listeners of one
// Gateway are entry points of all.
func (w *world) traefik(
	first *cluster.Traefik, address int, providers, guard, static lab.Map,
) *cluster.Traefik {
	t := w.t
	t.Helper()
	token := w.cluster.TokenFile(t, cluster.TraefikNamespace, cluster.TraefikAccount, time.Hour)
	if guard != nil {
		guard = w.guard(token, guard)
	}
	// The ingress-nginx provider puts its plaintext routers on every entry point without TLS, so
	// the second entry point has TLS.
	entryPoints := lab.Map{"other": lab.Map{"http": lab.Map{"tls": lab.Map{}}}}
	if first != nil {
		entryPoints = lab.Merge(entryPoints, first.Beside(address))
	}

	return w.cluster.Traefik(t, cluster.TraefikOptions{
		Options: lab.Options{
			Guard:  guard,
			Plugin: true,
			Static: lab.Merge(lab.Map{"entryPoints": entryPoints}, static),
			Env:    []string{"TENANTGUARD_POLICY_FILE=" + policyFile(t)},
		},
		Providers: providers,
		TokenFile: token,
	})
}

// guard returns the configuration of a guard, with further keys.
func (w *world) guard(tokenFile string, keys lab.Map) lab.Map {
	return lab.Merge(lab.Map{
		"kubernetes": lab.Map{
			"enabled": true, "endpoint": w.cluster.URL, "tokenFile": tokenFile,
			"caFile": w.cluster.CAFile,
		},
		"shared": lab.Map{
			"hosts":      []string{"*.platform.test"},
			"namespaces": []string{cluster.TraefikNamespace},
		},
		"certificates": lab.Map{"ttl": "1s"},
		"exposeReason": true,
	}, keys)
}

// policyFile writes the operator's policy for tenants' Middlewares, which may not use Traefik's
// token.
func policyFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"tenants": [
		{"name": "acme", "namespaces": ["acme"], "hosts": ["acme.test", "*.acme.test"]},
		{"name": "globex", "namespaces": ["globex"], "hosts": ["globex.test", "*.globex.test"]}
	]}`), 0o600))

	return file
}

func (w *world) all(names ...naming) []*cluster.Traefik {
	var all []*cluster.Traefik
	for _, name := range names {
		all = append(all, w.off[name], w.on[name])
	}

	return all
}
