package policy

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	ofAcme   = Namespace{Name: "acme", Created: older1, Tenant: "acme", Hosts: "acme.example.com"}
	ofGlobex = Namespace{Name: "globex", Created: newer2, Tenant: "globex", Hosts: "globex.example.com"}
)

// TestNamespacesWhileTheConfigurationIsWrong has a Namespace made, changed and deleted while the configuration has errors.
func TestNamespacesWhileTheConfigurationIsWrong(t *testing.T) {
	cases := []struct {
		description string
		breakIt     func(r *recorder)
	}{
		{"keys", func(r *recorder) {
			r.Instance("guard@file", map[string]any{"mode": "wrong", "kubernetes": map[string]any{"enabled": true}})
		}},
		{"a policy", func(r *recorder) {
			r.Instance("guard@file", map[string]any{"tenants": "wrong", "kubernetes": map[string]any{"enabled": true}})
		}},
		{"a policy file that is not there", func(r *recorder) {
			r.Instance("guard@file", map[string]any{"policyFile": "nowhere.json", "kubernetes": map[string]any{"enabled": true}})
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
		guard := r.Instance("guard@file", r.instances["guard@file"].raw)
		if len(r.errors()) == 0 || guard.Effective() == nil {
			t.Fatalf("%s: %d errors, in force %t", c.description, len(r.errors()), guard.Effective() != nil)
		}
		if len(r.Clusters()) == 0 {
			t.Errorf("%s: the cluster is watched no more", c.description)
		}
		r.snapshot = &Snapshot{Namespaces: []Namespace{ofAcme, ofGlobex}}
		if p := guard.Current(); p.Tenant("globex") == nil || p.Hosts.Owner("globex.example.com") != "globex" {
			t.Errorf("%s: a new Namespace is not in force for the request that asks for it", c.description)
		}
		r.snapshot = &Snapshot{Namespaces: []Namespace{ofGlobex}}
		r.Refresh()
		if p := guard.Effective(); p.Tenant("acme") != nil || p.Tenant("globex") == nil {
			t.Errorf("%s: a deleted Namespace is still in force", c.description)
		}
	}
}

// TestPolicyOfNamespacesAlone has what is configured read once, and what the cluster says built anew over it.
func TestPolicyOfNamespacesAlone(t *testing.T) {
	r := newRecorder()
	reads := 0
	content := []byte(acme)
	r.ReadFile = func(path string) ([]byte, error) {
		reads++
		return content, nil
	}
	guard := r.Instance("guard@file", map[string]any{"policyFile": "policy.json", "kubernetes": map[string]any{"enabled": true}})
	before := guard.Effective()
	r.snapshot = &Snapshot{Namespaces: []Namespace{ofGlobex}}
	reads = 0
	after := guard.Current()
	if reads != 0 {
		t.Errorf("the file was read %d times for a Namespace", reads)
	}
	if before.Tenant("globex") != nil || after.Tenant("globex") == nil || after.Tenant("acme") == nil {
		t.Errorf("tenants before %v, after %v", before.Tenants, after.Tenants)
	}
	if before.Tenant("acme") == after.Tenant("acme") {
		t.Error("two policies share a tenant, which Namespaces may change")
	}
}

// TestNamespacesThatAreGone tells what is left of a deleted Namespace.
func TestNamespacesThatAreGone(t *testing.T) {
	r := newRecorder()
	r.snapshot = &Snapshot{
		Namespaces: []Namespace{ofAcme, {Name: "back", Created: newer2}},
		Gone: []Namespace{
			{Name: "acme--old", Tenant: "acme", Hosts: "old.example.com"},
			{Name: "back", Tenant: "acme"},
			{Name: "nobodys"},
			{Name: "unknown", Tenant: "unknown"},
			{Name: "shut", Tenant: "shut"},
		},
	}
	raw := keys(t, `{"tenants":[{"name":"shut","hosts":["shut.example.com"]}],"kubernetes":{"enabled":true}}`)
	p := r.Instance("guard@file", raw).Effective()
	cases := []struct {
		description, namespace, candidate string
		gone                              bool
	}{
		{"one of a tenant that has others", "acme--old", "acme", true},
		{"one that is back without a label", "back", "", false},
		{"one of nobody", "nobodys", "", true},
		{"the last one of its tenant", "unknown", "", true},
		{"one of a tenant that takes none", "shut", "", true},
		{"one that is there", "acme", "acme", false},
	}
	for _, c := range cases {
		tenant, gone := p.Candidate(c.namespace)
		name := ""
		if tenant != nil {
			name = tenant.Name
		}
		if name != c.candidate || gone != c.gone || !p.Exists(c.namespace) {
			t.Errorf("%s: a candidate of %q's, gone %t", c.description, name, gone)
		}
		if gone && p.NamespaceTenant(c.namespace) != nil {
			t.Errorf("%s: it has a tenant where a name is exact", c.description)
		}
	}
	if p.Hosts.Owner("old.example.com") != "" {
		t.Error("a deleted Namespace has a host")
	}
	flat := ""
	p.EachFlattened("acme-old", func(namespace string) { flat += namespace })
	if flat != "acme--old" {
		t.Errorf("a legacy name with acme-old is of %q", flat)
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
	for _, step := range []struct{ problem, want string }{{"", ""}, {"down.", "down."}, {"", "down."}, {"again.", "down.again."}} {
		r.problem = step.problem
		if got := told(); got != step.want {
			t.Errorf("with the problem %q: told %q, want %q", step.problem, got, step.want)
		}
		if r.Instance("guard@file", r.instances["guard@file"].raw).Effective() == nil {
			t.Errorf("with the problem %q: no policy", step.problem)
		}
	}
}

// TestForgottenNamespaces has a cluster forget its Namespaces, which it does where nobody used it for a while.
func TestForgottenNamespaces(t *testing.T) {
	r, _ := withCluster(t, `{}`, ofAcme)
	r.snapshot = nil
	guard := r.Instance("guard@file", r.instances["guard@file"].raw)
	if guard.Effective() != nil || guard.Awaits() == nil {
		t.Error("a policy is in force although its Namespaces are not known any more")
	}
	r.Refresh()
	r.snapshot = &Snapshot{Namespaces: []Namespace{ofGlobex}}
	if p := guard.Current(); p == nil || p.Tenant("globex") == nil || p.Tenant("acme") != nil {
		t.Error("the Namespaces of now are not in force")
	}
	if len(r.errors()) != 0 {
		t.Errorf("errors %q", r.errors())
	}
}

// TestKeysThatLookAlike has keys differ in ways that a text of them may not tell.
func TestKeysThatLookAlike(t *testing.T) {
	of := func(name any) map[string]any {
		return map[string]any{"tenants": []any{map[string]any{"name": name, "hosts": "a.example.com"}}}
	}
	r := newRecorder()
	for _, c := range []struct {
		name any
		want string
	}{{2000001, "2000001"}, {2000002, "2000002"}, {"2000002", "2000002"}} {
		if p := r.Instance("guard@file", of(c.name)).Effective(); p == nil || p.Tenants[0].Name != c.want {
			t.Errorf("%#v: errors %q, in force %+v", c.name, r.errors(), p)
		}
	}
	if p := r.Instance("other@file", of(3000003)).Effective(); p.Tenants[0].Name != "3000003" {
		t.Errorf("another middleware's tenant is %q", p.Tenants[0].Name)
	}
}

// TestErrorsOfAFileForThoseWithoutAPolicy has a middleware begin to use a file that is wrong already, while another's last good
// policy stays in force.
func TestErrorsOfAFileForThoseWithoutAPolicy(t *testing.T) {
	r := newRecorder()
	good, wrong := []byte(acme), []byte("{")
	content := good
	r.ReadFile = func(path string) ([]byte, error) { return content, nil }
	raw := map[string]any{"policyFile": "policy.json"}
	r.Instance("first@file", raw).Effective()
	for round := 1; round <= 2; round++ {
		r.notices = nil
		content = wrong
		r.Refresh()
		second := r.Instance("second@file", raw)
		second.Effective()
		r.Refresh()
		if round == 1 && (len(r.notices) != 2 || !r.notices[0].InForce || r.notices[1].InForce) {
			t.Errorf("notices %+v", r.notices)
		}
		if round == 2 && (len(r.notices) != 1 || !r.notices[0].InForce) {
			t.Errorf("notices after the file was right for a while %+v", r.notices)
		}
		content = good
		r.Refresh()
		if second.Effective() == nil {
			t.Error("the second one has no policy although the file is right")
		}
	}
}

// TestFirstPoliciesChangeNothing has many middlewares read their first policy: nothing was allowed by them before.
func TestFirstPoliciesChangeNothing(t *testing.T) {
	r := newRecorder()
	for _, name := range []string{"a@file", "b@file", "c@file"} {
		if r.Instance(name, keys(t, acme)).Effective() == nil {
			t.Fatal("no policy")
		}
	}
	if r.changes != 0 {
		t.Errorf("%d changes", r.changes)
	}
	r.Instance("a@file", keys(t, strings.ReplaceAll(acme, "acme.example.com", "b.example.com"))).Effective()
	if r.changes != 1 {
		t.Errorf("%d changes after one, want 1", r.changes)
	}
}

// TestClaimsAreBounded has a Namespace with an annotation as large as the API takes one.
func TestClaimsAreBounded(t *testing.T) {
	cases := []struct {
		description, hosts string
		errors             int
	}{
		{"many errors", strings.Repeat("!,", 30000), maxClaimErrors},
		{"one long pattern", strings.Repeat("!", 60000), 1},
		{"a large one without errors", strings.Repeat("a.example.com,", 10000) + "a.example.com", 1},
	}
	for _, c := range cases {
		r, p := withCluster(t, `{}`, Namespace{Name: "acme", Created: older1, Tenant: "acme", Hosts: c.hosts}, ofGlobex)
		if p.Tenant("acme") != nil || p.Tenant("globex") == nil {
			t.Errorf("%s: tenants %v", c.description, p.Tenants)
		}
		if left := r.leftOut(); strings.Count(left, "\n")+1 != c.errors || len(left) > 10000 {
			t.Errorf("%s: %d bytes, %.300q", c.description, len(left), left)
		}
	}
	var many []Namespace
	for i := 0; i < 2*maxErrors; i++ {
		many = append(many, Namespace{Name: "x" + strings.Repeat("y", i%50), Created: older1, Tenant: "x", Hosts: "!"})
	}
	r, _ := withCluster(t, `{}`, many...)
	if left := r.leftOut(); strings.Count(left, "\n") != maxErrors {
		t.Errorf("%d errors of many Namespaces", strings.Count(left, "\n"))
	}
}

// TestReadingOneMiddlewareDelaysNoOther has a tenant's Middleware take its time.
func TestReadingOneMiddlewareDelaysNoOther(t *testing.T) {
	r := newRecorder()
	guard := r.Instance("guard@file", keys(t, acme))
	guard.Effective()
	reading, release := make(chan bool), make(chan bool)
	r.ReadFile = func(path string) ([]byte, error) {
		reading <- true
		<-release
		return nil, os.ErrNotExist
	}
	r.Instance("slow@file", map[string]any{"policyFile": "slow.json"})
	done := make(chan bool)
	go func() {
		r.Refresh()
		close(done)
	}()
	<-reading
	answered := make(chan bool)
	go func() {
		good := guard.Effective() != nil && guard.Current() != nil
		r.NewReload()
		answered <- good && r.Instance("guard@file", keys(t, acme)).Effective() != nil
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
	guard := r.Instance("guard@file", r.instances["guard@file"].raw)
	reading, release := make(chan bool), make(chan bool)
	var once sync.Once
	r.ReadFile = func(path string) ([]byte, error) {
		once.Do(func() { close(reading) })
		<-release
		return nil, os.ErrNotExist
	}
	slow := r.Instance("slow@file", map[string]any{"policyFile": "slow.json"})
	read := make(chan bool)
	go func() {
		slow.Effective()
		close(read)
	}()
	<-reading
	r.snapshot = &Snapshot{Namespaces: []Namespace{ofGlobex}}
	refreshed := make(chan bool)
	go func() {
		r.Refresh()
		close(refreshed)
	}()
	select {
	case <-refreshed:
		if guard.Effective().Tenant("globex") == nil {
			t.Error("the change is not in force")
		}
	case <-time.After(10 * time.Second):
		t.Error("a change waits for another middleware's keys")
	}
	close(release)
	<-read
	<-refreshed
}

// TestManyMiddlewaresDelayNoChange has no time to read new keys, as where a tenant has more of them than can be read at once.
func TestManyMiddlewaresDelayNoChange(t *testing.T) {
	r, _ := withCluster(t, `{}`, ofAcme)
	guard := r.instances["guard@file"]
	r.reading = 0
	r.Instance("late@file", keys(t, acme))
	r.snapshot = &Snapshot{Namespaces: []Namespace{ofGlobex}}
	r.Refresh()
	if guard.good.Tenant("globex") == nil || r.instances["late@file"].good != nil {
		t.Error("a change waits for new keys")
	}
	if r.Instance("late@file", keys(t, acme)).Effective() == nil {
		t.Error("a request does not read the keys that it needs")
	}
}

// TestPanicsEndNothing has reading panic, as no input is known to make it do.
func TestPanicsEndNothing(t *testing.T) {
	r := newRecorder()
	good := []byte(acme)
	r.ReadFile = func(path string) ([]byte, error) {
		if path == "panics.json" {
			panic(errors.New("a panic"))
		}
		return good, nil
	}
	r.Instance("panics@file", map[string]any{"policyFile": "panics.json"})
	guard := r.Instance("guard@file", map[string]any{"policyFile": "policy.json"})
	r.Refresh()
	good = []byte(strings.ReplaceAll(acme, "acme.example.com", "new.example.com"))
	r.Refresh()
	if p := guard.Effective(); p == nil || p.Hosts.Owner("new.example.com") != "acme" {
		t.Error("another middleware's panic keeps a policy from being read")
	}
	if !anyContains(r.errors(), []string{"a panic"}) {
		t.Errorf("errors %q", r.errors())
	}
	if r.Instance("panics@file", map[string]any{"policyFile": "policy.json"}).Effective() == nil {
		t.Error("a lock is still held after a panic")
	}
}

// TestPanicIsSaidOnce has every poll panic, and at length, as the interpreter does where types do not fit.
func TestPanicIsSaidOnce(t *testing.T) {
	r := newRecorder()
	r.ReadFile = func(path string) ([]byte, error) { return []byte(acme), nil }
	guard := r.Instance("guard@file", map[string]any{"policyFile": "policy.json"})
	before := guard.Effective()
	guard.document.open = func(path string) ([]byte, error) { panic(strings.Repeat("struct { ", 100000)) }
	for poll := 0; poll < 3; poll++ {
		r.Refresh()
	}
	if errs := r.errors(); len(errs) != 1 || len(errs[0]) > 1000 || !r.notices[0].InForce {
		t.Errorf("%d errors %.2000q, want a short one of a policy that stays in force", len(errs), errs)
	}
	if guard.Effective() != before {
		t.Error("the last good policy is not in force any more")
	}
}

func TestKeysOfTenantsAreBounded(t *testing.T) {
	large := map[string]any{"tenants": []any{map[string]any{"name": "acme", "namespaces": "acme",
		"hosts": repeated(5000, func(i int) any { return "h" + strings.Repeat("x", i%50) + ".example.com" })}}}
	cases := []struct {
		description, middleware string
		inForce                 bool
	}{
		{"a tenant's", "acme_guard@kubernetescrd", false},
		{"the operator's by a file", "guard@file", true},
		{"the operator's by a CRD", "traefik_guard@kubernetescrd", true},
	}
	for _, c := range cases {
		r := newRecorder()
		r.env[OperatorNamespacesVariable] = "traefik"
		inForce := r.Instance(c.middleware, large).Effective() != nil
		if inForce != c.inForce || (!inForce && !anyContains(r.errors(), []string{"bytes", "wanted at most 65536 bytes"})) {
			t.Errorf("%s: in force %t, errors %.300q", c.description, inForce, r.errors())
		}
	}
}
