package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/policy"
	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestHandler(t *testing.T) {
	review := func(r *admissionv1.AdmissionRequest) string {
		content, err := json.Marshal(admissionv1.AdmissionReview{Request: r})
		require.NoError(t, err)

		return string(content)
	}
	hijack := review(request(t, "/secrets", "globex",
		secretOf("tls", named(t, "acme.test")), nil))
	cases := []struct {
		description, method, kind, body string
		unready                         bool
		status                          int
		allowed                         bool
	}{
		{"its own", "POST", "application/json", review(request(t, "/secrets", "acme",
			secretOf("tls", named(t, "acme.test")), nil)), false, 200, true},
		{"another's", "POST", "application/json; charset=utf-8", hijack, false, 200, false},
		{"while the Namespaces are not known", "POST", "application/json", hijack, true, 503,
			false},
		{"another method", "GET", "application/json", hijack, false, 400, false},
		{"another content type", "POST", "text/plain", hijack, false, 400, false},
		{"no JSON", "POST", "application/json", "{", false, 400, false},
		{"no request in it", "POST", "application/json", "{}", false, 400, false},
		{"too much", "POST", "application/json", strings.Repeat(" ", maxBody+1), false, 413, false},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			metrics := NewMetrics()
			handler := NewHandler(NewReviewer(world(t, map[string]any{}), Options{}), metrics,
				NewLog(&bytes.Buffer{}), func() bool { return !c.unready })
			req := httptest.NewRequest(c.method, "/validate", strings.NewReader(c.body))
			req.Header.Set("Content-Type", c.kind)
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, req)
			assert.Equal(t, c.status, answer.Code)
			assert.Zero(t, handler.bodies.Load(), "what was read is given back")
			if c.status != http.StatusOK {
				assert.Equal(t, 1, metrics.failures)

				return
			}
			var got admissionv1.AdmissionReview
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &got))
			assert.Equal(t, c.allowed, got.Response.Allowed)
			assert.EqualValues(t, "1", got.Response.UID)
		})
	}
}

// endless is a body that never ends.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)

	return len(p), nil
}

// TestBodies has bodies of many requests come in at once.
func TestBodies(t *testing.T) {
	handler := NewHandler(nil, NewMetrics(), NewLog(&bytes.Buffer{}), func() bool { return true })
	handler.bodies.Store(maxBodies - 100)
	body := &endless{}
	req := httptest.NewRequest("POST", "/validate", body)
	req.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, req)
	assert.Equal(t, http.StatusServiceUnavailable, answer.Code)
	assert.Less(t, body.read, 10000)
	assert.EqualValues(t, maxBodies-100, handler.bodies.Load())
}

func TestMetrics(t *testing.T) {
	m := NewMetrics()
	for i := range 100 {
		r := request(t, fmt.Sprintf("/kind-%d", i), "acme", map[string]any{}, nil)
		m.review(r, refuse(ReasonUnknown, "x"), time.Duration(i)*time.Millisecond)
	}
	m.review(request(t, "/secrets", "acme", map[string]any{}, nil), pass(), time.Minute)
	m.Namespaces = func() int { return 7 }
	var text bytes.Buffer
	m.write(&text)
	got := text.String()
	assert.Contains(t, got, `reviews_total{resource="other",result="refused"} 100`)
	assert.Contains(t, got, `reviews_total{resource="secrets",result="allowed"} 1`)
	assert.NotContains(t, got, "kind-")
	assert.Contains(t, got, `duration_seconds_bucket{le="0.1"} 100`)
	assert.Contains(t, got, `duration_seconds_bucket{le="+Inf"} 101`)
	assert.Contains(t, got, "namespaces 7\n")
	for _, reason := range Reasons() {
		assert.Contains(t, got, fmt.Sprintf("reason=%q", reason))
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := NewLog(&out)
	now := time.Unix(100, 0)
	log.now = func() time.Time { return now }
	r := request(t, "/secrets", "acme", map[string]any{}, nil)
	for range 25 {
		log.refused(r, Answer{Reason: ReasonForeign, Name: strings.Repeat("x", 5000)})
	}
	assert.Equal(t, maxLines, strings.Count(out.String(), "\n"))
	assert.Less(t, out.Len(), 6000)
	now = now.Add(time.Second)
	out.Reset()
	log.refused(r, Answer{Reason: ReasonForeign})
	assert.Contains(t, out.String(), `"suppressed":15`)
}

func TestFiles(t *testing.T) {
	cert := filepath.Join(t.TempDir(), "tls.crt")
	key := filepath.Join(t.TempDir(), "tls.key")
	write := func(m made) {
		require.NoError(t, os.WriteFile(cert, m.cert, 0o600))
		require.NoError(t, os.WriteFile(key, m.key, 0o600))
	}
	var said []error
	say := func(err error) { said = append(said, err) }
	_, err := NewFiles(cert, key, say)
	require.Error(t, err, "there are none yet")
	first, second := newCertificate(t, spec{names: []string{"a"}}),
		newCertificate(t, spec{names: []string{"b"}})
	write(first)
	files, err := NewFiles(cert, key, say)
	require.NoError(t, err)
	serves := func() *x509.Certificate {
		files.readAt = time.Time{}
		pair, err := files.Certificate(nil)
		require.NoError(t, err)

		return pair.Leaf
	}
	assert.True(t, serves().Equal(first.certificate))
	require.NoError(t, os.WriteFile(cert, second.cert, 0o600))
	assert.True(t, serves().Equal(first.certificate), "the key is not there yet")
	assert.True(t, serves().Equal(first.certificate))
	require.Len(t, said, 1, "said once")
	require.NoError(t, os.Remove(key))
	assert.True(t, serves().Equal(first.certificate))
	write(second)
	assert.True(t, serves().Equal(second.certificate))
	require.Len(t, said, 3)
	assert.NoError(t, said[2], "good again")
	assert.WithinDuration(t, second.certificate.NotAfter, files.Expiry(), 0)
}

// TestAuthorities goes through the years of an authority.
func TestAuthorities(t *testing.T) {
	began := time.Now()
	first, changed, err := renewed(nil, began)
	require.NoError(t, err)
	require.True(t, changed)
	require.Len(t, first, 1)
	assert.Equal(t, first[0].certificate, issuer(first, began).certificate, "the only one issues")

	encoded, err := encode(first)
	require.NoError(t, err)
	decoded, err := decode(encoded)
	require.NoError(t, err)
	assert.True(t, decoded[0].certificate.Equal(first[0].certificate))
	_, err = decode(bundle(first))
	assert.Error(t, err)

	worn := began.Add(authorityLife * 3 / 4)
	both, changed, err := renewed(first, worn)
	require.NoError(t, err)
	require.True(t, changed)
	require.Len(t, both, 2)
	assert.True(t, issuer(both, worn.Add(maturity/2)).certificate.Equal(first[0].certificate),
		"the new one is not known everywhere yet")
	later := worn.Add(maturity + time.Minute)
	assert.True(t, issuer(both, later).certificate.Equal(both[0].certificate))
	_, changed, err = renewed(both, later)
	require.NoError(t, err)
	assert.False(t, changed)

	// What the new one issues is trusted by the bundle, and by nothing older.
	leaf, err := issuer(both, later).issue(later, "webhook.test")
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(bundle(both)))
	_, err = leaf.Leaf.Verify(x509.VerifyOptions{
		Roots: pool, DNSName: "webhook.test", CurrentTime: later})
	require.NoError(t, err)

	ended := began.Add(authorityLife + time.Hour)
	left, changed, err := renewed(both, ended)
	require.NoError(t, err)
	require.True(t, changed)
	require.Len(t, left, 1)
	assert.True(t, left[0].certificate.Equal(both[0].certificate))
}

func TestSelfSigned(t *testing.T) {
	configuration := &registrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "tenantguard"},
		Webhooks:   []registrationv1.ValidatingWebhook{{Name: "a"}, {Name: "b"}},
	}
	empty := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "authority", Namespace: "traefik"}}
	client := fake.NewClientset(empty)
	own := func() *SelfSigned {
		return &SelfSigned{
			Client: client, Namespace: "traefik", Secret: "authority",
			Configuration: "tenantguard", Names: []string{"webhook.test"},
		}
	}
	one, other := own(), own()
	require.NoError(t, one.Ensure(t.Context()), "the configuration may come later")
	ctx := context.Background()
	_, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().
		Create(ctx, configuration, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, one.Ensure(ctx))
	require.NoError(t, other.Ensure(ctx))
	written, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().
		Get(ctx, "tenantguard", metav1.GetOptions{})
	require.NoError(t, err)
	for _, hook := range written.Webhooks {
		pool := x509.NewCertPool()
		require.True(t, pool.AppendCertsFromPEM(hook.ClientConfig.CABundle))
		for _, s := range []*SelfSigned{one, other} {
			served, err := s.Certificate(&tls.ClientHelloInfo{})
			require.NoError(t, err)
			_, err = served.Leaf.Verify(
				x509.VerifyOptions{Roots: pool, DNSName: "webhook.test"})
			assert.NoError(t, err)
		}
	}
	before, err := one.Certificate(nil)
	require.NoError(t, err)
	require.NoError(t, one.Ensure(ctx))
	after, err := one.Certificate(nil)
	require.NoError(t, err)
	assert.Same(t, before, after, "it is not made anew each time")

	missing := own()
	missing.Secret = "other"
	assert.ErrorContains(t, missing.Ensure(ctx), "create it, empty")
}

func TestSharedSecrets(t *testing.T) {
	genuine, other := newCertificate(t, spec{names: []string{"a"}}),
		newCertificate(t, spec{names: []string{"a"}})
	lying := secretOf("tls", genuine.data())
	lying.Namespace = "shared"
	client := fake.NewClientset(lying)
	shared := NewSharedSecrets(client)
	has := func(m made, namespaces ...string) bool {
		found, err := shared.Has(t.Context(), namespaces, m.certificate.Raw)
		require.NoError(t, err)

		return found
	}
	assert.True(t, has(genuine, "empty", "shared"))
	assert.False(t, has(genuine, "empty"))
	assert.False(t, has(other, "shared"))
	calls := len(client.Actions())
	for range 10 {
		has(other, "shared")
		has(genuine, "shared")
	}
	assert.Len(t, client.Actions(), calls, "what is not there is looked for once a second")
	for range maxComparing {
		shared.places <- struct{}{}
	}
	_, err := shared.Has(t.Context(), []string{"shared"}, other.certificate.Raw)
	assert.ErrorIs(t, err, errComparing)
	assert.True(t, has(genuine, "shared"), "what is known is compared with no place")
}

// TestSharedSecretsWhileReading has the API take its time for a forged certificate, and a genuine
// one, that is known, be compared meanwhile.
func TestSharedSecretsWhileReading(t *testing.T) {
	genuine, forged := newCertificate(t, spec{names: []string{"a"}}),
		newCertificate(t, spec{names: []string{"a"}})
	lying := secretOf("tls", genuine.data())
	lying.Namespace = "shared"
	client := fake.NewClientset(lying)
	shared := NewSharedSecrets(client)
	found, err := shared.Has(t.Context(), []string{"shared"}, genuine.certificate.Raw)
	require.NoError(t, err)
	require.True(t, found)
	shared.readAt["shared"] = time.Now().Add(-2 * sharedPause)
	reading, proceed := make(chan bool), make(chan bool)
	client.PrependReactor("list", "secrets",
		func(clienttesting.Action) (bool, runtime.Object, error) {
			reading <- true
			<-proceed

			return false, nil, nil
		})
	ended := make(chan bool)
	go func() {
		_, _ = shared.Has(context.Background(), []string{"shared"}, forged.certificate.Raw)
		ended <- true
	}()
	<-reading
	compared := make(chan bool, 1)
	go func() {
		found, err := shared.Has(context.Background(), []string{"shared"}, genuine.certificate.Raw)
		compared <- found && err == nil
	}()
	select {
	case isGood := <-compared:
		assert.True(t, isGood)
	case <-time.After(5 * time.Second):
		assert.Fail(t, "a known certificate waits for the API")
	}
	proceed <- true
	<-ended
}

func TestRunRefusesABadPolicy(t *testing.T) {
	failure := errors.New("bad policy")
	err := Run(t.Context(), Config{
		Policy: func() (*policy.Parsed, error) { return nil, failure }})
	assert.ErrorIs(t, err, failure)
}
