package registry

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

func TestConfigurationVectors(t *testing.T) {
	all, err := vectors.LoadConfigurations("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		runConfiguration(t, c)
	}
}

func runConfiguration(t *testing.T, c vectors.Configuration) {
	t.Run(c.Description, func(t *testing.T) {
		r := newRecorder()
		r.env[policy.OperatorNamespacesVariable] = c.OperatorNamespaces
		r.env[policy.OperatorProvidersVariable] = c.OperatorProviders
		effective := r.Middleware(c.Middleware, c.Policy).Policy()
		errs := r.errors()
		if (effective == nil) != (len(c.Errors) > 0) || (effective == nil) != (len(errs) > 0) {
			t.Fatalf("usable: %t, errors %q, want %q", effective != nil, errs, c.Errors)
		}
		for _, fragments := range c.Errors {
			if !anyContains(errs, fragments) {
				t.Errorf("errors %q, want one with all of %q", errs, fragments)
			}
		}
		warnings := r.broad()
		if len(warnings) != len(c.Warnings) {
			t.Errorf("warnings %q, want %d", warnings, len(c.Warnings))
		}
		for _, fragments := range c.Warnings {
			if !anyContains(warnings, fragments) {
				t.Errorf("warnings %q, want one with all of %q", warnings, fragments)
			}
		}
	})
}

func TestLastGoodPolicyStays(t *testing.T) {
	r := newRecorder()
	if r.Middleware("guard@file", keys(t, `{"tenants":[{"name":""}]}`)).Policy() != nil {
		t.Fatal("a policy with errors is in force")
	}
	good := r.Middleware("guard@file", keys(t, acme)).Policy()
	if good == nil || good.Hosts.Owner("acme.example.com") != "acme" {
		t.Fatalf("the good policy is not in force: %q", r.errors())
	}
	r.notices = nil
	bad := r.Middleware("guard@file", keys(t, `{"tenants":[{"name":"acme"}]}`))
	if bad.Policy() != good {
		t.Error("the last good policy is not in force any more")
	}
	if len(r.notices) != 1 || !r.notices[0].InForce {
		t.Errorf("notices %v, want one that tells of the last good policy", r.notices)
	}
	if r.Middleware("other@file", keys(t, `{"tenants":[{"name":"acme"}]}`)).Policy() != nil {
		t.Error("another middleware's last good policy is in force")
	}
}

func TestPolicyFile(t *testing.T) {
	r := newRecorder()
	path := filepath.Join(t.TempDir(), "policy.json")
	write(t, path, acme)
	first := r.Middleware("guard@file", map[string]any{"policyFile": path})
	second := r.Middleware("other@file", map[string]any{"policyFile": path, "mode": "report"})
	if first.Policy().Policy != second.Policy().Policy {
		t.Error("the file was parsed twice")
	}
	if first.Policy().Report || !second.Policy().Report {
		t.Error("two middlewares with one file do not keep their own settings")
	}
	r.changes = 0
	r.Refresh()
	if r.changes != 0 {
		t.Error("an unchanged file changed the policy")
	}
	write(t, path, strings.ReplaceAll(acme, "acme.example.com", "new.example.com"))
	r.Refresh()
	if r.changes != 2 || first.Policy().Hosts.Owner("new.example.com") != "acme" {
		t.Error("the changed file is not in force")
	}
	write(t, path, `{"tenants":[{"name":"acme","hosts":["a b"]}]}`)
	r.Refresh()
	if first.Policy().Hosts.Owner("new.example.com") != "acme" {
		t.Error("the last good policy is not in force any more")
	}
	if !anyContains(r.errors(), []string{"tenants[0].hosts[0]", `"a b"`}) {
		t.Errorf("errors %q, want the key and the value", r.errors())
	}
	said := len(r.notices)
	r.Refresh()
	r.NewReload()
	if len(r.notices) != said {
		t.Error("the same errors were logged again")
	}
	write(t, path, `{"mode":"report"}`)
	r.Refresh()
	if !anyContains(r.errors(), []string{"mode", "unknown key"}) {
		t.Errorf("errors %q: a policy file has only tenants, shared and certificates", r.errors())
	}
}

func TestPolicyFileFromTheEnvironment(t *testing.T) {
	r := newRecorder()
	path := filepath.Join(t.TempDir(), "policy.json")
	write(t, path, acme)
	r.env[policy.PolicyFileVariable] = path
	own := r.Middleware("acme_guard@kubernetescrd", map[string]any{})
	if own.Policy() == nil {
		t.Fatalf("the operator's policy is not in force in a tenant's middleware: %q", r.errors())
	}
	mixed := r.Middleware("acme_other@kubernetescrd",
		keys(t, `{"shared":{"hosts":["**.example.com"]}}`))
	if mixed.Policy() != nil {
		t.Error("a tenant put its own shared hosts into the operator's policy")
	}
}

func TestRootsAreReadAgain(t *testing.T) {
	r := newRecorder()
	path := filepath.Join(t.TempDir(), "roots.pem")
	platform, err := os.ReadFile("../../testdata/certificates/roots-platform.pem")
	if err != nil {
		t.Fatal(err)
	}
	raw := keys(t, acme)
	raw["certificates"] = map[string]any{"roots": path}
	guard := r.Middleware("guard@file", raw)
	if guard.Policy() != nil {
		t.Fatal("a policy without its roots is in force")
	}
	write(t, path, string(platform))
	r.Refresh()
	if guard.Policy() == nil || guard.Policy().Tenants[0].Certificates.Roots == nil {
		t.Error("the roots that are there now are not in force")
	}
}

func TestNoticeOfNamesOnly(t *testing.T) {
	r := newRecorder()
	text := strings.Replace(acme, `{"check":"off"}`, `{"ttl":"5s"}`, 1)
	r.Middleware("guard@file", keys(t, text)).Policy()
	r.NewReload()
	r.Middleware("guard@file", keys(t, text))
	r.Refresh()
	if len(r.notices) != 1 || strings.Join(r.notices[0].ByNameOnly, ",") != "acme" {
		t.Errorf("notices %v, want one that names acme", r.notices)
	}
}

// TestNoticeOfBroadPatterns has a policy be read again and again, with Namespaces laid over it.
func TestNoticeOfBroadPatterns(t *testing.T) {
	const text = `{"kubernetes":{"enabled":true},
		"tenants":[{"name":"acme","routers":"*@docker","hosts":"*.com"}]}`
	r := newRecorder()
	r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{
		{Name: "globex", Tenant: "globex", Hosts: "*.globex.example.com, **.co.uk"},
		{Name: "acme", Tenant: "acme", Hosts: "*.net"}, // which is left out
	}}
	for i := 0; i < 3; i++ {
		r.Middleware("guard@file", keys(t, text)).Policy()
		r.NewReload()
		r.Refresh()
	}
	wants := [][]string{
		{"tenants[0].routers[0]", `"*@docker"`}, {"tenants[0].hosts[0]", `"*.com"`},
		{`namespace "globex"`, policy.HostsAnnotation, `"**.co.uk"`},
	}
	for _, want := range wants {
		if !anyContains(r.broad(), want) {
			t.Errorf("warnings %q, want one with all of %q", r.broad(), want)
		}
	}
	if len(r.broad()) != len(wants) {
		t.Errorf("warnings %q, want each once", r.broad())
	}
}

func TestFileSpeaksOnceForAllItsMiddlewares(t *testing.T) {
	r := newRecorder()
	path := filepath.Join(t.TempDir(), "policy.json")
	write(t, path, strings.Replace(acme, `{"check":"off"}`, `{"ttl":"5s"}`, 1))
	r.env[policy.PolicyFileVariable] = path
	for _, namespace := range []string{"a", "b", "c"} {
		name := namespace + "_guard@kubernetescrd"
		r.Middleware(name, map[string]any{}).Policy()
	}
	write(t, path, "{")
	r.Refresh()
	if len(r.notices) != 2 {
		t.Errorf("notices %v, want one warning and one error", r.notices)
	}
}

func TestUnusedMiddlewaresAreForgotten(t *testing.T) {
	r := newRecorder()
	r.Middleware("guard@file", keys(t, acme))
	for i := 0; i < keptReloads+2; i++ {
		r.NewReload()
	}
	if len(r.middlewares) != 0 {
		t.Error("a middleware that is gone is still kept")
	}
}
