package webhook

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/verdict"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// spec describes a certificate.
type spec struct {
	names  []string
	common string
	ca     bool
	by     *authority
}

// made is a certificate with its key.
type made struct {
	authority
	cert, key []byte
}

func (m made) data() map[string][]byte {
	return map[string][]byte{certificateKey: m.cert, privateKeyKey: m.key}
}

func newCertificate(t *testing.T, s spec) made {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: s.common},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: s.ca, BasicConstraintsValid: true,
	}
	for _, name := range s.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	by := s.by
	if by == nil {
		by = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	m := made{
		authority: authority{parsed, key},
		cert:      pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der}),
		key:       pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: keyDER}),
	}
	if s.by != nil {
		m.cert = append(m.cert, pem.EncodeToMemory(
			&pem.Block{Type: certificateBlock, Bytes: s.by.certificate.Raw})...)
	}

	return m
}

func named(t *testing.T, names ...string) map[string][]byte {
	t.Helper()
	return newCertificate(t, spec{names: names}).data()
}

func with(data map[string][]byte, key, value string) map[string][]byte {
	changed := map[string][]byte{}
	for k, v := range data {
		changed[k] = v
	}
	changed[key] = []byte(value)

	return changed
}

// object is a Namespace with marks.
func object(name, tenant, hosts string, more ...string) *corev1.Namespace {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, CreationTimestamp: metav1.NewTime(time.Unix(1, 0)),
		Labels: map[string]string{}, Annotations: map[string]string{},
	}}
	if tenant != "" {
		n.Labels[policy.TenantLabel] = tenant
	}
	if hosts != "" {
		n.Annotations[policy.HostsAnnotation] = hosts
	}
	for i := 0; i+1 < len(more); i += 2 {
		n.Annotations[more[i]] = more[i+1]
	}

	return n
}

// parse returns a policy without Namespaces.
func parse(t *testing.T, keys map[string]any) *policy.Parsed {
	t.Helper()
	keys["kubernetes"] = map[string]any{"enabled": true}
	read := policy.ParseKeys(keys, "", "")
	require.Empty(t, read.Errors)
	source := read.Source("")
	source.Clustered = true
	parsed, errs := source.Parse(func(path string) (string, error) {
		content, err := os.ReadFile(path)

		return string(content), err
	})
	require.Empty(t, errs)

	return parsed
}

// world is a cluster with two tenants, and a platform.
func world(t *testing.T, keys map[string]any, namespaces ...*corev1.Namespace) *Tenants {
	t.Helper()
	tenants := NewTenants(parse(t, keys), policy.TenantLabel)
	for _, n := range append(namespaces,
		object("acme", "acme", "acme.test, *.acme.test"),
		object("acme-two", "acme", "second.test"),
		object("globex", "globex", "globex.test, *.globex.test, inside.acme.test, 192.0.2.7"),
		object("com", "com", "com.test, intranet, db.acme.svc, *.own.acme.svc"),
		object("plain", "", "")) {
		tenants.Set(n)
	}

	return tenants
}

func secretOf(name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

func raw(t *testing.T, object any) runtime.RawExtension {
	t.Helper()
	content, err := json.Marshal(object)
	require.NoError(t, err)

	return runtime.RawExtension{Raw: content}
}

func request(t *testing.T, resource, namespace string, object, before any,
) *admissionv1.AdmissionRequest {
	t.Helper()
	group, name, _ := strings.Cut(resource, "/")
	r := &admissionv1.AdmissionRequest{
		UID: "1", Namespace: namespace, Operation: admissionv1.Create,
		Resource: metav1.GroupVersionResource{Group: group, Version: "v1", Resource: name},
		Kind:     metav1.GroupVersionKind{Kind: "Gateway"},
		UserInfo: authenticationv1.UserInfo{Username: "someone"},
		Object:   raw(t, object),
	}
	if before != nil {
		r.Operation = admissionv1.Update
		r.OldObject = raw(t, before)
	}

	return r
}

func many(n int, format string) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf(format, i))
	}

	return names
}

func TestSecret(t *testing.T) {
	own := newCertificate(t, spec{names: []string{"acme.test"}})
	ca := newCertificate(t, spec{common: "Acme CA", ca: true})
	foreign := named(t, "acme.test", "globex.test")
	csr := string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte("x")}))
	broken := string(pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: []byte("x")}))
	cases := []struct {
		description string
		namespace   string
		data        map[string][]byte
		want        Reason
		says        string
	}{
		{"its own hosts", "acme", named(t, "acme.test", "www.acme.test", "*.acme.test"), "", ""},
		{"those of the tenant's other namespace", "acme", named(t, "second.test"), "", ""},
		{"issued by a CA, with the chain", "acme",
			newCertificate(t, spec{names: []string{"acme.test"}, by: &ca.authority}).data(), "",
			""},
		{"no names at all", "acme", named(t), "", ""},
		{"a CA of the tenant's", "acme", ca.data(), "", ""},
		{"an issuer's name without a dot", "acme",
			newCertificate(t, spec{common: "acme-ca"}).data(), "", ""},
		{"the hijack", "globex", named(t, "acme.test", "zzz.evil.test"), ReasonForeign,
			`"acme.test", which another tenant has; hosts of tenant globex: *.globex.test, 192.0.`},
		{"only the victim's", "globex", named(t, "acme.test"), ReasonForeign, ""},
		{"behind its own", "globex", named(t, "globex.test", "www.acme.test"), ReasonForeign,
			`"www.acme.test"`},
		{"in upper case", "globex", named(t, "ACME.test"), ReasonForeign, ""},
		{"a wildcard of the victim's", "globex", named(t, "*.acme.test"), ReasonForeign,
			"stands for names that another tenant has"},
		{"a wildcard over one of the victim's", "globex", named(t, "*.test"), ReasonForeign,
			"stands for names that another tenant has"},
		{"inside the other's wildcard, its own", "globex", named(t, "inside.acme.test"), "", ""},
		{"inside its own wildcard, another's", "acme", named(t, "inside.acme.test"), ReasonForeign,
			""},
		{"an address of its own", "globex", named(t, "192.0.2.7"), "", ""},
		{"another's address", "acme", named(t, "192.0.2.7"), ReasonForeign, `"192.0.2.7"`},
		{"nobody's address", "acme", named(t, "192.0.2.8"), ReasonUnowned, ""},
		{"nobody's, yet", "acme", named(t, "acme.test", "later.test"), ReasonUnowned,
			`"later.test", which no tenant has`},
		{"a common name, which Traefik goes by", "globex",
			newCertificate(t, spec{names: []string{"globex.test"}, common: "acme.test"}).data(),
			ReasonForeign, `"acme.test"`},
		{"a common name with a comma, at which Traefik splits", "globex",
			newCertificate(t, spec{names: []string{"globex.test"}, common: "x,acme.test"}).data(),
			ReasonForeign, `"acme.test"`},
		{"a common name that becomes the victim's in lower case", "globex",
			newCertificate(t, spec{common: "www.\u212Aiosk.acme.test"}).data(), ReasonUnowned, ""},
		{"a common name with the sign of Kelvin", "acme",
			newCertificate(t, spec{common: "\u212Aiosk.globex.test"}).data(), ReasonForeign,
			`"kiosk.globex.test"`},
		{"a wildcard with a dot behind as common name", "globex",
			newCertificate(t, spec{common: "*.acme.test."}).data(), ReasonForeign, ""},
		{"a common name that is none of a host", "acme",
			newCertificate(t, spec{names: []string{"acme.test"}, common: "Acme, Inc."}).data(), "",
			""},
		{"a name with a comma", "globex", named(t, "globex.test,acme.test"), ReasonUnreadable,
			"no host name that can be checked"},
		{"a name with two asterisks", "globex", named(t, "*.*.test"), ReasonUnreadable, ""},
		{"a dot behind", "globex", named(t, "acme.test."), ReasonUnreadable, ""},
		{"its own Services", "acme", named(t, "db", "db.acme", "web.acme.svc", "*.web.acme.svc",
			"db.acme.svc.cluster.local", "localhost", "127.0.0.1", "::1"), "", ""},
		{"another namespace's Services", "acme", named(t, "db.globex.svc"), ReasonUnowned, ""},
		{"a Service that is another tenant's host", "acme", named(t, "db.acme.svc"),
			ReasonForeign, ""},
		{"a wildcard over such ones", "acme", named(t, "*.acme.svc"), ReasonForeign, ""},
		{"one label that is another tenant's host", "acme", named(t, "intranet"),
			ReasonForeign, ""},
		{"a Service in a Namespace that is called like a domain", "com", named(t, "shop.com"),
			ReasonUnowned, ""},
		{"a wildcard in it", "acme", named(t, "*.acme"), ReasonUnowned, ""},
		{"what operators allow", "allowed",
			named(t, "partner.example", "a.partner.example"), "", ""},
		{"more than they allow", "allowed", named(t, "b.a.partner.example"), ReasonUnowned, ""},
		{"as many names as are looked at", "acme", named(t, many(1000, "n%d.acme.test")...),
			"", ""},
		{"more", "acme", named(t, many(1001, "n%d.acme.test")...), ReasonUnreadable,
			"has 1001 names, and no more than 1000"},
		{"more, of which many would not count", "acme", named(t,
			append(many(600, "n%d.acme.test"), many(600, "s%d.acme.svc.cluster.local")...)...),
			ReasonUnreadable, "1200 names"},
		{"ten thousand", "acme", named(t, many(10000, "n%d.acme.test")...), ReasonUnreadable, ""},
		{"a labelled Namespace that the policy leaves out", "left-out", named(t, "acme.test"),
			ReasonNoTenant, "of no tenant"},
		{"the shared namespace", "shared", named(t, "acme.test", "globex.test"), "", ""},
		{"an operators' namespace", "kube-system", named(t, "acme.test", "globex.test"), "", ""},

		{"no certificate", "acme", map[string][]byte{"password": []byte("x")}, "", ""},
		{"an empty one, as cert-manager makes it", "acme",
			map[string][]byte{certificateKey: {}, privateKeyKey: own.key}, "", ""},
		{"no key: not served", "acme",
			map[string][]byte{certificateKey: foreign[certificateKey]}, "", ""},
		{"the CA of ca.crt is not served", "acme", with(own.data(), "ca.crt",
			string(foreign[certificateKey])), "", ""},
		{"text before the block", "acme", with(foreign, certificateKey,
			"CN=acme\n"+string(foreign[certificateKey])), ReasonForeign, "globex.test"},
		{"CRLF", "acme", with(foreign, certificateKey,
			strings.ReplaceAll(string(foreign[certificateKey]), "\n", "\r\n")), ReasonForeign, ""},
		{"another block before it", "acme", with(foreign, certificateKey,
			csr+string(foreign[certificateKey])), ReasonForeign, ""},
		{"the key in the same value", "acme", with(foreign, certificateKey,
			string(foreign[privateKeyKey])+string(foreign[certificateKey])), ReasonForeign, ""},
		{"its own leaf behind the foreign one", "acme", with(foreign, certificateKey,
			string(foreign[certificateKey])+string(own.cert)), ReasonForeign, ""},
		{"a foreign leaf behind its own, which nobody serves", "acme", with(own.data(),
			certificateKey, string(own.cert)+string(foreign[certificateKey])), "", ""},
		{"a broken certificate behind its own", "acme", with(own.data(), certificateKey,
			string(own.cert)+broken), "", ""},
		{"a broken certificate", "acme", with(own.data(), certificateKey,
			broken+string(own.cert)), ReasonUnreadable, "can't be read"},
		{"a path", "acme", with(own.data(), certificateKey, "/certs/platform.crt"),
			ReasonUnreadable, "path of a file"},
		{"a path as key", "acme", with(own.data(), privateKeyKey, "/certs/platform.key"),
			ReasonUnreadable, "tls.key is not PEM"},
		{"no certificate in the PEM", "acme", with(own.data(), certificateKey, csr),
			ReasonUnreadable, "there is no certificate"},
	}
	tenants := world(t,
		map[string]any{
			"tenants": []any{map[string]any{
				"name": "configured", "namespaces": []any{"x"}, "hosts": []any{"configured.test"}}},
			"shared": map[string]any{"namespaces": []any{"shared"}},
		},
		object("allowed", "allowed", "allowed.test", policy.AllowAnnotation,
			"tcp, certificate:partner.example ,certificate:*.partner.example"),
		object("left-out", "configured", ""))
	reviewer := NewReviewer(tenants, Options{
		ClusterDomain: "cluster.local", Exempt: []string{"kube-system"}})
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			got := reviewer.Review(t.Context(),
				request(t, "/secrets", c.namespace, secretOf("tls", c.data), nil))
			assert.Equal(t, c.want, got.Reason, got.Message)
			assert.Equal(t, c.want == "", got.Allowed)
			assert.Contains(t, got.Message, c.says)
			assert.NotContains(t, got.Message, "acme'")
			assert.Less(t, len(got.Message), 1000)
		})
	}
}

// TestAsServed holds what is refused for its names to what the plugin would say of it.
func TestAsServed(t *testing.T) {
	tenants := world(t, map[string]any{})
	v := tenants.view()
	reviewer := NewReviewer(tenants, Options{ClusterDomain: "cluster.local"})
	for _, names := range [][]string{
		{"acme.test"}, {"*.acme.test"}, {"globex.test"}, {"acme.test", "zzz.test"}, {"*.test"},
		{"inside.acme.test"}, {"192.0.2.7"}, {"b.a.acme.test"},
	} {
		for _, namespace := range []string{"acme", "globex"} {
			m := newCertificate(t, spec{names: names})
			chain := verdict.OfChain(v.policy, v.tenant(namespace),
				[]*x509.Certificate{m.certificate}, time.Now())
			got := reviewer.Review(t.Context(),
				request(t, "/secrets", namespace, secretOf("tls", m.data()), nil))
			assert.Equal(t, chain.IsForeign, !got.Allowed, "%s in %s", names, namespace)
			assert.Equal(t, chain.Offending, got.Name)
		}
	}
}

func TestUpdate(t *testing.T) {
	own, foreign := named(t, "acme.test"), named(t, "globex.test")
	labelled := secretOf("tls", foreign)
	labelled.Labels = map[string]string{"owner": "me"}
	freed := secretOf("tls", foreign)
	freed.Finalizers = []string{"x"}
	noKey := secretOf("tls", map[string][]byte{certificateKey: foreign[certificateKey]})
	cases := []struct {
		description   string
		before, after *corev1.Secret
		want          bool
	}{
		{"a renewal", secretOf("tls", own), secretOf("tls", named(t, "acme.test")), true},
		{"a hijack by an update", secretOf("tls", own), secretOf("tls", foreign), false},
		{"what was there before", secretOf("tls", foreign), secretOf("tls", foreign), true},
		{"and loses its finalizers", freed, secretOf("tls", foreign), true},
		{"and gets another label", secretOf("tls", foreign), labelled, false},
		{"only the key comes", noKey, secretOf("tls", foreign), false},
		{"the foreign one goes", secretOf("tls", foreign), secretOf("tls", own), true},
	}
	reviewer := NewReviewer(world(t, map[string]any{}), Options{})
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			got := reviewer.Review(t.Context(), request(t, "/secrets", "acme", c.after, c.before))
			assert.Equal(t, c.want, got.Allowed, got.Message)
		})
	}
}

func TestPlatform(t *testing.T) {
	root := newCertificate(t, spec{common: "root", ca: true})
	file := filepath.Join(t.TempDir(), "root.pem")
	require.NoError(t, os.WriteFile(file, root.cert, 0o600))
	genuine := newCertificate(t, spec{names: []string{"*.platform.test"}, by: &root.authority})
	forged := newCertificate(t, spec{names: []string{"*.platform.test"}})
	shared := map[string]any{"hosts": []any{"*.platform.test"}}
	inShared := map[string]any{"hosts": shared["hosts"], "namespaces": []any{"shared"}}
	pinned := map[string]any{"hosts": shared["hosts"], "namespaces": []any{"shared"},
		"pins": []any{verdict.Pin(forged.certificate)}}
	roots := map[string]any{"roots": file}
	failure := errors.New("forbidden")
	cases := []struct {
		description  string
		shared       map[string]any
		certificates map[string]any
		found        bool
		err          error
		data         made
		want         Reason
		warns        bool
	}{
		{"nothing tells it from a forged one", shared, nil, false, nil, forged, "", true},
		{"it verifies", shared, roots, false, nil, genuine, "", false},
		{"it does not verify", shared, roots, false, nil, forged, ReasonForged, false},
		{"it lies in the shared namespace", inShared, nil, true, nil, genuine, "", false},
		{"it does not", inShared, nil, false, nil, forged, ReasonForged, false},
		{"nobody can look", inShared, nil, false, failure, genuine, ReasonUnavailable, false},
		{"its pin is a shared one", pinned, nil, false, nil, forged, "", false},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			keys := map[string]any{"shared": c.shared}
			if c.certificates != nil {
				keys["certificates"] = c.certificates
			}
			reviewer := NewReviewer(world(t, keys), Options{
				Shared: func(_ context.Context, namespaces []string, der []byte) (bool, error) {
					assert.Equal(t, []string{"shared"}, namespaces)
					assert.Equal(t, c.data.certificate.Raw, der)

					return c.found, c.err
				},
			})
			got := reviewer.Review(t.Context(),
				request(t, "/secrets", "acme", secretOf("tls", c.data.data()), nil))
			assert.Equal(t, c.want, got.Reason, got.Message)
			assert.Equal(t, c.warns, got.Warning != "")
		})
	}
}

func TestFresh(t *testing.T) {
	tenants := world(t, map[string]any{})
	asked := 0
	reviewer := NewReviewer(tenants, Options{
		Fresh: func(_ context.Context, name string) (*corev1.Namespace, error) {
			asked++
			if name == "acme" {
				return nil, errors.New("down")
			}

			return object(name, "new", "new.test"), nil
		},
	})
	review := func(namespace string, names ...string) bool {
		return reviewer.Review(t.Context(), request(t, "/secrets", namespace,
			secretOf("tls", named(t, names...)), nil)).Allowed
	}
	assert.True(t, review("new", "new.test"), "the Namespace came a moment before")
	assert.Equal(t, 1, asked)
	assert.True(t, review("new", "new.test"), "and is known now")
	assert.Equal(t, 1, asked)
	assert.False(t, review("new", "acme.test"), "which helps nobody to a foreign host")
	assert.Equal(t, 1, asked, "it was asked for a moment before")
	assert.False(t, review("acme", "new.test"), "nor does an API that is down")
	assert.Equal(t, 2, asked)
	for range 10 {
		assert.False(t, review("acme", "new.test"), "who tries again and again")
	}
	assert.Equal(t, 2, asked, "does not have the API asked again and again")
	reviewer.askedAt = map[string]time.Time{}
	assert.False(t, review("acme", "new.test"))
	assert.Equal(t, 3, asked)
}

func TestWarn(t *testing.T) {
	reviewer := NewReviewer(world(t, map[string]any{}), Options{Warn: true, NameOwners: true})
	got := reviewer.Review(t.Context(),
		request(t, "/secrets", "acme", secretOf("tls", named(t, "globex.test")), nil))
	assert.True(t, got.Allowed)
	assert.Equal(t, ReasonForeign, got.Reason)
	assert.Contains(t, got.Warning, "would refuse this: ")
	assert.Contains(t, got.Warning, `which another tenant has ("globex")`)
	response := got.Response(request(t, "/secrets", "acme", struct{}{}, nil))
	assert.True(t, response.Allowed)
	assert.Equal(t, []string{got.Warning}, response.Warnings)
	metrics := NewMetrics()
	metrics.review(request(t, "/secrets", "acme", struct{}{}, nil), got, 0)
	assert.Equal(t, map[string]int{`resource="secrets",result="warned"`: 1}, metrics.reviews)

	got = reviewer.Review(t.Context(),
		request(t, "/secrets", "acme", secretOf("tls", named(t, "acme.test")), nil))
	assert.True(t, got.Allowed)
	assert.Empty(t, got.Warning)
}

func TestOtherObjects(t *testing.T) {
	at := func(name string) map[string]any {
		return map[string]any{"metadata": map[string]any{"name": name}}
	}
	cases := []struct {
		description, resource, namespace, name string
		want                                   Reason
	}{
		{"a TLSStore", "traefik.io/tlsstores", "acme", "x", ReasonShared},
		{"a TLSOption", "traefik.io/tlsoptions", "acme", "x", ""},
		{"the TLSOption of all", "traefik.io/tlsoptions", "acme", "default", ReasonShared},
		{"a Gateway", "gateway.networking.k8s.io/gateways", "acme", "x", ReasonShared},
		{"a ListenerSet", "gateway.networking.x-k8s.io/xlistenersets", "acme", "x", ReasonShared},
		{"an operator's", "gateway.networking.k8s.io/gateways", "traefik", "x", ""},
		{"what there is no rule for", "/configmaps", "acme", "x", ReasonUnknown},
	}
	reviewer := NewReviewer(world(t, map[string]any{}), Options{Exempt: []string{"traefik"}})
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			got := reviewer.Review(t.Context(),
				request(t, c.resource, c.namespace, at(c.name), nil))
			assert.Equal(t, c.want, got.Reason)
		})
	}
}

func TestMarks(t *testing.T) {
	wrong := object("wrong", "wrong", "globex.test, wrong.test")
	cases := []struct {
		description   string
		before, after *corev1.Namespace
		says          string
	}{
		{"a new tenant", nil, object("new", "new", "new.test"), ""},
		{"a host of another tenant", nil, object("new", "new", "new.test, acme.test"),
			`"acme.test": tenant "acme" has this host`},
		{"one below another's wildcard", nil, object("new", "new", "x.acme.test"), ""},
		{"no host at all", nil, object("new", "new", "a b"), "wanted one host name"},
		{"a mode", nil, object("new", "new", "", policy.ModeAnnotation, "enforced"),
			"wanted enforce or report"},
		{"an unknown mark", nil, object("new", "new", "", "tenantguard.io/host", "x"), "unknown"},
		{"a word for certificates", nil, object("new", "new", "", policy.AllowAnnotation,
			"certificate:*"), "certificate:*"},
		{"another word", nil, object("new", "new", "", policy.AllowAnnotation, "tcp"), ""},
		{"another host is added to a wrong one", wrong,
			object("wrong", "wrong", "globex.test, wrong.test, more.test"), ""},
		{"another wrong one is", wrong, object("wrong", "wrong", "globex.test, acme.test"),
			"acme.test"},
		{"nothing of ours changes", wrong, object("wrong", "wrong", "globex.test, wrong.test",
			"other", "x"), ""},
		{"a tenant of the configuration", nil, object("new", "configured", ""),
			"neither lists this namespace"},
	}
	reviewer := NewReviewer(world(t, map[string]any{"tenants": []any{map[string]any{
		"name": "configured", "namespaces": []any{"x"}, "hosts": []any{"configured.test"},
	}}}, wrong), Options{})
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			if c.after.Name == "new" {
				c.after.CreationTimestamp = metav1.Time{}
			}
			var before any
			if c.before != nil {
				before = c.before
			}
			got := reviewer.Review(t.Context(),
				request(t, "/namespaces", c.after.Name, c.after, before))
			assert.Equal(t, c.says == "", got.Allowed, got.Message)
			assert.Contains(t, got.Message, c.says)
		})
	}
}
