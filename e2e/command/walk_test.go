package command_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/internal/command"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
	kubernetesyaml "sigs.k8s.io/yaml"
)

// routers is the number of routers of the walk.
const routers = 40

// walk is a cluster that has grown without tenants: forty routers of all providers, where the HTTP
// provider stands for those that a test can't have. Nobody has written down whose they are.
type walk struct {
	t       *testing.T
	cluster *cluster.Cluster
	// answers are who must answer for a URL without its scheme.
	answers map[string]string
	dynamic *lab.Config
	http    lab.Map
	token   string
	count   int
}

func newWalk(t *testing.T) *walk {
	t.Helper()
	w := &walk{t: t, cluster: cluster.Start(t), answers: map[string]string{}}
	ca := lab.NewCA(t, "walk")
	for _, name := range []string{"shop", "blog", "wiki", "mail"} {
		w.namespace(name, ca.Issue(t, name+".test", "*."+name+".test"))
	}
	w.dynamic = w.routesOf("billing").Serve(ca.Issue(t, "billing.test", "*.billing.test"))
	other := w.routesOf("crm").Serve(ca.Issue(t, "crm.test", "*.crm.test"))
	content := other.YAML(t)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write(content)
	}))
	t.Cleanup(server.Close)
	w.http = lab.Map{"endpoint": server.URL, "pollInterval": "100ms"}
	require.Equal(t, routers, w.count)

	return w
}

// namespace makes eight routers of one team in its namespace, by all providers of Kubernetes.
func (w *walk) namespace(name string, certificate *lab.Cert) {
	w.t.Helper()
	team := w.cluster.Tenant(w.t, name)
	service := team.Service(w.t, name)
	team.Secret(w.t, "tls", certificate)
	route := func(host string) cluster.Route {
		w.count++
		w.answers[host+"/"] = name

		return cluster.Route{Name: "r" + fmt.Sprint(w.count), Host: host, Service: service}
	}
	const secure = "entryPoints: [websecure]"
	team.Apply(w.t,
		route(name+".test").IngressRoute("", secure+", tls: {secretName: tls}", ""),
		route("www."+name+".test").IngressRoute("", "entryPoints: [web, websecure]", ""),
		route("api."+name+".test").IngressRoute("", secure, "priority: 100"),
		route("api."+name+".test").IngressRoute(
			"Host(`api."+name+".test`) && PathPrefix(`/v2`)", secure, ""),
		route("ingress."+name+".test").Ingress("traefik", "tls", cluster.OnWebsecure),
		route("both."+name+".test").Ingress("traefik", "tls", ""),
		route("nginx."+name+".test").Ingress("nginx", "tls", cluster.NoRedirect),
		route(name+".platform.test").Gateway("HTTPRoute", "websecure", ""),
	)
}

// routesOf makes four routers that are in no cluster.
func (w *walk) routesOf(name string) *lab.Config {
	w.t.Helper()
	config, backend := lab.NewConfig(), lab.NewBackend(w.t, name)
	for _, sub := range []string{"www", "api", "shop", "status"} {
		w.count++
		host := sub + "." + name + ".test"
		w.answers[host+"/"] = name
		config.Route(name+"-"+sub, "Host(`"+host+"`)", backend)
	}

	return config
}

// traefik starts a Traefik, with the guard at its entry points unless it is nil.
func (w *walk) traefik(first *cluster.Traefik, address int, guard lab.Map) *cluster.Traefik {
	w.t.Helper()
	static := lab.Map{"providers": lab.Map{"http": w.http}}
	if first != nil {
		static["entryPoints"] = first.Beside(address)
	}

	return w.cluster.Traefik(w.t, cluster.TraefikOptions{
		Options: lab.Options{
			Guard: guard, Dynamic: w.dynamic, Static: static, Plugin: guard != nil,
		},
		Providers: cluster.AllProviders(true), TokenFile: w.token,
	})
}

// waitRouters waits until Traefik has all routers.
func (w *walk) waitRouters(tr *cluster.Traefik) {
	w.t.Helper()
	for _, url := range slices.Sorted(maps.Keys(w.answers)) {
		tr.WaitRouter(w.t, cluster.ForHost(url[:len(url)-1]))
	}
}

// ask asks for every host, each of which its own team must answer.
func (w *walk) ask(tr *cluster.Traefik, when string) {
	w.t.Helper()
	for url, team := range w.answers {
		host := url[:len(url)-1]
		response := lab.Get(w.t, lab.HTTP1, tr.Target(host), host, "/")
		assert.Equal(w.t, team, response.Tenant(), "%s: %s gets %d %s", when, host, response.Status,
			response.Reason())
	}
}

// keysOf are the keys that init wrote, with where the API is.
func (w *walk) keysOf(policy string) lab.Map {
	w.t.Helper()
	keys := lab.Map{}
	require.NoError(w.t, kubernetesyaml.Unmarshal([]byte(policy), &keys))
	api, isMap := keys["kubernetes"].(map[string]any)
	require.True(w.t, isMap, policy)
	keys["kubernetes"] = lab.Merge(api, lab.Map{
		"endpoint": w.cluster.URL, "tokenFile": w.token, "caFile": w.cluster.CAFile,
	})
	keys["exposeReason"] = true

	return keys
}

// TestWalk goes from nothing to enforcement as docs/recipes.md tells it: init, audit, report mode,
// audit, enforce, and no request is denied on the way.
func TestWalk(t *testing.T) {
	traefik.Need(t, traefik.SafeNames, "safe names, which the guard needs,")
	w := newWalk(t)
	w.token = w.cluster.TokenFile(t, cluster.TraefikNamespace, cluster.TraefikAccount, time.Hour)
	root := repoRoot(t)
	rbac, err := os.ReadFile(filepath.Join(root, "examples/kubernetes/rbac.yaml"))
	require.NoError(t, err)
	w.cluster.Apply(t, w.cluster.Admin(), string(rbac))
	old := w.traefik(nil, 1, nil)
	w.cluster.Apply(t, w.cluster.Admin(), cluster.GatewayManifests(t, old,
		lab.SelfSigned(t, "*.platform.test"))...)
	w.waitRouters(old)
	w.ask(old, "before the guard")

	config := command.Kubeconfig(t, w.cluster.URL, w.cluster.CAFile, w.cluster.Admin().BearerToken)
	running := []string{"--kubeconfig", config, "--api", "http://" + old.Addr("traefik")}
	made := command.Run(t, append([]string{"init"}, running...)...)
	require.Zero(t, made.Code, "init: %s", made.Errs)
	file := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(file, []byte(made.Out), 0o600))
	t.Logf("the policy that init makes:\n%s", made.Out)

	byPolicy := append([]string{"audit", "--policy", file}, running...)
	for _, f := range command.Findings(t, byPolicy...) {
		assert.Equal(t, "entrypoint-unguarded", f.ID, "audit before the guard: %s", f)
	}
	assert.Empty(t, command.Findings(t, append([]string{"diff", "--policy", file}, running...)...))

	keys := w.keysOf(made.Out)
	guarded := w.traefik(old, 2, keys)
	w.waitRouters(guarded)
	w.ask(guarded, "in report mode")
	assert.Empty(t, guarded.Log.Denials(), "in report mode")
	fronted := func() *lab.Response {
		return lab.Get(t, lab.HTTP1, guarded.Target("shop.test"), "blog.test", "/")
	}
	assert.Equal(t, "blog", fronted().Tenant(), "report mode denies")
	running[3] = "http://" + guarded.Addr("traefik")
	assert.Empty(t, command.Findings(t, append([]string{"audit"}, running...)...),
		"audit with the guard")

	job, err := os.ReadFile(filepath.Join(root, "examples/kubernetes/audit-job.yaml"))
	require.NoError(t, err)
	w.cluster.Apply(t, w.cluster.Admin(), string(job))
	asJob := command.Kubeconfig(t, w.cluster.URL, w.cluster.CAFile,
		w.cluster.Token(t, cluster.TraefikNamespace, "tenantguard-audit", time.Hour))
	assert.Eventually(t, func() bool {
		return len(command.Findings(t, "audit", "--kubeconfig", asJob, "--api", running[3])) == 0
	}, 20*time.Second, time.Second, "audit with the rights of the job")

	before := len(guarded.Log.Denials())
	guarded.ApplyGuard(t, lab.Merge(keys, lab.Map{"mode": "enforce"}))
	require.Eventually(t, func() bool { return fronted().Reason() == "sni-foreign" },
		10*time.Second, 100*time.Millisecond, "it does not enforce")
	w.ask(guarded, "enforcing")
	for _, denial := range guarded.Log.Denials()[before:] {
		assert.Equal(t, "shop.test", denial.SNI, "%+v", denial)
	}
}
