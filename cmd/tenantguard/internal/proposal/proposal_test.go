package proposal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry/registrytest"
	"sigs.k8s.io/yaml"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/audit"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/proposal"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

func objectsOf(t *testing.T, manifests ...string) *running.Objects {
	t.Helper()
	objects, err := running.ParseManifests("test.yaml", []byte(strings.Join(manifests, "\n---\n")))
	if err != nil {
		t.Fatal(err)
	}

	return objects
}

func namespace(name, created, labels string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, "+
		"creationTimestamp: %q, labels: {%s}}}", name, created, labels)
}

// labelled is a Namespace of a tenant of its name, with hosts.
func labelled(name, created, hosts string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, "+
		"creationTimestamp: %q, labels: {tenantguard.io/tenant: %s}, "+
		"annotations: {tenantguard.io/hosts: %q}}}", name, created, name, hosts)
}

func route(namespace, name, match string) string {
	return fmt.Sprintf("{apiVersion: traefik.io/v1alpha1, kind: IngressRoute, metadata: "+
		"{name: %s, namespace: %s}, spec: {routes: [{match: '%s'}]}}", name, namespace, match)
}

// traefikOf is a Traefik with routers and certificates as JSON.
func traefikOf(t *testing.T, routers, certificates string) *running.Traefik {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"entrypoints": "[]", "http-middlewares": "[]", "http-routers": "[" + routers + "]",
		"certificates": "[" + certificates + "]",
	} {
		err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(content), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	traefik, err := running.API{At: dir}.Read(t.Context(), func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}

	return traefik
}

func router(name, rule string) string {
	return fmt.Sprintf(`{"name": %q, "provider": "docker", "rule": %q, "entryPoints": ["web"],
		"status": "enabled"}`, name, rule)
}

// show writes a proposal in one line.
func show(p *proposal.Proposal) string {
	var parts []string
	for _, t := range p.PolicyFile().Tenants {
		text := t.Name + ":" + strings.Join(slices.Concat(t.Namespaces, t.Routers, t.Hosts), ",")
		if t.Guest != nil {
			text += " guest " + strings.Join(slices.Concat(t.Guest.Hosts, t.Guest.Paths), ",")
		}
		if t.Certificates != nil {
			text += " no secrets"
		}
		parts = append(parts, text)
	}
	if len(p.SharedHosts) > 0 {
		parts = append(parts, "shared:"+strings.Join(p.SharedHosts, ","))
	}
	for _, f := range p.Unclear {
		parts = append(parts, "?"+f.ID)
	}

	return strings.Join(parts, "; ")
}

func TestMake(t *testing.T) {
	const old, young = "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"
	acme, globex := namespace("acme", old, "team: a"), namespace("globex", young, "team: a")
	rows := []struct {
		description string
		objects     []string
		in          proposal.Input
		want        string
	}{
		{"namespaces", []string{acme, globex, route("acme", "a", "Host(`a.test`)"),
			route("globex", "b", "Host(`b.test`) || Host(`*.b.test`)")}, proposal.Input{},
			"acme:acme,a.test; globex:globex,*.b.test,b.test"},
		{"by a label", []string{acme, globex, route("acme", "a", "Host(`a.test`)"),
			route("globex", "b", "Host(`b.test`)")}, proposal.Input{Label: "team"},
			"a:acme,globex,a.test,b.test"},
		{"the platform's", []string{route("traefik", "a", "Host(`a.test`)")}, proposal.Input{},
			"platform:traefik,a.test"},
		{"a path of another's host", []string{acme, globex, route("globex", "a", "Host(`a.test`)"),
			route("acme", "b", "Host(`a.test`) && PathPrefix(`/api`)")}, proposal.Input{},
			"acme:acme guest a.test,/api; globex:globex,a.test; ?host-contested"},
		{"all paths, written out", []string{acme, globex,
			route("globex", "a", "Host(`a.test`) && PathPrefix(`/`)"),
			route("acme", "b", "Host(`a.test`) && PathPrefix(`/api`)")}, proposal.Input{},
			"acme:acme guest a.test,/api; globex:globex,a.test; ?host-contested"},
		{"a path of a younger one's host", []string{namespace("acme", young, ""),
			namespace("globex", old, ""), route("acme", "a", "Host(`a.test`)"),
			route("globex", "b", "Host(`a.test`) && PathPrefix(`/api`)")}, proposal.Input{},
			"acme:acme,a.test; globex:globex guest a.test,/api; ?host-contested"},
		{"two for one host, the older has it", []string{acme, globex,
			route("globex", "a", "Host(`a.test`)"), route("acme", "b", "Host(`a.test`)")},
			proposal.Input{}, "acme:acme,a.test; globex:globex guest a.test; ?host-contested"},
		{"a Namespace that says whose it is", []string{strings.Replace(namespace("acme", young,
			"tenantguard.io/tenant: x"), "labels", "annotations: {tenantguard.io/hosts: "+
			"'*.a.test, a b'}, labels", 1), route("acme", "a", "Host(`b.test`)")}, proposal.Input{},
			"x:acme,*.a.test,b.test"},
		{"one that names another's host", []string{strings.Replace(namespace("acme", young,
			"tenantguard.io/tenant: x"), "labels", "annotations: {tenantguard.io/hosts: a.test}, "+
			"labels", 1), globex, route("globex", "a", "Host(`a.test`)")}, proposal.Input{},
			"globex:globex guest a.test; x:acme,a.test; ?host-contested"},
		{"two that name one host", []string{
			labelled("acme", young, "a.test, b.test"), labelled("globex", old, "a.test,c.test")},
			proposal.Input{},
			"acme:acme,b.test; globex:globex,a.test,c.test; ?host-contested"},
		{"two of one age that name one host", []string{
			labelled("globex", old, "a.test"), labelled("acme", old, "a.test")},
			proposal.Input{}, "acme:acme,a.test; globex:globex; ?host-contested"},
		{"an expression", []string{route("acme", "a", "HostRegexp(`^[a-z]+\\.a\\.test$`)")},
			proposal.Input{}, "acme:acme; ?rule-unclear"},
		{"a guess at it", []string{route("acme", "a", "HostRegexp(`^[a-z]+\\.a\\.test$`)")},
			proposal.Input{Guess: true}, "acme:acme,**.a.test; ?rule-unclear"},
		{"one that no guess fits", []string{route("acme", "a", "HostRegexp(`a`)")},
			proposal.Input{Guess: true}, "acme:acme; ?rule-unclear"},
		{"a path alone", []string{route("acme", "a", "PathPrefix(`/x`)")}, proposal.Input{},
			"acme:acme; ?rule-unclear"},
		{"a guess at it", []string{route("acme", "a", "PathPrefix(`/x`)")},
			proposal.Input{Guess: true}, "acme:acme guest **,/x; ?rule-unclear"},
		{"a rule that can't be read", []string{route("acme", "a", "Host(")}, proposal.Input{},
			"acme:acme; ?rule-unclear"},
		{"a host that is none", []string{route("acme", "a", "Host(`a b`)")}, proposal.Input{},
			"acme:acme; ?rule-unclear"},
	}
	for _, row := range rows {
		row.in.Objects = objectsOf(t, row.objects...)
		row.in.OperatorNamespaces = []string{"traefik"}
		p := proposal.Make(row.in)
		if got := show(p); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
		load(t, row.description, p)
	}
}

// load has the plugin's code take a proposal, as a middleware.
func load(t *testing.T, description string, p *proposal.Proposal) *policy.Effective {
	t.Helper()
	var text strings.Builder
	if err := p.WriteYAML(&text); err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{}
	if err := yaml.Unmarshal([]byte(text.String()), &keys); err != nil {
		t.Fatalf("%s: %v: %s", description, err, text.String())
	}
	effective, notices := registrytest.Middleware{Name: "guard@file", Keys: keys}.Policy()
	if effective == nil || !effective.Report {
		t.Errorf("%s: the plugin does not take it, or enforces: %+v\n%s", description, notices,
			text.String())
	}

	return effective
}

// TestTraefik makes proposals of what the API says.
func TestTraefik(t *testing.T) {
	certificate := func(name string, sans ...string) string {
		return fmt.Sprintf(`{"name": %q, "sans": ["%s"], "notAfter": "2126-01-01T00:00:00Z"}`, name,
			strings.Join(sans, `","`))
	}
	a, b := router("acme-web@docker", "Host(`a.test`)"), router("globex-web@docker",
		"Host(`b.test`)")
	rows := []struct {
		description, routers, certificates, want string
	}{
		{"by the beginnings of names", a + "," + b, "",
			"acme:acme-web@docker,a.test; globex:globex-web@docker,b.test"},
		{"on several entry points", strings.Replace(a, "acme-web", "web-acme-web", 1) + "," +
			strings.ReplaceAll(strings.Replace(a, "acme-web", "tls-acme-web", 1), `["web"]`,
				`["tls"]`), "", "acme:acme-web@docker,a.test"},
		{"Traefik's own", router("api@internal", "PathPrefix(`/api`)"), "", ""},
		{"a legacy name", router("a-b-0123456789abcdef0123@kubernetescrd", "Host(`a.test`)"), "",
			"?router-unclear"},
		{"a safe name", router("team_web_0@kubernetescrd", "Host(`a.test`)"), "",
			"team:team,a.test"},
		{"a certificate of one", a + "," + b, certificate("1", "a.test", "*.a.test"),
			"acme:acme-web@docker,*.a.test,a.test; globex:globex-web@docker,b.test"},
		{"a certificate of both", a + "," + b, certificate("1", "*.test", "test"),
			"acme:acme-web@docker,a.test; globex:globex-web@docker,b.test; shared:*.test,test"},
		{"one of both that neither is served", a + "," + b, certificate("1", "*.test", "test") +
			"," + certificate("2", "a.test") + "," + certificate("3", "b.test"),
			"acme:acme-web@docker,a.test; globex:globex-web@docker,b.test"},
		{"one that nobody is served", a, certificate("1", "x.test"), "acme:acme-web@docker,a.test"},
	}
	for _, row := range rows {
		p := proposal.Make(proposal.Input{Traefik: traefikOf(t, row.routers, row.certificates)})
		if got := show(p); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestNoSecret has a certificate that is in no Secret of the cluster.
func TestNoSecret(t *testing.T) {
	p := proposal.Make(proposal.Input{
		Objects: objectsOf(t, route("acme", "a", "Host(`a.test`)"),
			route("globex", "b", "Host(`b.test`)")),
		Traefik: traefikOf(t, "", `{"name": "1", "sans": ["a.test"]}`),
	})
	if got := show(p); got != "acme:acme,a.test no secrets; globex:globex,b.test" {
		t.Errorf("%q", got)
	}
}

// TestLabels writes commands for Namespaces.
func TestLabels(t *testing.T) {
	p := proposal.Make(proposal.Input{Guess: true, Objects: objectsOf(t,
		namespace("acme", "", ""), route("acme", "a", "Host(`a.test`) || Host(`b.test`)"),
		route("all", "x", "PathPrefix(`/x`)"))})
	commands, rest := p.Labels(policy.TenantLabel)
	want := []string{
		"kubectl label namespace acme --overwrite tenantguard.io/tenant=acme",
		"kubectl annotate namespace acme --overwrite tenantguard.io/hosts='a.test, b.test'",
		"kubectl label namespace all --overwrite tenantguard.io/tenant=all",
	}
	if !slices.Equal(commands, want) {
		t.Errorf("%q, want %q", commands, want)
	}
	if len(rest.Tenants) != 1 || rest.Tenants[0].Name != "all" ||
		!*rest.Tenants[0].KubernetesNamespaces || rest.Tenants[0].Guest == nil {
		t.Errorf("%+v", rest.Tenants)
	}
}

// TestComments has texts of strangers in the comments.
func TestComments(t *testing.T) {
	p := proposal.Make(proposal.Input{Objects: objectsOf(t, "{apiVersion: traefik.io/v1alpha1, "+
		"kind: IngressRoute, metadata: {name: a, namespace: acme}, spec: {routes: [{match: "+
		"\"HostRegexp(`x\\nmode: enforce\\n`)\"}]}}")})
	load(t, "a new line in a rule", p)
}

func TestDiff(t *testing.T) {
	keys := map[string]any{
		"kubernetes": map[string]any{"enabled": true},
		"tenants": []any{
			map[string]any{"name": "acme", "namespaces": "acme",
				"hosts": "a.test,*.a.test,**.b.test",
				"guest": map[string]any{"hosts": "guest.test", "paths": "/in"}},
			map[string]any{"name": "gone", "namespaces": "gone", "hosts": "gone.test"},
		},
		"shared": map[string]any{"hosts": "*.shared.test"},
	}
	all := []string{
		namespace("acme", "", ""), namespace("new", "", ""),
		route("acme", "a", "Host(`a.test`)"), route("acme", "b", "Host(`x.a.test`)"),
		route("acme", "c", "Host(`x.y.b.test`)"),
	}
	rows := []struct {
		description string
		more        []string
		want        string
	}{
		{"a tenant that is gone", nil, "policy-namespace-unused gone, " +
			"policy-host-unused gone.test"},
		{"a host that is missing", []string{route("acme", "d", "Host(`d.test`)")},
			"policy-host-missing d.test, policy-namespace-unused gone, " +
				"policy-host-unused gone.test"},
		{"a host that is missing twice", []string{route("acme", "d", "Host(`d.test`)"),
			route("acme", "e", "Host(`d.test`) && Path(`/e`)")},
			"policy-host-missing d.test, policy-namespace-unused gone, " +
				"policy-host-unused gone.test"},
		{"a host that it serves as a guest",
			[]string{route("acme", "d", "Host(`guest.test`) && PathPrefix(`/in/here`)")},
			"policy-namespace-unused gone, policy-host-unused gone.test"},
		{"a namespace that is missing", []string{route("new", "d", "Host(`d.test`)")},
			"policy-namespace-missing new, policy-namespace-unused gone, " +
				"policy-host-unused gone.test"},
	}
	for _, row := range rows {
		objects := objectsOf(t, append(row.more, all...)...)
		effective := registrytest.MustPolicy(t, keys, &registrytest.Cluster{
			Namespaces: &policy.Snapshot{
				Namespaces: audit.Namespaces(objects, policy.TenantLabel),
			},
		})
		found := proposal.Diff(proposal.Input{Objects: objects}, effective)
		if got := subjects(found); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

func subjects(list finding.List) string {
	var texts []string
	for _, f := range list {
		texts = append(texts, f.ID+" "+f.Subject)
	}

	return strings.Join(texts, ", ")
}

// TestDiffOfCertificates compares shared.hosts with what Traefik has.
func TestDiffOfCertificates(t *testing.T) {
	effective := registrytest.MustPolicy(t, map[string]any{
		"tenants": []any{map[string]any{"name": "acme", "routers": "acme-*@docker",
			"hosts": "a.test"}},
		"shared": map[string]any{"hosts": "*.shared.test,*.old.test"},
	}, nil)
	found := proposal.Diff(proposal.Input{Traefik: traefikOf(t,
		router("acme-web@docker", "Host(`a.test`)")+","+router("x@docker", "Host(`x.test`)"),
		`{"name": "1", "sans": ["*.shared.test", "shared.test"]},
		{"name": "2", "sans": ["a.test"]}`,
	)}, effective)
	want := "policy-router-missing x@docker, policy-shared-missing shared.test, " +
		"policy-shared-unused *.old.test"
	if got := subjects(found); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
