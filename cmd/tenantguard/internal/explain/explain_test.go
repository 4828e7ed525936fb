package explain

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/certs"
	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry/registrytest"
	"github.com/tenantguard/tenantguard/internal/vectors"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const testdata = "../../../../testdata"

// TestVectors wants the verdict of every decision vector.
func TestVectors(t *testing.T) {
	seen := map[string]bool{}
	for _, topic := range vectors.Topics {
		cases, err := vectors.Load(testdata, topic)
		require.NoError(t, err)
		for _, c := range cases {
			t.Run(topic+"/"+c.Description, func(t *testing.T) {
				got := Of(policyOf(t, c), []string{"it is wrong"}, requestOf(t, c), time.Now())
				checkVector(t, c, got)
				seen[got.Verdict] = true
			})
		}
	}
	for code := range vectors.Statuses {
		// The pure functions ask no cluster.
		assert.True(t, seen[code] || code == "certificate-secret", "%s is never explained", code)
	}
}

func checkVector(t *testing.T, c vectors.Case, got *Explanation) {
	t.Helper()
	want := got.Verdict
	if c.Want != want && (c.Want == got.Unless || c.Want == got.Unasked) {
		want = c.Want // the Secrets decide
	}
	assert.Equal(t, c.Want, want, "%+v", got.Steps)
	assert.NotEmpty(t, got.Steps)
	for _, code := range got.Also {
		assert.NotEqual(t, got.Verdict, code)
		assert.Contains(t, vectors.Statuses, code)
	}
	for _, step := range got.Steps {
		assert.Regexp(t, `^[^ ]`, step.Text)
		if step.Code != "" {
			assert.Equal(t, got.Verdict, step.Code)
		}
	}
	if got.Verdict == "pass" {
		assert.Zero(t, got.Status)
		assert.Empty(t, got.Do)

		return
	}
	assert.Equal(t, vectors.Statuses[got.Verdict], got.Status)
	assert.NotEmpty(t, got.Do)
	own := 0
	for _, step := range got.Steps {
		if step.Code == got.Verdict {
			own++
		}
	}
	assert.Positive(t, own, "no step has the code %s: %+v", got.Verdict, got.Steps)
	if c.Want == got.Verdict {
		assert.Equal(t, !c.Reported, got.Enforced)
	}
}

// policyOf loads the policy of a vector with the Namespaces of its cluster.
func policyOf(t *testing.T, c vectors.Case) *policy.Effective {
	t.Helper()
	cluster := &registrytest.Cluster{Namespaces: &policy.Snapshot{}}
	if c.Cluster != nil && c.Cluster.Refused[kubetest.NamespacesPath] != 0 {
		cluster = &registrytest.Cluster{Problem: "refused"}
	} else if c.Cluster != nil {
		label := policy.ParseKeys(c.Policy, "", "").Settings.Kubernetes.TenantLabel
		for _, n := range c.Cluster.Namespaces {
			cluster.Namespaces.Namespaces = append(cluster.Namespaces.Namespaces,
				policy.NewNamespace(n.Name, n.Created, label, n.Labels, n.Annotations))
		}
	}
	p, _ := registrytest.Middleware{
		Name: "guard@file", Keys: c.Policy, Cluster: cluster, ReadFile: os.ReadFile,
	}.Policy()

	return p
}

func requestOf(t *testing.T, c vectors.Case) Request {
	t.Helper()
	sent := c.Request()
	r := Request{
		Router: c.Router, EntryPoint: c.EntryPoint, Namespace: c.IngressNamespace,
		Middleware: c.Middleware, Host: c.Host, Path: sent.URL.EscapedPath(), TLS: c.TLS,
		ServerName: c.ServerName, Client: sent.RemoteAddr, Unobserved: "it is closed",
	}
	if c.Certificate != "" {
		chain, err := certs.ReadFile(filepath.Join(testdata, "certificates", c.Certificate+".pem"))
		require.NoError(t, err)
		r.Certificate = chain
		r.Unobserved = ""
	}

	return r
}

const two = `{"tenants":[{"name":"acme","namespaces":["acme"],"routers":["acme-*@docker"],
	"hosts":["*.acme.example.com","a.acme.example.com"]},
	{"name":"globex","namespaces":["globex"],"hosts":["**.globex.example.com"],"mode":"report",
	"guest":{"hosts":["**"],"paths":["/login"]}}]}`

// keysOf decodes a policy.
func keysOf(t *testing.T, text string) map[string]any {
	t.Helper()
	var keys map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &keys))

	return keys
}

// TestSteps looks at what is said.
func TestSteps(t *testing.T) {
	p := registrytest.MustPolicy(t, keysOf(t, two), nil)
	secrets := registrytest.MustPolicy(t, keysOf(t, strings.Replace(two, "{",
		`{"certificates":{"secrets":true},"shared":{"namespaces":["certs"]},`, 1)), nil)
	file := filepath.Join(testdata, "certificates", "acme-two.pem")
	own, err := certs.ReadFile(file)
	require.NoError(t, err)
	base := Request{Router: "acme_web_0@kubernetescrd", Host: "b.acme.example.com:443", Path: "/",
		TLS: true, ServerName: "b.acme.example.com", Certificate: own}
	cases := []struct {
		description string
		policy      *policy.Effective
		change      func(r *Request)
		verdict     string
		unless      string
		want        []string // steps: name, and what their text contains
	}{
		{"it passes", p, func(*Request) {}, "pass", "", []string{
			"policy: 2 tenants and 3 host patterns, mode enforce",
			`router: acme_web_0@kubernetescrd lies in the namespace acme of tenant "acme".`,
			`host: b.acme.example.com is tenant "acme"'s, by *.acme.example.com.`,
			"connection: Over TLS.", `server name: b.acme.example.com is tenant "acme"'s`,
			"certificate: acme-two.pem serves sha256/",
		}},
		{"the exact pattern is named", p, func(r *Request) { r.Host = "a.acme.example.com" },
			"pass", "", []string{"policy: ", "router: ", "host: by a.acme.example.com.",
				"connection: ", "server name: ", "certificate: "}},
		{"another tenant's host", p, func(r *Request) { r.Router = "globex_web_0@kubernetescrd" },
			"host-foreign", "", []string{"policy: ", `router: tenant "globex"`,
				`host: is tenant "acme"'s`, "connection: ", "server name: ",
				"mode: carried out, with status 403"}},
		{"a guest", p, func(r *Request) {
			r.Router, r.Path = "globex_web_0@kubernetescrd", "/login"
		}, "pass", "", []string{"policy: ", "router: ",
			`host: Tenant "globex" may serve it as a guest`, "connection: ", "server name: ",
			"certificate: "}},
		{"report mode", p, func(r *Request) {
			r.Router, r.Host, r.ServerName = "globex_web_0@kubernetescrd", "x.test", "x.test"
		}, "host-unowned", "", []string{"policy: ", "router: ", "host: No tenant owns x.test.",
			"connection: ", "server name: No tenant owns x.test.", "mode: the request passes"}},
		{"report mode without TLS, where no server name counts", p, func(r *Request) {
			r.Router, r.Host, r.TLS = "globex_web_0@kubernetescrd", "x.test", false
		}, "host-unowned", "", []string{"policy: ", "router: ", "host: ", "connection: ",
			"mode: the request passes"}},
		{"a pattern of routers", p, func(r *Request) { r.Router = "acme-x@docker" }, "pass", "",
			[]string{"policy: ", "router: acme-x@docker matches a pattern of routers", "host: ",
				"connection: ", "server name: ", "certificate: "}},
		{"without TLS", p, func(r *Request) { r.TLS = false }, "pass", "",
			[]string{"policy: ", "router: ", "host: ",
				"connection: Without TLS, plaintext is allow"}},
		{"a challenge", p, func(r *Request) { r.Path = "/.well-known/acme-challenge/x" },
			"pass", "", []string{"policy: ", "router: ", "host: ", "connection: ACME challenge",
				"server name: "}},
		{"a certificate that is not known", p, func(r *Request) { r.Certificate = nil },
			Undecided, "", []string{"policy: ", "router: ", "host: ", "connection: ",
				"server name: ", "certificate: It decides, and is not known."}},
		{"a Secret that is not known", secrets, func(*Request) {}, "pass", "certificate-secret",
			[]string{"policy: ", "router: ", "host: ", "connection: ", "server name: ",
				"certificate: ", "secret: acme, certs must have it. Where none has, it is " +
					"certificate-secret."}},
		{"a Secret of the tenant's", secrets, func(r *Request) { r.Secrets = []string{"acme"} },
			"pass", "", []string{"policy: ", "router: ", "host: ", "connection: ", "server name: ",
				"certificate: ", "secret: It is in acme."}},
		{"another tenant's Secret", secrets, func(r *Request) { r.Secrets = []string{"globex"} },
			"certificate-secret", "", []string{"policy: ", "router: ", "host: ", "connection: ",
				"server name: ", "certificate: ", "secret: It is in globex.", "mode: "}},
		{"no Secret", secrets, func(r *Request) { r.Secrets = []string{} },
			"certificate-secret", "", []string{"policy: ", "router: ", "host: ", "connection: ",
				"server name: ", "certificate: ", "secret: It is in none.", "mode: "}},
		{"a router of another tenant below it", p, func(r *Request) {
			r.Children = []string{"acme-x@docker", "globex_x_0@kubernetescrd"}
		}, "router-ambiguous", "", []string{"policy: ",
			"router: globex_x_0@kubernetescrd below it is not the same tenant's", "host: ",
			"connection: ", "server name: ", "mode: "}},
		{"no tenant's pattern", p, func(r *Request) { r.Router = "acme-x@gateway" },
			"router-unbound", "", []string{"policy: ",
				"router: acme-x@gateway matches no tenant's patterns", "host: ", "connection: ",
				"server name: ", "mode: "}},
		{"Traefik's own router", p, func(r *Request) { r.Router = "ping@internal" }, "pass", "",
			[]string{"policy: ", "router: ping@internal is Traefik's own"}},
		{"no policy", nil, func(*Request) {}, "policy-invalid", "",
			[]string{"policy: None is in force:\nit is wrong"}},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			r := base
			c.change(&r)
			got := Of(c.policy, []string{"it is wrong"}, r, time.Now())
			assert.Equal(t, c.verdict, got.Verdict)
			assert.Equal(t, c.unless, got.Unless)
			require.Len(t, got.Steps, len(c.want), "%+v", got.Steps)
			for i, text := range c.want {
				name, fragment, _ := strings.Cut(text, ": ")
				assert.Equal(t, name, got.Steps[i].Name)
				assert.Contains(t, got.Steps[i].Text, fragment)
			}
		})
	}
}

// TestEntryPointInName has names of routers as the log has them, with the entry point before them.
func TestEntryPointInName(t *testing.T) {
	p := registrytest.MustPolicy(t, keysOf(t, `{"tenants": [{"name": "acme",
		"routers": ["acme-*@docker"], "hosts": ["a.test"]}]}`), nil)
	for _, c := range []struct{ description, router, entryPoint, do string }{
		{"in the name", "web-secure-acme-x@docker", "", "--entrypoint web-secure."},
		{"said", "web-secure-acme-x@docker", "web-secure", ""},
		{"no name behind it", "web-secure-x@docker", "", whatToDo[verdict.RouterUnbound]},
		{"another one is said", "web-secure-acme-x@docker", "web",
			whatToDo[verdict.RouterUnbound]},
	} {
		e := Of(p, nil, Request{
			Router: c.router, EntryPoint: c.entryPoint, Host: "a.test", Path: "/",
		}, time.Now())
		assert.Contains(t, e.Do, c.do, c.description)
		assert.Equal(t, c.do == "", e.Verdict == "pass", c.description)
	}
}

// TestWhatToDo wants a sentence for each code.
func TestWhatToDo(t *testing.T) {
	assert.Len(t, whatToDo, len(verdict.Codes()))
	for _, code := range verdict.Codes() {
		assert.Regexp(t, `^[A-Z].*\.$`, whatToDo[code], code)
		assert.NotEmpty(t, stepOf(string(code)), code)
	}
}

// TestAlso looks at what would follow.
func TestAlso(t *testing.T) {
	p := registrytest.MustPolicy(t, keysOf(t, strings.Replace(two, "{",
		`{"certificates":{"secrets":true},"plaintext":"deny",`, 1)), nil)
	read := func(name string) *certs.Chain {
		chain, err := certs.ReadFile(filepath.Join(testdata, "certificates", name+".pem"))
		require.NoError(t, err)

		return chain
	}
	base := Request{Router: "other_web_0@kubernetescrd", Host: "a.acme.example.com", Path: "/",
		TLS: true, ServerName: "a.globex.example.com", Certificate: read("globex-exact")}
	cases := []struct {
		description string
		change      func(r *Request)
		verdict     string
		want        []string
	}{
		{"everything is wrong", func(r *Request) { r.Secrets = []string{"globex"} },
			"router-unbound", []string{"sni-foreign", "certificate-name", "certificate-foreign",
				"certificate-secret"}},
		{"the Secret is not known", func(r *Request) {}, "router-unbound",
			[]string{"sni-foreign", "certificate-name", "certificate-foreign"}},
		{"nothing else", func(r *Request) {
			r.ServerName, r.Certificate = "a.acme.example.com", read("acme-exact")
		}, "router-unbound", nil},
		{"the certificate is not known", func(r *Request) { r.Certificate = nil },
			"router-unbound", []string{"sni-foreign"}},
		{"it can't be observed", func(r *Request) {
			r.ServerName, r.Certificate, r.Unobserved = "a.acme.example.com", nil, "it is closed"
		}, "router-unbound", []string{"certificate-unavailable"}},
		{"Go does not accept it", func(r *Request) {
			r.ServerName, r.Certificate = "a.acme.example.com", read("acme-p224")
		}, "router-unbound", []string{"certificate-name"}},
		{"without TLS", func(r *Request) { r.TLS = false }, "router-unbound",
			[]string{"tls-required"}},
		{"a host of nobody's", func(r *Request) {
			r.Router, r.Host, r.TLS = "acme_web_0@kubernetescrd", "x.test", false
		}, "host-unowned", []string{"tls-required"}},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			r := base
			c.change(&r)
			got := Of(p, nil, r, time.Now())
			assert.Equal(t, c.verdict, got.Verdict)
			assert.Equal(t, c.want, got.Also)
			assert.Equal(t, r.Host, got.Host)
		})
	}
}
