package registry

import (
	"errors"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/policy"
)

// withFile returns a registry for which every path is a file with the content, and counts how often
// one is read.
func withFile(content *string) (r *recorder, reads *int) {
	r = newRecorder()
	reads = new(int)
	r.readFile = func(path string) ([]byte, error) {
		*reads++
		return []byte(*content), nil
	}
	return r, reads
}

var ofFile = map[string]any{"policyFile": "policy.json"}

func TestFileIsLookedAtOnceForAll(t *testing.T) {
	content := acme
	r, reads := withFile(&content)
	for _, name := range []string{"a@file", "b@file", "c@file"} {
		r.Middleware(name, ofFile).Policy()
	}
	if *reads != 1 {
		t.Errorf("the file was read %d times for three middlewares, want 1", *reads)
	}
	for poll := 1; poll <= 3; poll++ {
		*reads = 0
		r.Refresh()
		if *reads != 1 {
			t.Errorf("poll %d: the file was looked at %d times, want 1", poll, *reads)
		}
	}
}

// TestSameKeysAreReadOnce has each reload bring the same keys.
func TestSameKeysAreReadOnce(t *testing.T) {
	r, first := withCluster(t, acme, ofGlobex)
	for i := 0; i < 3; i++ {
		if guard := r.again("guard@file"); guard.Policy() != first {
			t.Error("the same keys made another policy")
		}
	}
	if r.asked != 1 {
		t.Errorf("the keys were read %d times, want once", r.asked)
	}
	r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{ofAcme}}
	guard := r.middlewares["guard@file"]
	if guard.Policy() != first {
		t.Error("a request gathered the inputs that a poll does")
	}
}

// TestKeysThatPanicAreReadOnce has requests ask for a policy whose reading panics.
func TestKeysThatPanicAreReadOnce(t *testing.T) {
	r := newRecorder()
	reads := 0
	r.readFile = func(path string) ([]byte, error) {
		reads++
		panic("a bug")
	}
	guard := r.Middleware("guard@file", ofFile)
	for request := 1; request <= 3; request++ {
		panicked := panics(func() { guard.Policy() })
		if panicked != (request == 1) || reads != 1 {
			t.Errorf("request %d: panicked %t, %d reads", request, panicked, reads)
		}
	}
}

func panics(step func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	step()
	return false
}

// TestWhoIsTold looks at which middleware and which file a notice is about.
func TestWhoIsTold(t *testing.T) {
	content := strings.Replace(acme, `{"check":"off"}`, `{"ttl":"5s"}`, 1)
	inline := keys(t, content)
	rows := []struct {
		description string
		raw         map[string]any
		// want is the middleware and the file of each warning.
		want string
	}{
		{"the same inline keys", inline, "a@file b@file "},
		{"the same file", ofFile, "a@file policy.json"},
	}
	for _, row := range rows {
		r, _ := withFile(&content)
		for _, name := range []string{"a@file", "b@file"} {
			r.Middleware(name, row.raw).Policy()
		}
		var names, files []string
		for _, n := range r.notices {
			names = append(names, n.Middleware)
			files = append(files, n.File)
		}
		got := strings.Join(names, " ") + " " + strings.Join(files, "")
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestErrorsAreSaidAgain has the same errors come back after all was right for a while.
func TestErrorsAreSaidAgain(t *testing.T) {
	content := acme
	r, _ := withFile(&content)
	wrong := map[string]any{"policyFile": "policy.json", "mode": "wrong"}
	for round := 1; round <= 2; round++ {
		r.Middleware("guard@file", wrong).Policy()
		r.Middleware("guard@file", ofFile).Policy()
		if len(r.errors()) != round {
			t.Errorf("a mode, round %d: %q, want one error a round", round, r.errors())
		}
	}
	content = "{"
	r, _ = withFile(&content)
	r.Middleware("first@file", ofFile).Policy()
	content = acme
	r.Refresh()
	content = "{"
	r.Refresh()
	r.notices = nil
	r.Middleware("second@file", ofFile).Policy()
	if len(r.notices) != 1 || r.notices[0].InForce {
		t.Errorf("a file: notices %+v for one without a policy, want one", r.notices)
	}
}

// TestUnknownNamespaces has a cluster that knows no Namespaces, or no longer hears of them.
func TestUnknownNamespaces(t *testing.T) {
	known := &policy.Snapshot{Namespaces: []policy.Namespace{ofAcme}}
	rows := []struct {
		description string
		snapshot    *policy.Snapshot
		problem     string
		inForce     bool
		// wrong is part of the only error, "" for none.
		wrong string
	}{
		{"known", known, "", true, ""},
		{"known, but outdated", known, "down", true, ""},
		{"not asked yet", nil, "", false, ""},
		{"that can't be asked", nil, "down", false,
			"kubernetes: the Namespaces of the cluster are not known: down"},
	}
	for _, row := range rows {
		r := newRecorder()
		r.snapshot, r.problem = row.snapshot, row.problem
		raw := map[string]any{"kubernetes": map[string]any{"enabled": true}}
		inForce := r.Middleware("guard@file", raw).Policy() != nil
		if inForce != row.inForce {
			t.Errorf("%s: in force %t, want %t", row.description, inForce, row.inForce)
		}
		if got := strings.Join(r.errors(), "|"); got != row.wrong {
			t.Errorf("%s: errors %q, want %q", row.description, got, row.wrong)
		}
	}
}

func TestClusterThatIsNone(t *testing.T) {
	r := newRecorder()
	r.Registry.env.Cluster = func(_ policy.Kubernetes) (Cluster, error) {
		return nil, errors.New("no token")
	}
	raw := map[string]any{"kubernetes": map[string]any{"enabled": true}}
	if r.Middleware("guard@file", raw).Policy() != nil {
		t.Error("a policy is in force")
	}
	if got := strings.Join(r.errors(), "|"); got != "kubernetes: no token" {
		t.Errorf("errors %q", got)
	}
}

// TestNamespacesOfForgottenCluster has a request be the first to notice.
func TestNamespacesOfForgottenCluster(t *testing.T) {
	r, first := withCluster(t, `{}`, ofAcme)
	guard := r.middlewares["guard@file"]
	if first == nil || guard.Policy() != first {
		t.Fatal("no policy to begin with")
	}
	r.snapshot = nil
	if guard.Policy() != nil {
		t.Error("a policy is in force although its Namespaces are not known any more")
	}
}

// TestOneFileOverTwoClusters has two middlewares share a file and not the cluster.
func TestOneFileOverTwoClusters(t *testing.T) {
	r, one, two := between()
	r.readFile = func(path string) ([]byte, error) { return []byte(`{}`), nil }
	with := func(c *otherCluster) map[string]any {
		raw := of(c)
		raw["policyFile"] = "policy.json"
		return raw
	}
	first := r.Middleware("one@file", with(one)).Policy()
	second := r.Middleware("two@file", with(two)).Policy()
	again := r.Middleware("again@file", with(one)).Policy()
	if first.Tenant("acme") == nil || second.Tenant("globex") == nil ||
		second.Tenant("acme") != nil {
		t.Error("a cluster's Namespaces are in another's policy")
	}
	if first.Policy != again.Policy {
		t.Error("the same Namespaces were laid over the same file twice")
	}
}

// TestFileChangesBelowNamespaces has the file change and the Namespaces stay.
func TestFileChangesBelowNamespaces(t *testing.T) {
	content := acme
	r, _ := withFile(&content)
	r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{ofGlobex}}
	guard := r.Middleware("guard@file", map[string]any{
		"policyFile": "policy.json", "kubernetes": map[string]any{"enabled": true},
	})
	guard.Policy()
	content = strings.ReplaceAll(acme, "acme.example.com", "new.example.com")
	r.Refresh()
	p := guard.Policy()
	if p.Hosts.Owner("new.example.com") != "acme" || p.Tenant("globex") == nil {
		t.Error("the file as it is now is not in force")
	}
}

// TestNamespacesOfTheLastGoodPolicy has keys with errors name another cluster: the Namespaces of
// what is in force are the first one's.
func TestNamespacesOfTheLastGoodPolicy(t *testing.T) {
	r, one, two := between()
	guard := r.Middleware("guard@file", of(one))
	guard.Policy()
	wrong := of(two)
	wrong["mode"] = "wrong"
	r.Middleware("guard@file", wrong).Policy()
	one.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{
		ofAcme, {Name: "initech", Tenant: "initech"},
	}}
	r.Refresh()
	p := guard.Policy()
	if p.Tenant("initech") == nil || p.Tenant("globex") != nil {
		t.Errorf("tenants %v, want those of the first cluster as it is now", p.Tenants)
	}
}

func TestNamespacesLeftOutAreSaidOnce(t *testing.T) {
	wrong := policy.Namespace{Name: "bad", Tenant: "bad", Hosts: "a b"}
	evil := policy.Namespace{Name: "evil", Hosts: "a.example.com"}
	r, p := withCluster(t, `{}`, ofAcme, wrong, evil)
	r.Refresh()
	late := policy.Namespace{Name: "late", Mode: "report"}
	r.snapshot = &policy.Snapshot{Namespaces: []policy.Namespace{ofAcme, wrong, evil, late}}
	r.Refresh()
	var leftOut, marks []string
	for _, n := range r.notices {
		if n.LeftOut != "" {
			leftOut = append(leftOut, n.LeftOut)
		}
		marks = append(marks, n.WrongMarks...)
	}
	if p.Tenant("acme") == nil || len(leftOut) != 2 || !strings.Contains(leftOut[0], `"evil"`) ||
		!strings.Contains(leftOut[1], `"late"`) {
		t.Errorf("left out %q, want each of two Namespaces once", leftOut)
	}
	if p.Tenant("bad") == nil || len(marks) != 1 || !strings.Contains(marks[0], `"a b"`) {
		t.Errorf("wrong marks %q, want one host", marks)
	}
}

// TestWhatChanges counts the changes that are said after new keys.
func TestWhatChanges(t *testing.T) {
	rows := []struct {
		description string
		raw         map[string]any
		changes     int
		report      bool
	}{
		{"keys that say the same", map[string]any{
			"policyFile": "policy.json", "mode": "enforce"}, 0, false},
		{"a setting", map[string]any{"policyFile": "policy.json", "mode": "report"}, 1, true},
	}
	for _, row := range rows {
		content := acme
		r, _ := withFile(&content)
		r.Middleware("guard@file", ofFile).Policy()
		p := r.Middleware("guard@file", row.raw).Policy()
		if r.changes != row.changes || p.Report != row.report {
			t.Errorf("%s: %d changes, report %t, want %d, %t",
				row.description, r.changes, p.Report, row.changes, row.report)
		}
	}
}

// TestUnusedSourcesAreForgotten has one of two middlewares be used no more.
func TestUnusedSourcesAreForgotten(t *testing.T) {
	content := acme
	r, reads := withFile(&content)
	r.Middleware("old@file", keys(t, acme)).Policy()
	r.failures["old@file"] = "a panic"
	for i := 0; i <= keptReloads; i++ {
		if r.middlewares["old@file"] == nil || r.failures["old@file"] == "" {
			t.Errorf("after %d reloads it is forgotten", i)
		}
		r.NewReload()
		r.Middleware("guard@file", ofFile).Policy()
	}
	if len(r.sources) != 1 || len(r.failures) != 0 || len(r.middlewares) != 1 {
		t.Errorf("%d sources, %d failures and %d middlewares, want only what is used",
			len(r.sources), len(r.failures), len(r.middlewares))
	}
	r.Middleware("other@file", ofFile).Policy()
	if *reads != 1 {
		t.Errorf("the file in use was read %d times, want 1", *reads)
	}
}
