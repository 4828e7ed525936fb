package kubernetes_test

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
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

// namings are those that the release has, the safest first.
var namings = map[bool][]naming{true: {safe, legacy}, false: {legacy}}[traefik.Since(traefik.SafeNames)]

// ingressesTold tells that Traefik tells the guard the namespace of an Ingress: else its router's name is all there is.
var ingressesTold = traefik.Since(traefik.IngressNamespaces)

// ofIngress is what the guard says of an Ingress whose namespace it is told, or else has to guess.
func ofIngress(told, guessed string) map[naming]string {
	if ingressesTold {
		return both(told)
	}

	return both(guessed)
}

// world is a cluster with two tenants, and Traefiks that see all of it at once: with and without the guard, with each
// naming. An attack is made once, and met by each of them.
type world struct {
	cluster *cluster.Cluster
	off, on map[naming]*cluster.Traefik
	acme    *team
	globex  *team
	rows    []row
}

// row is one line of the table.
type row struct{ attack, provider, off, on string }

// team is a tenant with its backend and a certificate for its hosts, name.test and *.name.test.
type team struct {
	*cluster.Tenant
	name        string
	service     string
	certificate *lab.Cert
}

func host(name string) string { return name + ".test" }

// team makes a tenant in a namespace of the same name, with its Secret "tls" and no route yet.
func (w *world) team(t *testing.T, name string) *team {
	t.Helper()
	member := &team{name: name}
	member.Tenant = w.cluster.Tenant(t, name, marks(name)...)
	member.certificate = lab.SelfSigned(t, host(name), "*."+host(name))
	member.Secret(t, "tls", member.certificate)
	member.service = member.Service(t, name)

	return member
}

// marks are what the operator writes on a tenant's Namespace.
func marks(name string) []string {
	return []string{
		"tenantguard.io/tenant=" + name,
		"@tenantguard.io/hosts=" + strings.Join([]string{host(name), "*." + host(name), name + ".platform.test", "bare-" + name + ".test"}, ", "),
	}
}

// newWorld starts the cluster, its tenants and the Traefiks.
func newWorld(t *testing.T) *world {
	t.Helper()
	started := time.Now()
	w := &world{cluster: cluster.Start(t), off: map[naming]*cluster.Traefik{}, on: map[naming]*cluster.Traefik{}}
	t.Logf("cluster: %s", time.Since(started).Round(time.Millisecond))
	w.cluster.Apply(t, w.cluster.Admin(), shipped(t, "rbac.yaml"))
	w.acme, w.globex = w.team(t, "acme"), w.team(t, "globex")
	w.acme.Apply(t, w.acme.route("web", hostRule("acme"), "entryPoints: [websecure], tls: {secretName: tls}"))
	w.globex.Apply(t, w.globex.route("web", hostRule("globex"), "entryPoints: [websecure], tls: {secretName: tls}"))

	started = time.Now()
	var first *cluster.Traefik
	for i, name := range namings {
		w.off[name] = w.traefik(t, first, 2*i+1, providers(name, nil), nil, nil)
		if first == nil {
			first = w.off[name]
		}
		w.on[name] = w.traefik(t, first, 2*i+2, providers(name, nil), lab.Map{}, nil)
	}
	last := time.Now()
	w.cluster.Apply(t, w.cluster.Admin(), cluster.GatewayManifests(t, first, lab.SelfSigned(t, "*.platform.test"))...)
	for _, tr := range w.all(namings...) {
		tr.WaitRouter(t, cluster.ForHost(host("acme")))
		tr.WaitRouter(t, cluster.ForHost(host("globex")))
		tr.WaitCertificate(t, host("acme"), w.acme.certificate)
	}
	t.Logf("Traefiks with two tenants: %s", time.Since(started).Round(time.Millisecond))
	// The guard lists the Namespaces a second after its start, and takes them into its policy a second later. No request
	// may notice, and the first comes in between.
	time.Sleep(time.Until(last.Add(1300 * time.Millisecond)))
	for began := time.Now(); time.Since(began) < time.Second; time.Sleep(20 * time.Millisecond) {
		response := get(t, w.on[legacy], host("acme"), "/", false)
		require.Equal(t, "acme", response.Tenant(), "%s after the start: %d %s", time.Since(last), response.Status, response.Reason())
	}

	return w
}

// shipped is a file of examples/kubernetes.
func shipped(t *testing.T, name string) string {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	content, err := os.ReadFile(filepath.Join(root, "examples", "kubernetes", name))
	require.NoError(t, err)

	return string(content)
}

// providers are all of Traefik's Kubernetes providers.
func providers(name naming, crd lab.Map) lab.Map {
	ingress := lab.Map{}
	if name == crossing {
		ingress["crossProviderNamespaces"] = []string{cluster.TraefikNamespace}
	}
	return lab.Map{
		cluster.CRD:     lab.Merge(cluster.Naming(name != legacy), crd),
		cluster.Ingress: ingress,
		cluster.NGINX:   lab.Map{},
		cluster.Gateway: lab.Map{},
	}
}

// traefik starts a Traefik with the guard at its entry points, or, where guard is nil, with the plugin only loaded. It
// has the ports of the first, at an address of its own, so that one Gateway's listeners are entry points of all.
func (w *world) traefik(t *testing.T, first *cluster.Traefik, address int, providers, guard, static lab.Map) *cluster.Traefik {
	t.Helper()
	token := w.cluster.TokenFile(t, cluster.TraefikNamespace, cluster.TraefikAccount, time.Hour)
	if guard != nil {
		guard = lab.Merge(lab.Map{
			"kubernetes":   lab.Map{"enabled": true, "endpoint": w.cluster.URL, "tokenFile": token, "caFile": w.cluster.CAFile},
			"shared":       lab.Map{"hosts": []string{"*.platform.test"}, "namespaces": []string{cluster.TraefikNamespace}},
			"certificates": lab.Map{"ttl": "1s"},
			"exposeReason": true,
		}, guard)
	}
	// A second entry point with TLS: the ingress-nginx provider's routers without TLS are on those without.
	entryPoints := lab.Map{"other": lab.Map{"http": lab.Map{"tls": lab.Map{}}}}
	if first != nil {
		for _, name := range []string{"web", "websecure"} {
			entryPoints[name] = lab.Map{"address": fmt.Sprintf("127.0.0.%d:%d", address, first.Port(name))}
		}
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

// policyFile is the operator's policy for Middlewares of tenants, which may not use Traefik's token.
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

func hostRule(name string) string { return "Host(`" + host(name) + "`)" }

// route is an IngressRoute to the team's own backend.
func (m *team) route(name, rule, keys string) string { return m.routeVia(name, rule, keys, "") }

// routeVia is an IngressRoute with more keys in its one route.
func (m *team) routeVia(name, rule, keys, routeKeys string) string {
	return cluster.Route{Name: name, Service: m.service}.IngressRoute(rule, keys, routeKeys)
}

// ingress is an Ingress to the team's own backend; secret may be empty.
func (m *team) ingress(name, class, host, path, secret, annotations string) string {
	return cluster.Route{Name: name, Host: host, Path: path, Service: m.service}.Ingress(class, secret, annotations)
}

// gatewayRoute is an HTTPRoute or a GRPCRoute to the team's own backend, on one listener or on all.
func (m *team) gatewayRoute(kind, name, section, host, ruleKeys string) string {
	return cluster.Route{Name: name, Host: host, Service: m.service}.Gateway(kind, section, ruleKeys)
}

// attack is something that one tenant does to another, seen from a client that asks for the other's host.
type attack struct {
	name, provider string
	by             *team
	manifests      []string
	// router matches what becomes of the manifests in Traefik; nil: nothing to wait for.
	router func(cluster.Router) bool
	// served is the certificate to wait for at host; nil: nothing to wait for.
	served *lab.Cert
	// forged tells that served is the attacker's own.
	forged bool
	// host and path are what the client asks for, over plaintext where plain is set.
	host, path string
	plain      bool
	// succeeds is the tenant whose backend answers without the guard, and with whose certificate.
	succeeds    string
	certificate *x509.Certificate
	// code is the refusal, and namespaces what the log names then; by naming where they differ.
	code, namespaces map[naming]string
	// namings are those under which the attack is made; all if empty.
	namings []naming
	// victims are requests that must still pass, as tenant by host; denied those that can't any more, by code.
	victims map[string]string
	denied  map[naming]map[string]string
	// eventually tells that the refusal may take the lifetime of an observation.
	eventually bool
	// note goes into the table.
	note string
}

// both is one value for both namings.
func both[T any](value T) map[naming]T { return map[naming]T{safe: value, legacy: value} }

// run makes an attack and undoes it.
func (w *world) run(t *testing.T, a attack) {
	t.Helper()
	t.Run(a.provider+" "+a.name, func(t *testing.T) {
		if len(a.namings) == 0 {
			a.namings = namings
		}
		a.by.Apply(t, a.manifests...)
		defer func() {
			a.by.Delete(t, a.manifests...)
			for _, tr := range w.all(namings...) {
				w.settle(t, tr, a.router)
			}
		}()
		line := row{attack: a.name, provider: a.provider}
		for _, name := range a.namings {
			w.meet(t, a, name, &line)
		}
		line.on += a.note
		w.rows = append(w.rows, line)
	})
}

// settle waits until what an attack made is gone.
func (w *world) settle(t *testing.T, tr *cluster.Traefik, router func(cluster.Router) bool) {
	t.Helper()
	if router != nil {
		tr.WaitGone(t, router)
	}
	for _, member := range []*team{w.acme, w.globex} {
		tr.WaitCertificate(t, host(member.name), member.certificate)
		response := get(t, tr, host(member.name), "/", false)
		assert.Equal(t, member.name, response.Tenant(), "after the attack: %d %s, last denials %+v", response.Status, response.Reason(), last(tr.Log.Denials(), 3))
	}
}

func last(denials []lab.Denial, n int) []lab.Denial { return denials[max(0, len(denials)-n):] }

func (w *world) meet(t *testing.T, a attack, name naming, line *row) {
	t.Helper()
	for _, tr := range []*cluster.Traefik{w.off[name], w.on[name]} {
		if a.router != nil {
			tr.WaitRouter(t, a.router)
		}
		if a.served != nil {
			tr.WaitCertificate(t, a.host, a.served)
		}
	}

	off := get(t, w.off[name], a.host, a.path, a.plain)
	assert.Equal(t, a.succeeds, off.Tenant(), "guard off, %s: the attack does not succeed: status %d", name, off.Status)
	if a.certificate != nil && !a.plain {
		assert.True(t, off.Served.Equal(a.certificate), "guard off, %s: served is %v", name, off.Served.DNSNames)
	}
	line.off = add(line.off, w.describe(off, a))

	on := get(t, w.on[name], a.host, a.path, a.plain)
	for began := time.Now(); a.eventually && on.Reason() == "" && time.Since(began) < 15*time.Second; time.Sleep(50 * time.Millisecond) {
		on = get(t, w.on[name], a.host, a.path, a.plain)
	}
	if a.code[name] != "" {
		assert.Equal(t, a.code[name], on.Reason(), "guard on, %s: status %d, backend %q, last denials %+v", name, on.Status, on.Tenant(),
			last(w.on[name].Log.Denials(), 3))
		assert.Empty(t, on.Tenant(), "guard on, %s", name)
		assert.GreaterOrEqual(t, on.Status, http.StatusBadRequest)
	} else {
		assert.Equal(t, a.succeeds, on.Tenant(), "guard on, %s: %d %s", name, on.Status, on.Reason())
	}
	line.on = add(line.on, w.describe(on, a))
	if a.namespaces[name] != "" {
		denial := w.on[name].Log.WaitDenial(t, func(denial lab.Denial) bool {
			return denial.Host == a.host && denial.Reason == a.code[name] && denial.Namespace == a.namespaces[name]
		})
		line.on = add(line.on, "namespace "+denial.Namespace)
	}
	for host, tenant := range a.victims {
		victim := get(t, w.on[name], host, "/", false)
		assert.Equal(t, tenant, victim.Tenant(), "guard on, %s: %s gets %d %s", name, host, victim.Status, victim.Reason())
		assert.Equal(t, tenant, owner(w, victim.Served), "guard on, %s: certificate of %s", name, host)
		if tenant != a.by.name {
			line.on = add(line.on, "victim passes")
		}
	}
	for host, code := range a.denied[name] {
		victim := get(t, w.on[name], host, "/", false)
		assert.Equal(t, code, victim.Reason(), "guard on, %s: %s gets %d from %q", name, host, victim.Status, victim.Tenant())
		line.on = add(line.on, "victim "+victim.Reason()+" ("+string(name)+")")
	}
}

// add adds what was not said yet.
func add(said, more string) string {
	if said == "" {
		return more
	}
	if strings.Contains(said, more) {
		return said
	}

	return said + "; " + more
}

// describe says who answered, with whose certificate, or why nobody did.
func (w *world) describe(response *lab.Response, a attack) string {
	if response.Reason() != "" {
		return fmt.Sprintf("%d %s", response.Status, response.Reason())
	}
	if response.Tenant() == "" {
		return fmt.Sprintf("%d from Traefik", response.Status)
	}
	if response.Served == nil {
		return response.Tenant() + " answers"
	}
	whose := owner(w, response.Served)
	if response.Served.Subject.CommonName == "TRAEFIK DEFAULT CERT" {
		whose = "Traefik's default"
	}
	if whose == "" || (a.served != nil && response.Served.Equal(a.served.Certificate) && a.forged) {
		whose = "the attacker's"
	}

	return fmt.Sprintf("%s answers, certificate: %s", response.Tenant(), whose)
}

// owner is the tenant whose own certificate it is.
func owner(w *world, certificate *x509.Certificate) string {
	for _, member := range []*team{w.acme, w.globex} {
		if certificate != nil && certificate.Equal(member.certificate.Certificate) {
			return member.name
		}
	}
	if certificate != nil && len(certificate.DNSNames) == 2 && "*."+certificate.DNSNames[0] == certificate.DNSNames[1] {
		return strings.TrimSuffix(certificate.DNSNames[0], ".test")
	}

	return ""
}

// attempt is what comes of a request, also where TLS fails.
func (w *world) attempt(t *testing.T, tr *cluster.Traefik, host, path string) string {
	t.Helper()
	conn, err := lab.TryDial(t.Context(), lab.HTTP1, tr.Target(host))
	if err != nil {
		return "TLS fails"
	}
	defer conn.Close()
	response, err := conn.Try(t.Context(), lab.Request{Host: host, Path: path})
	if err != nil {
		return "TLS fails" // in TLS 1.3 a client hears of that with its first request
	}
	said := w.describe(response, attack{})
	if badge := response.Header.Get("Badge"); badge != "" {
		said += ", with " + badge
	}

	return said
}

func get(t *testing.T, tr *cluster.Traefik, host, path string, plain bool) *lab.Response {
	t.Helper()
	target := tr.Target(host)
	if plain {
		target = tr.Plain()
	}
	if path == "" {
		path = "/"
	}

	return lab.Get(t, lab.HTTP1, target, host, path)
}

// named matches routers whose name holds the text.
func named(text string) func(cluster.Router) bool {
	return func(router cluster.Router) bool { return strings.Contains(router.Name, text) }
}

// ruled matches routers whose rule holds the text.
func ruled(text string) func(cluster.Router) bool {
	return func(router cluster.Router) bool { return strings.Contains(router.Rule, text) }
}

// table prints what was collected.
func (w *world) table(t *testing.T) {
	t.Helper()
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "ATTACK\tPROVIDER\tGUARD OFF\tGUARD ON")
	for _, r := range w.rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.attack, r.provider, r.off, r.on)
	}
	table.Flush()
	fmt.Printf("\n%s\n", text.String())
}
