package registry

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
)

var (
	ofAcme = policy.Namespace{Name: "acme", Created: older1, Tenant: "acme",
		Hosts: "acme.example.com"}
	ofGlobex = policy.Namespace{Name: "globex", Created: newer2, Tenant: "globex",
		Hosts: "globex.example.com"}
)

// listed returns the policy with the Namespaces as they are listed now.
func listed(t *testing.T, m *Middleware) *policy.Effective {
	t.Helper()
	p, err := m.PolicySince(context.Background(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestNamespacesWhileTheConfigurationIsWrong has a Namespace made, changed and deleted while the
// configuration has errors.
func TestNamespacesWhileTheConfigurationIsWrong(t *testing.T) {
	cases := []struct {
		description string
		breakIt     func(r *recorder)
	}{
		{"keys", func(r *recorder) {
			r.Middleware("guard@file", map[string]any{
				"mode": "wrong", "kubernetes": map[string]any{"enabled": true},
			})
		}},
		{"a policy", func(r *recorder) {
			r.Middleware("guard@file", map[string]any{
				"tenants": "wrong", "kubernetes": map[string]any{"enabled": true},
			})
		}},
		{"a policy file that is not there", func(r *recorder) {
			r.Middleware("guard@file", map[string]any{
				"policyFile": "nowhere.json", "kubernetes": map[string]any{"enabled": true},
			})
		}},
	}
	for _, c := range cases {
		r, first := withCluster(t, `{}`, ofAcme)
		if first == nil || first.Tenant("acme") == nil {
			t.Fatalf("%s: no policy to begin with", c.description)
		}
		for i := 0; i < 3; i++ { // reloads
			r.NewReload()
			c.breakIt(r)
			r.Refresh()
		}
		guard := r.again("guard@file")
		if len(r.errors()) == 0 || guard.Policy() == nil {
			t.Fatalf("%s: %d errors, in force %t",
				c.description, len(r.errors()), guard.Policy() != nil)
		}
		if len(r.Clusters()) == 0 {
			t.Errorf("%s: the cluster is watched no more", c.description)
		}
		r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{ofAcme, ofGlobex}}
		p := listed(t, guard)
		if p.Tenant("globex") == nil || p.Hosts.Owner("globex.example.com") != "globex" {
			t.Errorf("%s: a new Namespace is not in force for the request that asks for it",
				c.description)
		}
		r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{ofGlobex}}
		r.Refresh()
		if p := guard.Policy(); p.Tenant("acme") != nil || p.Tenant("globex") == nil {
			t.Errorf("%s: a deleted Namespace is still in force", c.description)
		}
	}
}

// TestPolicyOfNamespacesAlone has what is configured read once, and what the cluster says built
// anew over it.
func TestPolicyOfNamespacesAlone(t *testing.T) {
	r := newRecorder()
	reads := 0
	content := []byte(acme)
	r.readFile = func(path string) ([]byte, error) {
		reads++
		return content, nil
	}
	guard := r.Middleware("guard@file", map[string]any{
		"policyFile": "policy.json", "kubernetes": map[string]any{"enabled": true},
	})
	before := guard.Policy()
	r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{ofGlobex}}
	reads = 0
	after := listed(t, guard)
	if reads != 0 {
		t.Errorf("the file was read %d times for a Namespace", reads)
	}
	lost := after.Tenant("globex") == nil || after.Tenant("acme") == nil
	if before.Tenant("globex") != nil || lost {
		t.Errorf("tenants before %v, after %v", before.Tenants, after.Tenants)
	}
	if before.Tenant("acme") == after.Tenant("acme") {
		t.Error("two policies share a tenant, which Namespaces may change")
	}
}

func TestOutdatedNamespacesAreToldOnce(t *testing.T) {
	r, _ := withCluster(t, `{}`, ofAcme)
	told := func() string {
		r.Refresh()
		r.Refresh()
		all := ""
		for _, n := range r.notices {
			all += n.Outdated
		}
		return all
	}
	steps := []struct{ problem, want string }{
		{"", ""}, {"down.", "down."}, {"", "down."}, {"again.", "down.again."},
	}
	for _, step := range steps {
		r.problem = step.problem
		if got := told(); got != step.want {
			t.Errorf("with the problem %q: told %q, want %q", step.problem, got, step.want)
		}
		if r.again("guard@file").Policy() == nil {
			t.Errorf("with the problem %q: no policy", step.problem)
		}
	}
}

// TestForgottenNamespaces has a cluster forget its Namespaces, which it does where nobody used it
// for a while.
func TestForgottenNamespaces(t *testing.T) {
	r, _ := withCluster(t, `{}`, ofAcme)
	r.snapshot = nil
	guard := r.again("guard@file")
	if guard.Policy() != nil || !waits(guard) {
		t.Error("a policy is in force although its Namespaces are not known any more")
	}
	r.Refresh()
	r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{ofGlobex}}
	if p := listed(t, guard); p == nil || p.Tenant("globex") == nil || p.Tenant("acme") != nil {
		t.Error("the Namespaces of now are not in force")
	}
	if len(r.errors()) != 0 {
		t.Errorf("errors %q", r.errors())
	}
}

// TestKeysThatLookAlike has keys differ in ways that a text of them may not tell.
func TestKeysThatLookAlike(t *testing.T) {
	of := func(name any) map[string]any {
		return map[string]any{"tenants": []any{
			map[string]any{"name": name, "hosts": "a.example.com"},
		}}
	}
	r := newRecorder()
	for _, c := range []struct {
		name any
		want string
	}{{2000001, "2000001"}, {2000002, "2000002"}, {"2000002", "2000002"}} {
		p := r.Middleware("guard@file", of(c.name)).Policy()
		if p == nil || p.Tenants[0].Name != c.want {
			t.Errorf("%#v: errors %q, in force %+v", c.name, r.errors(), p)
		}
	}
	if p := r.Middleware("other@file", of(3000003)).Policy(); p.Tenants[0].Name != "3000003" {
		t.Errorf("another middleware's tenant is %q", p.Tenants[0].Name)
	}
}

// TestErrorsOfAFileForThoseWithoutAPolicy has a middleware begin to use a file that is wrong
// already, while another's last good policy stays in force.
func TestErrorsOfAFileForThoseWithoutAPolicy(t *testing.T) {
	r := newRecorder()
	good, wrong := []byte(acme), []byte("{")
	content := good
	r.readFile = func(path string) ([]byte, error) { return content, nil }
	raw := map[string]any{"policyFile": "policy.json"}
	r.Middleware("first@file", raw).Policy()
	for round := 1; round <= 2; round++ {
		r.notices = nil
		content = wrong
		r.Refresh()
		second := r.Middleware("second@file", raw)
		second.Policy()
		r.Refresh()
		if round == 1 && (len(r.notices) != 2 || !r.notices[0].InForce || r.notices[1].InForce) {
			t.Errorf("notices %+v", r.notices)
		}
		if round == 2 && (len(r.notices) != 1 || !r.notices[0].InForce) {
			t.Errorf("notices after the file was right for a while %+v", r.notices)
		}
		content = good
		r.Refresh()
		if second.Policy() == nil {
			t.Error("the second one has no policy although the file is right")
		}
	}
}

// TestFirstPoliciesChangeNothing has many middlewares read their first policy: nothing was
// allowed by them before.
func TestFirstPoliciesChangeNothing(t *testing.T) {
	r := newRecorder()
	for _, name := range []string{"a@file", "b@file", "c@file"} {
		if r.Middleware(name, keys(t, acme)).Policy() == nil {
			t.Fatal("no policy")
		}
	}
	if r.changes != 0 {
		t.Errorf("%d changes", r.changes)
	}
	changed := strings.ReplaceAll(acme, "acme.example.com", "b.example.com")
	r.Middleware("a@file", keys(t, changed)).Policy()
	if r.changes != 1 {
		t.Errorf("%d changes after one, want 1", r.changes)
	}
}

// TestReadingOneMiddlewareDelaysNoOther has a tenant's Middleware take its time.
func TestReadingOneMiddlewareDelaysNoOther(t *testing.T) {
	r := newRecorder()
	guard := r.Middleware("guard@file", keys(t, acme))
	guard.Policy()
	reading, release := make(chan bool), make(chan bool)
	r.readFile = func(path string) ([]byte, error) {
		reading <- true
		<-release
		return nil, os.ErrNotExist
	}
	r.Middleware("slow@file", map[string]any{"policyFile": "slow.json"})
	done := make(chan bool)
	go func() {
		r.Refresh()
		close(done)
	}()
	<-reading
	answered := make(chan bool)
	go func() {
		good := guard.Policy() != nil && listed(t, guard) != nil
		r.NewReload()
		answered <- good && r.Middleware("guard@file", keys(t, acme)).Policy() != nil
	}()
	select {
	case good := <-answered:
		if !good {
			t.Error("no policy")
		}
	case <-time.After(10 * time.Second):
		t.Error("a request waits for another middleware's keys")
	}
	close(release)
	<-done
}

// TestChangesDoNotWaitForARequest has a request take its time to read a tenant's Middleware.
func TestChangesDoNotWaitForARequest(t *testing.T) {
	r, _ := withCluster(t, `{}`, ofAcme)
	guard := r.again("guard@file")
	reading, release := make(chan bool), make(chan bool)
	var once sync.Once
	r.readFile = func(path string) ([]byte, error) {
		once.Do(func() { close(reading) })
		<-release
		return nil, os.ErrNotExist
	}
	slow := r.Middleware("slow@file", map[string]any{"policyFile": "slow.json"})
	read := make(chan bool)
	go func() {
		slow.Policy()
		close(read)
	}()
	<-reading
	r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{ofGlobex}}
	refreshed := make(chan bool)
	go func() {
		r.Refresh()
		close(refreshed)
	}()
	select {
	case <-refreshed:
		if guard.Policy().Tenant("globex") == nil {
			t.Error("the change is not in force")
		}
	case <-time.After(10 * time.Second):
		t.Error("a change waits for another middleware's keys")
	}
	close(release)
	<-read
	<-refreshed
}

// TestManyMiddlewaresDelayNoChange has no time to read new keys, as where a tenant has more of
// them than can be read at once.
func TestManyMiddlewaresDelayNoChange(t *testing.T) {
	r, _ := withCluster(t, `{}`, ofAcme)
	guard := r.middlewares["guard@file"]
	r.readingTime = 0
	r.Middleware("late@file", keys(t, acme))
	r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{ofGlobex}}
	r.Refresh()
	late := r.middlewares["late@file"].lastGood.effective
	if guard.lastGood.effective.Tenant("globex") == nil || late != nil {
		t.Error("a change waits for new keys")
	}
	if len(r.errors()) != 0 {
		t.Errorf("errors %q of keys that were not read", r.errors())
	}
	if r.Middleware("late@file", keys(t, acme)).Policy() == nil {
		t.Error("a request does not read the keys that it needs")
	}
}

// TestPanicsEndNothing has reading panic, as no input is known to make it do.
func TestPanicsEndNothing(t *testing.T) {
	r := newRecorder()
	good := []byte(acme)
	r.readFile = func(path string) ([]byte, error) {
		if path == "panics.json" {
			panic(errors.New("a panic"))
		}
		return good, nil
	}
	r.Middleware("panics@file", map[string]any{"policyFile": "panics.json"})
	guard := r.Middleware("guard@file", map[string]any{"policyFile": "policy.json"})
	r.Refresh()
	good = []byte(strings.ReplaceAll(acme, "acme.example.com", "new.example.com"))
	r.Refresh()
	if p := guard.Policy(); p == nil || p.Hosts.Owner("new.example.com") != "acme" {
		t.Error("another middleware's panic keeps a policy from being read")
	}
	if !anyContains(r.errors(), []string{"a panic"}) {
		t.Errorf("errors %q", r.errors())
	}
	if r.Middleware("panics@file", map[string]any{"policyFile": "policy.json"}).Policy() == nil {
		t.Error("a lock is still held after a panic")
	}
}

// TestPanicIsSaidOnce has every poll panic, and at length, as the interpreter does where types do
// not fit.
func TestPanicIsSaidOnce(t *testing.T) {
	r := newRecorder()
	r.readFile = func(path string) ([]byte, error) { return []byte(acme), nil }
	guard := r.Middleware("guard@file", map[string]any{"policyFile": "policy.json"})
	before := guard.Policy()
	guard.source.open = func(path string) ([]byte, error) {
		panic(strings.Repeat("struct { ", 100000))
	}
	for poll := 0; poll < 3; poll++ {
		r.Refresh()
	}
	if errs := r.errors(); len(errs) != 1 || len(errs[0]) > 1000 || !r.notices[0].InForce {
		t.Errorf("%d errors %.2000q, want a short one of a policy that stays in force",
			len(errs), errs)
	}
	if guard.Policy() != before {
		t.Error("the last good policy is not in force any more")
	}
}

func TestKeysOfTenantsAreBounded(t *testing.T) {
	large := map[string]any{"tenants": []any{map[string]any{"name": "acme", "namespaces": "acme",
		"hosts": strings.Repeat("h.example.com,", 10000) + "h.example.com"}}}
	cases := []struct {
		description, middleware string
		inForce                 bool
	}{
		{"a tenant's", "acme_guard@kubernetescrd", false},
		{"the operator's by a file", "guard@file", true},
		{"the operator's by a CRD", "traefik_guard@kubernetescrd", true},
		{"Docker's", "guard@docker", false},
		{"Redis's, which is the operator's", "guard@redis", true},
	}
	for _, c := range cases {
		r := newRecorder()
		r.env[policy.OperatorNamespacesVariable] = "traefik"
		r.env[policy.OperatorProvidersVariable] = "redis"
		inForce := r.Middleware(c.middleware, large).Policy() != nil
		wants := []string{`size: "too large": wanted at most 65536 bytes`}
		if inForce != c.inForce || (!inForce && !anyContains(r.errors(), wants)) {
			t.Errorf("%s: in force %t, errors %.300q", c.description, inForce, r.errors())
		}
	}
}

func TestPolicyWaitsForTheCluster(t *testing.T) {
	r := newRecorder()
	r.snapshot = nil
	raw := keys(t, acme)
	raw["kubernetes"] = map[string]any{"enabled": true}
	guard := r.Middleware("guard@file", raw)
	if guard.Policy() != nil || !waits(guard) {
		t.Error("a policy is in force before its Namespaces are known")
	}
	if len(r.notices) != 0 {
		t.Errorf("notices %v about a cluster that was not asked yet", r.notices)
	}
	r.snapshot = &policy.Snapshot{}
	r.Refresh()
	if guard.Policy() == nil || waits(guard) {
		t.Error("the policy is not in force")
	}
	before := guard.Policy()
	r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{{Name: "new", Tenant: "new"}}}
	r.Refresh()
	if guard.Policy() == before || guard.Policy().Tenant("new") == nil {
		t.Error("a new Namespace is not in force")
	}
	if len(r.Clusters()) != 1 {
		t.Error("the cluster is not in use")
	}
	r.Middleware("guard@file", keys(t, acme)).Policy()
	if len(r.Clusters()) != 0 {
		t.Error("the cluster is in use after it was switched off")
	}
}

// TestSameErrorsAreSaidOnce changes keys that have nothing to do with what is wrong.
func TestSameErrorsAreSaidOnce(t *testing.T) {
	const wrongHost = `[{"name":"acme","hosts":["a b"]}]`
	rows := []struct{ description, keys, changed string }{
		{"an inline policy", `{"tenants":` + wrongHost + `}`,
			`{"legacyNames":"allow","tenants":` + wrongHost + `}`},
		{"a key", `{"mode":"x","tenants":[]}`, `{"mode":"x","legacyNames":"allow","tenants":[]}`},
		{"a file", `{"policyFile":"policy.json"}`,
			`{"policyFile":"policy.json","legacyNames":"allow"}`},
	}
	for _, row := range rows {
		r := newRecorder()
		r.readFile = func(path string) ([]byte, error) { return []byte("{"), nil }
		r.Middleware("guard@file", keys(t, row.keys)).Policy()
		said := len(r.errors())
		r.Middleware("guard@file", keys(t, row.changed)).Policy()
		if again := len(r.errors()); said == 0 || again != said {
			t.Errorf("%s: %d errors, then %d, want them said once", row.description, said, again)
		}
		r.Middleware("other@file", keys(t, row.keys)).Policy()
		if others := len(r.errors()) > said; others != (row.description != "a file") {
			t.Errorf("%s: said of another middleware %t", row.description, others)
		}
	}
}

// TestRulesForHostsAreEachMiddlewaresOwn has two middlewares with one file and different rules.
func TestRulesForHostsAreEachMiddlewaresOwn(t *testing.T) {
	r := newRecorder()
	r.readFile = func(path string) ([]byte, error) { return []byte(`{"tenants":[]}`), nil }
	r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{ofAcme}}
	raw := func(hosts string) map[string]any {
		return map[string]any{"policyFile": "policy.json", "kubernetes": map[string]any{
			"enabled": true, "hosts": hosts}}
	}
	one := r.Middleware("one@file", raw("{namespace}.one.test")).Policy()
	other := r.Middleware("other@file", raw("{namespace}.other.test")).Policy()
	if one.Hosts.Owner("acme.one.test") != "acme" || one.Hosts.Owner("acme.other.test") != "" {
		t.Error("the first has not its own rules")
	}
	if other.Hosts.Owner("acme.other.test") != "acme" || other.Hosts.Owner("acme.one.test") != "" {
		t.Error("the second has not its own rules")
	}
	before := r.changes
	next := r.Middleware("one@file", raw("{namespace}.next.test")).Policy()
	if next.Hosts.Owner("acme.next.test") != "acme" || next.Hosts.Owner("acme.one.test") != "" {
		t.Error("a new rule is not in force")
	}
	if r.changes != before+1 {
		t.Errorf("a new rule is %d changes, want 1", r.changes-before)
	}
}
