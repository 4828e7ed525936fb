// Package kubernetes_test runs the command against a real API server.
package kubernetes_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	tenantguard "github.com/tenantguard/tenantguard/e2e/internal/command"
	"github.com/tenantguard/tenantguard/e2e/internal/ports"
	"github.com/tenantguard/tenantguard/e2e/lab"
	traefiktls "github.com/traefik/traefik/v3/pkg/tls"
	traefiktypes "github.com/traefik/traefik/v3/pkg/types"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	kubernetesyaml "sigs.k8s.io/yaml"
)

// world is a cluster with two tenants.
type world struct {
	c            *cluster.Cluster
	acme, globex *cluster.Tenant
	port         int
	config       *rest.Config
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{c: cluster.Start(t)}
	w.acme = w.c.Tenant(t, "acme", "tenantguard.io/tenant=acme",
		"@tenantguard.io/hosts=acme.test, *.acme.test")
	w.globex = w.c.Tenant(t, "globex", "tenantguard.io/tenant=globex",
		"@tenantguard.io/hosts=globex.test, *.globex.test")
	w.c.Namespace(t, "plain")
	w.c.Apply(t, w.c.Admin(), example(t, "webhook/rbac.yaml"))
	var err error
	w.port, err = ports.Free("127.0.0.1")
	require.NoError(t, err)
	w.config = account(t, w.c, "tenantguard-webhook")

	return w
}

func (w *world) client(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)

	return client
}

// secret returns a Secret with a certificate and its key.
func secret(t *testing.T, name string, certificate *lab.Cert) *corev1.Secret {
	t.Helper()
	var read corev1.Secret
	require.NoError(t, json.Unmarshal(
		[]byte(cluster.SecretManifest(t, "", name, certificate)), &read))

	return &read
}

// waitInForce waits until the webhook refuses a hijack.
func (w *world) waitInForce(t *testing.T) {
	t.Helper()
	forged := secret(t, "forged", lab.SelfSigned(t, "acme.test", "zzz.evil.test"))
	client := w.client(t, w.globex.Config)
	var err error
	require.Eventually(t, func() bool {
		_, err = client.CoreV1().Secrets("globex").Create(t.Context(), forged,
			metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})

		return err != nil && strings.Contains(err.Error(), "another tenant has")
	}, time.Minute, 50*time.Millisecond, "the webhook comes into force: %v", err)
}

// TestWebhook has tenants create Secrets with certificates of others, without the webhook and with
// it.
func TestWebhook(t *testing.T) {
	w := newWorld(t)
	attacks := w.attacks(t)
	rows := make([]row, len(attacks))
	for i, a := range attacks {
		rows[i] = row{attack: a.name, without: refused(a.make())}
		rows[i].serves = w.served(t)
		a.undo()
		assert.Empty(t, rows[i].without, "%s: refused without the webhook", a.name)
		assert.Equal(t, !a.passes && !slices.Contains(harmless, a.name),
			strings.Contains(rows[i].serves, "acme.test"),
			"%s: Traefik serves it for %q", a.name, rows[i].serves)
	}
	hook := startWebhook(t, w.config, w.port, "--self-signed")
	w.c.Apply(t, w.c.Admin(), configuration(t, w.port)...)
	w.waitInForce(t)
	for i, a := range attacks {
		err := a.make()
		rows[i].with = refused(err)
		if err != nil {
			_, rows[i].says, _ = strings.Cut(err.Error(), "denied the request: ")
		}
		a.undo()
		want := "webhook"
		if a.passes {
			want = ""
		}
		assert.Equal(t, want, rows[i].with, "%s: %v", a.name, err)
		assert.True(t, a.passes || apierrors.IsForbidden(err), a.name)
	}
	print(t, rows)
	t.Run("who passes", func(t *testing.T) { w.testPasses(t) })
	t.Run("cert-manager", func(t *testing.T) { w.testCertManager(t) })
	t.Run("Namespaces", func(t *testing.T) { w.testNamespaces(t) })
	t.Run("status", func(t *testing.T) { testStatus(t, hook) })
	t.Run("two replicas", func(t *testing.T) { w.testReplicas(t, hook) })
	t.Run("it ends", func(t *testing.T) { hook.stop(t) })
	t.Run("down", func(t *testing.T) { w.testDown(t) })
	t.Run("files", func(t *testing.T) { w.testFiles(t) })
	t.Run("generate", func(t *testing.T) { w.testGenerate(t) })
}

// row is what came of an attack.
type row struct {
	attack, without, serves, with, says string
}

func print(t *testing.T, rows []row) {
	t.Helper()
	var text strings.Builder
	tabs := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tabs, "by a tenant\twithout\tTraefik serves it for\twith the webhook\tin words")
	for _, r := range rows {
		without, with := "created", "created"
		if r.without != "" {
			without = r.without
		}
		if r.with != "" {
			with = "refused"
		}
		if len(r.says) > 100 {
			r.says = r.says[:100] + "…"
		}
		fmt.Fprintf(tabs, "%s\t%s\t%s\t%s\t%s\n", r.attack, without, r.serves, with, r.says)
	}
	require.NoError(t, tabs.Flush())
	t.Log("\n" + text.String())
}

// attack is what a tenant does with a Secret.
type attack struct {
	name string
	make func() error
	undo func()
	// passes reports whether it is no attack.
	passes bool
}

// harmless are the attacks that do not have Traefik serve a certificate for a host of acme: not
// yet, or because it can't read it as we can't.
var harmless = []string{
	"a host that nobody has yet", "an address", "as a dry run", "20,000 names",
	"a certificate that Go can't read", "paths on Traefik's disk", "a TLSStore",
	"the TLSOption default",
}

// served returns for which hosts Traefik's own store serves the certificates of globex.
func (w *world) served(t *testing.T) string {
	t.Helper()
	list, err := w.client(t, w.c.Admin()).CoreV1().Secrets("globex").
		List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	var certificates []*traefiktls.CertAndStores
	for _, s := range list.Items {
		if len(s.Data["tls.crt"]) > 0 && len(s.Data["tls.key"]) > 0 {
			certificates = append(certificates, &traefiktls.CertAndStores{
				Certificate: traefiktls.Certificate{
					CertFile: traefiktypes.FileOrContent(s.Data["tls.crt"]),
					KeyFile:  traefiktypes.FileOrContent(s.Data["tls.key"]),
				},
			})
		}
	}
	manager := traefiktls.NewManager(nil)
	manager.UpdateConfigs(t.Context(), nil, map[string]traefiktls.Options{
		traefiktls.DefaultTLSConfigName: traefiktls.DefaultTLSOptions}, certificates)
	config, err := manager.Get(traefiktls.DefaultTLSStoreName, traefiktls.DefaultTLSConfigName)
	require.NoError(t, err)
	var hosts []string
	for _, host := range []string{"acme.test", "www.acme.test", "globex.test"} {
		ours, other := net.Pipe()
		served, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: host, Conn: ours})
		require.NoError(t, errors.Join(err, ours.Close(), other.Close()))
		if served.Leaf == nil || served.Leaf.Subject.CommonName != "TRAEFIK DEFAULT CERT" {
			hosts = append(hosts, host)
		}
	}

	return strings.Join(hosts, " ")
}

// attacks are those of globex on acme.
func (w *world) attacks(t *testing.T) []attack {
	t.Helper()
	client := w.client(t, w.globex.Config)
	secrets := client.CoreV1().Secrets("globex")
	forged := lab.SelfSigned(t, "acme.test", "zzz.evil.test")
	own := lab.SelfSigned(t, "globex.test", "*.globex.test")
	all := w.client(t, w.c.Admin()).CoreV1().Secrets("globex")
	undo := func() {
		_ = all.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{})
	}
	create := func(name string, passes bool, object *corev1.Secret, options ...string) attack {
		return attack{name: name, passes: passes, undo: undo, make: func() error {
			_, err := secrets.Create(t.Context(), object.DeepCopy(),
				metav1.CreateOptions{DryRun: options})

			return err
		}}
	}
	change := func(name string, from, to *corev1.Secret, subresources ...string) attack {
		return attack{name: name, undo: undo, make: func() error {
			_, err := secrets.Create(t.Context(), from.DeepCopy(), metav1.CreateOptions{})
			if err != nil {
				return err
			}
			patch, err := json.Marshal(map[string]any{"data": to.Data})
			if err != nil {
				return err
			}
			_, err = secrets.Patch(t.Context(), from.Name, types.MergePatchType, patch,
				metav1.PatchOptions{}, subresources...)

			return err
		}}
	}
	of := func(names ...string) *corev1.Secret {
		return secret(t, "evil", lab.SelfSigned(t, names...))
	}
	edit := func(object *corev1.Secret, edit func(s *corev1.Secret)) *corev1.Secret {
		edit(object)

		return object
	}
	pemOf := func(c *lab.Cert) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	opaque := func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }
	prefix := func(text string) func(s *corev1.Secret) {
		return func(s *corev1.Secret) {
			opaque(s)
			s.Data["tls.crt"] = append([]byte(text), s.Data["tls.crt"]...)
		}
	}
	yes := true

	return []attack{
		create("its own certificate", true, secret(t, "own", own)),
		create("the hijack", false, secret(t, "evil", forged)),
		create("the victim's host alone", false, of("acme.test")),
		create("the victim's wildcard", false, of("*.acme.test")),
		create("behind its own names", false, of("globex.test", "www.acme.test")),
		create("a wildcard over everybody", false, of("*.test")),
		create("a host that nobody has yet", false, of("globex.test", "later.test")),
		create("an address", false, of("globex.test", "192.0.2.1")),
		create("the common name", false, secret(t, "evil",
			lab.SelfSignedSpec(t, lab.Spec{
				Names: []string{"globex.test"}, CommonName: "acme.test"}))),
		create("a comma in the common name", false, secret(t, "evil",
			lab.SelfSignedSpec(t, lab.Spec{CommonName: "x,acme.test"}))),
		create("issued by a CA, with the chain", false, secret(t, "evil",
			lab.NewCA(t, "globex CA").Issue(t, "acme.test"))),
		create("in an Opaque Secret", false, edit(secret(t, "evil", forged), opaque)),
		create("in a Secret of another type", false, edit(secret(t, "evil", forged),
			func(s *corev1.Secret) { s.Type = "example.com/mine" })),
		create("by stringData", false, edit(secret(t, "evil", forged), func(s *corev1.Secret) {
			opaque(s)
			s.StringData = map[string]string{
				"tls.crt": string(s.Data["tls.crt"]), "tls.key": string(s.Data["tls.key"])}
			s.Data = nil
		})),
		create("immutable", false, edit(secret(t, "evil", forged), func(s *corev1.Secret) {
			s.Immutable = &yes
		})),
		create("with generateName", false, edit(secret(t, "", forged), func(s *corev1.Secret) {
			s.Name, s.GenerateName = "", "evil-"
		})),
		create("as a dry run", false, secret(t, "evil", forged), metav1.DryRunAll),
		create("text before the PEM", false, edit(secret(t, "evil", forged), prefix("hello\n"))),
		create("another block before it", false, edit(secret(t, "evil", forged), prefix(
			string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte("x")}))))),
		create("CRLF", false, edit(secret(t, "evil", forged), func(s *corev1.Secret) {
			s.Data["tls.crt"] = []byte(strings.ReplaceAll(string(s.Data["tls.crt"]), "\n", "\r\n"))
		})),
		create("its own leaf behind it", false, edit(secret(t, "evil", forged),
			func(s *corev1.Secret) {
				s.Data["tls.crt"] = append(s.Data["tls.crt"], pemOf(own)...)
			})),
		create("behind its own leaf, which nobody serves", true, edit(secret(t, "own", own),
			func(s *corev1.Secret) {
				s.Data["tls.crt"] = append(s.Data["tls.crt"], pemOf(forged)...)
			})),
		create("as ca.crt, which nobody serves", true, edit(secret(t, "own", own),
			func(s *corev1.Secret) { s.Data["ca.crt"] = []byte(pemOf(forged)) })),
		create("a Secret of nearly 1 MiB", false, edit(secret(t, "evil", forged),
			func(s *corev1.Secret) { s.Data["more"] = make([]byte, 1<<20-20000) })),
		create("nearly 1 MiB before the PEM", false, edit(secret(t, "evil", forged),
			prefix(strings.Repeat("-----BEGIN X-----\n", 50000)))),
		create("20,000 names", false, of(manyNames(20000)...)),
		create("a certificate that Go can't read", false, edit(secret(t, "evil", own),
			func(s *corev1.Secret) {
				opaque(s)
				s.Data["tls.crt"] = pem.EncodeToMemory(
					&pem.Block{Type: "CERTIFICATE", Bytes: []byte("broken")})
			})),
		create("paths on Traefik's disk", false, edit(secret(t, "evil", own),
			func(s *corev1.Secret) {
				opaque(s)
				s.Data["tls.crt"], s.Data["tls.key"] = []byte("/tls/a.crt"), []byte("/tls/a.key")
			})),
		change("by a change", secret(t, "own", own), of("acme.test")),
		change("the key comes later", edit(secret(t, "evil", forged), func(s *corev1.Secret) {
			opaque(s)
			delete(s.Data, "tls.key")
		}), secret(t, "evil", forged)),
		{name: "by server-side apply", undo: undo, make: func() error {
			return w.globex.TryApply(t.Context(),
				cluster.SecretManifest(t, "globex", "evil", forged))
		}},
		w.manifest(t, "a TLSStore", "tlsstores", `apiVersion: traefik.io/v1alpha1
kind: TLSStore
metadata: {name: default}
spec: {defaultCertificate: {secretName: evil}}`),
		w.manifest(t, "the TLSOption default", "tlsoptions", `apiVersion: traefik.io/v1alpha1
kind: TLSOption
metadata: {name: default}
spec: {minVersion: VersionTLS12}`),
	}
}

// manifest is an attack by another object.
func (w *world) manifest(t *testing.T, name, _, manifest string) attack {
	t.Helper()

	return attack{
		name: name,
		make: func() error { return w.globex.TryApply(t.Context(), manifest) },
		undo: func() { _ = w.globex.TryDelete(t.Context(), manifest) },
	}
}

func manyNames(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("n%d.globex.test", i))
	}

	return names
}

// testPasses checks who is not asked, or whose certificates they are.
func (w *world) testPasses(t *testing.T) {
	forged := lab.SelfSigned(t, "acme.test", "zzz.evil.test")
	admin := w.client(t, w.c.Admin())
	create := func(client kubernetes.Interface, namespace string, s *corev1.Secret) error {
		_, err := client.CoreV1().Secrets(namespace).Create(t.Context(), s,
			metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})

		return err
	}
	assert.NoError(t, create(admin, "globex", secret(t, "evil", forged)), "an operator")
	assert.NoError(t, create(admin, "plain", secret(t, "evil", forged)), "an unlabelled namespace")
	assert.NoError(t, create(admin, "kube-system", secret(t, "evil", forged)), "kube-system")

	// The tenant renews its certificate, with the same names and with more of its own.
	w.acme.Secret(t, "tls", lab.SelfSigned(t, "acme.test"))
	w.acme.Secret(t, "tls", lab.SelfSigned(t, "acme.test"))
	w.acme.Secret(t, "tls", lab.SelfSigned(t, "acme.test", "www.acme.test", "*.acme.test"))

	// A Namespace, its host and the Secret one behind the other.
	for i := range 5 {
		name := fmt.Sprintf("quick-%d", i)
		w.c.Namespace(t, name, "tenantguard.io/tenant="+name,
			"@tenantguard.io/hosts="+name+".test")
		as := w.c.Admin()
		as.Impersonate = rest.ImpersonationConfig{
			UserName: "quick", Groups: []string{"quick", "system:authenticated"}}
		w.c.Apply(t, w.c.Admin(), bindTenant("quick"))
		client := w.client(t, as)
		require.Eventually(t, func() bool {
			err := create(client, name, secret(t, "tls", lab.SelfSigned(t, name+".test")))

			return !apierrors.IsForbidden(err) || refused(err) == "webhook"
		}, 10*time.Second, 10*time.Millisecond)
		assert.NoError(t, create(client, name, secret(t, "tls", lab.SelfSigned(t, name+".test"))))
	}
}

// bindTenant gives a group a tenant's role in all namespaces.
func bindTenant(group string) string {
	return fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: everywhere-%[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: tenant}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: %[1]s}]
`, group)
}

// testCertManager does what cert-manager does for a Certificate: a Secret with the next key, an
// empty one or one with a temporary certificate of its own, and then the real one.
func (w *world) testCertManager(t *testing.T) {
	const user = "system:serviceaccount:cert-manager:cert-manager"
	as := w.c.Admin()
	as.Impersonate = rest.ImpersonationConfig{
		UserName: user,
		Groups:   []string{"system:serviceaccounts:cert-manager", "system:authenticated"}}
	w.c.Apply(t, w.c.Admin(), bindTenant("system:serviceaccounts:cert-manager"))
	secrets := w.client(t, as).CoreV1().Secrets("acme")
	real := lab.NewCA(t, "a public CA").Issue(t, "acme.test", "www.acme.test")
	throwaway := lab.NewCA(t, "cert-manager.local")
	temporary := throwaway.IssueSpec(t, lab.Spec{
		Names: []string{"acme.test", "www.acme.test"}, CommonName: "acme.test", Key: real.Key})
	next := secret(t, "", real)
	next.GenerateName = "acme-tls-"
	next.Type = corev1.SecretTypeOpaque
	delete(next.Data, "tls.crt")
	require.Eventually(t, func() bool {
		_, err := secrets.List(t.Context(), metav1.ListOptions{Limit: 1})

		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
	_, err := secrets.Create(t.Context(), next, metav1.CreateOptions{})
	require.NoError(t, err, "the next private key")

	apply := func(s *corev1.Secret) error {
		patch := map[string]any{
			"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
			"metadata": map[string]any{"name": "acme-tls", "annotations": map[string]any{
				"cert-manager.io/certificate-name": "acme-tls"}},
			"data": s.Data,
		}
		encoded, err := json.Marshal(patch)
		require.NoError(t, err)
		force := true
		_, err = secrets.Patch(t.Context(), "acme-tls", types.ApplyPatchType, encoded,
			metav1.PatchOptions{FieldManager: "cert-manager-certificates-issuing", Force: &force})

		return err
	}
	empty := secret(t, "", real)
	empty.Data["tls.crt"] = []byte{}
	require.NoError(t, apply(empty), "the key without a certificate")
	require.NoError(t, apply(secret(t, "", temporary)), "the temporary certificate")
	require.NoError(t, apply(secret(t, "", real)), "the real one")
	renewed := lab.NewCA(t, "a public CA").Issue(t, "acme.test", "www.acme.test")
	require.NoError(t, apply(secret(t, "", renewed)), "its renewal")
	err = apply(secret(t, "", lab.SelfSigned(t, "globex.test")))
	assert.Equal(t, "webhook", refused(err), "a Certificate for another tenant's host")
}

// testNamespaces checks that marks that the guard would leave out are refused.
func (w *world) testNamespaces(t *testing.T) {
	client := w.client(t, w.c.Admin()).CoreV1().Namespaces()
	patch := func(metadata string, subresources ...string) error {
		_, err := client.Patch(t.Context(), "globex", types.MergePatchType,
			[]byte(`{"metadata":`+metadata+`}`),
			metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}, subresources...)

		return err
	}
	hosts := func(text string) string {
		return `{"annotations":{"tenantguard.io/hosts":"` + text + `"}}`
	}
	assert.NoError(t, patch(hosts("globex.test, more.test")))
	assert.NoError(t, patch(`{"labels":{"other":"x"}}`))
	for name, err := range map[string]error{
		"another tenant's host":            patch(hosts("globex.test, acme.test")),
		"no host":                          patch(hosts("globex.test, a b")),
		"a mode":                           patch(`{"annotations":{"tenantguard.io/mode":"off"}}`),
		"another tenant's host, by status": patch(hosts("globex.test, acme.test"), "status"),
	} {
		assert.Equal(t, "webhook", refused(err), "%s: %v", name, err)
	}
	_, err := client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "late", Labels: map[string]string{"tenantguard.io/tenant": "late"},
		Annotations: map[string]string{"tenantguard.io/hosts": "acme.test"},
	}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	assert.Equal(t, "webhook", refused(err), "%v", err)
	assert.ErrorContains(t, err, `tenant "acme" has this host`)
}

func testStatus(t *testing.T, hook *webhook) {
	_, metrics := hook.get("/metrics")
	assert.Contains(t, metrics,
		`tenantguard_admission_reviews_total{resource="secrets",result="refused"}`)
	assert.Regexp(t, `refusals_total\{reason="certificate-foreign"\} [1-9]`, metrics)
	assert.Contains(t, metrics, "tenantguard_admission_failures_total 0\n")
	assert.Regexp(t, `tenantguard_admission_namespaces [1-9]`, metrics)
	code, _ := hook.get("/livez")
	assert.Equal(t, 200, code)
	assert.Contains(t, hook.log.String(), `"host":"acme.test","owner":"acme"`)
	assert.NotContains(t, hook.log.String(), "PRIVATE KEY")
}

// testReplicas starts another webhook with the same authority.
func (w *world) testReplicas(t *testing.T, first *webhook) {
	port, err := ports.Free("127.0.0.1")
	require.NoError(t, err)
	second := startWebhook(t, w.config, port, "--self-signed")
	assert.Equal(t, issuerOf(t, first.port), issuerOf(t, second.port))
	second.stop(t)
}

// issuerOf returns the certificate of the authority that a webhook serves with its own.
func issuerOf(t *testing.T, port int) []byte {
	t.Helper()
	connection, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port),
		&tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer connection.Close()
	served := connection.ConnectionState().PeerCertificates
	require.Len(t, served, 2)

	return served[1].Raw
}

// testDown checks what stops while the webhook is down, and what does not.
func (w *world) testDown(t *testing.T) {
	own := secret(t, "renewed", lab.SelfSigned(t, "acme.test"))
	client := w.client(t, w.acme.Config).CoreV1()
	_, err := client.Secrets("acme").Create(t.Context(), own, metav1.CreateOptions{})
	assert.ErrorContains(t, err, "failed calling webhook", "a certificate fails closed")

	password := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "password"},
		Data: map[string][]byte{"password": []byte("x")}}
	_, err = client.Secrets("acme").Create(t.Context(), password, metav1.CreateOptions{})
	assert.NoError(t, err, "another Secret of a tenant's")
	_, err = client.ConfigMaps("acme").Create(t.Context(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "any"}}, metav1.CreateOptions{})
	assert.NoError(t, err)
	assert.NoError(t, client.Secrets("acme").Delete(t.Context(), "tls", metav1.DeleteOptions{}))

	admin := w.client(t, w.c.Admin()).CoreV1()
	for _, namespace := range []string{"plain", "kube-system", "traefik"} {
		_, err = admin.Secrets(namespace).Create(t.Context(), own.DeepCopy(),
			metav1.CreateOptions{})
		assert.NoError(t, err, namespace)
	}
	_, err = admin.Secrets("acme").Create(t.Context(), own.DeepCopy(), metav1.CreateOptions{})
	assert.NoError(t, err, "an operator")
	_, err = admin.Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "another"}}, metav1.CreateOptions{})
	assert.NoError(t, err, "a Namespace without a label")
	_, err = admin.Namespaces().Patch(t.Context(), "acme", types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"other":"x"}}}`), metav1.PatchOptions{})
	assert.NoError(t, err, "another label of a tenant's Namespace")
	w.c.DeleteNamespace(t, "quick-0")
}

// testFiles has the serving certificate rotate in its files while tenants create Secrets.
func (w *world) testFiles(t *testing.T) {
	const name = "tenantguard-webhook.traefik.svc"
	first, second := lab.NewCA(t, "first"), lab.NewCA(t, "second")
	folder := t.TempDir()
	cert, key := filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	write := func(c *lab.Cert) {
		for from, to := range map[string]string{c.CertFile: cert, c.KeyFile: key} {
			content, err := os.ReadFile(from)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(to, content, 0o600))
		}
	}
	write(first.Issue(t, name))
	w.c.Namespace(t, "platform")
	w.c.Apply(t, w.c.Admin(), example(t, "webhook/shared.yaml"))
	policyFile := filepath.Join(folder, "policy.yaml")
	require.NoError(t, os.WriteFile(policyFile, []byte(
		"shared: {hosts: ['*.platform.test'], namespaces: [platform]}"), 0o600))
	hook := startWebhook(t, w.config, w.port, "--tls-cert", cert, "--tls-key", key,
		"--policy", policyFile)
	bundle := func(authorities ...*lab.Cert) {
		var content []byte
		for _, c := range authorities {
			content = append(content,
				pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
		}
		w.setBundle(t, content)
	}
	bundle(first, second)
	w.waitInForce(t)
	w.testPlatform(t)
	own := secret(t, "own", lab.SelfSigned(t, "acme.test"))
	client := w.client(t, w.acme.Config).CoreV1().Secrets("acme")
	stop := hammer(t.Context(), func(ctx context.Context) error {
		_, err := client.Create(ctx, own,
			metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})

		return err
	})
	require.NoError(t, os.WriteFile(key, []byte("half written"), 0o600))
	time.Sleep(1500 * time.Millisecond)
	assert.Equal(t, first.Raw, issuerOf(t, hook.port), "the last good certificate serves")
	write(second.Issue(t, name))
	require.Eventually(t, func() bool {
		return string(second.Raw) == string(issuerOf(t, hook.port))
	}, 10*time.Second, 100*time.Millisecond)
	bundle(second)
	time.Sleep(time.Second)
	calls, failures := stop()
	assert.Greater(t, calls, 50)
	assert.Empty(t, failures, "of %d", calls)
	t.Logf("%d certificates passed while the webhook's own changed its authority", calls)

	// It ends while requests come in: none is lost that reached it.
	_, metrics := hook.get("/metrics")
	assert.Contains(t, metrics, "tenantguard_admission_failures_total 0\n")
	assert.Contains(t, hook.log.String(), `"event":"stale"`)
	t.Logf("what reviews took: %s", regexp.MustCompile(`(?m)^.*duration_seconds_.*$`).
		FindAllString(metrics, -1))
	hook.stop(t)
}

// testPlatform has a tenant copy the platform's certificate, and forge it.
func (w *world) testPlatform(t *testing.T) {
	genuine, forged := lab.SelfSigned(t, "*.platform.test"), lab.SelfSigned(t, "*.platform.test")
	_, err := w.client(t, w.c.Admin()).CoreV1().Secrets("platform").
		Create(t.Context(), secret(t, "wildcard", genuine), metav1.CreateOptions{})
	require.NoError(t, err)
	create := func(certificate *lab.Cert) error {
		_, err := w.client(t, w.globex.Config).CoreV1().Secrets("globex").
			Create(t.Context(), secret(t, "wildcard", certificate),
				metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})

		return err
	}
	assert.NoError(t, create(genuine), "a copy of the platform's certificate")
	err = create(forged)
	assert.Equal(t, "webhook", refused(err))
	assert.ErrorContains(t, err, "lies in no Secret in platform")
}

// setBundle writes the authorities into the webhook's configuration.
func (w *world) setBundle(t *testing.T, content []byte) {
	t.Helper()
	configurations := w.client(t, w.c.Admin()).AdmissionregistrationV1().
		ValidatingWebhookConfigurations()
	var patch []map[string]any
	for i := range 3 {
		patch = append(patch, map[string]any{
			"op": "add", "path": fmt.Sprintf("/webhooks/%d/clientConfig/caBundle", i),
			"value": base64.StdEncoding.EncodeToString(content)})
	}
	encoded, err := json.Marshal(patch)
	require.NoError(t, err)
	_, err = configurations.Patch(t.Context(), "tenantguard", types.JSONPatchType, encoded,
		metav1.PatchOptions{})
	require.NoError(t, err)
}

// testGenerate applies the policies and the owners by the command, and has them kept up to date.
func (w *world) testGenerate(t *testing.T) {
	applied := command(t, w.c.Admin(), "admission", "generate", "--kube", "--owners", "--apply")
	text, err := applied.CombinedOutput()
	require.NoError(t, err, string(text))
	assert.Contains(t, string(text), "ConfigMap tenantguard-owners applied")
	owners := func() map[string]string {
		read, err := w.client(t, w.c.Admin()).CoreV1().ConfigMaps("traefik").
			Get(t.Context(), "tenantguard-owners", metav1.GetOptions{})
		require.NoError(t, err)

		return read.Data
	}
	assert.Equal(t, "acme", owners()["-.acme.test"])
	w.c.AwaitPolicies(t)
	err = w.globex.TryApply(t.Context(), `
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: evil}
spec: {routes: [{kind: Rule, match: "Host(`+"`acme.test`"+`)"}]}`)
	assert.Equal(t, "policy", refused(err), "%v", err)

	w.c.Apply(t, w.c.Admin(), example(t, "webhook/owners.yaml"))
	keeping := command(t, account(t, w.c, "tenantguard-owners"),
		"admission", "generate", "--owners-only", "--watch")
	log := &output{}
	keeping.Stdout, keeping.Stderr = log, log
	require.NoError(t, keeping.Start())
	defer func() {
		_ = keeping.Process.Signal(os.Interrupt)
		assert.NoError(t, keeping.Wait(), log.String())
	}()
	// The webhook is down, and Namespaces with a label wait for it.
	require.NoError(t, w.client(t, w.c.Admin()).AdmissionregistrationV1().
		ValidatingWebhookConfigurations().Delete(t.Context(), "tenantguard",
		metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		return w.c.TryApply(t.Context(), w.c.Admin(), `
apiVersion: v1
kind: Namespace
metadata:
  name: later
  labels: {tenantguard.io/tenant: later}
  annotations: {tenantguard.io/hosts: later.acme.test}`) == nil
	}, 10*time.Second, 50*time.Millisecond)
	require.Eventually(t, func() bool { return owners()["later.acme.test"] == "later" },
		30*time.Second, 50*time.Millisecond, log)
	w.c.DeleteNamespace(t, "later")
	require.Eventually(t, func() bool { return owners()["later.acme.test"] == "" },
		30*time.Second, 50*time.Millisecond, log)
}

type hooks = registrationv1.ValidatingWebhookConfiguration

// TestWebhookExamples decodes the manifests of the webhook as strictly as can be.
func TestWebhookExamples(t *testing.T) {
	kinds := map[string]func() any{
		"ServiceAccount":                 func() any { return &corev1.ServiceAccount{} },
		"ConfigMap":                      func() any { return &corev1.ConfigMap{} },
		"Secret":                         func() any { return &corev1.Secret{} },
		"Service":                        func() any { return &corev1.Service{} },
		"Deployment":                     func() any { return &appsv1.Deployment{} },
		"PodDisruptionBudget":            func() any { return &policyv1.PodDisruptionBudget{} },
		"Role":                           func() any { return &rbacv1.Role{} },
		"RoleBinding":                    func() any { return &rbacv1.RoleBinding{} },
		"ClusterRole":                    func() any { return &rbacv1.ClusterRole{} },
		"ClusterRoleBinding":             func() any { return &rbacv1.ClusterRoleBinding{} },
		"ValidatingWebhookConfiguration": func() any { return &hooks{} },
	}
	seen, deployments := map[string]any{}, map[string]*appsv1.Deployment{}
	for _, name := range []string{
		"rbac", "shared", "owners", "deployment", "configuration",
	} {
		for _, document := range strings.Split(example(t, "webhook/"+name+".yaml"), "\n---\n") {
			var kind metav1.TypeMeta
			require.NoError(t, kubernetesyaml.Unmarshal([]byte(document), &kind))
			require.Contains(t, kinds, kind.Kind)
			object := kinds[kind.Kind]()
			require.NoError(t, kubernetesyaml.UnmarshalStrict([]byte(document), object), name)
			seen[kind.Kind] = object
			if deployment, is := object.(*appsv1.Deployment); is {
				deployments[deployment.Name] = deployment
			}
		}
	}
	assert.Len(t, seen, len(kinds))

	// The flags in the Deployment are the command's, and lead to the ports of the probes.
	container := deployments["tenantguard-webhook"].Spec.Template.Spec.Containers[0]
	binary, err := tenantguard.Binary()
	require.NoError(t, err)
	output, err := exec.Command(binary, append(container.Args, "--kubeconfig", "/none")...).
		CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(output), "/none", "nothing but the cluster is missing")
	help, err := exec.Command(binary, "admission", "serve", "--help").CombinedOutput()
	require.NoError(t, err)
	for _, port := range container.Ports {
		assert.Contains(t, string(help), fmt.Sprintf("(default \":%d\")", port.ContainerPort))
	}
	for _, hook := range seen["ValidatingWebhookConfiguration"].(*hooks).Webhooks {
		assert.Equal(t, registrationv1.Fail, *hook.FailurePolicy)
		assert.Equal(t, "tenantguard.io/tenant", hook.NamespaceSelector.MatchExpressions[0].Key)
		assert.Equal(t, seen["Service"].(*corev1.Service).Name, hook.ClientConfig.Service.Name)
	}
}
