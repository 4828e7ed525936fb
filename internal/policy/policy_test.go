package policy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

// recorder is a store whose notices a test can read.
type recorder struct {
	*Store
	notices []Notice
	changes int
	env     map[string]string
	// snapshot and problem are what the cluster says.
	snapshot *Snapshot
	problem  string
}

func (r *recorder) Snapshot() (*Snapshot, string) { return r.snapshot, r.problem }

func (r *recorder) Address() string { return "the test" }

func (r *recorder) ListedSince(ctx context.Context, since time.Time) error { return nil }

func newRecorder() *recorder {
	r := &recorder{env: map[string]string{}}
	r.Store = NewStore(
		func(n Notice) { r.notices = append(r.notices, n) },
		func() { r.changes++ },
	)
	r.Cluster = func(k Kubernetes) (Cluster, error) { return r, nil }
	r.snapshot = &Snapshot{}
	r.Getenv = func(key string) string { return r.env[key] }
	return r
}

func (r *recorder) errors() []string {
	var all []string
	for _, notice := range r.notices {
		all = append(all, notice.Errors...)
	}
	return all
}

func keys(t *testing.T, text string) map[string]any {
	t.Helper()
	var raw map[string]any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

const acme = `{"tenants":[{"name":"acme","namespaces":["acme"],"hosts":["acme.example.com"]}],"certificates":{"check":"off"}}`

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
		r.env[OperatorNamespacesVariable] = c.OperatorNamespaces
		effective := r.Instance(c.Middleware, c.Policy).Effective()
		errs := r.errors()
		if (effective == nil) != (len(c.Errors) > 0) || (effective == nil) != (len(errs) > 0) {
			t.Fatalf("usable: %t, errors %q, want %q", effective != nil, errs, c.Errors)
		}
		for _, fragments := range c.Errors {
			if !anyContains(errs, fragments) {
				t.Errorf("errors %q, want one with all of %q", errs, fragments)
			}
		}
	})
}

func anyContains(errs, fragments []string) bool {
	for _, text := range errs {
		all := true
		for _, fragment := range fragments {
			all = all && strings.Contains(text, fragment)
		}
		if all {
			return true
		}
	}
	return false
}

func TestLastGoodPolicyStays(t *testing.T) {
	r := newRecorder()
	if r.Instance("guard@file", keys(t, `{"tenants":[{"name":""}]}`)).Effective() != nil {
		t.Fatal("a policy with errors is in force")
	}
	good := r.Instance("guard@file", keys(t, acme)).Effective()
	if good == nil || good.Hosts.Owner("acme.example.com") != "acme" {
		t.Fatalf("the good policy is not in force: %q", r.errors())
	}
	r.notices = nil
	bad := r.Instance("guard@file", keys(t, `{"tenants":[{"name":"acme"}]}`))
	if bad.Effective() != good {
		t.Error("the last good policy is not in force any more")
	}
	if len(r.notices) != 1 || !r.notices[0].InForce {
		t.Errorf("notices %v, want one that tells of the last good policy", r.notices)
	}
	if r.Instance("other@file", keys(t, `{"tenants":[{"name":"acme"}]}`)).Effective() != nil {
		t.Error("another middleware's last good policy is in force")
	}
}

func TestPolicyFile(t *testing.T) {
	r := newRecorder()
	path := filepath.Join(t.TempDir(), "policy.json")
	write(t, path, acme)
	first := r.Instance("guard@file", map[string]any{"policyFile": path})
	second := r.Instance("other@file", map[string]any{"policyFile": path, "mode": "report"})
	if first.Effective().Policy != second.Effective().Policy {
		t.Error("the file was parsed twice")
	}
	if first.Effective().Report || !second.Effective().Report {
		t.Error("two middlewares with one file do not keep their own settings")
	}
	r.changes = 0
	r.Refresh()
	if r.changes != 0 {
		t.Error("an unchanged file changed the policy")
	}
	write(t, path, strings.ReplaceAll(acme, "acme.example.com", "new.example.com"))
	r.Refresh()
	if r.changes != 1 || first.Effective().Hosts.Owner("new.example.com") != "acme" {
		t.Error("the changed file is not in force")
	}
	write(t, path, `{"tenants":[{"name":"acme","hosts":["a b"]}]}`)
	r.Refresh()
	if first.Effective().Hosts.Owner("new.example.com") != "acme" {
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
	r.env[PolicyFileVariable] = path
	own := r.Instance("acme_guard@kubernetescrd", map[string]any{})
	if own.Effective() == nil {
		t.Fatalf("the operator's policy is not in force in a tenant's middleware: %q", r.errors())
	}
	mixed := r.Instance("acme_other@kubernetescrd", keys(t, `{"shared":{"hosts":["**.example.com"]}}`))
	if mixed.Effective() != nil {
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
	guard := r.Instance("guard@file", raw)
	if guard.Effective() != nil {
		t.Fatal("a policy without its roots is in force")
	}
	write(t, path, string(platform))
	r.Refresh()
	if guard.Effective() == nil || guard.Effective().Tenants[0].Certificates.Roots == nil {
		t.Error("the roots that are there now are not in force")
	}
}

func TestNoticeOfNamesOnly(t *testing.T) {
	r := newRecorder()
	text := strings.Replace(acme, `{"check":"off"}`, `{"ttl":"5s"}`, 1)
	r.Instance("guard@file", keys(t, text)).Effective()
	r.NewReload()
	r.Instance("guard@file", keys(t, text))
	r.Refresh()
	if len(r.notices) != 1 || strings.Join(r.notices[0].ByNameOnly, ",") != "acme" {
		t.Errorf("notices %v, want one that names acme", r.notices)
	}
}

func TestDocumentSpeaksOnceForAllItsMiddlewares(t *testing.T) {
	r := newRecorder()
	path := filepath.Join(t.TempDir(), "policy.json")
	write(t, path, strings.Replace(acme, `{"check":"off"}`, `{"ttl":"5s"}`, 1))
	r.env[PolicyFileVariable] = path
	for _, name := range []string{"a_guard@kubernetescrd", "b_guard@kubernetescrd", "c_guard@kubernetescrd"} {
		r.Instance(name, map[string]any{}).Effective()
	}
	write(t, path, "{")
	r.Refresh()
	if len(r.notices) != 2 {
		t.Errorf("notices %v, want one warning and one error", r.notices)
	}
}

func TestUnusedMiddlewaresAreForgotten(t *testing.T) {
	r := newRecorder()
	r.Instance("guard@file", keys(t, acme))
	for i := 0; i < keptReloads+2; i++ {
		r.NewReload()
	}
	if len(r.instances) != 0 {
		t.Error("a middleware that is gone is still kept")
	}
}

// TestForms restates one configuration as the forms of Traefik's providers hand it over.
func TestForms(t *testing.T) {
	tenant := map[string]any{"name": "acme", "namespaces": "acme,acme-two", "hosts": "acme.example.com, *.acme.example.com"}
	forms := []struct {
		description string
		raw         map[string]any
	}{
		{"lists of any", map[string]any{"tenants": []any{map[string]any{
			"name": "acme", "namespaces": []any{"acme", "acme-two"}, "hosts": []any{"acme.example.com", "*.acme.example.com"},
		}}}},
		{"comma-separated", map[string]any{"tenants": []any{tenant}}},
		{"lists of maps", map[string]any{"tenants": []map[string]any{tenant}}},
		{"maps of any", map[string]any{"tenants": []any{map[any]any{"name": "acme", "namespaces": "acme,acme-two", "hosts": "acme.example.com,*.acme.example.com"}}}},
		{"numbered maps", map[string]any{"tenants": map[string]any{"0": tenant}}},
		{"other case", map[string]any{"TENANTS": []any{map[string]any{"Name": "acme", "NAMESPACES": "acme,acme-two", "Hosts": "acme.example.com,*.acme.example.com"}}}},
		{"empty sections", map[string]any{"tenants": []any{tenant}, "shared": "", "certificates": ""}},
	}
	for _, form := range forms {
		r := newRecorder()
		effective := r.Instance("guard@file", form.raw).Effective()
		if effective == nil {
			t.Errorf("%s: %q", form.description, r.errors())
			continue
		}
		ok := effective.NamespaceTenant("acme-two") != nil && effective.Hosts.Owner(hosts.Name("b.acme.example.com")) == "acme"
		if !ok {
			t.Errorf("%s: another policy", form.description)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
