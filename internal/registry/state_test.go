package registry

import "testing"

// TestStates has a policy come into force, be broken, be put right as it was, and change.
func TestStates(t *testing.T) {
	r := newRecorder()
	names := map[string]bool{"guard@file": true}
	state := func(text string) State {
		r.Middleware("other@file", keys(t, acme))
		r.Middleware("guard@file", keys(t, text))
		all := r.States(names)
		if len(all) != 1 || all[0].Name != "guard@file" {
			t.Fatalf("states %+v, want that of the one named", all)
		}
		return all[0]
	}
	wrong := `{"tenants":[{"name":"acme"},{"name":""}]}`
	none := state(wrong)
	if none.Policy != nil || len(none.Errors) == 0 || none.Wrong.IsZero() || none.Digest != "" ||
		!none.InForce.IsZero() || !none.Changed.IsZero() {
		t.Errorf("without a policy: %+v", none)
	}
	good := state(acme)
	if good.Policy == nil || len(good.Errors) != 0 || !good.Wrong.IsZero() || good.Digest == "" ||
		good.InForce.IsZero() || !good.Changed.Equal(good.InForce) {
		t.Errorf("with a policy: %+v", good)
	}
	broken := state(wrong)
	if broken.Policy != good.Policy || len(broken.Errors) == 0 || broken.Wrong.IsZero() ||
		!broken.InForce.Equal(good.InForce) || !broken.Changed.Equal(good.Changed) {
		t.Errorf("with a policy that was broken: %+v", broken)
	}
	still := state(`{"tenants":[{"name":""}]}`)
	if !still.Wrong.Equal(broken.Wrong) {
		t.Errorf("other errors: wrong since %s, want %s", still.Wrong, broken.Wrong)
	}
	other := state(`{"tenants":[{"name":"acme","hosts":"www.acme.example.com"}]}`)
	if other.Digest == good.Digest || !other.InForce.Equal(good.InForce) ||
		!other.Changed.After(good.Changed) || !other.Wrong.IsZero() {
		t.Errorf("with another policy: %+v", other)
	}
}

// TestStateOfNamespaces has a cluster that is no longer asked in vain, and one that is.
func TestStateOfNamespaces(t *testing.T) {
	r := newRecorder()
	clustered := keys(t, `{"kubernetes":{"enabled":true}}`)
	r.Middleware("guard@file", clustered)
	names := map[string]bool{"guard@file": true}
	if got := r.States(names)[0]; !got.Clustered || got.Outdated != "" || got.Policy == nil {
		t.Errorf("%+v, want it in force and up to date", got)
	}
	r.problem = "no answer"
	if got := r.States(names)[0]; got.Outdated != "no answer" {
		t.Errorf("outdated is %q", got.Outdated)
	}
	r.snapshot = nil
	r.Middleware("fresh@file", clustered)
	fresh := r.States(map[string]bool{"fresh@file": true})[0]
	if fresh.Policy != nil || len(fresh.Errors) != 1 {
		t.Errorf("%+v, want the Namespaces missing", fresh)
	}
}
